/* VarRecorder and SpikeRecorder: every variable against the equations (DESIGN, sections 4 and 6.1), and timesteps. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/tiny.h"

#define INPUTS 7
#define HIDDEN 9
#define OUTPUTS 3
#define EXAMPLES 5
#define STEPS 40

/* Inputs reach the hidden neurons through synapses of two time constants. */
typedef struct net {
    rv_context *context;
    rv_network *network;
    rv_population *in, *hid, *out;
    rv_compiled_network *model;
    rv_spikes *spikes;
    int32_t labels[EXAMPLES];
    float thresholds[HIDDEN];
} net;

static void succeed(const net *n, int rc)
{
    if (rc < 0)
        fail_msg("%s", rv_last_error(n->context));
}

static void connect(net *n, rv_population *from, rv_population *to, const char *name, double tau, double mean)
{
    rv_connection *added;
    succeed(n, rv_connection_add(
                   &added, n->network, from, to,
                   &(rv_connection_desc){.name = name,
                                         .connectivity = rv_dense(rv_normal(mean, 0.3)),
                                         .synapse = rv_exponential((rv_exponential_params){.tau = rv_const(tau)})}));
}

static void make_data(net *n)
{
    succeed(n, rv_spikes_create(&n->spikes, n->context, INPUTS));
    for (size_t e = 0; e < EXAMPLES; e++) {
        double times[3 * INPUTS];
        int32_t ids[3 * INPUTS];
        for (size_t k = 0; k < 3 * INPUTS; k++) {
            times[k] = (double)((k * 11 + e * 5) % (STEPS - 8));
            ids[k] = (int32_t)(k % INPUTS);
        }
        succeed(n, rv_spikes_append(n->spikes, times, ids, 3 * INPUTS));
        n->labels[e] = (int32_t)(e % OUTPUTS);
    }
}

static void make(net *n, rv_neuron hidden, rv_neuron output)
{
    memset(n, 0, sizeof *n);
    succeed(n, rv_context_create(&n->context, &(rv_context_desc){.seed_given = true, .seed = 3, .num_threads = 2}));
    succeed(n, rv_network_create(&n->network, n->context, RV_EVENTPROP_DEFAULTS));
    succeed(n, rv_population_add(&n->in, n->network,
                                 &(rv_population_desc){.name = "in", .shape = {INPUTS}, .neuron = rv_spike_input()}));
    succeed(n, rv_population_add(&n->hid, n->network,
                                 &(rv_population_desc){.name = "hid", .shape = {HIDDEN}, .neuron = hidden}));
    succeed(n, rv_population_add(&n->out, n->network,
                                 &(rv_population_desc){.name = "out", .shape = {OUTPUTS}, .neuron = output}));
    connect(n, n->in, n->hid, "fast", 5, 0.7);
    connect(n, n->in, n->hid, "slow", 11, 0.4);
    connect(n, n->hid, n->out, "out", 5, 0.3);
    make_data(n);
}

static void infer_with(net *n)
{
    succeed(n, rv_compile_inference(&n->model, n->network,
                                    &(rv_inference_desc){.example_timesteps = STEPS, .batch_size = 2}));
}

static void unmake(net *n)
{
    rv_compiled_network_free(n->model);
    rv_network_free(n->network);
    rv_spikes_free(n->spikes);
    rv_context_free(n->context);
}

static rv_data data_of(const net *n)
{
    return (rv_data){.inputs = {{.population = n->in, .spikes = n->spikes}},
                     .outputs = {{.population = n->out, .labels = n->labels, .num_labels = EXAMPLES}}};
}

static rv_result *evaluate(const net *n, const rv_callback *callbacks, size_t num)
{
    rv_result *result = NULL;
    succeed(n, rv_predict(&result, n->model,
                          &(rv_evaluate_desc){.data = data_of(n), .callbacks = callbacks, .num_callbacks = num}));
    return result;
}

/* The key is the name. */
static rv_callback record(rv_population *population, const char *name)
{
    return rv_var_recorder((rv_var_recorder_desc){.population = population, .genn_var = name, .key = name});
}

/* (STEPS, neurons) of an example */
static const float *values_of(const rv_result *result, const char *name, size_t example)
{
    const rv_entries *entries = rv_result_data(result, name);
    assert_non_null(entries);
    assert_int_equal(entries->num, EXAMPLES);
    assert_int_equal(entries->items[example].example, example);
    assert_int_equal(entries->items[example].num_dims, 2);
    assert_int_equal(entries->items[example].shape[0], STEPS);
    return entries->items[example].values;
}

/* Whether a neuron spiked in a step: entries are sorted. */
static bool spiked(const rv_entry *spikes, size_t step, size_t neuron)
{
    for (size_t k = 0; k < spikes->num; k++)
        if (spikes->times[k] == (double)step && spikes->ids[k] == (int32_t)neuron)
            return true;
    return false;
}

static void near(double got, double expected, const char *what, size_t step, size_t neuron)
{
    if (!(fabs(got - expected) <= 2e-5 * (1 + fabs(expected))))
        fail_msg("%s of neuron %zu after step %zu: %g, expected %g", what, neuron, step, got, expected);
}

/* ---- state ---- */

static void states_inputs_and_parameters_are_those_of_the_equations(void **state)
{
    (void)state;
    net n;
    float thresholds[HIDDEN];
    for (size_t j = 0; j < HIDDEN; j++)
        thresholds[j] = 0.6F + 0.1F * (float)j;
    make(&n,
         rv_leaky_integrate_fire(
             (rv_lif){.tau_mem = rv_const(20), .v_thresh = rv_array(thresholds, HIDDEN), .tau_refrac = rv_const(3)}),
         rv_leaky_integrate((rv_li){.readout = rv_var()}));
    infer_with(&n);
    const rv_callback callbacks[] = {
        record(n.hid, "V"),
        record(n.hid, "RefracTime"),
        record(n.hid, "Isyn"),
        record(n.hid, "inSyn"),
        record(n.hid, "inSyn1"),
        record(n.hid, "v_thresh"),
        record(n.hid, "tau_mem"),
        record(n.hid, "Vthresh"),
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.hid, .key = "spikes"})};
    rv_result *result = evaluate(&n, callbacks, 9);
    const double alpha = exp(-1.0 / 20), taus[2] = {5, 11};
    size_t seen = 0, refractory = 0;
    for (size_t e = 0; e < EXAMPLES; e++) {
        const float *v = values_of(result, "V", e), *refrac = values_of(result, "RefracTime", e);
        const float *isyn = values_of(result, "Isyn", e), *thresh = values_of(result, "v_thresh", e);
        const float *in_syn[2] = {values_of(result, "inSyn", e), values_of(result, "inSyn1", e)};
        for (size_t t = 0; t < STEPS; t++)
            for (size_t j = 0; j < HIDDEN; j++) {
                const size_t at = t * HIDDEN + j;
                const bool spike = spiked(&rv_result_data(result, "spikes")->items[e], t, j);
                double expected = 0, before = t ? (double)v[at - HIDDEN] : 0,
                       left = t ? (double)refrac[at - HIDDEN] : 0;
                for (int g = 0; g < 2; g++) { /* what was integrated, from what is left of it */
                    const double beta = exp(-1 / taus[g]);
                    expected += (double)in_syn[g][at] / beta * taus[g] * (1 - beta);
                }
                near((double)isyn[at], expected, "Isyn", t, j);
                if (left <= 0)
                    before = alpha * before + (1 - alpha) * (double)isyn[at];
                near((double)v[at], spike ? 0 : before, "V", t, j);
                near((double)refrac[at], spike ? 3 : left > 0 ? left - 1 : left, "RefracTime", t, j);
                assert_true(thresh[at] == thresholds[j] && values_of(result, "Vthresh", e)[at] == thresholds[j]);
                assert_true(values_of(result, "tau_mem", e)[at] == 20);
                seen += spike;
                refractory += left > 0;
            }
    }
    assert_true(seen > 50 && refractory > 100);
    rv_result_free(result);
    unmake(&n);
}

static void the_adaptation_of_adaptive_neurons_can_be_recorded(void **state)
{
    (void)state;
    net n;
    make(&n,
         rv_adaptive_leaky_integrate_fire(
             (rv_alif){.tau_mem = rv_const(20), .tau_adapt = rv_const(50), .beta = rv_const(0.2)}),
         rv_leaky_integrate((rv_li){.readout = rv_var()}));
    infer_with(&n);
    const rv_callback callbacks[] = {
        record(n.hid, "A"), rv_spike_recorder((rv_spike_recorder_desc){.population = n.hid, .key = "spikes"}),
        rv_var_recorder((rv_var_recorder_desc){.population = n.hid, .var = "a", .genn_var = "V", .key = "a"})};
    rv_result *result = evaluate(&n, callbacks, 3);
    double largest = 0;
    for (size_t e = 0; e < EXAMPLES; e++) {
        const float *a = values_of(result, "A", e);
        assert_memory_equal(a, values_of(result, "a", e), STEPS * HIDDEN * sizeof *a); /* var wins */
        for (size_t t = 0; t < STEPS; t++)
            for (size_t j = 0; j < HIDDEN; j++) {
                const double before = t ? (double)a[(t - 1) * HIDDEN + j] : 0;
                const double expected =
                    before * exp(-1.0 / 50) + spiked(&rv_result_data(result, "spikes")->items[e], t, j);
                near((double)a[t * HIDDEN + j], expected, "A", t, j);
                largest = fmax(largest, expected);
            }
    }
    assert_true(largest > 1);
    rv_result_free(result);
    unmake(&n);
}

/* ---- readouts ---- */

static void softmax(double *p, const double *y)
{
    double sum = 0, max = fmax(y[0], fmax(y[1], y[2]));
    for (size_t k = 0; k < OUTPUTS; k++)
        sum += p[k] = exp(y[k] - max);
    for (size_t k = 0; k < OUTPUTS; k++)
        p[k] /= sum;
}

/* The readout after each step, from V or the spikes. */
typedef enum what {
    MEAN,
    SUM,
    WEIGHED,
    MAX
} what;

static void check_readout(rv_readout readout, const char *name, what kind)
{
    net n;
    make(&n, rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)}),
         rv_leaky_integrate((rv_li){.tau_mem = rv_const(20), .readout = readout}));
    infer_with(&n);
    const rv_callback callbacks[] = {record(n.out, "V"), record(n.out, "Softmax"), record(n.out, name),
                                     record(n.out, "VMaxTime")};
    rv_result *result = evaluate(&n, callbacks, kind == MAX ? 4 : 3);
    size_t num;
    const float *predicted = rv_result_prediction(result, n.out, &num);
    for (size_t e = 0; e < EXAMPLES; e++) {
        const float *v = values_of(result, "V", e), *y = values_of(result, name, e);
        double expected[OUTPUTS] = {0}, p[OUTPUTS];
        for (size_t t = 0; t < STEPS; t++) {
            for (size_t k = 0; k < OUTPUTS; k++) {
                const double now = (double)v[t * OUTPUTS + k];
                const bool larger = t == 0 || now > expected[k];
                if (kind == MAX)
                    expected[k] = larger ? now : expected[k];
                else
                    expected[k] += now * (kind == WEIGHED ? exp(-(double)t / STEPS) : 1) / (kind == SUM ? 1 : STEPS);
                near((double)y[t * OUTPUTS + k], expected[k], name, t, k);
                if (kind == MAX && larger)
                    assert_true(values_of(result, "VMaxTime", e)[t * OUTPUTS + k] == (float)t);
            }
            softmax(p, expected);
            for (size_t k = 0; k < OUTPUTS; k++)
                near((double)values_of(result, "Softmax", e)[t * OUTPUTS + k], p[k], "Softmax", t, k);
        }
        assert_memory_equal(y + (STEPS - 1) * OUTPUTS, predicted + e * OUTPUTS, OUTPUTS * sizeof *y);
    }
    rv_result_free(result);
    unmake(&n);
}

static void readouts_are_as_if_the_example_ended_with_the_step(void **state)
{
    (void)state;
    check_readout(rv_avg_var(), "VAvg", MEAN);
    check_readout(rv_sum_var(), "VSum", SUM);
    check_readout(rv_avg_var_exp_weight(), "VAvg", WEIGHED);
    check_readout(rv_max_var(), "VMax", MAX);
}

static void check_spiking_output(rv_readout readout, const char *name, bool counts)
{
    net n;
    make(&n, rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20), .v_thresh = rv_const(0.5)}),
         rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20), .v_thresh = rv_const(0.3), .readout = readout}));
    infer_with(&n);
    const rv_callback callbacks[] = {
        record(n.out, name), rv_spike_recorder((rv_spike_recorder_desc){.population = n.out, .key = "spikes"})};
    rv_result *result = evaluate(&n, callbacks, 2);
    size_t seen = 0;
    for (size_t e = 0; e < EXAMPLES; e++) {
        float expected[OUTPUTS];
        for (size_t k = 0; k < OUTPUTS; k++)
            expected[k] = counts ? 0 : -FLT_MAX;
        for (size_t t = 0; t < STEPS; t++)
            for (size_t k = 0; k < OUTPUTS; k++) {
                if (spiked(&rv_result_data(result, "spikes")->items[e], t, k)) {
                    expected[k] = counts ? expected[k] + 1 : expected[k] == -FLT_MAX ? -(float)t : expected[k];
                    seen++;
                }
                assert_true(values_of(result, name, e)[t * OUTPUTS + k] == expected[k]);
            }
    }
    assert_true(seen > 10);
    rv_result_free(result);
    unmake(&n);
}

static void readouts_of_spikes_can_be_recorded(void **state)
{
    (void)state;
    check_spiking_output(rv_spike_count(), "Scount", true);
    check_spiking_output(rv_first_spike_time(), "TFirstSpike", false);
}

/* ---- adjoints ---- */

/* Going back one step LambdaI_g = c_g LambdaV + beta_g LambdaI_g, LambdaV = alpha LambdaV, but where there was a spike. */
static void adjoints_are_in_forward_time_order(void **state)
{
    (void)state;
    net n;
    make(&n, rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)}),
         rv_leaky_integrate((rv_li){.tau_mem = rv_const(20), .readout = rv_avg_var()}));
    succeed(&n, rv_compile_eventprop(
                    &n.model, n.network,
                    &(rv_eventprop_desc){.example_timesteps = STEPS, .batch_size = 2, .optimiser = rv_adam(0.01)}));
    const rv_callback callbacks[] = {
        record(n.hid, "LambdaV"), record(n.hid, "LambdaI"), record(n.hid, "LambdaI1"),
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.hid, .key = "spikes"})};
    rv_result *result = NULL;
    succeed(&n, rv_train(&result, n.model,
                         &(rv_train_desc){
                             .data = data_of(&n), .num_epochs = 1, .callbacks = callbacks, .num_callbacks = 4}));
    const double alpha = exp(-1.0 / 20), taus[2] = {5, 11};
    const char *const names[2] = {"LambdaI", "LambdaI1"};
    double largest = 0;
    size_t jumps = 0;
    for (size_t e = 0; e < EXAMPLES; e++) {
        const float *v = values_of(result, "LambdaV", e);
        for (size_t j = 0; j < HIDDEN; j++)
            for (size_t t = 0; t + 1 < STEPS; t++) {
                const double later = (double)v[(t + 1) * HIDDEN + j], now = (double)v[t * HIDDEN + j];
                for (int g = 0; g < 2; g++) {
                    const float *i = values_of(result, names[g], e);
                    const double beta = exp(-1 / taus[g]), c = 20 / (20 - taus[g]) * (alpha - beta);
                    const double expected = c * later + beta * (double)i[(t + 1) * HIDDEN + j];
                    if (fabs((double)i[t * HIDDEN + j] - expected) > 1e-5 * fabs(expected) + 1e-9)
                        fail_msg("%s of neuron %zu, step %zu: %g, expected %g", names[g], j, t,
                                 (double)i[t * HIDDEN + j], expected);
                    largest = fmax(largest, fabs(expected));
                }
                if (spiked(&rv_result_data(result, "spikes")->items[e], t, j))
                    jumps += fabs(now - alpha * later) > 1e-7;
                else if (fabs(now - alpha * later) > 1e-5 * fabs(now) + 1e-9)
                    fail_msg("LambdaV of neuron %zu, step %zu: %g, expected %g", j, t, now, alpha * later);
            }
    }
    assert_true(largest > 1e-4 && jumps > 20);
    rv_result_free(result);
    unmake(&n);
}

/* ---- timesteps ---- */

/* A part of the steps is a part of what all steps give: spikes, counts and values, those of the sweep back too. */
static void check_timesteps(rv_filter filter, const size_t *steps, size_t num)
{
    tiny t;
    tiny_create(&t, 2, true);
    const rv_callback callbacks[] = {
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .var = "v", .key = "all"}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .var = "v", .key = "v", .timesteps = filter}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "LambdaV", .key = "all back"}),
        rv_var_recorder(
            (rv_var_recorder_desc){.population = t.hidden, .genn_var = "LambdaV", .key = "back", .timesteps = filter}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.hidden, .key = "spikes", .timesteps = filter}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.hidden, .key = "all spikes"}),
        rv_spike_recorder((rv_spike_recorder_desc){
            .population = t.hidden, .key = "counts", .record_counts = true, .timesteps = filter})};
    rv_result *result = tiny_train(&t, callbacks, 7, 1);
    for (size_t e = 0; e < TINY_EXAMPLES; e++) {
        const rv_entry *spikes = &rv_result_data(result, "spikes")->items[e];
        const rv_entry *all = &rv_result_data(result, "all spikes")->items[e];
        float counts[TINY_HIDDEN] = {0};
        size_t next = 0;
        for (int back = 0; back < 2; back++) {
            const rv_entry *part = &rv_result_data(result, back ? "back" : "v")->items[e];
            const rv_entry *whole = &rv_result_data(result, back ? "all back" : "all")->items[e];
            assert_true(part->num_dims == 2 && part->shape[0] == num && part->shape[1] == TINY_HIDDEN);
            for (size_t i = 0; i < num; i++)
                assert_memory_equal(part->values + i * TINY_HIDDEN, whole->values + steps[i] * TINY_HIDDEN,
                                    TINY_HIDDEN * sizeof *part->values);
        }
        for (size_t k = 0; k < all->num; k++)
            for (size_t i = 0; i < num; i++)
                if (all->times[k] == (double)steps[i]) {
                    assert_true(next < spikes->num && spikes->times[next] == all->times[k] &&
                                spikes->ids[next] == all->ids[k]);
                    counts[all->ids[k]]++;
                    next++;
                }
        assert_int_equal(next, spikes->num);
        assert_memory_equal(rv_result_data(result, "counts")->items[e].values, counts, sizeof counts);
    }
    rv_result_free(result);
    tiny_free(&t);
}

static void every_kth_step_a_window_or_the_last_one_can_be_recorded(void **state)
{
    (void)state;
    const int64_t some[] = {-1, 0, 7, 7};
    check_timesteps(rv_slice("::6"), (const size_t[]){0, 6, 12, 18}, 4);
    check_timesteps(rv_slice("5:9"), (const size_t[]){5, 6, 7, 8}, 4);
    check_timesteps(rv_index(-1), (const size_t[]){TINY_STEPS - 1}, 1);
    check_timesteps(rv_indices(some, 4), (const size_t[]){0, 7, TINY_STEPS - 1}, 3);
}

/* ---- nothing of it shows ---- */

static uint64_t hash(uint64_t h, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        h = (h ^ bytes[i]) * 1099511628211U;
    return h;
}

static void every_recorder_at_once_changes_no_bit_on_one_thread_or_two(void **state)
{
    (void)state;
    uint64_t recorded[2] = {0, 0};
    float first[TINY_WEIGHTS];
    for (int way = 0; way < 4; way++) {
        tiny t;
        float weights[TINY_WEIGHTS];
        tiny_create(&t, 1 + way % 2, true);
        const bool records = way >= 2;
        const rv_callback callbacks[] = {
            rv_spike_recorder((rv_spike_recorder_desc){.population = t.input}),
            rv_spike_recorder((rv_spike_recorder_desc){.population = t.hidden}),
            rv_spike_recorder((rv_spike_recorder_desc){.population = t.hidden, .record_counts = true}),
            rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "V"}),
            rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "Isyn"}),
            rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "inSyn"}),
            rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "LambdaV"}),
            rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "LambdaI"}),
            rv_var_recorder((rv_var_recorder_desc){.population = t.output, .genn_var = "LambdaV"}),
            rv_var_recorder((rv_var_recorder_desc){.population = t.output, .genn_var = "VAvg"}),
            rv_var_recorder((rv_var_recorder_desc){.population = t.output, .genn_var = "Softmax"}),
            rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "v_thresh"}),
            rv_conn_var_recorder((rv_conn_var_recorder_desc){.connection = t.input_hidden, .genn_var = "g"}),
            rv_conn_var_recorder((rv_conn_var_recorder_desc){.connection = t.hidden_output, .genn_var = "Gradient"}),
            rv_conn_var_recorder((rv_conn_var_recorder_desc){.connection = t.hidden_output, .genn_var = "M"}),
            rv_conn_var_recorder((rv_conn_var_recorder_desc){.connection = t.hidden_output, .genn_var = "d"})};
        const size_t num = sizeof callbacks / sizeof *callbacks;
        rv_result *result = tiny_train(&t, callbacks, records ? num : 0, 3);
        tiny_weights(&t, weights);
        if (way == 0)
            memcpy(first, weights, sizeof first);
        assert_memory_equal(weights, first, sizeof first);
        for (size_t i = 0; records && i < num; i++) {
            char key[8];
            snprintf(key, sizeof key, "%zu", i);
            const rv_entries *entries = rv_result_data(result, key);
            assert_int_equal(entries->num, 3 * TINY_EXAMPLES);
            for (size_t e = 0; e < entries->num; e++) {
                const rv_entry *entry = &entries->items[e];
                uint64_t *h = &recorded[way % 2];
                *h = hash(*h, &entry->example, sizeof entry->example);
                *h = entry->times ? hash(*h, entry->times, entry->num * sizeof *entry->times) : *h;
                *h = entry->ids ? hash(*h, entry->ids, entry->num * sizeof *entry->ids) : *h;
                *h = entry->values ? hash(*h, entry->values, entry->num * sizeof *entry->values) : *h;
            }
        }
        rv_result_free(result);
        tiny_free(&t);
    }
    assert_true(recorded[0] == recorded[1] && recorded[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_inputs_and_parameters_are_those_of_the_equations),
        cmocka_unit_test(the_adaptation_of_adaptive_neurons_can_be_recorded),
        cmocka_unit_test(readouts_are_as_if_the_example_ended_with_the_step),
        cmocka_unit_test(readouts_of_spikes_can_be_recorded),
        cmocka_unit_test(adjoints_are_in_forward_time_order),
        cmocka_unit_test(every_kth_step_a_window_or_the_last_one_can_be_recorded),
        cmocka_unit_test(every_recorder_at_once_changes_no_bit_on_one_thread_or_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
