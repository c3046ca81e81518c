/* e-prop: what tests/test_reference.py cannot see. Both forms of the sums, feedback, what is recorded and reported, and
 * which networks are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/files.h"
#include "support/training_task.h"

static void succeed(rv_context *context, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(context));
}

/* ---- both forms ------------------------------------------------------------------------------------------------- */

/* DeltaG of the first batch, all connections. */
static float *first_delta_g(const training_task_desc *desc, size_t batch_size, size_t *size)
{
    training_task task;
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    float *delta_g = NULL;
    succeed(task.context, training_task_create(&task, desc));
    succeed(task.context, training_task_compile(&model, &task, batch_size));
    succeed(task.context, rv_train(&result, model,
                                   &(rv_train_desc){.data = training_task_data(&task, task.spikes),
                                                    .num_epochs = 1,
                                                    .shuffle = RV_OFF,
                                                    .no_callbacks = true}));
    succeed(task.context, training_task_get(&delta_g, size, &task, model, "DeltaG"));
    rv_result_free(result);
    rv_compiled_network_free(model);
    training_task_free(&task);
    return delta_g;
}

static void the_sweep_back_gives_what_the_traces_of_synapses_give(void **state)
{
    static const training_rule rules[] = {TRAINING_EPROP, TRAINING_EPROP_ADAPTIVE};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        training_task_desc desc = {.rule = rules[i % 2],
                                   .inputs = 30,
                                   .hidden = i < 2 ? 40 : 270,
                                   .outputs = 5,
                                   .examples = 7,
                                   .timesteps = 90,
                                   .spikes_per_input = 3,
                                   .seed = 20 + i};
        size_t size, same;
        float *const swept = first_delta_g(&desc, 7, &size);
        desc.online = true;
        float *const traced = first_delta_g(&desc, 7, &same);
        assert_int_equal(size, same);
        size_t other = 0;
        for (size_t k = 0; k < size; k++)
            other += swept[k] != traced[k];
        const double error = relative_error(swept, traced, size);
        if (!(error < 2e-6))
            fail_msg("rule %d, %zu hidden neurons: relative error %g", (int)rules[i % 2], desc.hidden, error);
        assert_true(other > 0); /* and they are not one and the same computation */
        free(swept);
        free(traced);
    }
}

/* ---- a network of one's own ------------------------------------------------------------------------------------- */

#define INPUTS 12
#define HIDDEN 20
#define STEPS 50
#define EXAMPLES 6

typedef struct net {
    rv_context *context;
    rv_network *network;
    rv_population *in, *hid, *out;
    rv_connection *in_hid, *hid_out; /* hid_out NULL where there is none */
    rv_spikes *spikes;
    int32_t labels[EXAMPLES];
    float targets[EXAMPLES * STEPS * 4];
    size_t outputs;
} net;

static rv_neuron outputs_of(rv_readout readout)
{
    return rv_leaky_integrate((rv_li){.readout = readout});
}

static void make(net *n, uint64_t seed, size_t outputs, bool joined, rv_neuron hidden)
{
    *n = (net){.outputs = outputs};
    succeed(n->context, rv_context_create(&n->context, &(rv_context_desc){.seed = seed, .seed_given = true}));
    succeed(n->context, rv_network_create(&n->network, n->context, RV_EPROP_DEFAULTS));
    succeed(n->context,
            rv_population_add(&n->in, n->network,
                              &(rv_population_desc){.name = "in", .shape = {INPUTS}, .neuron = rv_spike_input()}));
    succeed(n->context,
            rv_population_add(&n->hid, n->network,
                              &(rv_population_desc){.name = "hid", .shape = {HIDDEN}, .neuron = hidden}));
    succeed(n->context, rv_population_add(&n->out, n->network,
                                          &(rv_population_desc){
                                              .name = "out", .shape = {outputs}, .neuron = outputs_of(rv_avg_var())}));
    succeed(n->context,
            rv_connection_add(&n->in_hid, n->network, n->in, n->hid,
                              &(rv_connection_desc){.connectivity = rv_dense(rv_normal(0.2, 0.2))}));
    succeed(n->context,
            rv_connection_add(joined ? &n->hid_out : &(rv_connection *){NULL}, n->network, joined ? n->hid : n->in,
                              n->out, &(rv_connection_desc){.connectivity = rv_dense(rv_normal(0, 0.5))}));
    succeed(n->context, rv_spikes_create(&n->spikes, n->context, INPUTS));
    for (size_t e = 0; e < EXAMPLES; e++) {
        double times[3 * INPUTS];
        int32_t ids[3 * INPUTS];
        for (size_t k = 0; k < 3 * INPUTS; k++) {
            times[k] = (double)((7 * k + 5 * e + k * k) % STEPS);
            ids[k] = (int32_t)(k % INPUTS);
        }
        succeed(n->context, rv_spikes_append(n->spikes, times, ids, 3 * INPUTS));
        n->labels[e] = (int32_t)(e % outputs);
    }
    for (size_t k = 0; k < EXAMPLES * STEPS * outputs; k++)
        n->targets[k] = (float)cos(0.1 * (double)k);
}

static rv_neuron lif(void)
{
    return rv_leaky_integrate_fire((rv_lif){.v_thresh = rv_const(0.8), .tau_refrac = rv_const(3)});
}

static void unmake(net *n)
{
    rv_spikes_free(n->spikes);
    rv_network_free(n->network);
    rv_context_free(n->context);
}

static rv_data classes(const net *n)
{
    return (rv_data){.inputs = {{.population = n->in, .spikes = n->spikes}},
                     .outputs = {{.population = n->out, .labels = n->labels, .num_labels = EXAMPLES}}};
}

static rv_data regression(const net *n)
{
    return (rv_data){.inputs = {{.population = n->in, .spikes = n->spikes}},
                     .outputs = {{.population = n->out,
                                  .loss = rv_mean_square_error(),
                                  .targets = n->targets,
                                  .num_targets = EXAMPLES * STEPS * n->outputs}}};
}

static rv_eprop_desc plain(void)
{
    return (rv_eprop_desc){.example_timesteps = STEPS, .batch_size = 2, .keep_gradients = true};
}

static rv_compiled_network *compile(const net *n, rv_eprop_desc desc)
{
    rv_compiled_network *model = NULL;
    succeed(n->context, rv_compile_eprop(&model, n->network, &desc));
    return model;
}

static rv_result *train(const net *n, rv_compiled_network *model, rv_data data, size_t num_epochs,
                        const rv_callback *callbacks, size_t num_callbacks)
{
    rv_result *result = NULL;
    succeed(n->context, rv_train(&result, model,
                                 &(rv_train_desc){.data = data,
                                                  .num_epochs = num_epochs,
                                                  .shuffle = RV_OFF,
                                                  .callbacks = callbacks,
                                                  .num_callbacks = num_callbacks,
                                                  .no_callbacks = num_callbacks == 0}));
    return result;
}

/* Recorded values (T, n) of an example in an epoch. */
static const float *recorded(const rv_result *result, const char *key, size_t epoch, size_t example)
{
    const rv_entries *const entries = rv_result_data(result, key);
    for (size_t i = 0; entries && i < entries->num; i++)
        if (entries->items[i].epoch == epoch && entries->items[i].example == example)
            return entries->items[i].values;
    fail_msg("nothing recorded under %s of example %zu", key, example);
    return NULL;
}

static rv_callback record(const rv_population *population, const char *variable, const char *key)
{
    return rv_var_recorder((rv_var_recorder_desc){.population = population, .genn_var = variable, .key = key});
}

/* ---- feedback --------------------------------------------------------------------------------------------------- */

/* With one output E_j(t) = B_j e(t-1); B is what the first step with an error says, for all steps. */
static void read_feedback(float feedback[HIDDEN], const rv_result *result, size_t epoch, size_t example)
{
    const float *const e = recorded(result, "error", epoch, example), *const E = recorded(result, "E", epoch, example);
    for (size_t j = 0; j < HIDDEN; j++) {
        assert_true(E[j] == 0);
        feedback[j] = E[HIDDEN + j] / e[0];
        for (size_t t = 1; t < STEPS; t++)
            if (fabsf(E[t * HIDDEN + j] - feedback[j] * e[t - 1]) > 1e-5F)
                fail_msg("neuron %zu, step %zu: E = %g, expected %g", j, t, (double)E[t * HIDDEN + j],
                         (double)(feedback[j] * e[t - 1]));
    }
}

static void train_for_feedback(float first[HIDDEN], float last[HIDDEN], uint64_t seed, rv_feedback kind, bool joined)
{
    net n;
    make(&n, seed, 1, joined, lif());
    rv_eprop_desc desc = plain();
    desc.feedback = kind;
    desc.optimiser = rv_adam(0.05);
    rv_compiled_network *const model = compile(&n, desc);
    const rv_callback callbacks[] = {record(n.hid, "E", "E"), record(n.out, "E", "error")};
    rv_result *const result = train(&n, model, regression(&n), 3, callbacks, 2);
    read_feedback(first, result, 0, 0);
    read_feedback(last, result, 2, EXAMPLES - 1);
    rv_result_free(result);
    rv_compiled_network_free(model);
    unmake(&n);
}

static void random_feedback_stays_as_it_was_drawn(void **state)
{
    float first[HIDDEN], last[HIDDEN], again[HIDDEN], other[HIDDEN], unused[HIDDEN];
    double sum = 0, squares = 0;
    (void)state;
    train_for_feedback(first, last, 1, RV_FEEDBACK_RANDOM, true);
    train_for_feedback(again, unused, 1, RV_FEEDBACK_RANDOM, false); /* hidden neurons without a way to the output */
    train_for_feedback(other, unused, 2, RV_FEEDBACK_RANDOM, true);
    size_t differ = 0;
    for (size_t j = 0; j < HIDDEN; j++) {
        assert_true(fabsf(first[j] - last[j]) < 1e-5F && fabsf(first[j] - again[j]) < 1e-5F);
        differ += fabsf(first[j] - other[j]) > 1e-3F;
        sum += (double)first[j];
        squares += (double)first[j] * (double)first[j];
    }
    assert_true(differ > HIDDEN / 2);
    assert_true(fabs(sum) < 4 && squares > 0.3 && squares < 2.5); /* HIDDEN numbers of variance 1 / HIDDEN */
}

static void symmetric_feedback_follows_the_weights(void **state)
{
    float first[HIDDEN], last[HIDDEN];
    (void)state;
    train_for_feedback(first, last, 1, RV_FEEDBACK_SYMMETRIC, true);
    size_t moved = 0;
    for (size_t j = 0; j < HIDDEN; j++)
        moved += fabsf(first[j] - last[j]) > 1e-3F;
    assert_true(moved > HIDDEN / 4);
}

/* ---- what is recorded and reported ------------------------------------------------------------------------------ */

static void psi_and_f_avg_are_those_of_voltages_and_spikes(void **state)
{
    net n;
    (void)state;
    make(&n, 3, 3, true, rv_leaky_integrate_fire((rv_lif){.v_thresh = rv_const(0.8)}));
    rv_eprop_desc desc = plain();
    desc.tau_reg = 30;
    rv_compiled_network *const model = compile(&n, desc);
    const rv_callback callbacks[] = {
        record(n.hid, "Psi", "psi"), record(n.hid, "FAvg", "f_avg"), record(n.hid, "V", "v"),
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.hid, .key = "spikes"})};
    rv_result *const result = train(&n, model, classes(&n), 1, callbacks, 4);
    const rv_entry *const spikes = &rv_result_data(result, "spikes")->items[0];
    const float *const psi = recorded(result, "psi", 0, 0), *const f_avg = recorded(result, "f_avg", 0, 0);
    const float *const v = recorded(result, "v", 0, 0);
    const double keep = exp(-1.0 / 30);
    size_t next = 0, above = 0;
    double average[HIDDEN] = {0};
    for (size_t t = 0; t < STEPS; t++) {
        double level[HIDDEN];
        for (size_t j = 0; j < HIDDEN; j++) {
            average[j] *= keep;
            level[j] = (double)v[t * HIDDEN + j];
        }
        for (; next < spikes->num && spikes->times[next] == (double)t; next++) {
            average[spikes->ids[next]] += 1 - keep;
            level[spikes->ids[next]] += 0.8; /* before the reset */
        }
        for (size_t j = 0; j < HIDDEN; j++) {
            const double wanted = 0.3 / 0.8 * fmax(0, 1 - fabs(level[j] - 0.8) / 0.8);
            above += psi[t * HIDDEN + j] > 0;
            assert_true(fabs((double)psi[t * HIDDEN + j] - wanted) < 1e-5);
            assert_true(fabs((double)f_avg[t * HIDDEN + j] - average[j]) < 1e-5);
        }
    }
    assert_true(next == spikes->num && next > 10 && above > 100);
    rv_result_free(result);
    rv_compiled_network_free(model);
    unmake(&n);
}

static void readouts_and_the_loss_are_of_the_softmax_in_every_step(void **state)
{
    net n;
    rv_result *result = NULL, *tested = NULL;
    (void)state;
    make(&n, 4, 4, true, lif());
    rv_compiled_network *const model = compile(&n, plain());
    const rv_callback callbacks[] = {record(n.out, "V", "v"), record(n.out, "Softmax", "softmax")};
    const rv_evaluate_desc desc = {.data = classes(&n), .callbacks = callbacks, .num_callbacks = 2};
    succeed(n.context, rv_predict(&result, model, &desc));
    succeed(n.context, rv_evaluate(&tested, model, &desc));
    size_t num = 0;
    const float *const y = rv_result_prediction(result, n.out, &num);
    double loss = 0, reported = 0;
    assert_int_equal(num, EXAMPLES);
    for (size_t e = 0; e < EXAMPLES; e++) {
        const float *const v = recorded(result, "v", 0, e), *const softmax = recorded(result, "softmax", 0, e);
        double mean[4] = {0};
        for (size_t t = 0; t < STEPS; t++) {
            double sum = 0;
            for (size_t k = 0; k < 4; k++)
                sum += exp((double)v[t * 4 + k]);
            for (size_t k = 0; k < 4; k++) {
                const double p = exp((double)v[t * 4 + k]) / sum;
                assert_true(fabs((double)softmax[t * 4 + k] - p) < 1e-6);
                mean[k] += p / STEPS;
            }
            loss -= log(exp((double)v[t * 4 + (size_t)n.labels[e]]) / sum) / (STEPS * EXAMPLES);
        }
        for (size_t k = 0; k < 4; k++)
            assert_true(fabs((double)y[e * 4 + k] - mean[k]) < 1e-6);
    }
    succeed(n.context, rv_metrics_get(rv_result_metrics(tested), "loss", &reported));
    assert_true(fabs(reported - loss) < 1e-6 * loss);
    rv_result_free(result);
    rv_result_free(tested);
    rv_compiled_network_free(model);
    unmake(&n);
}

/* A callback that records some synapses of in -> hid: of inputs 2 and 7 to every fourth hidden neuron. */
typedef struct tracer {
    const net *n;
    const char *name;
    rv_probe *probe;
    float values[STEPS][2][HIDDEN / 4]; /* of the last batch's first example */
} tracer;

static int trace(void *user, rv_run *run)
{
    tracer *const t = user;
    static const int64_t sources[] = {7, 2};
    return rv_connection_probe_add(&t->probe, run,
                                   &(rv_connection_probe_desc){.connection = t->n->in_hid,
                                                               .name = t->name,
                                                               .sources = rv_indices(sources, 2),
                                                               .targets = rv_slice("::4")});
}

static int keep_traces(void *user, size_t batch, const rv_metrics *metrics)
{
    tracer *const t = user;
    const rv_entry *const e = &rv_probe_batch(t->probe)->items[0];
    (void)batch, (void)metrics;
    assert_true(e->num_dims == 3 && e->shape[0] == STEPS && e->shape[1] == 2 && e->shape[2] == HIDDEN / 4);
    memcpy(t->values, e->values, sizeof t->values);
    return 0;
}

static rv_callback tracing(tracer *t)
{
    return (rv_callback){.name = t->name, .user = t, .set_params = trace, .on_batch_end = keep_traces};
}

static void traces_of_synapses_can_be_watched_in_the_online_form(void **state)
{
    static tracer z, filtered, delta;
    float delta_g[INPUTS][HIDDEN];
    net n;
    (void)state;
    make(&n, 12, 3, true, rv_leaky_integrate_fire((rv_lif){.v_thresh = rv_const(0.8)}));
    z = (tracer){.n = &n, .name = "ZFilter"};
    filtered = (tracer){.n = &n, .name = "eFiltered"};
    delta = (tracer){.n = &n, .name = "DeltaG"};
    rv_eprop_desc desc = plain();
    desc.online = true;
    desc.batch_size = 1;
    rv_compiled_network *const model = compile(&n, desc);
    const rv_callback callbacks[] = {tracing(&z), tracing(&filtered), tracing(&delta), record(n.hid, "Psi", "psi"),
                                     rv_spike_recorder((rv_spike_recorder_desc){.population = n.in, .key = "in"})};
    rv_result *const result = train(&n, model, classes(&n), 1, callbacks, 5);
    const rv_entry *const in = &rv_result_data(result, "in")->items[EXAMPLES - 1];
    const float *const psi = recorded(result, "psi", 0, EXAMPLES - 1);
    const double alpha = exp(-1.0 / 20);
    double expected_z[2] = {0}, expected_filtered[2][HIDDEN / 4] = {{0}};
    size_t next = 0, seen = 0;
    for (size_t t = 0; t + 1 < STEPS; t++) {
        for (size_t i = 0; i < 2; i++)
            expected_z[i] *= alpha;
        for (; next < in->num && in->times[next] == (double)t; next++)
            for (size_t i = 0; i < 2; i++)
                expected_z[i] += in->ids[next] == (i == 0 ? 2 : 7); /* ascending, whatever the filter's order */
        for (size_t i = 0; i < 2; i++)
            for (size_t j = 0; j < HIDDEN / 4; j++) {
                double *const f = &expected_filtered[i][j];
                *f = alpha * *f + expected_z[i] * (double)psi[t * HIDDEN + 4 * j];
                assert_true(fabs((double)z.values[t][i][j] - expected_z[i]) < 1e-5);
                assert_true(fabs((double)filtered.values[t][i][j] - *f) < 1e-5);
                seen += *f > 0.01;
            }
    }
    assert_true(seen > 50);
    succeed(n.context, rv_variable_get(model, (rv_variable){.connection = n.in_hid, .name = "DeltaG"}, delta_g[0],
                                       INPUTS * HIDDEN));
    for (size_t j = 0; j < HIDDEN / 4; j++) {
        assert_true(delta.values[STEPS - 1][0][j] == delta_g[2][4 * j]);
        assert_true(delta.values[STEPS - 1][1][j] == delta_g[7][4 * j]);
    }
    rv_result_free(result);
    rv_compiled_network_free(model);
    unmake(&n);
}

static void without_traces_there_are_none_to_watch(void **state)
{
    net n;
    rv_run *run = NULL;
    (void)state;
    make(&n, 13, 3, true, lif());
    tracer t = {.n = &n, .name = "eFiltered"};
    rv_compiled_network *const model = compile(&n, plain());
    const rv_callback callback = tracing(&t);
    assert_int_equal(rv_train_prepare(&run, model,
                                      &(rv_train_desc){.data = classes(&n),
                                                       .num_epochs = 1,
                                                       .callbacks = &callback,
                                                       .num_callbacks = 1}),
                     RV_ERR_NAME);
    assert_non_null(strstr(rv_last_error(n.context), "has no variable 'eFiltered'"));
    rv_compiled_network_free(model);
    unmake(&n);
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

static void delta_g_of(float out[INPUTS * HIDDEN], const net *n, rv_eprop_desc desc)
{
    rv_compiled_network *const model = compile(n, desc);
    rv_result_free(train(n, model, classes(n), 1, NULL, 0));
    succeed(n->context, rv_variable_get(model, (rv_variable){.connection = n->in_hid, .name = "DeltaG"}, out,
                                        INPUTS * HIDDEN));
    rv_compiled_network_free(model);
}

static void a_zero_is_the_default_unless_it_is_given(void **state)
{
    float zero[INPUTS * HIDDEN], given[INPUTS * HIDDEN], standard[INPUTS * HIDDEN];
    net n;
    (void)state;
    make(&n, 5, 3, true, lif());
    rv_eprop_desc desc = plain();
    delta_g_of(zero, &n, desc);
    desc.c_reg = 0.001;
    desc.f_target = 10;
    desc.tau_reg = 500;
    delta_g_of(standard, &n, desc);
    assert_memory_equal(zero, standard, sizeof zero);
    desc.f_target = 0;
    desc.f_target_given = true;
    delta_g_of(given, &n, desc);
    assert_memory_not_equal(given, standard, sizeof given);
    desc.c_reg = 0;
    desc.c_reg_given = true;
    delta_g_of(standard, &n, desc);
    assert_memory_not_equal(given, standard, sizeof given);
    unmake(&n);
}

static void biases_of_outputs_learn_unless_they_are_told_not_to(void **state)
{
    (void)state;
    for (int learns = 0; learns < 2; learns++) {
        float bias[3] = {0}, delta[3];
        net n;
        make(&n, 6, 3, true, lif());
        rv_eprop_desc desc = plain();
        desc.train_output_bias = learns ? RV_DEFAULT : RV_OFF;
        rv_compiled_network *const model = compile(&n, desc);
        rv_result_free(train(&n, model, classes(&n), 1, NULL, 0));
        succeed(n.context, rv_variable_get(model, (rv_variable){.population = n.out, .name = "bias"}, bias, 3));
        const int code =
            rv_variable_get(model, (rv_variable){.population = n.out, .name = "DeltaBias"}, delta, 3);
        assert_int_equal(code, learns ? 0 : RV_ERR_NAME);
        for (size_t k = 0; k < 3; k++)
            assert_true((bias[k] != 0) == learns);
        rv_compiled_network_free(model);
        unmake(&n);
    }
}

static void read_bias(const net *n, const rv_compiled_network *model, float bias[3])
{
    succeed(n->context, rv_variable_get(model, (rv_variable){.population = n->out, .name = "bias"}, bias, 3));
}

static void learnt_biases_are_saved_and_loaded_with_the_weights(void **state)
{
    const char *const key[] = {"5"};
    float learnt[3], loaded[3], described[3];
    net n;
    (void)state;
    make(&n, 10, 3, true, lif());
    rv_compiled_network *const model = compile(&n, plain()), *const other = compile(&n, plain());
    rv_compiled_network *tested = NULL;
    const rv_serialiser files = rv_numpy_serialiser(test_path("biases"));
    rv_result_free(train(&n, model, classes(&n), 1, NULL, 0));
    succeed(n.context, rv_compiled_network_save(model, &files, key, 1));
    assert_true(test_exists(test_path("biases/5-out-Bias.npy")));
    succeed(n.context, rv_compiled_network_load(other, &files, key, 1));
    succeed(n.context, rv_network_load(n.network, &files, key, 1));
    succeed(n.context, rv_compile_inference(&tested, n.network, &(rv_inference_desc){.example_timesteps = STEPS}));
    read_bias(&n, model, learnt);
    read_bias(&n, other, loaded);
    read_bias(&n, tested, described);
    assert_true(learnt[0] != 0);
    assert_memory_equal(learnt, loaded, sizeof learnt);
    assert_memory_equal(learnt, described, sizeof learnt);
    rv_compiled_network_free(model);
    rv_compiled_network_free(other);
    rv_compiled_network_free(tested);
    unmake(&n);
}

static void times_run_on_from_batch_to_batch_if_they_are_told_to(void **state)
{
    net n;
    (void)state;
    make(&n, 11, 3, true, lif());
    rv_eprop_desc desc = plain();
    const rv_callback recorder = rv_spike_recorder((rv_spike_recorder_desc){.population = n.in, .key = "spikes"});
    rv_result *results[2];
    for (int on = 0; on < 2; on++) {
        desc.reset_time_between_batches = on ? RV_OFF : RV_DEFAULT;
        rv_compiled_network *const model = compile(&n, desc);
        results[on] = train(&n, model, classes(&n), 2, &recorder, 1);
        rv_compiled_network_free(model);
    }
    const rv_entries *const reset = rv_result_data(results[0], "spikes"), *const on = rv_result_data(results[1], "spikes");
    assert_int_equal(on->num, 2 * EXAMPLES);
    for (size_t i = 0; i < on->num; i++) {
        const size_t batch = on->items[i].epoch * EXAMPLES / 2 + on->items[i].example / 2;
        assert_true(on->items[i].num > 0 && on->items[i].num == reset->items[i].num);
        for (size_t k = 0; k < on->items[i].num; k++)
            assert_true(on->items[i].times[k] == reset->items[i].times[k] + (double)(batch * STEPS));
    }
    rv_result_free(results[0]);
    rv_result_free(results[1]);
    unmake(&n);
}

static void training_lowers_the_loss_of_both_kinds(void **state)
{
    (void)state;
    for (int squares = 0; squares < 2; squares++) {
        double first, last;
        net n;
        make(&n, 7, 3, true, lif());
        rv_eprop_desc desc = plain();
        desc.optimiser = rv_adam(0.005);
        rv_compiled_network *const model = compile(&n, desc);
        rv_result *const result = train(&n, model, squares ? regression(&n) : classes(&n), 40, NULL, 0);
        succeed(n.context, rv_metrics_get(rv_result_history(result, 0), "loss", &first));
        succeed(n.context, rv_metrics_get(rv_result_history(result, 39), "loss", &last));
        if (!(last < 0.7 * first))
            fail_msg("loss %g after %g", last, first);
        rv_result_free(result);
        rv_compiled_network_free(model);
        unmake(&n);
    }
}

/* ---- refused ---------------------------------------------------------------------------------------------------- */

static void refuse(const char *what, net *n, rv_eprop_desc desc, int wanted, const char *said)
{
    rv_compiled_network *model = NULL;
    const int code = rv_compile_eprop(&model, n->network, &desc);
    if (code != wanted || !strstr(rv_last_error(n->context), said))
        fail_msg("%s: code %d, '%s'; expected %d and '%s'", what, code, rv_last_error(n->context), wanted, said);
    assert_null(model);
    unmake(n);
}

static void what_eprop_cannot_learn_is_refused_by_name(void **state)
{
    rv_eprop_desc desc = plain();
    net n;
    (void)state;
    make(&n, 8, 3, false, lif());
    refuse("no way to the output", &n, desc, RV_ERR_NETWORK, "population 'hid': e-prop with symmetric feedback");
    make(&n, 8, 3, true, rv_leaky_integrate_fire((rv_lif){.scale_i = RV_ON}));
    refuse("scaled currents", &n, desc, RV_ERR_NETWORK, "population 'hid': e-prop needs unscaled currents");
    make(&n, 8, 3, true, rv_leaky_integrate_fire((rv_lif){.v_thresh = rv_const(-1)}));
    refuse("threshold", &n, desc, RV_ERR_NETWORK, "population 'hid': e-prop needs v_thresh > 0");
    make(&n, 8, 3, false, rv_leaky_integrate((rv_li){.tau_mem = rv_const(20)}));
    refuse("hidden neurons that do not spike", &n, desc, RV_ERR_NETWORK, "'hid': e-prop needs hidden neurons that spike");
    make(&n, 8, 3, true, rv_leaky_integrate_fire((rv_lif){.readout = rv_spike_count()}));
    refuse("an output that spikes", &n, desc, RV_ERR_NETWORK, "'hid': e-prop needs an output that does not spike");
    make(&n, 8, 3, true, lif());
    succeed(n.context, rv_connection_add(&(rv_connection *){NULL}, n.network, n.hid, n.hid,
                                         &(rv_connection_desc){.connectivity = rv_dense(rv_const(0.1)),
                                                               .synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)})}));
    refuse("synapses", &n, desc, RV_ERR_NETWORK, "'hid': e-prop needs Delta synapses, got Exponential");

    make(&n, 8, 3, true, lif());
    desc.tau_reg = -3;
    refuse("tau_reg", &n, desc, RV_ERR_VALUE, "e-prop: tau_reg must be > 0, got -3");
    make(&n, 8, 3, true, lif());
    desc = plain();
    desc.c_reg = -1;
    refuse("c_reg", &n, desc, RV_ERR_VALUE, "e-prop: c_reg must be >= 0, got -1");
    make(&n, 8, 3, true, lif());
    desc = plain();
    desc.online = true;
    desc.schedule = RV_SCHEDULE_ROWS;
    refuse("rows of traces", &n, desc, RV_ERR_VALUE, "the online form has no rows schedule");
}

static void another_loss_is_refused_when_the_run_is_prepared(void **state)
{
    net n;
    rv_run *run = NULL;
    (void)state;
    make(&n, 9, 3, true, lif());
    rv_compiled_network *const model = compile(&n, plain());
    static const rv_loss_model own = {.name = "MyLoss", .loss = NULL};
    rv_data data = classes(&n);
    rv_loss_model mine = own;
    mine.loss = rv_sparse_categorical_crossentropy().model->loss;
    data.outputs[0].loss = (rv_loss){.model = &mine};
    assert_int_equal(rv_train_prepare(&run, model, &(rv_train_desc){.data = data, .num_epochs = 1}),
                     RV_ERR_UNSUPPORTED);
    assert_non_null(strstr(rv_last_error(n.context), "output 'out': e-prop learns with"));
    assert_null(run);
    rv_compiled_network_free(model);
    unmake(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sweep_back_gives_what_the_traces_of_synapses_give),
        cmocka_unit_test(random_feedback_stays_as_it_was_drawn),
        cmocka_unit_test(symmetric_feedback_follows_the_weights),
        cmocka_unit_test(psi_and_f_avg_are_those_of_voltages_and_spikes),
        cmocka_unit_test(readouts_and_the_loss_are_of_the_softmax_in_every_step),
        cmocka_unit_test(traces_of_synapses_can_be_watched_in_the_online_form),
        cmocka_unit_test(without_traces_there_are_none_to_watch),
        cmocka_unit_test(a_zero_is_the_default_unless_it_is_given),
        cmocka_unit_test(biases_of_outputs_learn_unless_they_are_told_not_to),
        cmocka_unit_test(learnt_biases_are_saved_and_loaded_with_the_weights),
        cmocka_unit_test(times_run_on_from_batch_to_batch_if_they_are_told_to),
        cmocka_unit_test(training_lowers_the_loss_of_both_kinds),
        cmocka_unit_test(what_eprop_cannot_learn_is_refused_by_name),
        cmocka_unit_test(another_loss_is_refused_when_the_run_is_prepared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
