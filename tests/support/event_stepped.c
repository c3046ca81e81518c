/* A problem in the engine, in timesteps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/event_problem.h"

/* A network in the engine, its connections in the order of the problem's. */
typedef struct stepped {
    rv_context *context;
    rv_network *network;
    rv_population *populations[PROBLEM_LAYERS + 1];
    rv_connection *connections[PROBLEM_LAYERS + 1];
    rv_compiled_network *model;
    rv_spikes *spikes;
} stepped;

static void succeed(const stepped *s, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(s->context));
}

/* 1 - alpha of an output, which its bias in timesteps is multiplied with */
static double gain_of(const problem *p, size_t output, double dt)
{
    return -expm1(-dt / p->neurons[p->num_neurons - PROBLEM_OUTPUTS + output].tau_mem);
}

static void add_neurons(stepped *s, const problem *p, int k, double dt)
{
    float taus[PROBLEM_NEURONS], biases[PROBLEM_OUTPUTS];
    const bool is_output = k == p->num_populations - 1;
    const event_neuron *const n = &p->neurons[p->first[k]];
    rv_population_desc desc = {.shape = {p->shape[k][0], p->shape[k][1], p->shape[k][2]}};
    for (size_t j = 0; k && j < p->size[k]; j++)
        taus[j] = (float)n[j].tau_mem;
    const rv_value tau_mem = rv_array(taus, p->size[k]);
    const rv_readout readout = is_output ? rv_readout_by_name(p->desc.readout) : NULL;
    for (size_t j = 0; j < PROBLEM_OUTPUTS; j++)
        biases[j] = (float)(p->biases[j] * gain_of(p, j, dt));
    if (k == 0)
        desc.neuron = rv_spike_input();
    else if (is_output && !problem_of_spikes(&p->desc))
        desc.neuron = rv_leaky_integrate(
            (rv_li){.tau_mem = tau_mem, .bias = rv_array(biases, PROBLEM_OUTPUTS), .readout = readout});
    else if (n->beta != 0)
        desc.neuron = rv_adaptive_leaky_integrate_fire((rv_alif){.v_thresh = rv_const(n->v_thresh),
                                                                 .v_reset = rv_const(n->v_reset),
                                                                 .beta = rv_const(n->beta),
                                                                 .tau_adapt = rv_const(n->tau_adapt),
                                                                 .relative_reset = n->relative_reset ? RV_ON : RV_OFF,
                                                                 .tau_mem = tau_mem});
    else
        desc.neuron = rv_leaky_integrate_fire((rv_lif){.v_thresh = rv_const(n->v_thresh),
                                                       .v_reset = rv_const(n->v_reset),
                                                       .relative_reset = n->relative_reset ? RV_ON : RV_OFF,
                                                       .tau_mem = tau_mem,
                                                       .readout = readout});
    succeed(s, rv_population_add(&s->populations[k], s->network, &desc));
}

static void connect(stepped *s, const problem *p, int index, double dt)
{
    const problem_connection *const c = &p->connections[index];
    float weights[PROBLEM_WEIGHTS], delays[PROBLEM_WEIGHTS], taus[PROBLEM_NEURONS];
    rv_connection_desc desc = {.connectivity = c->connectivity, .max_delay_steps = (size_t)(8 / dt)};
    for (size_t k = 0; k < c->num_weights; k++) {
        weights[k] = (float)p->weights[c->first_weight + k];
        delays[k] = (float)round(p->delays[c->first_weight + k] / dt);
    }
    for (size_t j = 0; j < p->size[c->target]; j++)
        taus[j] = (float)p->neurons[p->first[c->target] + j].tau_syn;
    if (c->learns)
        desc.connectivity.weight = rv_array(weights, c->num_weights);
    desc.connectivity.delay = c->delayed ? rv_array(delays, c->num_weights) : rv_const(round(c->delay / dt));
    desc.synapse = rv_exponential((rv_exponential_params){.tau = rv_array(taus, p->size[c->target])});
    succeed(s, rv_connection_add(&s->connections[index], s->network, s->populations[c->source],
                                 s->populations[c->target], &desc));
}

static void compile(stepped *s, const problem *p, double dt)
{
    const problem_desc *const d = &p->desc;
    const size_t T = (size_t)llround(PROBLEM_DURATION / dt);
    const rv_connection *delayed[PROBLEM_LAYERS + 1];
    size_t num_delayed = 0;
    for (int i = 0; i < p->num_connections; i++)
        if (d->delays_learn && p->connections[i].delayed)
            delayed[num_delayed++] = s->connections[i];
    succeed(s, rv_compile_eventprop(
                   &s->model, s->network,
                   &(rv_eventprop_desc){
                       .example_timesteps = T,
                       .dt = dt,
                       /* a sum over T steps, divided by T inside the softmax, is the mean that the solver looks at */
                       .softmax_temperature = strcmp(d->readout, "SumVar") == 0 ? (double)T : 1,
                       .ttfs_alpha = PROBLEM_TTFS_ALPHA,
                       .per_timestep_loss = d->loss == OVER_TIME,
                       .train_output_bias = d->biases_learn,
                       .delay_learn_conns = delayed,
                       .num_delay_learn_conns = num_delayed,
                       .keep_gradients = true}));
}

static void make_stepped(stepped *s, const problem *p, double dt)
{
    *s = (stepped){0};
    assert_int_equal(rv_context_create(&s->context, &(rv_context_desc){.num_threads = 1}), 0);
    succeed(s, rv_network_create(&s->network, s->context, RV_EVENTPROP_DEFAULTS));
    for (int k = 0; k < p->num_populations; k++)
        add_neurons(s, p, k, dt);
    for (int i = 0; i < p->num_connections; i++)
        connect(s, p, i, dt);
    compile(s, p, dt);
    succeed(s, rv_spikes_create(&s->spikes, s->context, p->size[0]));
    succeed(s, rv_spikes_append(s->spikes, p->times, p->ids, p->desc.num_spikes));
}

static void free_stepped(stepped *s)
{
    rv_spikes_free(s->spikes);
    rv_compiled_network_free(s->model);
    rv_network_free(s->network);
    rv_context_free(s->context);
}

/* What turns `Gradient` into the gradient of the loss (docs/learning.md, section 6). */
static double factor_of(const problem *p, double dt)
{
    const problem_desc *const d = &p->desc;
    double tau_mem = 0;
    for (size_t k = 0; k < PROBLEM_OUTPUTS; k++)
        tau_mem += p->neurons[p->num_neurons - PROBLEM_OUTPUTS + k].tau_mem / PROBLEM_OUTPUTS;
    if (problem_of_spikes(d))
        return 1;
    const bool of_a_mean = d->loss != OF_READOUT || strncmp(d->readout, "AvgVar", 6) == 0;
    return tau_mem * (of_a_mean ? 1 : PROBLEM_DURATION / dt);
}

static void train(stepped *s, const problem *p, double dt)
{
    const size_t T = (size_t)llround(PROBLEM_DURATION / dt);
    const int32_t label = PROBLEM_LABEL;
    rv_population *const out = s->populations[p->num_populations - 1];
    rv_result *result = NULL;
    float *const targets = malloc(T * PROBLEM_OUTPUTS * sizeof *targets);
    assert_non_null(targets);
    for (size_t i = 0; i < T * PROBLEM_OUTPUTS; i++)
        targets[i] = (float)problem_target(i % PROBLEM_OUTPUTS);
    rv_output output = {.population = out, .labels = &label, .num_labels = 1};
    if (p->desc.loss == SQUARES)
        output = (rv_output){.population = out, .targets = targets, .num_targets = T * PROBLEM_OUTPUTS};
    if (p->desc.loss == RELATIVE)
        output.loss = rv_relative_mean_square_error(PROBLEM_DELTA);
    succeed(s, rv_train(&result, s->model,
                        &(rv_train_desc){.data = {.inputs = {{.population = s->populations[0], .spikes = s->spikes}},
                                                  .outputs = {output}},
                                         .num_epochs = 1,
                                         .no_callbacks = true}));
    rv_result_free(result);
    free(targets);
}

void problem_stepped_gradient(double *gradient, const problem *p, const char *name, double dt)
{
    stepped s;
    float found[PROBLEM_WEIGHTS] = {0};
    const double factor = factor_of(p, dt);
    const bool delays = strcmp(name, "DelayGradient") == 0, biases = strcmp(name, "DeltaBias") == 0;
    make_stepped(&s, p, dt);
    train(&s, p, dt);
    for (int i = 0; !biases && i < p->num_connections; i++) {
        const problem_connection *const c = &p->connections[i];
        if (delays ? c->delayed : c->learns)
            succeed(&s, rv_variable_get(s.model, (rv_variable){.connection = s.connections[i], .name = name},
                                        found + c->first_weight, c->num_weights));
    }
    if (biases)
        succeed(&s, rv_variable_get(s.model,
                                    (rv_variable){.population = s.populations[p->num_populations - 1], .name = name},
                                    found, PROBLEM_OUTPUTS));
    for (size_t k = 0; k < (biases ? PROBLEM_OUTPUTS : p->num_weights); k++)
        gradient[k] = factor * (double)found[k] * (biases ? gain_of(p, k, dt) : 1);
    free_stepped(&s);
}
