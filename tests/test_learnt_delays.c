/* Delays that learn: a task that nothing but delays can solve (examples/two_neurons.yaml), and what becomes of them when
 * they are saved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ranvier.h>

#include "support/files.h"

enum {
    STEPS = 200,
    EPOCHS = 6,
    SYNAPSES = 4
};

static const float wrong[SYNAPSES] = {0, 40, 40, 0}; /* timesteps; (input, class) */

typedef struct task {
    rv_context *context;
    rv_dataset train, test;
    rv_network *network;
    rv_population *in, *out;
    rv_connection *connection;
    rv_compiled_network *model;
} task;

static void ok(const task *t, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(t->context));
}

static void read(task *t, rv_dataset *out, const char *file)
{
    const char *const root = getenv("RV_SOURCE_ROOT");
    char path[1024];
    snprintf(path, sizeof path, "%s/data/two_neurons/%s", root ? root : ".", file);
    ok(t, rv_read_csv(out, t->context, path, -1));
    ok(t, rv_encode_time(out, t->context, &(rv_time_code){.max_time = 20}));
}

/* Two inputs that spike one after the other, two leaky integrators that peak where spikes meet; equal, frozen weights. */
static void make_task_within(task *t, rv_value delay, size_t max_delay_steps)
{
    *t = (task){0};
    assert_int_equal(rv_context_create(&t->context, &(rv_context_desc){.seed = 1, .seed_given = true}), 0);
    read(t, &t->train, "train.csv");
    read(t, &t->test, "test.csv");
    ok(t, rv_network_create(&t->network, t->context, RV_EVENTPROP_DEFAULTS));
    ok(t, rv_population_add(&t->in, t->network, &(rv_population_desc){.shape = {2}, .neuron = rv_spike_input()}));
    ok(t, rv_population_add(&t->out, t->network,
                            &(rv_population_desc){.shape = {2},
                                                  .neuron = rv_leaky_integrate(
                                                      (rv_li){.tau_mem = rv_const(10), .readout = rv_max_var()})}));
    rv_connection_desc desc = {.name = "between",
                               .connectivity = rv_dense(rv_const(1)),
                               .synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)}),
                               .max_delay_steps = max_delay_steps,
                               .frozen = true};
    desc.connectivity.delay = delay;
    ok(t, rv_connection_add(&t->connection, t->network, t->in, t->out, &desc));
}

static void make_task(task *t, rv_value delay)
{
    make_task_within(t, delay, 100);
}

static int try_to_compile(task *t)
{
    const rv_connection *learn[] = {t->connection};
    return rv_compile_eventprop(&t->model, t->network,
                                &(rv_eventprop_desc){.example_timesteps = STEPS,
                                                     .dt = 0.2,
                                                     .batch_size = 10,
                                                     .softmax_temperature = 0.05,
                                                     .delay_learn_conns = learn,
                                                     .num_delay_learn_conns = 1,
                                                     .delay_optimiser = rv_adam(1)});
}

static void compile_learning(task *t)
{
    ok(t, try_to_compile(t));
}

static void compile_inference(task *t)
{
    ok(t, rv_compile_inference(&t->model, t->network,
                               &(rv_inference_desc){.example_timesteps = STEPS, .dt = 0.2, .batch_size = 10}));
}

static void free_task(task *t)
{
    rv_compiled_network_free(t->model);
    rv_network_free(t->network);
    rv_dataset_clear(&t->train);
    rv_dataset_clear(&t->test);
    rv_context_free(t->context);
}

static rv_data data_of(const task *t, const rv_dataset *set)
{
    return (rv_data){
        .inputs = {{.population = t->in, .spikes = set->spikes}},
        .outputs = {{.population = t->out, .labels = set->labels, .num_labels = set->num_examples}},
    };
}

static void train(task *t)
{
    rv_result *result = NULL;
    ok(t, rv_train(&result, t->model,
                   &(rv_train_desc){.data = data_of(t, &t->train), .num_epochs = EPOCHS, .no_callbacks = true}));
    rv_result_free(result);
}

static double accuracy(const task *t)
{
    rv_result *result = NULL;
    double found;
    ok(t, rv_evaluate(&result, t->model, &(rv_evaluate_desc){.data = data_of(t, &t->test), .no_callbacks = true}));
    ok(t, rv_metrics_get(rv_result_metrics(result), "accuracy", &found));
    rv_result_free(result);
    return found;
}

static void get(const task *t, const char *name, float values[SYNAPSES])
{
    ok(t, rv_variable_get(t->model, (rv_variable){.connection = t->connection, .name = name}, values, SYNAPSES));
}

static void a_sequence_is_learnt_by_delays_alone(void **state)
{
    task t;
    float g[SYNAPSES], d[SYNAPSES];
    (void)state;
    make_task(&t, rv_array(wrong, SYNAPSES));
    compile_learning(&t);
    assert_true(accuracy(&t) == 0);
    train(&t);
    if (accuracy(&t) != 1)
        fail_msg("accuracy %g after %d epochs, expected 1", accuracy(&t), EPOCHS);
    get(&t, "g", g);
    get(&t, "d", d);
    for (int i = 0; i < SYNAPSES; i++)
        assert_true(g[i] == 1);
    /* spikes come 8 ms = 40 steps apart, and each class wants its own to meet */
    assert_true(d[0] - d[2] > 20 && d[3] - d[1] > 20);
    free_task(&t);
}

static void learnt_delays_are_saved_and_loaded(void **state)
{
    const char *const keys[] = {"6"};
    const rv_serialiser serialiser = rv_numpy_serialiser(test_path("learnt"));
    task t, learning, stays, described;
    float learnt[SYNAPSES], found[SYNAPSES];
    (void)state;
    make_task(&t, rv_array(wrong, SYNAPSES));
    compile_learning(&t);
    train(&t);
    get(&t, "d", learnt);
    ok(&t, rv_compiled_network_save(t.model, &serialiser, keys, 1));
    free_task(&t);

    make_task(&learning, rv_const(3));
    compile_learning(&learning);
    ok(&learning, rv_compiled_network_load(learning.model, &serialiser, keys, 1));
    get(&learning, "d", found);
    assert_memory_equal(found, learnt, sizeof found);
    assert_true(accuracy(&learning) == 1);
    free_task(&learning);

    make_task(&stays, rv_array(wrong, SYNAPSES)); /* without learning, delays are whole steps */
    compile_inference(&stays);
    assert_true(accuracy(&stays) == 0);
    ok(&stays, rv_compiled_network_load(stays.model, &serialiser, keys, 1));
    get(&stays, "d", found);
    for (int i = 0; i < SYNAPSES; i++)
        assert_true(found[i] > learnt[i] - 0.51F && found[i] < learnt[i] + 0.51F && found[i] == (float)(int)found[i]);
    assert_true(accuracy(&stays) == 1);
    free_task(&stays);

    make_task(&described, rv_const(0));
    ok(&described, rv_network_load(described.network, &serialiser, keys, 1));
    compile_inference(&described);
    assert_true(accuracy(&described) == 1);
    free_task(&described);
}

static void fails(const task *t, int code, int expected, const char *message)
{
    assert_int_equal(code, expected);
    assert_string_equal(rv_last_error(t->context), message);
}

/* Delays from nowhere would be those that nobody has learnt. */
static void delays_that_do_not_fit_are_refused(void **state)
{
    static const float far[SYNAPSES] = {0, 101, 0, 0};
    const char *const keys[] = {"0"};
    const rv_serialiser fixed = rv_numpy_serialiser(test_path("fixed")), own = rv_numpy_serialiser(test_path("own"));
    task t, other;
    float d[SYNAPSES];
    (void)state;
    make_task(&t, rv_array(wrong, SYNAPSES));
    compile_learning(&t);
    ok(&t, rv_compiled_network_save(t.model, &own, keys, 1));
    make_task(&other, rv_const(0));
    compile_inference(&other);
    ok(&other, rv_compiled_network_save(other.model, &fixed, keys, 1));
    assert_int_equal(rv_compiled_network_load(t.model, &fixed, keys, 1), RV_ERR_CHECKPOINT);
    fails(&other, rv_compiled_network_load(other.model, &own, keys, 1), RV_ERR_STATE,
          "connection 'between' has one delay for all synapses");
    free_task(&other);
    free_task(&t);

    make_task(&t, rv_array(wrong, SYNAPSES));
    compile_inference(&t);
    fails(&t, rv_variable_set(t.model, (rv_variable){.connection = t.connection, .name = "d"}, far, SYNAPSES),
          RV_ERR_VALUE, "connection 'between': delays must be >= 0 and <= 100 timesteps (max_delay_steps), got 101");
    get(&t, "d", d);
    assert_memory_equal(d, wrong, sizeof d);
    free_task(&t);
}

/* All delays would stay where they are, at 0, or be cut off. */
static void delays_that_learn_need_room(void **state)
{
    task t;
    (void)state;
    make_task_within(&t, rv_const(0), 0);
    fails(&t, try_to_compile(&t), RV_ERR_VALUE,
          "connection 'between': max_delay_steps must be >= 1 where delays learn that are all 0, got 0");
    free_task(&t);
    make_task_within(&t, rv_const(30), 20);
    fails(&t, try_to_compile(&t), RV_ERR_VALUE,
          "connection 'between': max_delay_steps must be >= the largest delay, 30, got 20");
    free_task(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sequence_is_learnt_by_delays_alone),
        cmocka_unit_test(learnt_delays_are_saved_and_loaded),
        cmocka_unit_test(delays_that_do_not_fit_are_refused),
        cmocka_unit_test(delays_that_learn_need_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
