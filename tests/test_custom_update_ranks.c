/* Custom updates that reduce over the batch give the same bits on any number of ranks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/mesh.h"
#include "support/training_task.h"

typedef struct outcome {
    int code;
    uint64_t weights, reduced;
} outcome;

static void give(const rv_update_step *step)
{
    memcpy(step->value[1], step->value[0], step->n * sizeof(float));
}

/* Voltages are drawn to their mean over a batch of 8. */
static void draw(const rv_update_step *step)
{
    for (size_t j = 0; j < step->n; j++)
        step->value[1][j] += 0.1F * (step->value[0][j] / 8 - step->value[1][j]);
}

static int add_updates(const training_task *task, rv_compiled_network *model)
{
    const rv_population *hid = task->hid;
    int code = rv_update_variable_add(model, &(rv_update_variable_desc){.population = hid, .name = "Sum"});
    if (code >= 0)
        code = rv_custom_update_add(model,
                                    &(rv_custom_update_desc){.group = "Draw",
                                                             .references = {{hid, NULL, "V", RV_ACCESS_READ},
                                                                            {hid, NULL, "Sum", RV_ACCESS_SUM_BATCH}},
                                                             .update = give});
    if (code >= 0)
        code = rv_custom_update_add(model,
                                    &(rv_custom_update_desc){.group = "Draw",
                                                             .references = {{hid, NULL, "Sum", RV_ACCESS_READ},
                                                                            {hid, NULL, "V", RV_ACCESS_READ_WRITE}},
                                                             .update = draw});
    return code;
}

static int train(outcome *out, const training_task *task, rv_compiled_network *model, bool updates)
{
    const rv_callback callback = rv_custom_update_on_timestep_end((rv_custom_update_on_desc){.name = "Draw"});
    rv_result *result = NULL;
    float *weights = NULL, sum[64];
    size_t size;
    int code = add_updates(task, model);
    if (code >= 0)
        code = rv_train(&result, model,
                        &(rv_train_desc){.data = training_task_data(task, task->spikes),
                                         .num_epochs = 2,
                                         .callbacks = &callback,
                                         .num_callbacks = updates,
                                         .no_callbacks = !updates});
    if (code >= 0)
        code = training_task_get(&weights, &size, task, model, "g");
    if (code >= 0)
        code = rv_variable_get(model, (rv_variable){.population = task->hid, .name = "Sum"}, sum, task->desc.hidden);
    if (code >= 0) {
        out->weights = hash_bytes(0, weights, size * sizeof *weights);
        out->reduced = hash_bytes(0, sum, task->desc.hidden * sizeof *sum);
    }
    free(weights);
    rv_result_free(result);
    return code;
}

static void run(void *result, const rv_communicator *communicator, const void *updates)
{
    training_task task;
    rv_compiled_network *model = NULL;
    outcome *out = result;
    *out = (outcome){0};
    out->code = training_task_create(&task, &(training_task_desc){.inputs = 20,
                                                                  .hidden = 40,
                                                                  .outputs = 4,
                                                                  .examples = 19,
                                                                  .timesteps = 40,
                                                                  .spikes_per_input = 3,
                                                                  .seed = 5});
    if (out->code >= 0)
        out->code = rv_context_set_communicator(task.context, communicator);
    if (out->code >= 0)
        out->code = training_task_compile(&model, &task, 8);
    if (out->code >= 0)
        out->code = train(out, &task, model, *(const bool *)updates);
    rv_compiled_network_free(model);
    training_task_free(&task);
}

static void ranks_change_no_bit_of_custom_updates_over_the_batch(void **state)
{
    (void)state;
    outcome without, one, outcomes[MESH_MAX_RANKS];
    mesh_run(&without, sizeof without, 1, run, &(bool){false});
    mesh_run(&one, sizeof one, 1, run, &(bool){true});
    assert_int_equal(without.code, 0);
    assert_int_equal(one.code, 0);
    assert_int_not_equal(without.weights, one.weights);
    for (int size = 2; size <= MESH_MAX_RANKS; size++) {
        mesh_run(outcomes, sizeof *outcomes, size, run, &(bool){true});
        for (int rank = 0; rank < size; rank++) {
            assert_int_equal(outcomes[rank].code, 0);
            assert_int_equal(outcomes[rank].weights, one.weights);
            assert_int_equal(outcomes[rank].reduced, one.reduced);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_change_no_bit_of_custom_updates_over_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
