#include "support/event_problem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connectivity/model.h"
#include "support/definition.h"

/* The gradient jumps where an arrival passes a neuron's crossing of the threshold, for I - V jumps there, and knows no
 * bounds where a crossing is flat. No timestep tells them apart that is longer than the time between them, so problems
 * are chosen without such near misses. */
#define MIN_GAP 0.06 /* ms */
#define MIN_SLOPE 0.5

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

static double between(uint64_t *state, double low, double high)
{
    return (double)(float)(low + (high - low) * uniform(state));
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t volume(const size_t shape[3])
{
    return shape[0] * shape[1] * shape[2];
}

/* ---- populations and connections ---- */

/* Synapses from the matrices of each weight alone: what is shared shows in more than one place. */
static void add_synapses(problem *p, const problem_connection *c)
{
    float unit[PROBLEM_WEIGHTS] = {0};
    const size_t num_target = p->size[c->target];
    for (size_t k = 0; k < c->num_weights; k++) {
        unit[k] = 1;
        const definition d = definition_of(&c->connectivity, p->shape[c->source], num_target, unit);
        for (size_t i = 0; i < p->size[c->source] * num_target; i++) {
            if (d.matrix[i] == 0)
                continue;
            const size_t at = p->num_synapses++, source = i / num_target;
            assert_in_range(p->num_synapses, 1, PROBLEM_SYNAPSES);
            p->synapses[at].source = c->source ? p->size[0] + p->first[c->source] + source : source;
            p->synapses[at].target = p->first[c->target] + i % num_target;
            p->index[at] = c->first_weight + k;
            p->scale[at] = d.matrix[i];
        }
        unit[k] = 0;
        free(d.matrix);
    }
}

static size_t count_weights(const problem *p, const problem_connection *c)
{
    const rv_connectivity *k = &c->connectivity;
    const size_t channels = p->shape[c->source][2], n = p->size[c->target];
    if (k->model == &rv_dense_model)
        return p->size[c->source] * n;
    if (k->model == &rv_sparse_model)
        return k->num_synapses;
    if (k->model == &rv_one_to_one_model)
        return n;
    if (k->model == &rv_avg_pool2d_model)
        return 1;
    if (k->model == &rv_avg_pool_dense2d_model) {
        size_t positions = 1;
        for (int i = 0; i < 2; i++)
            positions *= (p->shape[c->source][i] - k->pool_size[i]) / k->pool_size[i] + 1;
        return positions * channels * n;
    }
    return k->conv_size[0] * k->conv_size[1] * channels * k->filters;
}

static void add_connection(problem *p, int source, int target, const problem_layer *layer)
{
    const problem_desc *d = &p->desc;
    problem_connection *c = &p->connections[p->num_connections++];
    *c = (problem_connection){.source = source,
                              .target = target,
                              .connectivity = layer->connectivity,
                              .delayed = layer->delayed || d->delayed,
                              .delay = layer->delay,
                              .learns = rv_connectivity_model_needs_weight(layer->connectivity.model),
                              .first_weight = p->num_weights};
    c->num_weights = count_weights(p, c);
    p->num_weights += c->num_weights;
    assert_in_range(p->num_weights, 1, PROBLEM_WEIGHTS);
    add_synapses(p, c);
}

/* Its shape follows from its connectivity where that implies one. */
static void add_population(problem *p, const problem_layer *layer)
{
    const int k = p->num_populations++;
    size_t *shape = p->shape[k];
    const float weights[PROBLEM_WEIGHTS] = {0};
    shape[0] = shape[1] = 1;
    shape[2] = layer->size;
    if (!layer->size) {
        const definition d = definition_of(&layer->connectivity, p->shape[k - 1], p->size[k - 1], weights);
        memcpy(shape, d.out, sizeof d.out);
        free(d.matrix);
    }
    p->size[k] = volume(shape);
    p->first[k] = p->num_neurons;
    p->num_neurons += p->size[k];
    assert_in_range(p->num_neurons, 1, PROBLEM_NEURONS);
}

static problem_layer dense_layer(size_t size)
{
    return (problem_layer){.connectivity = rv_dense(rv_const(0)), .size = size};
}

static void describe(problem *p, const problem_desc *desc)
{
    static const size_t six[3] = {1, 1, 6};
    *p = (problem){.desc = *desc, .num_populations = 1};
    problem_desc *d = &p->desc;
    if (!d->num_spikes)
        d->num_spikes = 20;
    if (!d->num_layers) {
        d->num_layers = 2;
        d->layers[0] = dense_layer(5);
        d->layers[1] = dense_layer(PROBLEM_OUTPUTS);
    }
    memcpy(p->shape[0], d->shape[0] ? d->shape : six, sizeof six);
    p->size[0] = volume(p->shape[0]);
    for (int k = 0; k < d->num_layers; k++) {
        add_population(p, &d->layers[k]);
        add_connection(p, k, k + 1, &d->layers[k]);
        if (k == 0 && d->recurrent) {
            const problem_layer layer = dense_layer(p->size[1]);
            add_connection(p, 1, 1, &layer);
        }
    }
}

/* ---- numbers ---- */

static void draw_neurons(problem *p, uint64_t *random)
{
    const problem_desc *const d = &p->desc;
    const int last = p->num_populations - 1;
    for (int k = 1; k <= last; k++)
        for (size_t j = p->first[k]; j < p->first[k] + p->size[k]; j++) {
            const bool hidden = k < last;
            const double spread = d->heterogeneous ? 0.5 : 0, thresh = d->layers[k - 1].v_thresh;
            const double mem = uniform(random) - 0.5, syn = uniform(random) - 0.5;
            event_neuron *const n = &p->neurons[j];
            n->tau_mem = (double)(float)((hidden ? 20 : 14) * (1 + spread * mem));
            n->tau_syn = (double)(float)((hidden ? 5 : 8) * (1 + spread * syn));
            if (d->equal_taus)
                n->tau_syn = n->tau_mem = hidden ? 8 : 12;
            n->v_thresh = hidden ? (thresh > 0 ? thresh : 1) : problem_of_spikes(d) ? 0.5 : (double)INFINITY;
            n->v_reset = hidden ? d->v_reset : 0;
            n->relative_reset = d->relative_reset;
            n->beta = hidden ? d->beta : 0;
            n->tau_adapt = 30;
        }
}

/* Weights from the input excite, between hidden neurons they do either. A maximum has a derivative where V is smooth, so
 * nothing may pull V down at its peak; and outputs that spike must. */
static void draw_weights(problem *p, const problem_connection *c, uint64_t *random)
{
    const problem_desc *const d = &p->desc;
    const bool to_output = c->target == p->num_populations - 1, recurrent = c->source == c->target;
    const problem_layer *const layer = &d->layers[c->target - 1];
    double low = c->source == 0 ? 0.5 : -0.75, high = c->source == 0 ? 2 : 0.75;
    if (to_output) {
        low = -1.6;
        high = 2.4;
    }
    if (!recurrent && layer->low != layer->high) {
        low = layer->low;
        high = layer->high;
    }
    for (size_t k = c->first_weight; k < c->first_weight + c->num_weights; k++) {
        const double w = between(random, low, high), delay = 1 + floor(uniform(random) * 5);
        p->weights[k] = to_output && (d->exact == EVENT_MAX || problem_of_spikes(d)) ? fabs(w) : w;
        if (d->equal_taus)
            p->weights[k] = (double)(float)(0.6 * p->weights[k]);
        if (!c->learns)
            p->weights[k] = 1 / (double)(c->connectivity.pool_size[0] * c->connectivity.pool_size[1]);
        p->delays[k] = c->delayed ? delay : c->delay;
    }
}

void problem_apply(problem *p)
{
    for (size_t i = 0; i < p->num_synapses; i++) {
        p->synapses[i].weight = p->weights[p->index[i]] * p->scale[i];
        p->synapses[i].delay = p->delays[p->index[i]];
    }
    for (size_t k = 0; k < PROBLEM_OUTPUTS; k++)
        p->neurons[p->num_neurons - PROBLEM_OUTPUTS + k].bias = p->biases[k];
}

/* ---- the loss ---- */

static double entropy(const double *y)
{
    double sum = 0;
    for (size_t k = 0; k < PROBLEM_OUTPUTS; k++)
        sum += exp(y[k] - y[PROBLEM_LABEL]);
    return log(sum);
}

static const double *outputs_of(const double *v, const void *user)
{
    return v + ((const problem *)user)->num_neurons - PROBLEM_OUTPUTS;
}

static double entropy_density(const double *v, const void *user)
{
    return entropy(outputs_of(v, user));
}

static double square_density(const double *v, const void *user)
{
    const double *const y = outputs_of(v, user);
    double sum = 0;
    for (size_t k = 0; k < PROBLEM_OUTPUTS; k++)
        sum += 0.5 * (y[k] - problem_target(k)) * (y[k] - problem_target(k));
    return sum;
}

double problem_exact_loss(const problem *p, problem_answer *a)
{
    double loss = 0, early[PROBLEM_OUTPUTS];
    event_network network = p->network;
    network.user = p;
    a->solution = (event_solution){.y = a->y, .first = a->first, .counts = a->counts};
    assert_int_equal(event_solve(&a->solution, &network, p->desc.exact), 0);
    const double *const first = outputs_of(a->first, p);
    for (size_t k = 0; k < PROBLEM_OUTPUTS; k++)
        early[k] = -first[k];
    switch (p->desc.loss) {
    case OF_READOUT:
        return entropy(outputs_of(a->y, p));
    case FIRST_SPIKES:
        return entropy(early) + PROBLEM_TTFS_ALPHA / (1.01 * PROBLEM_DURATION - first[PROBLEM_LABEL]);
    case RELATIVE:
        for (size_t k = 0; k < PROBLEM_OUTPUTS; k++)
            loss += k == PROBLEM_LABEL ? 0 : 0.5 * pow(first[k] - first[PROBLEM_LABEL] - PROBLEM_DELTA, 2);
        return loss;
    default:
        return a->solution.mean;
    }
}

/* ---- the whole ---- */

static void draw(problem *p, uint64_t seed)
{
    uint64_t random = seed;
    const problem_loss loss = p->desc.loss;
    draw_neurons(p, &random);
    for (int i = 0; i < p->num_connections; i++)
        draw_weights(p, &p->connections[i], &random);
    for (size_t k = 0; k < PROBLEM_OUTPUTS; k++)
        p->biases[k] = p->desc.biases_learn ? between(&random, -0.2, 0.3) : 0;
    for (size_t s = 0; s < p->desc.num_spikes; s++) {
        p->times[s] = uniform(&random) * 0.8 * PROBLEM_DURATION;
        p->ids[s] = (int32_t)(uniform(&random) * (double)p->size[0]);
    }
    qsort(p->times, p->desc.num_spikes, sizeof *p->times, ascending);
    p->network = (event_network){
        .num_inputs = p->size[0],
        .num_neurons = p->num_neurons,
        .num_synapses = p->num_synapses,
        .neurons = p->neurons,
        .synapses = p->synapses,
        .times = p->times,
        .ids = p->ids,
        .num_spikes = p->desc.num_spikes,
        .duration = PROBLEM_DURATION,
        .density = loss == OVER_TIME ? entropy_density
                   : loss == SQUARES ? square_density
                                     : NULL,
    };
    problem_apply(p);
}

/* Whether dt can vanish before anything is too close to something else, and no layer is silent or wild. */
static bool is_fair(const problem *p, const problem_answer *a)
{
    const int num = p->num_populations - (problem_of_spikes(&p->desc) ? 0 : 1);
    if (!(a->solution.gap > MIN_GAP && a->solution.slope > MIN_SLOPE))
        return false;
    for (int k = 1; k < num; k++) {
        size_t total = 0;
        for (size_t j = p->first[k]; j < p->first[k] + p->size[k]; j++) {
            if (k == p->num_populations - 1 && !a->counts[j])
                return false;
            total += a->counts[j];
        }
        if (total < p->size[k] || total > 12 * p->size[k])
            return false;
    }
    return true;
}

void problem_find(problem *p, const problem_desc *desc)
{
    problem_answer a;
    describe(p, desc);
    for (uint64_t seed = desc->seed; seed < desc->seed + 4000; seed++) {
        draw(p, seed);
        problem_exact_loss(p, &a);
        if (!is_fair(p, &a))
            continue;
        print_message("# seed %llu: gap %.3f ms, slope %.3f\n", (unsigned long long)seed, a.solution.gap,
                      a.solution.slope);
        return;
    }
    fail_msg("no problem was found");
}
