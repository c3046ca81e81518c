/* The sweep forward: one step of one example, from the arrivals of the last step's spikes to this step's spikes. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/engine.h"

#define TAPE_CHUNK 1024 /* spikes */

/* The most spikes a population may leave on a tape, SIZE_MAX = no limit. */
static size_t tape_limit(const rv_engine *engine, const rv_plan_population *p)
{
    size_t limit;
    if (!engine->learn || p->model->is_input || !rv_multiply(p->n, engine->model->eventprop.max_spikes, &limit))
        return SIZE_MAX;
    return limit;
}

int rv_tape_reserve(const rv_engine *engine, const rv_plan_population *p, rv_tape *tape, size_t used, size_t more)
{
    rv_context *context = engine->model->context;
    const size_t needed = used + more;
    if (needed <= tape->capacity)
        return RV_OK;
    if (used > tape_limit(engine, p))
        return rv_fail(context, RV_ERR_TAPE, "population '%s': more than max_spikes = %zu spikes per neuron",
                       p->population->name, engine->model->eventprop.max_spikes);
    if (needed > UINT32_MAX)
        return rv_fail(context, RV_ERR_TAPE, "population '%s': more than 4294967295 spikes in one example",
                       p->population->name);
    size_t capacity = tape->capacity + tape->capacity / 2 + TAPE_CHUNK;
    if (capacity < needed)
        capacity = needed;
    uint32_t *ids = rv_realloc(context, tape->ids, capacity, sizeof *ids, "spike tape");
    if (!ids)
        return RV_ERR_MEMORY;
    tape->ids = ids;
    if (engine->learn && !p->model->is_input) {
        float *crossing = rv_realloc(context, tape->crossing, capacity, sizeof *crossing, "spike tape");
        if (!crossing)
            return RV_ERR_MEMORY;
        tape->crossing = crossing;
    }
    tape->capacity = capacity;
    return RV_OK;
}

void rv_forward_begin(const rv_engine *engine, rv_block *block, rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    memcpy(block->state, model->initial_block, model->block_size * sizeof(float));
    example->error = RV_OK;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        if (!p->model->is_input)
            example->tapes[i].offset[0] = 0;
        if (p->readout)
            p->readout->begin(example->readout_state + p->readout_state, p->n_pad);
    }
}

/* Synapses with delays of their own: what is due in this step comes in, and leaves the ring. */
static void pending_collect(const rv_compiled_network *model, const rv_plan_group *g, float *state, size_t n_pad,
                            uint32_t t)
{
    float *due = state + g->pending + t % g->num_pending * n_pad;
    model->kernels->add(state + g->in_syn, state + g->in_syn, due, n_pad);
    memset(due, 0, n_pad * sizeof *due);
}

/* What the spikes of the step before add to the synaptic inputs of p; the inputs decay first. */
static void arrive(const rv_compiled_network *model, const rv_plan_population *p, float *state,
                   const rv_example *example, uint32_t t)
{
    uint32_t last = UINT32_MAX;
    for (uint32_t i = p->first_connection; i < p->first_connection + p->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        const rv_plan_group *g = &p->groups[c->group];
        const rv_tape *tape = &example->tapes[c->source];
        const float *decay = c->group != last ? g->beta : NULL;
        const uint32_t ago = 1 + (c->delays ? 0 : c->delay);
        const uint32_t begin = t >= ago ? tape->offset[t - ago] : 0, end = t >= ago ? tape->offset[t - ago + 1] : 0;
        float *in_syn = state + g->in_syn;
        last = c->group;
        if (decay && g->num_pending) {
            model->kernels->multiply(in_syn, in_syn, decay, p->n_pad);
            decay = NULL;
        }
        if (c->delays)
            c->ops->forward_delayed(&c->links, &(rv_ring){state + g->pending, g->num_pending, p->n_pad}, t,
                                    tape->ids + begin, end - begin);
        else
            c->ops->forward(&c->links, in_syn, decay, tape->ids + begin, end - begin);
    }
    for (size_t k = 0; k < p->num_groups; k++)
        if (p->groups[k].num_pending)
            pending_collect(model, &p->groups[k], state, p->n_pad, t);
}

static void read_out(const rv_plan_population *p, const rv_block *block, rv_example *example, const rv_tape *tape,
                     uint32_t t)
{
    const int voltage = p->model->voltage;
    p->readout->step(example->readout_state + p->readout_state,
                     &(rv_readout_step){
                         .n_pad = p->n_pad,
                         .v = voltage < 0 ? NULL : block->state + p->state[voltage],
                         .ids = tape->ids + tape->offset[t],
                         .num = tape->offset[t + 1] - tape->offset[t],
                         .t = t,
                         .weight = p->readout_weight ? p->readout_weight[t] : 1.0F,
                     });
}

static void copy_taps(const rv_compiled_network *model, const rv_block *block, const rv_example *example, uint32_t t)
{
    for (size_t i = 0; i < example->num_taps; i++) {
        const rv_tap *tap = example->taps[i].tap;
        const rv_plan_population *p = &model->populations[tap->population];
        float *out = example->taps[i].out + t * tap->num_neurons;
        switch (tap->kind) {
        case RV_TAP_STATE:
            for (size_t k = 0; k < tap->num_neurons; k++)
                out[k] = block->state[tap->offset + tap->neurons[k]];
            break;
        case RV_TAP_CONSTANT:
            for (size_t k = 0; k < tap->num_neurons; k++)
                out[k] = tap->constant[tap->neurons[k]];
            break;
        case RV_TAP_ISYN:
            for (size_t k = 0; k < tap->num_neurons; k++) {
                out[k] = 0;
                for (size_t g = 0; g < p->num_groups; g++)
                    out[k] += block->state[p->groups[g].in_syn + tap->neurons[k]] * p->groups[g].scale[tap->neurons[k]];
            }
            break;
        case RV_TAP_LAMBDA_V:
        case RV_TAP_LAMBDA_I:
            break; /* the sweep back fills these */
        }
    }
}

int rv_forward_step(const rv_engine *engine, rv_block *block, rv_example *example, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        rv_tape *tape = &example->tapes[i];
        if (p->model->is_input)
            continue;
        arrive(model, p, block->state, example, t);
        const uint32_t used = tape->offset[t];
        if (used + p->n_pad > tape->capacity) {
            example->error = rv_tape_reserve(engine, p, tape, used, p->n_pad);
            if (example->error)
                return example->error;
        }
        rv_neuron_step *step = &block->steps[i];
        step->ids = tape->ids + used;
        step->crossing = tape->crossing ? tape->crossing + used : NULL;
        tape->offset[t + 1] = used + (uint32_t)p->forward(step);
        if (p->readout)
            read_out(p, block, example, tape, t);
    }
    if (example->num_taps)
        copy_taps(model, block, example, t);
    return RV_OK;
}

/* The limit holds per neuron; it is looked at only where the tape is longer than one neuron may fill. */
static int check_max_spikes(const rv_engine *engine, const rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    const size_t max = model->eventprop.max_spikes;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        const rv_tape *tape = &example->tapes[i];
        const uint32_t num = tape->offset[model->num_steps];
        if (p->model->is_input || num <= max)
            continue;
        uint32_t *counts = rv_alloc(model->context, p->n, sizeof *counts, "spike counts");
        if (!counts)
            return RV_ERR_MEMORY;
        int error = RV_OK;
        for (uint32_t k = 0; !error && k < num; k++)
            if (++counts[tape->ids[k]] > max)
                error = rv_fail(model->context, RV_ERR_TAPE,
                                "population '%s': neuron %u spiked more than max_spikes = %zu times in example %zu",
                                p->population->name, tape->ids[k], max, example->index);
        rv_free(counts);
        if (error)
            return error;
    }
    return RV_OK;
}

static int finish_output(const rv_engine *engine, rv_example *example, int o)
{
    const rv_compiled_network *model = engine->model;
    const rv_target *target = &engine->targets[o];
    const rv_plan_population *p = &model->populations[target->population];
    float *readout = example->readout + (size_t)o * model->max_n_pad;
    float *gradient = example->loss_gradient + (size_t)o * model->max_n_pad;
    p->readout->value(readout, example->readout_state + p->readout_state, p->n, p->n_pad, model->num_steps);
    for (size_t j = 0; j < p->n; j++)
        if (isnan(readout[j]))
            return rv_fail(model->context, RV_ERR_NAN, "population '%s': readout of neuron %zu is not a number in "
                           "example %zu: training has diverged", p->population->name, j, example->index);
    const int32_t label = example->labels[o];
    if (label < 0)
        return RV_OK;
    const double temperature = engine->learn ? model->eventprop.softmax_temperature : 1;
    example->losses[o] = target->loss->loss(readout, p->n, label, temperature, engine->learn ? gradient : NULL);
    for (int m = 0; m < target->num_metrics; m++)
        example->metrics[o * RV_MAX_TARGET_METRICS + m] = target->metrics[m]->value(readout, p->n, label);
    return RV_OK;
}

int rv_forward_end(const rv_engine *engine, rv_example *example)
{
    if (engine->learn)
        example->error = check_max_spikes(engine, example);
    for (int o = 0; !example->error && o < engine->num_targets; o++)
        example->error = finish_output(engine, example, o);
    return example->error;
}
