/* One example on several threads: the same bits as on one, in training and in inference, whatever the network, the number of
 * threads and the size of the batch; and the same errors. RV_SPLIT=always splits wherever that is possible, on however
 * few processors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/split.h"
#include "support/training_task.h"
#include "train/run.h"

#define MAX_THREADS 4
#define MAX_BATCH 3

/* ---- training ---- */

static void succeed(rv_context *const *context, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(*context));
}

/* Weights, moments and losses of two epochs; *num: how many examples were split. */
static uint64_t train(const training_task_desc *desc, int num_threads, size_t batch_size, uint64_t *num)
{
    training_task_desc d = *desc;
    training_task task;
    rv_compiled_network *model = NULL;
    rv_run *run = NULL;
    rv_result *result = NULL;
    uint64_t hash = 0;
    d.num_threads = num_threads;
    succeed(&task.context, training_task_create(&task, &d));
    succeed(&task.context, training_task_compile(&model, &task, batch_size));
    succeed(&task.context, rv_train_prepare(&run, model,
                                            &(rv_train_desc){.data = training_task_data(&task, task.spikes),
                                                             .num_epochs = 2,
                                                             .no_callbacks = true}));
    succeed(&task.context, rv_run_execute(&result, run));
    *num = rv_split_count(run->engine);
    for (const char *const *name = (const char *const[]){"g", "M", "V", NULL}; *name; name++) {
        float *values = NULL;
        size_t size;
        succeed(&task.context, training_task_get(&values, &size, &task, model, *name));
        hash = hash_bytes(hash, values, size * sizeof *values);
        free(values);
    }
    for (size_t epoch = 0; epoch < 2; epoch++) {
        double loss = 0;
        succeed(&task.context, rv_metrics_get(rv_result_history(result, epoch), "loss", &loss));
        hash = hash_bytes(hash, &loss, sizeof loss);
    }
    rv_result_free(result);
    rv_run_free(run);
    rv_compiled_network_free(model);
    training_task_free(&task);
    return hash;
}

static void compare_training(const char *what, const training_task_desc *desc)
{
    for (size_t batch_size = 1; batch_size <= MAX_BATCH; batch_size++) {
        uint64_t num;
        const uint64_t one = train(desc, 1, batch_size, &num);
        assert_int_equal(num, 0);
        for (int threads = 2; threads <= MAX_THREADS; threads++) {
            if (train(desc, threads, batch_size, &num) != one)
                fail_msg("%s, batches of %zu: %d threads learn something else than one", what, batch_size, threads);
            if (num == 0)
                fail_msg("%s, batches of %zu: nothing was split on %d threads", what, batch_size, threads);
        }
    }
}

static void training_on_shared_examples_gives_the_same_bits(void **state)
{
    training_task_desc desc = {
        .inputs = 40, .hidden = 70, .outputs = 5, .examples = 7, .timesteps = 50, .spikes_per_input = 5, .seed = 5};
    (void)state;
    compare_training("fewer words of neurons than threads", &desc);
    desc.hidden = 530;
    desc.regularisation = 1e-4;
    compare_training("a wide population, regularised", &desc);
    desc = (training_task_desc){.inputs = 40,
                                .hidden = 300,
                                .outputs = 5,
                                .examples = 7,
                                .timesteps = 100,
                                .spikes_per_input = 10,
                                .demanding = true,
                                .schedule = RV_SCHEDULE_ROWS,
                                .seed = 6};
    compare_training("rows", &desc);
    desc.schedule = RV_SCHEDULE_SLOTS;
    compare_training("slots", &desc);
}

static void too_many_spikes_are_an_error_on_shared_examples_too(void **state)
{
    (void)state;
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        const training_task_desc desc = {.inputs = 40,
                                         .hidden = 200,
                                         .outputs = 5,
                                         .examples = 4,
                                         .timesteps = 300,
                                         .spikes_per_input = 100,
                                         .num_threads = threads,
                                         .seed = 7};
        training_task task;
        rv_compiled_network *model = NULL;
        rv_result *result = NULL;
        succeed(&task.context, training_task_create(&task, &desc));
        succeed(&task.context, rv_compile_eventprop(&model, task.network,
                                                    &(rv_eventprop_desc){.example_timesteps = desc.timesteps,
                                                                         .batch_size = 1,
                                                                         .max_spikes = 5,
                                                                         .optimiser = rv_adam(1e-2)}));
        const rv_train_desc train = {
            .data = training_task_data(&task, task.spikes), .num_epochs = 1, .no_callbacks = true};
        for (int again = 0; again < 2; again++) { /* and nobody waits for what failed before */
            assert_int_equal(rv_train(&result, model, &train), RV_ERR_TAPE);
            assert_non_null(strstr(rv_last_error(task.context), "population 'hid': "));
            rv_result_free(result);
            result = NULL;
        }
        rv_compiled_network_free(model);
        training_task_free(&task);
    }
}

/* ---- inference ---- */

#define INPUTS 30
#define OUTPUTS 4
#define EXAMPLES 7
#define STEPS 90

/* Random spikes, to a population that nothing leads back to, to two that lead to each other with a delay, to an output; the
 * input and the output are never split. */
typedef struct chain {
    rv_context *context;
    rv_network *network;
    rv_population *in, *first, *pair[2], *out;
    rv_compiled_network *model;
    float values[EXAMPLES * INPUTS];
} chain;

static void connect(chain *c, rv_population *source, rv_population *target, double mean, double sd, double tau,
                    double delay)
{
    rv_connection *connection;
    rv_connectivity dense = rv_dense(rv_normal(mean, sd));
    dense.delay = rv_const(delay);
    succeed(&c->context, rv_connection_add(&connection, c->network, source, target,
                                           &(rv_connection_desc){.name = tau > 5 ? "slow" : NULL,
                                                                 .connectivity = dense,
                                                                 .synapse = rv_exponential(
                                                                     (rv_exponential_params){.tau = rv_const(tau)})}));
}

static void chain_create(chain *c, int num_threads, size_t batch_size, bool run)
{
    const rv_neuron lif = rv_leaky_integrate_fire((rv_lif){.tau_refrac = rv_const(3)});
    const rv_neuron alif = rv_adaptive_leaky_integrate_fire((rv_alif){.beta = rv_const(0.1)});
    const rv_neuron li = rv_leaky_integrate((rv_li){.readout = rv_avg_var()});
    succeed(&c->context,
            rv_context_create(&c->context, &(rv_context_desc){.seed_given = true, .num_threads = num_threads}));
    succeed(&c->context, rv_network_create(&c->network, c->context, RV_EVENTPROP_DEFAULTS));
    const struct {
        rv_population **population;
        const char *name;
        size_t n;
        rv_neuron neuron;
    } populations[] = {{&c->in, "in", INPUTS, rv_poisson_input(RV_OFF, (rv_input_frames){0})},
                       {&c->first, "first", 330, lif},
                       {&c->pair[0], "a", 200, alif},
                       {&c->pair[1], "b", 40, lif},
                       {&c->out, "out", OUTPUTS, li}};
    for (size_t i = 0; i < 5; i++)
        succeed(&c->context, rv_population_add(populations[i].population, c->network,
                                               &(rv_population_desc){.name = populations[i].name,
                                                                     .shape = {populations[i].n},
                                                                     .neuron = populations[i].neuron}));
    connect(c, c->in, c->first, 0.5, 0.5, 5, 0);
    connect(c, c->first, c->pair[0], 0.05, 0.1, 5, 2);
    if (!run) /* two time constants */
        connect(c, c->in, c->first, 0.1, 0.5, 10, 0);
    connect(c, c->pair[0], c->pair[1], 0.1, 0.2, 5, 0);
    connect(c, c->pair[1], c->pair[0], -0.1, 0.2, 5, 3);
    connect(c, c->pair[1], c->out, 0, 1, 5, 0);
    for (size_t i = 0; i < EXAMPLES * INPUTS; i++)
        c->values[i] = (float)(i * 7919 % 101) / 500;
    succeed(&c->context,
            rv_compile_inference(&c->model, c->network,
                                 &(rv_inference_desc){.example_timesteps = STEPS, .batch_size = batch_size}));
}

/* The readouts of all examples. */
static void predict(float readouts[EXAMPLES * OUTPUTS], int num_threads, size_t batch_size, bool run)
{
    chain c = {0};
    rv_run *prepared = NULL;
    rv_result *result = NULL;
    size_t num;
    chain_create(&c, num_threads, batch_size, run);
    succeed(&c.context,
            rv_predict_prepare(
                &prepared, c.model,
                &(rv_evaluate_desc){
                    .data = {.inputs = {{.population = c.in, .values = c.values, .num_values = EXAMPLES * INPUTS}},
                             .outputs = {{.population = c.out}}},
                    .no_callbacks = true}));
    succeed(&c.context, rv_run_execute(&result, prepared));
    assert_true(num_threads == 1 ? rv_split_count(prepared->engine) == 0 : rv_split_count(prepared->engine) > 0);
    memcpy(readouts, rv_result_prediction(result, c.out, &num), EXAMPLES * OUTPUTS * sizeof *readouts);
    assert_int_equal(num, EXAMPLES);
    rv_result_free(result);
    rv_run_free(prepared);
    rv_compiled_network_free(c.model);
    rv_network_free(c.network);
    rv_context_free(c.context);
}

static void inference_on_shared_examples_gives_the_same_bits(void **state)
{
    (void)state;
    for (int run = 0; run < 2; run++) {
        float one[EXAMPLES * OUTPUTS], many[EXAMPLES * OUTPUTS];
        predict(one, 1, 1, run);
        for (size_t i = 0; i < EXAMPLES * OUTPUTS; i++)
            assert_true(one[i] != 0);
        for (size_t batch_size = 1; batch_size <= MAX_BATCH; batch_size++)
            for (int threads = 2; threads <= MAX_THREADS; threads++) {
                predict(many, threads, batch_size, run);
                for (size_t i = 0; i < EXAMPLES * OUTPUTS; i++)
                    if (many[i] != one[i])
                        fail_msg("batches of %zu, %d threads: readout %zu of example %zu is %.9g, on one thread %.9g",
                                 batch_size, threads, i % OUTPUTS, i / OUTPUTS, (double)many[i], (double)one[i]);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_on_shared_examples_gives_the_same_bits),
        cmocka_unit_test(too_many_spikes_are_an_error_on_shared_examples_too),
        cmocka_unit_test(inference_on_shared_examples_gives_the_same_bits),
    };
    setenv("RV_SPLIT", "always", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
