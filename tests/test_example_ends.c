/* Where timesteps, examples, batches and epochs end: nothing is lost there, and nothing runs on into what comes next.
 * Most of mlGeNN's defects are of this kind; docs/from_mlgenn.md lists them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <ranvier.h>

enum {
    T = 20,
    INPUTS = 2,
    OUTPUTS = 2,
    MOST_SPIKES = 2 * T
};

#define TAU_MEM 20.0
#define UNMOVED 1e-30 /* a learning rate that changes no bit of a weight */

typedef enum compiler {
    INFERENCE,
    EVENTPROP,
    EPROP,
    EPROP_ONLINE,
    NUM_COMPILERS
} compiler;

/* Two inputs, one hidden neuron, two outputs. */
typedef struct net {
    compiler rule;
    rv_context *context;
    rv_network *network;
    rv_population *in, *hid, *out;
    rv_connection *in_hid, *hid_out;
    rv_compiled_network *model;
    rv_spikes *spikes;
    int32_t labels[4];
} net;

static void succeed(const net *n, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(n->context));
}

static rv_connection *connect(const net *n, rv_population *source, rv_population *target, const float *weights)
{
    const bool eprop = n->rule == EPROP || n->rule == EPROP_ONLINE;
    rv_connection *connection;
    succeed(n, rv_connection_add(
                   &connection, n->network, source, target,
                   &(rv_connection_desc){
                       .connectivity = rv_dense(rv_array(weights, 2)),
                       .synapse = eprop ? rv_delta() : rv_exponential((rv_exponential_params){.tau = rv_const(5)})}));
    return connection;
}

static void compile(net *n, size_t batch_size, double alpha)
{
    if (n->rule == INFERENCE)
        succeed(n, rv_compile_inference(&n->model, n->network,
                                        &(rv_inference_desc){.example_timesteps = T, .batch_size = batch_size}));
    else if (n->rule == EVENTPROP)
        succeed(n, rv_compile_eventprop(&n->model, n->network,
                                        &(rv_eventprop_desc){.example_timesteps = T,
                                                             .batch_size = batch_size,
                                                             .optimiser = rv_adam(alpha),
                                                             .keep_gradients = true}));
    else
        succeed(n, rv_compile_eprop(&n->model, n->network,
                                    &(rv_eprop_desc){.example_timesteps = T,
                                                     .batch_size = batch_size,
                                                     .optimiser = rv_adam(alpha),
                                                     .train_output_bias = RV_OFF,
                                                     .online = n->rule == EPROP_ONLINE,
                                                     .keep_gradients = true}));
}

static void create(net *n, compiler rule, size_t batch_size, double alpha)
{
    const bool eprop = rule == EPROP || rule == EPROP_ONLINE;
    const float to_hidden[] = {12, 30}, to_outputs[] = {1, -1};
    *n = (net){.rule = rule};
    succeed(n, rv_context_create(&n->context, NULL));
    succeed(n, rv_network_create(&n->network, n->context, eprop ? RV_EPROP_DEFAULTS : RV_EVENTPROP_DEFAULTS));
    succeed(n, rv_population_add(&n->in, n->network,
                                 &(rv_population_desc){.name = "in", .shape = {INPUTS}, .neuron = rv_spike_input()}));
    succeed(n, rv_population_add(
                   &n->hid, n->network,
                   &(rv_population_desc){
                       .name = "hid",
                       .shape = {1},
                       .neuron = eprop ? rv_adaptive_leaky_integrate_fire((rv_alif){.tau_mem = rv_const(TAU_MEM)})
                                       : rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(TAU_MEM)})}));
    succeed(n,
            rv_population_add(&n->out, n->network,
                              &(rv_population_desc){.name = "out",
                                                    .shape = {OUTPUTS},
                                                    .neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()})}));
    n->in_hid = connect(n, n->in, n->hid, to_hidden);
    n->hid_out = connect(n, n->hid, n->out, to_outputs);
    compile(n, batch_size, alpha);
    succeed(n, rv_spikes_create(&n->spikes, n->context, INPUTS));
}

static void destroy(net *n)
{
    rv_spikes_free(n->spikes);
    rv_compiled_network_free(n->model);
    rv_network_free(n->network);
    rv_context_free(n->context);
}

/* An example whose inputs 0 and 1 spike in the steps of these lists, which end with -1. */
static void append(net *n, const int *steps_of_0, const int *steps_of_1, int32_t label)
{
    const int *const steps[] = {steps_of_0, steps_of_1};
    double times[MOST_SPIKES];
    int32_t ids[MOST_SPIKES];
    size_t num = 0;
    for (int32_t i = 0; i < INPUTS; i++)
        for (const int *step = steps[i]; *step >= 0; step++) {
            times[num] = *step;
            ids[num++] = i;
        }
    n->labels[rv_spikes_num_examples(n->spikes)] = label;
    succeed(n, rv_spikes_append(n->spikes, times, ids, num));
}

static const int never[] = {-1}, early[] = {1, -1}, late[] = {T - 2, -1}, last[] = {T - 1, -1},
                 always[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, T - 2, T - 1, -1};

/* Trains for some epochs, or tests, in the order of the examples. */
static rv_result *run(const net *n, size_t num_epochs, const rv_callback *callbacks, size_t num)
{
    const rv_data data = {
        .inputs = {{.population = n->in, .spikes = n->spikes}},
        .outputs = {{.population = n->out, .labels = n->labels, .num_labels = rv_spikes_num_examples(n->spikes)}}};
    rv_result *result = NULL;
    if (n->rule == INFERENCE)
        succeed(n, rv_evaluate(&result, n->model,
                               &(rv_evaluate_desc){
                                   .data = data, .callbacks = callbacks, .num_callbacks = num, .no_callbacks = !num}));
    else
        succeed(n, rv_train(&result, n->model,
                            &(rv_train_desc){.data = data,
                                             .num_epochs = num_epochs,
                                             .shuffle = RV_OFF,
                                             .callbacks = callbacks,
                                             .num_callbacks = num,
                                             .no_callbacks = !num}));
    return result;
}

static void get(const net *n, const rv_connection *connection, const char *name, float values[2])
{
    succeed(n, rv_variable_get(n->model, (rv_variable){.connection = connection, .name = name}, values, 2));
}

static void the_last_batch_of_an_epoch_is_learnt_from(void **state)
{
    (void)state;
    for (compiler rule = EVENTPROP; rule < NUM_COMPILERS; rule++) {
        net n;
        uint64_t steps;
        float before[2], after[2];
        create(&n, rule, 2, 0.01);
        get(&n, n.hid_out, "g", before);
        append(&n, early, never, 0);
        rv_result_free(run(&n, 1, NULL, 0)); /* one batch */
        get(&n, n.hid_out, "g", after);
        for (int k = 0; k < OUTPUTS; k++) /* Adam's first step is alpha long */
            assert_true(fabsf(fabsf(after[k] - before[k]) - 0.01F) < 1e-4F);
        succeed(&n, rv_optimiser_steps(n.model, &steps));
        assert_int_equal(steps, 1);
        append(&n, early, late, 1);
        append(&n, early, early, 1);
        rv_result_free(run(&n, 3, NULL, 0)); /* two batches each */
        succeed(&n, rv_optimiser_steps(n.model, &steps));
        assert_int_equal(steps, 7);
        destroy(&n);
    }
}

/* It cannot reach an output any more, so that it changes nothing of what the neuron's other spikes give. */
static void a_spike_in_the_last_timestep_leaves_its_neuron_its_gradient(void **state)
{
    float without[2], with[2];
    (void)state;
    for (int spikes = 0; spikes < 2; spikes++) {
        net n;
        create(&n, EVENTPROP, 1, UNMOVED);
        append(&n, early, spikes ? late : never, 0);
        const rv_callback recorder = rv_spike_recorder((rv_spike_recorder_desc){.population = n.hid, .key = "spikes"});
        rv_result *const result = run(&n, 1, &recorder, 1);
        const rv_entry *const entry = &rv_result_data(result, "spikes")->items[0];
        assert_true(entry->num > 1);
        assert_true((entry->times[entry->num - 1] > T - 1.5) == (spikes == 1));
        get(&n, n.in_hid, "Gradient", spikes ? with : without);
        rv_result_free(result);
        destroy(&n);
    }
    assert_true(fabsf(without[0]) > 1e-5F);
    if (with[0] != without[0])
        fail_msg("gradient %.9g with a spike in the last step, %.9g without", (double)with[0], (double)without[0]);
}

static void the_last_timestep_of_training_has_its_synaptic_input(void **state)
{
    net n;
    (void)state;
    create(&n, EVENTPROP, 1, UNMOVED);
    append(&n, (const int[]){T - 4, -1}, never, 0); /* its hidden neuron does not spike */
    const rv_callback recorders[] = {
        rv_var_recorder((rv_var_recorder_desc){.population = n.hid, .var = "v", .key = "V"}),
        rv_var_recorder((rv_var_recorder_desc){.population = n.hid, .genn_var = "Isyn", .key = "Isyn"}),
        rv_var_recorder((rv_var_recorder_desc){.population = n.hid, .genn_var = "inSyn", .key = "inSyn"}),
    };
    succeed(&n,
            rv_variable_set(n.model, (rv_variable){.connection = n.in_hid, .name = "g"}, (const float[]){4, 4}, 2));
    rv_result *const result = run(&n, 1, recorders, 3);
    const float *const v = rv_result_data(result, "V")->items[0].values;
    const float *const current = rv_result_data(result, "Isyn")->items[0].values;
    const float *const input = rv_result_data(result, "inSyn")->items[0].values;
    const double alpha = exp(-1 / TAU_MEM), beta = exp(-1 / 5.0), scale = 5 * (1 - beta);
    for (int t = T - 3; t < T; t++) { /* the spike of step T - 4 arrives in step T - 3 */
        const double before = 4 * pow(beta, t - (T - 3));
        const double expected_v = alpha * (double)v[t - 1] + (1 - alpha) * scale * before;
        if (!(fabs((double)current[t] - scale * before) < 1e-5) || !(fabs((double)input[t] - beta * before) < 1e-5) ||
            !(fabs((double)v[t] - expected_v) < 1e-6))
            fail_msg("step %d: Isyn %g, inSyn %g, V %g; expected %g, %g, %g", t, (double)current[t], (double)input[t],
                     (double)v[t], scale * before, beta * before, expected_v);
    }
    rv_result_free(result);
    destroy(&n);
}

/* Whether all numbers of the entry of an example are 0. */
static bool is_zero(const rv_result *result, const char *key, size_t example)
{
    const rv_entry *const entry = &rv_result_data(result, key)->items[example];
    assert_int_equal(entry->example, example);
    assert_true(entry->num > 0);
    for (size_t k = 0; k < entry->num; k++)
        if (entry->values[k] != 0)
            return false;
    return true;
}

static void spikes_of_the_last_timestep_do_not_reach_the_next_example(void **state)
{
    (void)state;
    for (compiler rule = 0; rule < NUM_COMPILERS; rule++) {
        net n;
        create(&n, rule, 1, UNMOVED);
        append(&n, always, last, 0);
        append(&n, never, never, 1);
        const rv_callback recorders[] = {
            rv_var_recorder((rv_var_recorder_desc){.population = n.hid, .var = "v", .key = "hid V"}),
            rv_var_recorder((rv_var_recorder_desc){.population = n.out, .var = "v", .key = "out V"}),
            rv_var_recorder((rv_var_recorder_desc){.population = n.hid, .genn_var = "Isyn", .key = "hid Isyn"}),
            rv_var_recorder((rv_var_recorder_desc){.population = n.out, .genn_var = "Isyn", .key = "out Isyn"}),
        };
        rv_result *const result = run(&n, 1, recorders, 4);
        for (size_t i = 0; rv_result_key(result, i); i++) {
            const char *const key = rv_result_key(result, i);
            if (is_zero(result, key, 0) || !is_zero(result, key, 1))
                fail_msg("rule %d: %s of the example %s", rule, key,
                         is_zero(result, key, 0) ? "is 0" : "before reaches the next");
        }
        rv_result_free(result);
        destroy(&n);
    }
}

/* All that is recorded of the last example and its gradient, with or without another before it. */
static size_t record_last(float *out, compiler rule, bool alone)
{
    static const char *const of_neurons[] = {"V", "A", "FAvg", "Psi", "E"};
    static const char *const of_synapses[] = {"ZFilter", "eFiltered", "epsilonA", "DeltaG"};
    const size_t num = rule == EPROP_ONLINE ? 9 : 5;
    rv_callback recorders[9];
    size_t size = 0;
    net n;
    create(&n, rule, 1, UNMOVED);
    if (!alone)
        append(&n, always, always, 0);
    append(&n, early, late, 1);
    for (size_t i = 0; i < num; i++)
        recorders[i] = i < 5 ? rv_var_recorder((rv_var_recorder_desc){
                                   .population = n.hid, .genn_var = of_neurons[i], .examples = rv_index(-1)})
                             : rv_conn_var_recorder((rv_conn_var_recorder_desc){
                                   .connection = n.in_hid, .genn_var = of_synapses[i - 5], .examples = rv_index(-1)});
    rv_result *const result = run(&n, 1, recorders, num);
    for (size_t i = 0; i < num; i++) {
        const rv_entry *const entry = &rv_result_data(result, (const char[]){(char)('0' + i), 0})->items[0];
        memcpy(out + size, entry->values, entry->num * sizeof *out);
        size += entry->num;
    }
    get(&n, n.in_hid, "DeltaG", out + size);
    rv_result_free(result);
    destroy(&n);
    return size + 2;
}

static void nothing_of_an_example_reaches_the_next_with_eprop(void **state)
{
    (void)state;
    for (compiler rule = EPROP; rule <= EPROP_ONLINE; rule++) {
        float behind[16 * T], alone[16 * T];
        const size_t size = record_last(behind, rule, false);
        double norm = 0;
        assert_int_equal(record_last(alone, rule, true), size);
        for (size_t k = 0; k < size; k++) {
            norm += fabs((double)alone[k]);
            if (behind[k] != alone[k])
                fail_msg("rule %d: number %zu is %g behind another example, %g alone", rule, k, (double)behind[k],
                         (double)alone[k]);
        }
        assert_true(norm > 1 && alone[size - 2] != 0);
    }
}

/* DeltaG of the last batch, of the example `early, late` alone; before it a batch of two others, or nothing. */
static void gradient_of_last_batch(float gradient[2], compiler rule, bool alone, int32_t label)
{
    net n;
    create(&n, rule, 2, UNMOVED);
    if (!alone) {
        append(&n, always, early, 0);
        append(&n, early, always, 0);
    }
    append(&n, early, late, label);
    rv_result_free(run(&n, 1, NULL, 0));
    get(&n, n.in_hid, "DeltaG", gradient);
    destroy(&n);
}

static void a_short_last_batch_of_eprop_learns_from_its_own_labels(void **state)
{
    (void)state;
    for (compiler rule = EPROP; rule <= EPROP_ONLINE; rule++) {
        float behind[2], alone[2], other[2];
        gradient_of_last_batch(behind, rule, false, 1);
        gradient_of_last_batch(alone, rule, true, 1);
        gradient_of_last_batch(other, rule, true, 0);
        assert_true(fabsf(alone[0]) > 1e-5F && fabsf(alone[0] - other[0]) > 1e-5F);
        for (int k = 0; k < 2; k++)
            if (behind[k] != alone[k])
                fail_msg("rule %d: DeltaG %g behind a batch with other labels, %g alone", rule, (double)behind[k],
                         (double)alone[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_batch_of_an_epoch_is_learnt_from),
        cmocka_unit_test(a_spike_in_the_last_timestep_leaves_its_neuron_its_gradient),
        cmocka_unit_test(the_last_timestep_of_training_has_its_synaptic_input),
        cmocka_unit_test(spikes_of_the_last_timestep_do_not_reach_the_next_example),
        cmocka_unit_test(nothing_of_an_example_reaches_the_next_with_eprop),
        cmocka_unit_test(a_short_last_batch_of_eprop_learns_from_its_own_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
