/* Inputs, losses, readouts and names that mlGeNN refuses or gets wrong. docs/from_mlgenn.md lists its defects and the
 * tests that show what is right. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/files.h"
#include "support/tiny.h"
#include "support/training_task.h"

enum {
    T = 10
};

/* One input population, one of outputs, all connected with one weight. */
typedef struct net {
    rv_context *context;
    rv_network *network;
    rv_population *in, *out;
    rv_connection *in_out;
    rv_compiled_network *model;
} net;

static void succeed(const net *n, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(n->context));
}

static void create(net *n, rv_neuron input, size_t num_inputs, rv_neuron output, size_t num_outputs, double weight)
{
    *n = (net){0};
    succeed(n, rv_context_create(&n->context, NULL));
    succeed(n, rv_network_create(&n->network, n->context, RV_EVENTPROP_DEFAULTS));
    succeed(n, rv_population_add(&n->in, n->network,
                                 &(rv_population_desc){.name = "in", .shape = {num_inputs}, .neuron = input}));
    succeed(n, rv_population_add(&n->out, n->network,
                                 &(rv_population_desc){.name = "out", .shape = {num_outputs}, .neuron = output}));
    succeed(n, rv_connection_add(
                   &n->in_out, n->network, n->in, n->out,
                   &(rv_connection_desc){.connectivity = rv_dense(rv_const(weight)),
                                         .synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)})}));
    succeed(n, rv_compile_eventprop(&n->model, n->network,
                                    &(rv_eventprop_desc){.example_timesteps = T, .keep_gradients = true}));
}

static void destroy(net *n)
{
    rv_compiled_network_free(n->model);
    rv_network_free(n->network);
    rv_context_free(n->context);
}

static rv_neuron output_of(rv_readout readout, double bias)
{
    return rv_leaky_integrate((rv_li){.bias = rv_const(bias), .readout = readout});
}

/* Neurons that are shown the same with opposite signs cancel each other out, and so do their gradients. */
static void signed_binary_and_poisson_inputs_learn_with_their_sign(void **state)
{
    static const float values[] = {1000, -1000}; /* a PoissonInput fires in every step */
    static const int32_t label = 1;
    (void)state;
    for (int is_poisson = 0; is_poisson < 2; is_poisson++) {
        net n;
        rv_result *result = NULL;
        float gradient[2][2];
        create(&n,
               is_poisson ? rv_poisson_input(RV_ON, (rv_input_frames){0})
                          : rv_binary_spike_input(RV_ON, (rv_input_frames){0}),
               2, output_of(rv_avg_var(), 0), 2, 0.5);
        const rv_callback recorder = rv_var_recorder((rv_var_recorder_desc){.population = n.out, .var = "v"});
        succeed(&n, rv_train(&result, n.model,
                             &(rv_train_desc){
                                 .data = {.inputs = {{.population = n.in, .values = values, .num_values = 2}},
                                          .outputs = {{.population = n.out, .labels = &label, .num_labels = 1}}},
                                 .num_epochs = 1,
                                 .callbacks = &recorder,
                                 .num_callbacks = 1}));
        const rv_entry *const v = &rv_result_data(result, "0")->items[0];
        for (size_t k = 0; k < v->num; k++)
            assert_true(v->values[k] == 0);
        succeed(&n,
                rv_variable_get(n.model, (rv_variable){.connection = n.in_out, .name = "Gradient"}, gradient[0], 4));
        for (int k = 0; k < 2; k++) {
            assert_true(fabsf(gradient[0][k]) > 1e-4F);
            assert_true(gradient[0][k] == -gradient[1][k]);
        }
        rv_result_free(result);
        destroy(&n);
    }
}

static void the_maximum_of_negative_voltages_is_negative(void **state)
{
    static const float values[] = {1};
    net n;
    rv_result *result = NULL;
    size_t num;
    (void)state;
    create(&n, rv_binary_spike_input(RV_OFF, (rv_input_frames){0}), 1, output_of(rv_max_var(), -0.5), 1, -1);
    const rv_callback recorder = rv_var_recorder((rv_var_recorder_desc){.population = n.out, .var = "v"});
    succeed(&n, rv_predict(
                    &result, n.model,
                    &(rv_evaluate_desc){.data = {.inputs = {{.population = n.in, .values = values, .num_values = 1}},
                                                 .outputs = {{.population = n.out}}},
                                        .callbacks = &recorder,
                                        .num_callbacks = 1}));
    const float *const v = rv_result_data(result, "0")->items[0].values;
    float most = -INFINITY;
    for (int t = 0; t < T; t++)
        most = fmaxf(most, v[t]);
    const float found = rv_result_prediction(result, n.out, &num)[0];
    if (!(most < 0) || found != most)
        fail_msg("MaxVar is %g, the largest voltage %g", (double)found, (double)most);
    rv_result_free(result);
    destroy(&n);
}

/* The label's output is the one that the gradient pulls up. */
static void labels_beyond_255_are_classes_of_their_own(void **state)
{
    enum {
        CLASSES = 300
    };
    static const float values[] = {1};
    static const int32_t label = 256 + 43;
    float gradient[CLASSES];
    net n;
    rv_result *result = NULL;
    (void)state;
    create(&n, rv_binary_spike_input(RV_OFF, (rv_input_frames){0}), 1, output_of(rv_avg_var(), 0), CLASSES, 0.5);
    succeed(&n,
            rv_train(&result, n.model,
                     &(rv_train_desc){.data = {.inputs = {{.population = n.in, .values = values, .num_values = 1}},
                                               .outputs = {{.population = n.out, .labels = &label, .num_labels = 1}}},
                                      .num_epochs = 1,
                                      .no_callbacks = true}));
    succeed(&n,
            rv_variable_get(n.model, (rv_variable){.connection = n.in_out, .name = "Gradient"}, gradient, CLASSES));
    for (int k = 0; k < CLASSES; k++)
        if (!(k == label ? gradient[k] < 0 : gradient[k] > 0))
            fail_msg("the label is %d; the gradient of output %d is %g", (int)label, k, (double)gradient[k]);
    rv_result_free(result);
    destroy(&n);
}

static double mean_square_error(tiny *t, const float *targets, size_t batch_size)
{
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    double value;
    rv_data data = tiny_data(t);
    data.outputs[0].labels = NULL;
    data.outputs[0].targets = targets;
    data.outputs[0].num_targets = (size_t)TINY_EXAMPLES * TINY_OUTPUTS;
    TINY_OK(t, rv_compile_inference(&model, t->network,
                                    &(rv_inference_desc){.example_timesteps = TINY_STEPS, .batch_size = batch_size}));
    TINY_OK(t, rv_evaluate(&result, model, &(rv_evaluate_desc){.data = data, .no_callbacks = true}));
    TINY_OK(t, rv_metrics_get(rv_result_metrics(result), "mean_square_error", &value));
    rv_result_free(result);
    rv_compiled_network_free(model);
    return value;
}

static void the_mean_square_error_is_that_of_single_examples_in_any_batch(void **state)
{
    static const size_t batch_sizes[] = {2, 4, TINY_EXAMPLES, 64};
    float targets[TINY_EXAMPLES * TINY_OUTPUTS];
    tiny t;
    (void)state;
    tiny_create(&t, 1, false);
    for (size_t k = 0; k < sizeof targets / sizeof *targets; k++)
        targets[k] = (float)(k % 7) - 3;
    const double expected = mean_square_error(&t, targets, 1);
    assert_true(expected > 1);
    for (size_t i = 0; i < sizeof batch_sizes / sizeof *batch_sizes; i++) {
        const double value = mean_square_error(&t, targets, batch_sizes[i]);
        if (!(fabs(value - expected) < 1e-9 * expected))
            fail_msg("in batches of %zu the error is %.12g, of single examples %.12g", batch_sizes[i], value,
                     expected);
    }
    tiny_free(&t);
}

static void a_missing_checkpoint_is_an_error(void **state)
{
    float before[TINY_WEIGHTS], after[TINY_WEIGHTS];
    const char *const keys[] = {"3"};
    tiny t;
    rv_run *run = NULL;
    (void)state;
    tiny_create(&t, 1, true);
    tiny_weights(&t, before);
    const rv_serialiser missing[] = {rv_numpy_serialiser(test_path("missing")),
                                     rv_foreign_numpy_serialiser(test_path("missing"))};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rv_compiled_network_load(t.model, &missing[i], keys, 1), RV_ERR_CHECKPOINT);
        assert_non_null(strstr(rv_last_error(t.context), "missing"));
        assert_int_equal(rv_network_load(t.network, &missing[i], keys, 1), RV_ERR_CHECKPOINT);
    }
    tiny_weights(&t, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(
        rv_train_prepare(
            &run, t.model,
            &(rv_train_desc){.data = tiny_data(&t), .num_epochs = 1, .resume_from = test_path("missing")}),
        RV_ERR_CHECKPOINT);
    rv_run_free(run);
    tiny_free(&t);
}

/* Two epochs are one epoch and one more, which begins where it ended: moments, steps and the shuffle go on. */
static void training_on_continues_moments_and_steps(void **state)
{
    float weights[2][TINY_WEIGHTS];
    (void)state;
    for (int parts = 1; parts <= 2; parts++) {
        tiny t;
        uint64_t steps;
        tiny_create(&t, 1, true);
        for (int part = 0; part < parts; part++) {
            rv_result *result = NULL;
            TINY_OK(&t, rv_train(&result, t.model,
                                 &(rv_train_desc){.data = tiny_data(&t),
                                                  .start_epoch = (size_t)part,
                                                  .num_epochs = parts == 1 ? 2 : 1,
                                                  .no_callbacks = true}));
            rv_result_free(result);
        }
        TINY_OK(&t, rv_optimiser_steps(t.model, &steps));
        assert_int_equal(steps, 6);
        tiny_weights(&t, weights[parts - 1]);
        tiny_free(&t);
    }
    assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
}

/* mlGeNN's guide has neuron_filter=1000, which raises there. */
static void a_single_neuron_is_selected_by_its_number(void **state)
{
    static float values[1200];
    net n;
    rv_result *result = NULL;
    (void)state;
    for (size_t i = 0; i < 1200; i++)
        values[i] = 1;
    create(&n, rv_binary_spike_input(RV_OFF, (rv_input_frames){0}), 1200, output_of(rv_avg_var(), 0), 1100, 0.001);
    const rv_callback recorders[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.in, .key = "spikes", .neurons = rv_index(1000)}),
        rv_var_recorder(
            (rv_var_recorder_desc){.population = n.out, .var = "v", .key = "v", .neurons = rv_index(1000)}),
    };
    succeed(&n, rv_predict(&result, n.model,
                           &(rv_evaluate_desc){
                               .data = {.inputs = {{.population = n.in, .values = values, .num_values = 1200}},
                                        .outputs = {{.population = n.out}}},
                               .callbacks = recorders,
                               .num_callbacks = 2}));
    const rv_entry *const spikes = &rv_result_data(result, "spikes")->items[0];
    const rv_entry *const v = &rv_result_data(result, "v")->items[0];
    assert_int_equal(spikes->num, T);
    for (size_t k = 0; k < spikes->num; k++)
        assert_int_equal(spikes->ids[k], 1000);
    assert_int_equal(v->num_dims, 2);
    assert_int_equal(v->shape[0], T);
    assert_int_equal(v->shape[1], 1);
    assert_true(v->values[T - 1] > 0);
    rv_result_free(result);
    destroy(&n);
}

/* ---- the seed ---- */

enum {
    EXAMPLES = 40
};

typedef struct watcher {
    rv_run *run;
    uint32_t order[EXAMPLES];
} watcher;

static int set_params(void *user, rv_run *run)
{
    ((watcher *)user)->run = run;
    return 0;
}

static int on_epoch_begin(void *user, size_t epoch)
{
    watcher *const w = user;
    (void)epoch;
    assert_int_equal(rv_run_num_members(w->run), EXAMPLES);
    memcpy(w->order, rv_run_order(w->run), sizeof w->order);
    return 0;
}

static watcher shuffled_with(uint64_t seed)
{
    const training_task_desc desc = {.inputs = 3,
                                     .hidden = 4,
                                     .outputs = 2,
                                     .examples = EXAMPLES,
                                     .timesteps = T,
                                     .spikes_per_input = 2,
                                     .seed = seed};
    training_task task;
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    watcher w = {0};
    assert_int_equal(training_task_create(&task, &desc), 0);
    assert_int_equal(training_task_compile(&model, &task, 8), 0);
    const rv_callback callback = {
        .name = "watcher", .user = &w, .set_params = set_params, .on_epoch_begin = on_epoch_begin};
    assert_int_equal(rv_train(&result, model,
                              &(rv_train_desc){.data = training_task_data(&task, task.spikes),
                                               .num_epochs = 1,
                                               .callbacks = &callback,
                                               .num_callbacks = 1}),
                     0);
    rv_result_free(result);
    rv_compiled_network_free(model);
    training_task_free(&task);
    return w;
}

static void seed_0_is_a_seed_and_the_shuffle_follows_it(void **state)
{
    (void)state;
    const watcher first = shuffled_with(0), again = shuffled_with(0), other = shuffled_with(1);
    bool in_order = true;
    for (size_t i = 0; i < EXAMPLES; i++)
        in_order = in_order && first.order[i] == i;
    assert_false(in_order);
    assert_memory_equal(first.order, again.order, sizeof first.order);
    assert_memory_not_equal(first.order, other.order, sizeof first.order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_binary_and_poisson_inputs_learn_with_their_sign),
        cmocka_unit_test(the_maximum_of_negative_voltages_is_negative),
        cmocka_unit_test(labels_beyond_255_are_classes_of_their_own),
        cmocka_unit_test(the_mean_square_error_is_that_of_single_examples_in_any_batch),
        cmocka_unit_test(a_missing_checkpoint_is_an_error),
        cmocka_unit_test(training_on_continues_moments_and_steps),
        cmocka_unit_test(a_single_neuron_is_selected_by_its_number),
        cmocka_unit_test(seed_0_is_a_seed_and_the_shuffle_follows_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
