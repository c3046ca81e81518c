/* The same bits on any number of ranks: real processes that talk through sockets, each with its part of every batch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/mesh.h"
#include "support/training_task.h"

/* What must not depend on ranks; and what a rank said where it failed. */
typedef struct outcome {
    uint64_t weights, losses, records, predictions;
    int code;
    char message[128];
} outcome;

/* What goes wrong. */
typedef struct trouble {
    int rank; /* on which rank; 0 = nowhere */
    bool hook, seed;
} trouble;
static const trouble none;

/* A hook that fails in the third batch. */
static int fail_late(void *user, size_t batch)
{
    return batch < 2 ? 0 : rv_error_set(user, RV_ERR_FILE, "the third batch is lost");
}

static uint64_t hash_entries(const rv_entries *entries)
{
    uint64_t hash = 0;
    for (size_t i = 0; entries && i < entries->num; i++) {
        const rv_entry *e = &entries->items[i];
        hash = hash_bytes(hash, &e->example, sizeof e->example);
        hash = e->times ? hash_bytes(hash, e->times, e->num * sizeof *e->times) : hash;
        hash = e->ids ? hash_bytes(hash, e->ids, e->num * sizeof *e->ids) : hash;
        hash = e->values ? hash_bytes(hash, e->values, e->num * sizeof *e->values) : hash;
    }
    return hash;
}

static int train(outcome *out, const training_task *task, rv_compiled_network *model, bool fails)
{
    const rv_callback callbacks[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = task->hid, .key = "spikes"}),
        rv_var_recorder((rv_var_recorder_desc){.population = task->out, .var = "v", .key = "v"}),
        {.name = "Failing", .user = task->context, .on_batch_begin = fails ? fail_late : NULL},
    };
    rv_result *result = NULL;
    int code = rv_train(&result, model,
                        &(rv_train_desc){.data = training_task_data(task, task->spikes),
                                         .num_epochs = 2,
                                         .callbacks = callbacks,
                                         .num_callbacks = 3});
    for (size_t e = 0; code >= 0 && e < 2; e++) {
        const rv_metrics *metrics = rv_result_history(result, e);
        for (size_t i = 0; i < metrics->num; i++)
            out->losses = hash_bytes(out->losses, &metrics->items[i].value, sizeof(double));
    }
    if (code >= 0 && rv_context_rank(task->context) == 0)
        out->records =
            hash_entries(rv_result_data(result, "spikes")) ^ hash_entries(rv_result_data(result, "v"));
    rv_result_free(result);
    return code;
}

static int predict(outcome *out, const training_task *task, rv_compiled_network *model)
{
    rv_result *result = NULL;
    size_t num = 0;
    int code = rv_predict(&result, model,
                          &(rv_evaluate_desc){.data = training_task_data(task, task->spikes), .no_callbacks = true});
    const float *readouts = code >= 0 ? rv_result_prediction(result, task->out, &num) : NULL;
    if (readouts)
        out->predictions = hash_bytes(0, readouts, num * rv_population_size(task->out) * sizeof *readouts);
    rv_result_free(result);
    return code;
}

/* A network to train, and what goes wrong. */
typedef struct trial {
    const training_task_desc *desc;
    const trouble *bad;
} trial;

static void run(void *result, const rv_communicator *communicator, const void *arg)
{
    const trial *t = arg;
    const bool here = t->bad->rank > 0 && t->bad->rank == communicator->rank;
    training_task_desc mine = *t->desc;
    outcome *out = result;
    training_task task;
    rv_compiled_network *model = NULL;
    float *weights = NULL;
    size_t size;
    *out = (outcome){0};
    mine.seed += here && t->bad->seed;
    int code = training_task_create(&task, &mine);
    if (code >= 0)
        code = rv_context_set_communicator(task.context, communicator);
    if (code >= 0)
        code = training_task_compile(&model, &task, 8);
    if (code >= 0)
        code = train(out, &task, model, here && t->bad->hook);
    if (code >= 0)
        code = training_task_get(&weights, &size, &task, model, "g");
    if (code >= 0)
        out->weights = hash_bytes(0, weights, size * sizeof *weights);
    if (code >= 0)
        code = predict(out, &task, model);
    out->code = code;
    if (code < 0)
        snprintf(out->message, sizeof out->message, "%s", rv_last_error(task.context));
    free(weights);
    rv_compiled_network_free(model);
    training_task_free(&task);
}

/* Runs on `size` ranks; outcome of each. */
static void run_ranks(outcome *outcomes, const training_task_desc *desc, int size, const trouble *bad)
{
    mesh_run(outcomes, sizeof *outcomes, size, run, &(trial){desc, bad});
}

static void compare(const training_task_desc *desc)
{
    outcome outcomes[MESH_MAX_RANKS], one;
    run_ranks(&one, desc, 1, &none);
    assert_string_equal(one.message, "");
    assert_true(one.weights && one.losses && one.records && one.predictions);
    for (int size = 2; size <= MESH_MAX_RANKS; size++) {
        run_ranks(outcomes, desc, size, &none);
        assert_int_equal(outcomes[0].records, one.records);
        for (int rank = 0; rank < size; rank++) {
            assert_int_equal(outcomes[rank].losses, one.losses);
            assert_int_equal(outcomes[rank].weights, one.weights);
            assert_int_equal(outcomes[rank].predictions, one.predictions);
        }
    }
}

static const training_task_desc plain = {
    .inputs = 40, .hidden = 70, .outputs = 5, .examples = 37, .timesteps = 60, .spikes_per_input = 3, .seed = 5};

static void ranks_change_no_bit_where_partial_sums_are_kept(void **state)
{
    (void)state;
    training_task_desc desc = plain;
    desc.schedule = RV_SCHEDULE_SLOTS;
    compare(&desc);
}

static void ranks_change_no_bit_where_adjoints_are_kept(void **state)
{
    (void)state;
    training_task_desc desc = plain;
    desc.schedule = RV_SCHEDULE_ROWS;
    compare(&desc);
}

/* More weights than are exchanged at once. */
static void ranks_change_no_bit_of_large_matrices(void **state)
{
    (void)state;
    training_task_desc desc = plain;
    desc.inputs = 600;
    desc.num_threads = 2;
    for (int rows = 0; rows < 2; rows++) {
        desc.schedule = rows ? RV_SCHEDULE_ROWS : RV_SCHEDULE_SLOTS;
        compare(&desc);
    }
}

static void ranks_change_no_bit_with_threads_and_regularisation(void **state)
{
    (void)state;
    training_task_desc desc = plain;
    desc.num_threads = 2;
    desc.regularisation = 1e-3;
    compare(&desc);
}

static void ranks_change_no_bit_where_delays_learn(void **state)
{
    (void)state;
    training_task_desc desc = plain;
    desc.delays = desc.learn_delays = true;
    compare(&desc);
}

static void ranks_change_no_bit_with_eprop(void **state)
{
    (void)state;
    training_task_desc desc = plain;
    for (desc.rule = TRAINING_EPROP; desc.rule <= TRAINING_EPROP_ADAPTIVE; desc.rule++)
        compare(&desc);
    desc.online = true;
    compare(&desc);
}

/* Losses hold how many synapses moved in each epoch, too. */
static void ranks_change_no_bit_where_deep_r_rewires(void **state)
{
    (void)state;
    training_task_desc desc = plain;
    desc.deep_r = true;
    compare(&desc);
    desc.rule = TRAINING_EPROP;
    compare(&desc);
}

static void a_rank_that_fails_ends_all_with_its_message(void **state)
{
    outcome outcomes[MESH_MAX_RANKS];
    (void)state;
    run_ranks(outcomes, &plain, 3, &(trouble){.rank = 2, .hook = true});
    for (int rank = 0; rank < 3; rank++) {
        assert_string_equal(outcomes[rank].message, "rank 2: the third batch is lost");
        assert_int_equal(outcomes[rank].code, RV_ERR_FILE);
    }
}

static void ranks_that_were_given_different_things_do_not_begin(void **state)
{
    outcome outcomes[MESH_MAX_RANKS];
    (void)state;
    run_ranks(outcomes, &plain, 2, &(trouble){.rank = 1, .seed = true});
    for (int rank = 0; rank < 2; rank++) {
        assert_string_equal(outcomes[rank].message,
                            "rank 1: ranks must be given the same: seed is 6 here and 5 on rank 0");
        assert_int_equal(outcomes[rank].code, RV_ERR_STATE);
    }
}

static void a_communicator_without_its_rank_is_an_error(void **state)
{
    rv_context *context;
    (void)state;
    assert_int_equal(rv_context_create(&context, NULL), 0);
    assert_int_equal(rv_context_set_communicator(context, &(rv_communicator){.rank = 3, .size = 2}), RV_ERR_ARGUMENT);
    assert_string_equal(rv_last_error(context), "communicator: rank must be >= 0 and < 2, got 3");
    assert_int_equal(rv_context_num_ranks(context), 1);
    rv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_change_no_bit_where_partial_sums_are_kept),
        cmocka_unit_test(ranks_change_no_bit_where_adjoints_are_kept),
        cmocka_unit_test(ranks_change_no_bit_of_large_matrices),
        cmocka_unit_test(ranks_change_no_bit_with_threads_and_regularisation),
        cmocka_unit_test(ranks_change_no_bit_where_delays_learn),
        cmocka_unit_test(ranks_change_no_bit_with_eprop),
        cmocka_unit_test(ranks_change_no_bit_where_deep_r_rewires),
        cmocka_unit_test(a_rank_that_fails_ends_all_with_its_message),
        cmocka_unit_test(ranks_that_were_given_different_things_do_not_begin),
        cmocka_unit_test(a_communicator_without_its_rank_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
