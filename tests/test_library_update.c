/* The custom updates that the library brings along: GradientLearn, ZeroGradient, Reset, ZeroOutPost, e-prop's softmax. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ranvier.h>

#include "support/tiny.h"
#include "support/training_task.h"

#define WEIGHTS (TINY_INPUTS * TINY_HIDDEN)

static tiny net;

static void create(int num_threads, bool learns)
{
    tiny_create(&net, num_threads, learns);
}

static int tear_down(void **state)
{
    (void)state;
    tiny_free(&net);
    return 0;
}

static void get(rv_variable variable, float *out, size_t size)
{
    TINY_OK(&net, rv_variable_get(net.model, variable, out, size));
}

static void train(rv_callback *callbacks, size_t num, float *weights)
{
    rv_result_free(tiny_train(&net, callbacks, num, 3));
    tiny_weights(&net, weights);
}

static void copy(const rv_update_step *step)
{
    memcpy(step->value[1], step->value[0], step->n * sizeof(float));
}

static bool of_two_or_four(void *user, size_t number)
{
    (void)user;
    return number == 2 || number == 4;
}

static void compile_sgd(size_t accumulate)
{
    rv_compiled_network_free(net.model);
    TINY_OK(&net, rv_compile_eventprop(&net.model, net.network,
                                       &(rv_eventprop_desc){.example_timesteps = TINY_STEPS,
                                                            .batch_size = TINY_BATCH,
                                                            .optimiser = rv_sgd(0.5, 0),
                                                            .accumulate = accumulate,
                                                            .keep_gradients = true}));
}

static void gradient_learn_takes_a_step_with_the_gradient_as_it_stands(void **state)
{
    (void)state;
    float before[WEIGHTS], after[WEIGHTS], gradient[WEIGHTS];
    create(1, true);
    compile_sgd(0);
    const rv_variable g = {.connection = net.input_hidden, .name = "g"};
    const rv_variable d = {.connection = net.input_hidden, .name = "Gradient"};
    rv_result_free(tiny_train(&net, NULL, 0, 1));
    get(g, before, WEIGHTS);
    get(d, gradient, WEIGHTS);
    TINY_OK(&net, rv_custom_update(net.model, "GradientLearn"));
    get(g, after, WEIGHTS);
    float any = 0;
    for (size_t k = 0; k < WEIGHTS; k++) {
        assert_true(fabsf(after[k] - (before[k] - 0.5F * gradient[k])) <= 1e-6F);
        any += fabsf(after[k] - before[k]);
    }
    assert_true(any > 0);
    for (size_t k = 0; k < WEIGHTS; k++) {
        gradient[k] = (float)k;
        before[k] = after[k];
    }
    TINY_OK(&net, rv_variable_set(net.model, d, gradient, WEIGHTS));
    TINY_OK(&net, rv_custom_update(net.model, "GradientLearn"));
    get(g, after, WEIGHTS);
    for (size_t k = 0; k < WEIGHTS; k++)
        assert_true(fabsf(after[k] - (before[k] - 0.5F * gradient[k])) <= 1e-5F);
    TINY_OK(&net, rv_custom_update(net.model, "ZeroGradient"));
    get(d, gradient, WEIGHTS);
    memcpy(before, after, sizeof after);
    TINY_OK(&net, rv_custom_update(net.model, "GradientLearn"));
    get(g, after, WEIGHTS);
    for (size_t k = 0; k < WEIGHTS; k++)
        assert_true(gradient[k] == 0 && after[k] == before[k]);
}

/* Steps of 3 batches, the third a short one, are steps at the end of the epoch. */
static void with_accumulation_gradient_learn_decides_when_a_step_is_made(void **state)
{
    (void)state;
    float expected[TINY_WEIGHTS], weights[TINY_WEIGHTS];
    create(1, true);
    compile_sgd(2);
    train(NULL, 0, expected);
    compile_sgd(1000);
    rv_callback callback = rv_custom_update_on_batch_end(
        (rv_custom_update_on_desc){.name = "GradientLearn", .filter_fn = of_two_or_four});
    train(&callback, 1, weights);
    assert_memory_not_equal(weights, expected, sizeof weights);
    compile_sgd(3);
    train(NULL, 0, expected);
    assert_memory_equal(weights, expected, sizeof weights);
}

static void reset_and_zero_out_post_bring_examples_to_rest(void **state)
{
    (void)state;
    float v[TINY_HIDDEN], isyn = 0, readout[4 * TINY_OUTPUTS];
    create(2, false);
    TINY_OK(&net, rv_update_variable_add(net.model, &(rv_update_variable_desc){
                                                        .population = net.hidden, .name = "Now", .per_example = true}));
    TINY_OK(&net, rv_custom_update_add(
                      net.model,
                      &(rv_custom_update_desc){.group = "Now",
                                               .references = {{net.hidden, NULL, "Isyn", RV_ACCESS_READ},
                                                              {net.hidden, NULL, "Now", RV_ACCESS_READ_WRITE}},
                                               .update = copy}));
    for (int reset = 0; reset < 2; reset++) {
        rv_simulation *s = tiny_simulate(&net, 12);
        TINY_OK(&net, rv_simulation_custom_update(s, "Now"));
        TINY_OK(&net, rv_simulation_get_state(s, net.hidden, "Now", 1, v, TINY_HIDDEN));
        for (size_t j = 0; j < TINY_HIDDEN; j++)
            isyn += fabsf(v[j]);
        assert_true(isyn > 0);
        TINY_OK(&net, rv_simulation_custom_update(s, reset ? "Reset" : "ZeroOutPost"));
        TINY_OK(&net, rv_simulation_custom_update(s, "Now"));
        TINY_OK(&net, rv_simulation_get_state(s, net.hidden, "Now", 1, v, TINY_HIDDEN));
        for (size_t j = 0; j < TINY_HIDDEN; j++)
            assert_true(v[j] == 0);
        float rest = 0;
        TINY_OK(&net, rv_simulation_get_state(s, net.output, "V", 1, v, TINY_OUTPUTS));
        TINY_OK(&net, rv_simulation_get_readout(s, net.output, readout, 4 * TINY_OUTPUTS));
        for (size_t k = 0; k < TINY_OUTPUTS; k++)
            rest += fabsf(v[k]) + fabsf(readout[TINY_OUTPUTS + k]);
        assert_true(reset ? rest == 0 : rest > 0);
        rv_simulation_free(s);
    }
}

static void eprops_softmax_can_be_made_again(void **state)
{
    (void)state;
    training_task task;
    float *weights[3];
    size_t size = 0;
    for (int again = 0; again < 3; again++) { /* as it is; with all three in every step; and once more after a batch */
        rv_compiled_network *model;
        rv_result *result;
        training_task_desc desc = {.rule = TRAINING_EPROP,
                                   .inputs = 12,
                                   .hidden = 20,
                                   .outputs = 4,
                                   .examples = 10,
                                   .timesteps = 30,
                                   .spikes_per_input = 4,
                                   .seed = 3,
                                   .num_threads = 2};
        assert_int_equal(training_task_create(&task, &desc), 0);
        assert_int_equal(training_task_compile(&model, &task, 4), 0);
        rv_callback callbacks[] = {
            rv_custom_update_on_batch_end((rv_custom_update_on_desc){.name = "Softmax3"}),
            rv_custom_update_on_timestep_end((rv_custom_update_on_desc){.name = "Softmax1"}),
            rv_custom_update_on_timestep_end((rv_custom_update_on_desc){.name = "Softmax2"}),
            rv_custom_update_on_timestep_end((rv_custom_update_on_desc){.name = "Softmax3"}),
        };
        const rv_train_desc train_desc = {.data = training_task_data(&task, task.spikes),
                                     .num_epochs = 2,
                                     .callbacks = callbacks,
                                     .num_callbacks = again == 1 ? 4 : again == 2,
                                     .no_callbacks = !again};
        if (rv_train(&result, model, &train_desc))
            fail_msg("%s", rv_last_error(task.context));
        assert_int_equal(training_task_get(&weights[again], &size, &task, model, "g"), 0);
        rv_result_free(result);
        rv_compiled_network_free(model);
        training_task_free(&task);
    }
    assert_memory_equal(weights[0], weights[1], size * sizeof(float));
    assert_memory_equal(weights[0], weights[2], size * sizeof(float));
    for (int again = 0; again < 3; again++)
        free(weights[again]);
    create(1, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(gradient_learn_takes_a_step_with_the_gradient_as_it_stands, tear_down),
        cmocka_unit_test_teardown(with_accumulation_gradient_learn_decides_when_a_step_is_made, tear_down),
        cmocka_unit_test_teardown(reset_and_zero_out_post_bring_examples_to_rest, tear_down),
        cmocka_unit_test_teardown(eprops_softmax_can_be_made_again, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
