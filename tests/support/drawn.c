#include "support/drawn.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/wired.h"

#define MAX_DELAY 9
#define FAR_BYTES (17U << 20) /* a ring of so many is not made: delays are far */

void drawn_ok(const drawn *d, int code)
{
    if (code < 0)
        fail_msg("%s", d->context ? rv_last_error(d->context) : rv_strerror(code));
}

bool drawn_spikes(const drawn *d, int population)
{
    return strcmp(rv_neuron_model_name(rv_population_neuron(d->populations[population])->model), "LeakyIntegrate") !=
           0;
}

static bool chance(drawn *d, uint32_t percent)
{
    return wired_random(&d->random, 100) < percent;
}

static double between(drawn *d, double low, double high)
{
    return low + (high - low) * (double)wired_random(&d->random, 1000001) / 1e6;
}

static rv_flag flag(drawn *d)
{
    return chance(d, 50) ? RV_ON : RV_OFF;
}

/* One number for all, or one each; the context's seed draws those. */
static rv_value parameter(drawn *d, double low, double high)
{
    return chance(d, 30) ? rv_uniform(low, high) : rv_const(between(d, low, high));
}

/* ---- populations ---- */

/* Around the widths of registers and words, and where blocks are of few steps. */
static size_t draw_size(drawn *d)
{
    static const size_t few[] = {1, 2, 3, 5, 8, 15, 16, 17, 20, 31, 33, 40, 48, 63, 64, 65, 70};
    static const size_t many[] = {100, 127, 130, 150, 192, 200, 257, 300, 600, 1030};
    return chance(d, 85) ? few[wired_random(&d->random, 17)] : many[wired_random(&d->random, 10)];
}

static rv_neuron draw_lif(drawn *d, bool refractory, rv_readout readout)
{
    return rv_leaky_integrate_fire((rv_lif){
        .v_thresh = parameter(d, 0.6, 1.2),
        .v_reset = rv_const(chance(d, 30) ? 0.2 : 0),
        .tau_mem = parameter(d, 5, 25),
        .tau_refrac = !refractory || chance(d, 50) ? rv_const(0) : parameter(d, 0, 5),
        .relative_reset = flag(d),
        .integrate_during_refrac = flag(d),
        .scale_i = d->compiler == DRAWN_EPROP ? RV_OFF : RV_ON,
        .readout = readout,
    });
}

static rv_neuron draw_hidden(drawn *d)
{
    const uint32_t kind = wired_random(&d->random, 10);
    if (kind == 0 && d->compiler == DRAWN_INFERENCE)
        return rv_integrate_fire((rv_if){.v_thresh = parameter(d, 3, 8)});
    if (kind == 1 && d->compiler != DRAWN_EPROP)
        return rv_leaky_integrate((rv_li){.tau_mem = parameter(d, 5, 25)});
    if (kind == 2 || kind == 3)
        return rv_adaptive_leaky_integrate_fire((rv_alif){
            .v_thresh = parameter(d, 0.6, 1.2),
            .tau_mem = parameter(d, 5, 25),
            .tau_refrac = rv_const(chance(d, 30) ? 2 : 0),
            .beta = parameter(d, 0, 0.2),
            .scale_i = d->compiler == DRAWN_EPROP ? RV_OFF : RV_ON,
        });
    return draw_lif(d, true, NULL);
}

static rv_neuron draw_output(drawn *d)
{
    const rv_readout of_v[] = {rv_avg_var(), rv_avg_var_exp_weight(), rv_sum_var(), rv_max_var(), rv_var()};
    const rv_readout of_spikes[] = {rv_first_spike_time(), rv_spike_count()};
    d->output_spikes = d->compiler != DRAWN_EPROP && chance(d, 30);
    if (d->output_spikes) /* EventProp has no rule for counts */
        return draw_lif(d, d->compiler == DRAWN_INFERENCE,
                        of_spikes[wired_random(&d->random, d->compiler == DRAWN_INFERENCE ? 2 : 1)]);
    return rv_leaky_integrate((rv_li){.tau_mem = parameter(d, 5, 25),
                                      .bias = parameter(d, -0.1, 0.1),
                                      .readout = of_v[wired_random(&d->random, 5)]});
}

static void add(drawn *d, size_t n, rv_neuron neuron)
{
    const rv_population_desc desc = {.shape = {n}, .neuron = neuron};
    drawn_ok(d, rv_population_add(&d->populations[d->num_populations++], d->network, &desc));
}

static void add_inputs(drawn *d)
{
    const rv_input_frames frames = {.input_frames = 3, .input_frame_timesteps = 1 + wired_random(&d->random, 20)};
    const rv_neuron of_values[] = {
        rv_binary_spike_input(flag(d), frames),
        rv_poisson_input(flag(d), frames),
        rv_leaky_integrate_fire_input((rv_lif){.tau_refrac = rv_const(chance(d, 50) ? 2 : 0)}, frames),
        rv_integrate_fire_input((rv_if){.v_thresh = rv_const(3)}, frames),
    };
    add(d, draw_size(d), rv_spike_input());
    d->num_inputs = 1;
    if (d->compiler != DRAWN_EPROP && chance(d, 30)) {
        add(d, draw_size(d), of_values[wired_random(&d->random, 4)]);
        d->num_inputs = 2;
    }
}

/* ---- connections ---- */

static rv_synapse draw_synapse(drawn *d)
{
    if (d->compiler == DRAWN_EPROP || (d->compiler == DRAWN_INFERENCE && chance(d, 30)))
        return rv_delta();
    return rv_exponential(
        (rv_exponential_params){.tau = chance(d, 20) ? rv_uniform(3, 8) : rv_const(chance(d, 70) ? 5 : 8)});
}

/* Weights with which a few percent of the sources make a target spike. */
static rv_value draw_weights(drawn *d, size_t num_source, bool back)
{
    const double scale = (d->compiler == DRAWN_EPROP ? 4 : 14) / (double)(num_source < 4 ? 4 : num_source);
    return back ? rv_uniform(-0.3 * scale, 0.3 * scale) : rv_uniform(-0.7 * scale, 2 * scale);
}

/* Delays of all synapses or of each; in some networks they learn, and a few are longer than rings may be. */
static rv_value draw_delay(drawn *d, size_t num_target, size_t *max_delay, bool *learn)
{
    const bool carries = d->compiler == DRAWN_INFERENCE; /* then they are shorter than an example */
    const size_t far = FAR_BYTES / sizeof(float) / num_target;
    const size_t most = carries && d->num_steps <= MAX_DELAY ? d->num_steps - 1 : MAX_DELAY;
    *max_delay = 0;
    *learn = false;
    if (chance(d, 50))
        return rv_const(0);
    if (d->compiler == DRAWN_EVENTPROP && far < 65535 && chance(d, 20)) {
        const double end = (double)(far < d->num_steps ? far : d->num_steps);
        *max_delay = far;
        return chance(d, 50) ? rv_const(floor(between(d, 0, end))) : rv_uniform(0, end);
    }
    if (chance(d, 50))
        return rv_const(wired_random(&d->random, (uint32_t)most + 1));
    *max_delay = most;
    *learn = d->compiler == DRAWN_EVENTPROP && chance(d, 50);
    return rv_uniform(0, (double)most);
}

static void connect(drawn *d, int source, int target)
{
    source = drawn_spikes(d, source) ? source : 0;
    const size_t num_source = rv_population_size(d->populations[source]);
    const size_t num_target = rv_population_size(d->populations[target]);
    char name[32];
    bool learn;
    if (d->num_connections == DRAWN_CONNECTIONS)
        return;
    snprintf(name, sizeof name, "c%d", d->num_connections);
    rv_connection_desc desc = {.name = name, .synapse = draw_synapse(d), .frozen = chance(d, 5)};
    const rv_value weight = draw_weights(d, num_source, target <= source);
    if (num_source > 1 && chance(d, 20))
        desc.connectivity = rv_fixed_probability((rv_fixed_probability_desc){.p = 0.4, .weight = weight});
    else
        desc.connectivity = rv_dense(weight);
    desc.connectivity.delay = draw_delay(d, num_target, &desc.max_delay_steps, &learn);
    rv_connection **out = &d->connections[d->num_connections++];
    drawn_ok(d, rv_connection_add(out, d->network, d->populations[source], d->populations[target], &desc));
    if (learn)
        d->delays_learn[d->num_delays_learn++] = *out;
}

/* A way for spikes from an input to the output, skips, and perhaps cycles of one, two or three populations; e-prop wants
 * one from each to the output. */
static void connect_all(drawn *d)
{
    const int first = d->num_inputs, last = d->num_populations - 1;
    const bool cycles = chance(d, 40), eprop = d->compiler == DRAWN_EPROP;
    for (int to = first; to <= last; to++) {
        if (to < last && !eprop && chance(d, 8))
            continue; /* nothing leads to it */
        connect(d, to == first ? 0 : to - 1, to);
        for (int i = 0; i < 2; i++)
            if (chance(d, 35))
                connect(d, (int)wired_random(&d->random, (uint32_t)to), to);
    }
    for (int from = first; cycles && from < last; from++) {
        if (chance(d, 40))
            connect(d, from, from);
        if (from > first && chance(d, 40))
            connect(d, from, from - 1 - (int)wired_random(&d->random, from - first > 1 ? 2 : 1));
    }
    for (int from = first; eprop && from < last; from++)
        connect(d, from, last);
    if (d->num_inputs == 2)
        connect(d, 1, first);
}

static void make_network(drawn *d)
{
    drawn_ok(d, rv_network_create(&d->network, d->context,
                                  d->compiler == DRAWN_EPROP       ? RV_EPROP_DEFAULTS
                                  : d->compiler == DRAWN_EVENTPROP ? RV_EVENTPROP_DEFAULTS
                                                                   : RV_CLASS_DEFAULTS));
    add_inputs(d);
    for (uint32_t num_hidden = wired_random(&d->random, 5); num_hidden > 0; num_hidden--)
        add(d, draw_size(d), draw_hidden(d));
    const size_t num_out = 2 + wired_random(&d->random, 19);
    d->two_outputs = chance(d, 25);
    if (d->two_outputs)
        add(d, num_out, rv_leaky_integrate((rv_li){.readout = rv_avg_var_exp_weight()}));
    add(d, num_out, draw_output(d));
    connect_all(d);
}

/* ---- data ---- */

static void add_spikes(drawn *d)
{
    const size_t n = rv_population_size(d->populations[0]);
    const uint32_t rarity = chance(d, 85) ? 10 + wired_random(&d->random, 40) : 500; /* of a spike in a step */
    double *times = malloc(n * d->num_steps * sizeof *times);
    int32_t *ids = malloc(n * d->num_steps * sizeof *ids);
    drawn_ok(d, rv_spikes_create(&d->spikes, d->context, n));
    for (size_t e = 0; e < d->num_examples; e++) {
        const size_t quiet = chance(d, 30) ? wired_random(&d->random, 70) : 0; /* so many steps at its start */
        size_t num = 0;
        for (size_t t = quiet; t < d->num_steps; t++)
            for (size_t j = 0; j < n; j++)
                if (wired_random(&d->random, rarity) == 0) {
                    times[num] = (double)t;
                    ids[num++] = (int32_t)j;
                }
        drawn_ok(d, rv_spikes_append(d->spikes, times, ids, num));
    }
    free(times);
    free(ids);
}

static void add_data(drawn *d)
{
    const size_t n = rv_population_size(d->populations[d->num_populations - 1]);
    const size_t num_values = d->num_inputs == 2 ? 3 * rv_population_size(d->populations[1]) : 0;
    add_spikes(d);
    d->num_values = d->num_examples * num_values;
    d->values = malloc((d->num_values + 1) * sizeof *d->values);
    for (size_t i = 0; i < d->num_values; i++)
        d->values[i] = (float)between(d, -1, 1.5);
    d->num_targets = d->num_examples * n * (d->over_time ? d->num_steps : 1);
    d->targets = malloc(d->num_targets * sizeof *d->targets);
    for (size_t i = 0; i < d->num_targets; i++)
        d->targets[i] = (float)between(d, -1, 1);
    d->labels = malloc(d->num_examples * sizeof *d->labels);
    for (size_t e = 0; e < d->num_examples; e++)
        d->labels[e] = (int32_t)wired_random(&d->random, (uint32_t)n);
}

rv_data drawn_data(const drawn *d)
{
    rv_data data = {
        .inputs = {{.population = d->populations[0], .spikes = d->spikes}},
        .outputs = {{.population = d->populations[d->num_populations - 1]}},
    };
    if (d->num_inputs == 2)
        data.inputs[1] = (rv_input){.population = d->populations[1], .values = d->values, .num_values = d->num_values};
    if (d->regression) {
        data.outputs[0].targets = d->targets;
        data.outputs[0].num_targets = d->num_targets;
    } else {
        data.outputs[0].labels = d->labels;
        data.outputs[0].num_labels = d->num_examples;
    }
    if (d->two_outputs) {
        data.outputs[1] = data.outputs[0];
        data.outputs[1].population = d->populations[d->num_populations - 2];
    }
    return data;
}

/* ---- all of it ---- */

static void draw_task(drawn *d)
{
    static const size_t steps[] = {1, 2, 3, 4, 5, 63, 64, 65, 66, 128, 129, 200};
    d->num_steps = chance(d, 40) ? steps[wired_random(&d->random, 12)] : 1 + wired_random(&d->random, 200);
    d->batch_size = 1 + wired_random(&d->random, 3);
    d->num_examples = 2 * d->batch_size - (d->batch_size > 1 ? wired_random(&d->random, 2) : 0);
}

static void compile(drawn *d, rv_schedule schedule)
{
    if (d->compiler == DRAWN_INFERENCE) {
        drawn_ok(d, rv_compile_inference(&d->model, d->network,
                                         &(rv_inference_desc){.example_timesteps = d->num_steps,
                                                              .batch_size = d->batch_size,
                                                              .reset_vars_between_batches = flag(d),
                                                              .reset_in_syn_between_batches = flag(d)}));
    } else if (d->compiler == DRAWN_EPROP) {
        drawn_ok(d, rv_compile_eprop(&d->model, d->network,
                                     &(rv_eprop_desc){.example_timesteps = d->num_steps,
                                                      .batch_size = d->batch_size,
                                                      .optimiser = rv_adam(1e-2),
                                                      .schedule = schedule,
                                                      .keep_gradients = true}));
    } else {
        const double lambda = chance(d, 30) ? 1e-3 : 0;
        drawn_ok(d, rv_compile_eventprop(&d->model, d->network,
                                         &(rv_eventprop_desc){.example_timesteps = d->num_steps,
                                                              .batch_size = d->batch_size,
                                                              .optimiser = rv_adam(1e-2),
                                                              .reg_lambda_upper = lambda,
                                                              .reg_lambda_lower = lambda,
                                                              .reg_nu_upper = 3,
                                                              .train_output_bias = chance(d, 30),
                                                              .per_timestep_loss = !d->output_spikes && chance(d, 30),
                                                              .delay_learn_conns = d->delays_learn,
                                                              .num_delay_learn_conns = d->num_delays_learn,
                                                              .delay_optimiser = rv_adam(0.3),
                                                              .schedule = schedule,
                                                              .keep_gradients = true}));
    }
}

void drawn_create(drawn *d, drawn_compiler compiler, uint64_t seed, const drawn_way *way)
{
    *d = (drawn){.compiler = compiler, .random = (seed + 1) * 0x9e3779b97f4a7c15U};
    drawn_ok(d, rv_context_create(&d->context, &(rv_context_desc){.seed = seed + 1,
                                                                  .seed_given = true,
                                                                  .num_threads = way->num_threads,
                                                                  .isa = way->isa}));
    draw_task(d);
    make_network(d);
    d->regression = !d->output_spikes && chance(d, 30);
    d->over_time = d->regression && (compiler == DRAWN_EPROP || chance(d, 50));
    add_data(d);
    compile(d, way->schedule);
}

void drawn_free(drawn *d)
{
    rv_compiled_network_free(d->model);
    rv_network_free(d->network);
    rv_spikes_free(d->spikes);
    rv_context_free(d->context);
    free(d->values);
    free(d->labels);
    free(d->targets);
    *d = (drawn){0};
}

void drawn_describe(char *text, size_t size, const drawn *d)
{
    static const char *const names[] = {"EventProp", "e-prop", "inference"};
    int at = snprintf(text, size, "%s, %zu steps, sizes", names[d->compiler], d->num_steps);
    for (int i = 0; i < d->num_populations && at > 0 && (size_t)at < size; i++)
        at += snprintf(text + at, size - (size_t)at, " %zu", rv_population_size(d->populations[i]));
    for (int i = 0; i < d->num_connections && at > 0 && (size_t)at < size; i++)
        at += snprintf(text + at, size - (size_t)at, ", %s-%s",
                       rv_population_name(rv_connection_source(d->connections[i])),
                       rv_population_name(rv_connection_target(d->connections[i])));
}
