#include "support/layered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compile/plan.h"
#include "network/network.h"
#include "support/wired.h"

#define EXAMPLES 7
#define STEPS 30

void layered_ok(const layered *l, int code)
{
    if (code < 0)
        fail_msg("%s", l->context ? rv_last_error(l->context) : rv_strerror(code));
}

/* ---- network ---- */

static rv_neuron neuron_of(const layered_desc *d, bool output)
{
    const rv_value tau = rv_const(12);
    if (output)
        return rv_leaky_integrate(
            (rv_li){.tau_mem = tau, .readout = rv_readout_by_name(d->eprop ? "Var" : "AvgVar")});
    return rv_leaky_integrate_fire((rv_lif){.tau_mem = tau, .v_thresh = rv_const(1)});
}

static void set_synapse(rv_synapse *out, const layered_desc *d, float *taus, size_t n, uint64_t *random)
{
    for (size_t j = 0; j < n; j++)
        taus[j] = 4 + 2 * wired_uniform(random);
    if (d->eprop)
        *out = rv_delta();
    else
        *out = rv_exponential(
            (rv_exponential_params){.tau = d->tau_per_neuron ? rv_array(taus, n) : rv_const(5)});
}

/* Neurons of a target whose shape may be known from its connection alone. */
static size_t target_size(const layered *l, const rv_connectivity *connectivity, int source, int target)
{
    rv_ends ends = {.context = l->context, .what = "layered"};
    size_t shape[RV_MAX_DIMS], size = 1;
    int dims = 0;
    ends.source_dims = rv_population_shape(l->populations[source], ends.source_shape);
    if (rv_population_size(l->populations[target]))
        return rv_population_size(l->populations[target]);
    layered_ok(l, connectivity->model->target_shape(connectivity, &ends, shape, &dims));
    for (int i = 0; i < dims; i++)
        size *= shape[i];
    return size;
}

static bool has_delays(const rv_connectivity_model *model)
{
    return model->ops(RV_ISA_BASE)->forward_delayed != NULL;
}

static void connect(layered *l, const layered_desc *d, rv_connectivity connectivity, int source, int target,
                    uint64_t *random)
{
    const double gain = d->gain > 0 ? d->gain : 1, middle = source == target ? 0 : 0.4;
    const bool fixed = !rv_connectivity_model_needs_weight(connectivity.model);
    rv_connection_desc desc = {.connectivity = connectivity, .max_delay_steps = 9, .frozen = d->frozen};
    const size_t n = d->tau_per_neuron ? target_size(l, &connectivity, source, target) : 1;
    float *taus = calloc(n, sizeof *taus);
    desc.connectivity.weight = fixed ? rv_const(1.5) : rv_uniform(gain * (middle - 1), gain * (middle + 1));
    if (d->max_delay && has_delays(connectivity.model))
        desc.connectivity.delay = rv_uniform(0, (double)d->max_delay);
    set_synapse(&desc.synapse, d, taus, n, random);
    layered_ok(l, rv_connection_add(&l->connections[l->num_connections++], l->network, l->populations[source],
                                    l->populations[target], &desc));
    free(taus);
}

/* A third of all pairs of a population with itself. */
static void connect_recurrently(layered *l, const layered_desc *d, int population, uint64_t *random)
{
    const size_t n = rv_population_size(l->populations[population]);
    uint32_t *pre = calloc(n * n + 1, sizeof *pre), *post = calloc(n * n + 1, sizeof *post);
    size_t num = 0;
    for (uint32_t i = 0; i < n * n; i++)
        if (wired_random(random, 3) == 0) {
            pre[num] = i % (uint32_t)n;
            post[num++] = i / (uint32_t)n;
        }
    connect(l, d, rv_sparse((rv_sparse_desc){.pre_ind = pre, .post_ind = post, .num_synapses = num}), population,
            population, random);
    free(pre);
    free(post);
}

static void make_network(layered *l, const layered_desc *d, uint64_t *random)
{
    rv_population_desc input = {.neuron = rv_spike_input()};
    memcpy(input.shape, d->shape, sizeof input.shape);
    layered_ok(l, rv_network_create(&l->network, l->context, d->eprop ? RV_EPROP_DEFAULTS : RV_EVENTPROP_DEFAULTS));
    layered_ok(l, rv_population_add(&l->populations[0], l->network, &input));
    for (int k = 0; k < d->num_layers; k++) {
        const bool output = k + 1 == d->num_layers;
        rv_population_desc desc = {.shape = {output && !d->sizes[k] ? LAYERED_CLASSES : d->sizes[k]},
                                   .neuron = neuron_of(d, output)};
        layered_ok(l, rv_population_add(&l->populations[k + 1], l->network, &desc));
        connect(l, d, d->connectivity[k], k, k + 1, random);
        if (k < d->recurrent)
            connect_recurrently(l, d, k + 1, random);
    }
}

/* ---- data ---- */

static void make_data(layered *l, const layered_desc *d, uint64_t *random)
{
    const size_t n = rv_population_size(l->populations[0]), classes = rv_population_size(l->populations[d->num_layers]);
    double times[4000];
    int32_t ids[4000];
    l->num_examples = EXAMPLES;
    l->labels = calloc(EXAMPLES, sizeof *l->labels);
    layered_ok(l, rv_spikes_create(&l->spikes, l->context, n));
    for (size_t e = 0; e < EXAMPLES; e++) {
        const size_t num = n < 1000 ? 4 * n : 4000;
        for (size_t s = 0; s < num; s++) {
            times[s] = wired_random(random, STEPS);
            ids[s] = (int32_t)wired_random(random, (uint32_t)n);
        }
        layered_ok(l, rv_spikes_append(l->spikes, times, ids, num));
        l->labels[e] = (int32_t)wired_random(random, (uint32_t)classes);
    }
}

rv_data layered_data(const layered *l)
{
    int last = 0;
    while (last < LAYERED_MAX && l->populations[last + 1])
        last++;
    return (rv_data){
        .inputs = {{.population = l->populations[0], .spikes = l->spikes}},
        .outputs = {{.population = l->populations[last], .labels = l->labels, .num_labels = l->num_examples}},
    };
}

/* ---- the whole ---- */

static void compile(layered *l, const layered_desc *d)
{
    const rv_connection *delays[2 * LAYERED_MAX];
    size_t num_delays = 0;
    for (int i = 0; d->learn_delays && i < l->num_connections; i++)
        if (has_delays(l->connections[i]->connectivity.model))
            delays[num_delays++] = l->connections[i];
    const size_t batch_size = d->batch_size ? d->batch_size : 3;
    l->gradient = d->eprop ? "DeltaG" : "Gradient";
    if (d->eprop)
        layered_ok(l, rv_compile_eprop(&l->model, l->network,
                                       &(rv_eprop_desc){.example_timesteps = STEPS,
                                                        .batch_size = batch_size,
                                                        .optimiser = rv_adam(1e-2),
                                                        .feedback = RV_FEEDBACK_RANDOM,
                                                        .schedule = d->schedule,
                                                        .keep_gradients = true}));
    else
        layered_ok(l, rv_compile_eventprop(&l->model, l->network,
                                           &(rv_eventprop_desc){.example_timesteps = STEPS,
                                                                .batch_size = batch_size,
                                                                .optimiser = rv_adam(1e-2),
                                                                .reg_lambda_upper = 1e-3,
                                                                .reg_nu_upper = 2,
                                                                .delay_learn_conns = delays,
                                                                .num_delay_learn_conns = num_delays,
                                                                .delay_optimiser = rv_adam(0.1),
                                                                .schedule = d->schedule,
                                                                .keep_gradients = true}));
}

void layered_create(layered *l, const layered_desc *d)
{
    uint64_t random = d->seed * 2 + 1;
    *l = (layered){0};
    layered_ok(l, rv_context_create(&l->context, &(rv_context_desc){.seed = d->seed,
                                                                    .seed_given = true,
                                                                    .num_threads = d->num_threads,
                                                                    .isa = d->isa}));
    make_network(l, d, &random);
    make_data(l, d, &random);
    compile(l, d);
}

/* ---- the same with dense connections ---- */

static void connect_densely(layered *l, const layered *of, int index)
{
    const rv_connection *from = of->connections[index];
    const rv_plan_connection *c = rv_plan_find_connection(of->model, from);
    const rv_connectivity_model *model = from->connectivity.model;
    const size_t n = c->links.num_target, size = c->links.num_source * n;
    float *weights = calloc(size, sizeof *weights), *delays = calloc(size, sizeof *delays);
    for (uint32_t i = 0; i < c->links.num_source; i++) {
        const size_t num = model->synapses(&c->links, i, NULL, NULL);
        uint32_t *targets = calloc(num + 1, sizeof *targets);
        size_t *places = calloc(num + 1, sizeof *places);
        model->synapses(&c->links, i, targets, places);
        for (size_t k = 0; k < num; k++) {
            weights[i * n + targets[k]] += c->links.scale * c->weight.value[places[k]];
            delays[i * n + targets[k]] = c->delays ? (float)c->delays[places[k]] : 0;
        }
        free(targets);
        free(places);
    }
    rv_connection_desc desc = {.connectivity = rv_dense(rv_array(weights, size)),
                               .synapse = from->synapse,
                               .frozen = model->fixed,
                               .max_delay_steps = 9};
    if (c->delays)
        desc.connectivity.delay = rv_array(delays, size);
    layered_ok(l, rv_connection_add(&l->connections[l->num_connections++], l->network,
                                    l->populations[from->source->index], l->populations[from->target->index], &desc));
    free(weights);
    free(delays);
}

void layered_create_dense(layered *l, const layered_desc *d, const layered *of)
{
    *l = (layered){0};
    layered_ok(l, rv_context_create(&l->context, &(rv_context_desc){.seed = d->seed, .seed_given = true}));
    layered_ok(l, rv_network_create(&l->network, l->context, d->eprop ? RV_EPROP_DEFAULTS : RV_EVENTPROP_DEFAULTS));
    for (int k = 0; k <= d->num_layers; k++) {
        rv_population_desc desc = {.neuron = *rv_population_neuron(of->populations[k])};
        rv_population_shape(of->populations[k], desc.shape);
        layered_ok(l, rv_population_add(&l->populations[k], l->network, &desc));
    }
    for (int i = 0; i < of->num_connections; i++)
        connect_densely(l, of, i);
    l->num_examples = of->num_examples;
    l->labels = calloc(l->num_examples, sizeof *l->labels);
    memcpy(l->labels, of->labels, l->num_examples * sizeof *l->labels);
    layered_ok(l, rv_spikes_create(&l->spikes, l->context, rv_spikes_num_neurons(of->spikes)));
    for (size_t e = 0; e < l->num_examples; e++) {
        double times[4000];
        int32_t ids[4000];
        layered_ok(l, rv_spikes_get(of->spikes, e, times, ids));
        layered_ok(l, rv_spikes_append(l->spikes, times, ids, rv_spikes_count(of->spikes, e)));
    }
    compile(l, d);
}

void layered_free(layered *l)
{
    rv_compiled_network_free(l->model);
    rv_network_free(l->network);
    rv_spikes_free(l->spikes);
    free(l->labels);
    rv_context_free(l->context);
    *l = (layered){0};
}

void layered_train(layered *l, size_t num_epochs)
{
    rv_result *result = NULL;
    layered_ok(l, rv_train(&result, l->model, &(rv_train_desc){.data = layered_data(l),
                                                               .num_epochs = num_epochs,
                                                               .shuffle = RV_OFF,
                                                               .no_callbacks = true}));
    rv_result_free(result);
}

float *layered_get(const layered *l, int connection, const char *name, size_t *size)
{
    const rv_variable variable = {.connection = l->connections[connection], .name = name};
    layered_ok(l, rv_variable_size(l->model, variable, size));
    float *values = calloc(*size + 1, sizeof *values);
    layered_ok(l, rv_variable_get(l->model, variable, values, *size));
    return values;
}
