/* What arrives at a population: the spikes of its sources, of the step before or of as many before that as they are
 * delayed, onto the synaptic inputs of its neurons. */
#include <string.h>

#include "engine/forward.h"

/* Synapses with delays of their own: what is due in this step comes in, and leaves the ring. */
static void pending_collect(const rv_compiled_network *model, const rv_plan_group *g, float *in_syn, float *state,
                            size_t n_pad, uint32_t t)
{
    float *due = state + g->pending + t % g->num_pending * n_pad;
    model->kernels->add(in_syn, in_syn, due, n_pad);
    memset(due, 0, n_pad * sizeof *due);
}

static void negate(float *x, size_t n)
{
    for (size_t j = 0; j < n; j++)
        x[j] = -x[j];
}

/* ---- afferents ---- */

void rv_afferents_open(const rv_engine *engine, const rv_block *block, const rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        const rv_tape *tape = &example->tapes[c->source];
        block->afferents[i] = (rv_afferent){
            .tape = tape,
            .ago = 1 + (c->delays ? 0 : c->delay),
            .adds_rows = c->ops->adds_rows && !c->delays && !c->far && !tape->negative && !example->goes_on,
            .weight = c->links.weight,
            .stride = c->links.rows.stride,
        };
    }
}

/* ---- one step ---- */

/* Spikes that arrive in a step: (num) ids, then those of (num_negative) negative ones. */
typedef struct arrivals {
    const uint32_t *ids;
    uint32_t num, num_negative;
} arrivals;

/* Those of step t through connection c: of the step before, or of as many before that as it is delayed; they may be the
 * example before's. */
static arrivals spikes_of(const rv_compiled_network *model, const rv_plan_connection *c, const rv_example *example,
                          uint32_t t)
{
    const uint32_t ago = 1 + (c->delays ? 0 : c->delay);
    const bool before = t < ago;
    if (before && !example->goes_on)
        return (arrivals){0};
    const rv_tape *tape = &(before ? example->spare_tapes : example->tapes)[c->source];
    const uint32_t step = before ? t + model->num_steps - ago : t - ago;
    const uint32_t begin = tape->offset[step], end = tape->offset[step + 1];
    const uint32_t negative = tape->negative ? tape->negative[step] : end;
    return (arrivals){tape->ids + begin, negative - begin, end - negative};
}

/* Where what arrives is added to: in_syn, which becomes from * decay first (NULL = from is in_syn), or, with a delay per
 * synapse, rows of a ring. */
typedef struct rv_sum {
    float *in_syn;
    const float *from, *decay;
    rv_ring pending; /* num_rows 0 = there is none */
} rv_sum;

static void add_spikes(const rv_plan_connection *c, const rv_sum *sum, const uint32_t *ids, size_t num, uint32_t t)
{
    if (c->delays)
        c->ops->forward_delayed(&c->links, &sum->pending, t, ids, num);
    else
        c->ops->forward(&c->links, sum->in_syn, sum->from, sum->decay, ids, num);
}

/* Negative spikes send minus the weight: x - w is -(-x + w) exactly, so connectivity need not know. */
static void subtract_spikes(const rv_plan_connection *c, const rv_sum *sum, const uint32_t *ids, size_t num,
                            uint32_t t)
{
    const rv_sum kept = {sum->in_syn, sum->in_syn, NULL, sum->pending};
    float *all = c->delays ? sum->pending.base : sum->in_syn;
    const size_t size = c->delays ? sum->pending.num_rows * sum->pending.stride : c->links.n_pad;
    negate(all, size);
    add_spikes(c, &kept, ids, num, t);
    negate(all, size);
}

/* Step t of connection i into the sum. */
static int arrive_through(const rv_engine *engine, uint32_t i, const rv_sum *sum, rv_example *example, uint32_t t)
{
    const rv_plan_connection *c = &engine->model->connections[i];
    const int error = c->far ? rv_flights_reserve(engine, example, i, t) : RV_OK;
    if (error)
        return error;
    if (c->far && c->delays) {
        rv_flights_arrive(engine, example, i, rv_ring_row(&sum->pending, t), t);
        return RV_OK;
    }
    const arrivals spikes = spikes_of(engine->model, c, example, t);
    add_spikes(c, sum, spikes.ids, spikes.num, t);
    if (spikes.num_negative)
        subtract_spikes(c, sum, spikes.ids + spikes.num, spikes.num_negative, t);
    return RV_OK;
}

/* Step t of one group of p: in_syn becomes `from`, decayed, and what arrives, connection by connection. */
static int arrive_group(const rv_engine *engine, const rv_block *block, const rv_plan_population *p,
                        const rv_plan_group *g, const float *from, float *in_syn, rv_example *example, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const uint32_t end = g->first_connection + g->num_connections;
    rv_sum sum = {in_syn, from, g->beta, {block->state + g->pending, g->num_pending, p->n_pad}};
    int error = RV_OK;
    if (g->num_pending) {
        model->kernels->multiply(in_syn, from, g->beta, p->n_pad);
        sum.from = in_syn;
        sum.decay = NULL;
    }
    for (uint32_t i = g->first_connection; !error && i < end;) {
        rv_spike_rows lists[RV_LISTS_AT_ONCE];
        size_t num = 0;
        for (; i < end && num < RV_LISTS_AT_ONCE && block->afferents[i].adds_rows; i++)
            lists[num++] = rv_afferent_rows(&block->afferents[i], t);
        if (num)
            model->kernels->add_lists(in_syn, sum.from, sum.decay, lists, num, p->n_pad);
        else
            error = arrive_through(engine, i++, &sum, example, t);
        sum.from = in_syn;
        sum.decay = NULL;
    }
    if (g->num_pending)
        pending_collect(model, g, in_syn, block->state, p->n_pad, t);
    return error;
}

int rv_arrive(const rv_engine *engine, const rv_block *block, rv_example *example, uint32_t population, uint32_t t)
{
    const rv_plan_population *p = &engine->model->populations[population];
    int error = RV_OK;
    for (size_t k = 0; !error && k < p->num_groups; k++) {
        float *in_syn = block->state + p->groups[k].in_syn;
        error = arrive_group(engine, block, p, &p->groups[k], in_syn, in_syn, example, t);
    }
    return error;
}

/* ---- steps of a block ---- */

/* Whether nothing arrives in the num steps from t on. Far connections need every step, to make room for what is on its
 * way. */
static bool is_quiet(const rv_plan_group *g, const rv_plan_connection *connections, const rv_example *example,
                     uint32_t t, uint32_t num)
{
    for (uint32_t i = g->first_connection; i < g->first_connection + g->num_connections; i++) {
        const rv_plan_connection *c = &connections[i];
        const uint32_t ago = 1 + (c->delays ? 0 : c->delay), *offset = example->tapes[c->source].offset;
        if (c->far || (t < ago && example->goes_on))
            return false;
        if (t + num > ago && offset[t < ago ? 0 : t - ago] < offset[t + num - ago])
            return false;
    }
    return !g->num_pending;
}

/* All steps at once, where rows are added, and that is all. */
static bool add_ahead(const rv_compiled_network *model, const rv_block *block, const rv_plan_population *p, uint32_t t,
                      rv_neuron_run *run)
{
    const rv_plan_group *g = &p->groups[0];
    rv_spike_steps lists[RV_LISTS_AT_ONCE];
    if (g->num_pending || g->num_connections > RV_LISTS_AT_ONCE)
        return false;
    for (uint32_t i = 0; i < g->num_connections; i++) {
        const rv_afferent *in = &block->afferents[g->first_connection + i];
        const uint32_t late = t < in->ago ? in->ago - t : 0;
        if (!in->adds_rows)
            return false;
        lists[i] =
            (rv_spike_steps){in->weight, in->stride, in->tape->ids, in->tape->offset + (t + late - in->ago), late};
    }
    run->arrived = model->kernels->add_steps(block->ahead, block->state + g->in_syn, g->beta, lists,
                                             g->num_connections, run->num_steps, p->n_pad);
    return true;
}

/* The same, step by step. */
static int arrive_one_by_one(const rv_engine *engine, const rv_block *block, const rv_plan_population *p,
                             rv_example *example, uint32_t t, rv_neuron_run *run)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_group *g = &p->groups[0];
    const float *before = block->state + g->in_syn;
    uint32_t num_quiet = 0;
    int error = RV_OK;
    for (uint32_t k = 0; !error && k < run->num_steps; k++) {
        if (is_quiet(g, model->connections, example, t + k, 1)) {
            num_quiet++;
            continue;
        }
        float *row = block->ahead + k * p->n_pad;
        if (num_quiet) {
            model->kernels->decay(row, before, g->beta, p->n_pad, num_quiet);
            before = row;
            num_quiet = 0;
        }
        error = arrive_group(engine, block, p, g, before, row, example, t + k);
        run->arrived |= (uint64_t)1 << k;
        before = row;
    }
    return error;
}

int rv_arrive_ahead(const rv_engine *engine, const rv_block *block, rv_example *example, uint32_t population,
                    uint32_t t, rv_neuron_run *run)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    run->arrived = 0;
    run->in_syn = block->ahead;
    if (add_ahead(model, block, p, t, run) ||
        is_quiet(&p->groups[0], model->connections, example, t, (uint32_t)run->num_steps))
        return RV_OK;
    return arrive_one_by_one(engine, block, p, example, t, run);
}
