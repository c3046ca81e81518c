/* Which delays are far: where a ring over the timesteps of a delay, with a number for every target, would be larger
 * than what is on its way. Spikes then go through the connection one by one (engine/flights.c), and, where each synapse
 * has a delay of its own, find those of their source sorted by delay here. */
#include <stdlib.h>

#include "base/alloc.h"
#include "compile/plan.h"

/* Of a ring that still is good to have: smaller ones are faster, at this size a synaptic event takes as long either
 * way (20 to 25 ns forward, on a core of an AMD EPYC, Zen 4). */
#define RING_BYTES (16U << 20)

static int by_delay(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The synapses of one source; keys, targets and places: scratch. */
static void sort_source(const rv_plan_connection *c, uint32_t source, uint64_t *keys, uint32_t *targets,
                        size_t *places)
{
    const rv_plan_far *far = c->far;
    rv_far_synapse *out = far->synapses + far->begin[source];
    const size_t num = far->begin[source + 1] - far->begin[source];
    c->connection->connectivity.model->synapses(&c->links, source, targets, places);
    for (size_t k = 0; k < num; k++)
        keys[k] = (uint64_t)c->delays[places[k]] << 32 | k;
    qsort(keys, num, sizeof *keys, by_delay);
    for (size_t k = 0; k < num; k++) {
        const size_t from = (uint32_t)keys[k];
        out[k] = (rv_far_synapse){(uint32_t)places[from], targets[from], (uint32_t)(keys[k] >> 32)};
    }
}

static int list_synapses(rv_compiled_network *model, rv_plan_connection *c)
{
    const rv_connectivity_model *connectivity = c->connection->connectivity.model;
    const size_t num_source = c->links.num_source;
    rv_plan_far *far = c->far;
    size_t most = 0;
    far->begin = rv_arena_alloc(model->arena, num_source + 1, sizeof *far->begin);
    far->synapses = rv_arena_alloc(model->arena, c->wiring->num_weights, sizeof *far->synapses);
    if (!far->begin || !far->synapses)
        return RV_ERR_MEMORY;
    for (uint32_t i = 0; i < num_source; i++) {
        const size_t num = connectivity->synapses(&c->links, i, NULL, NULL);
        far->begin[i + 1] = far->begin[i] + num;
        most = num > most ? num : most;
    }
    uint64_t *keys = rv_alloc(model->context, most, sizeof *keys, "delays to sort");
    uint32_t *targets = rv_alloc(model->context, most, sizeof *targets, "delays to sort");
    size_t *places = rv_alloc(model->context, most, sizeof *places, "delays to sort");
    for (uint32_t i = 0; keys && targets && places && i < num_source; i++)
        sort_source(c, i, keys, targets, places);
    const int error = keys && targets && places ? RV_OK : RV_ERR_MEMORY;
    rv_free(keys);
    rv_free(targets);
    rv_free(places);
    return error;
}

static bool is_after(const rv_far_synapse *a, const rv_far_synapse *b)
{
    return a->delay > b->delay || (a->delay == b->delay && a->place > b->place);
}

/* Learning moves delays little: they are nearly in order. */
void rv_plan_sort_delays(rv_plan_connection *c)
{
    for (size_t i = 0; c->far && c->delays && i < c->links.num_source; i++) {
        rv_far_synapse *s = c->far->synapses + c->far->begin[i];
        const size_t num = c->far->begin[i + 1] - c->far->begin[i];
        for (size_t k = 0; k < num; k++)
            s[k].delay = c->delays[s[k].place];
        for (size_t k = 1; k < num; k++) {
            const rv_far_synapse moved = s[k];
            size_t to = k;
            for (; to > 0 && is_after(&s[to - 1], &moved); to--)
                s[to] = s[to - 1];
            s[to] = moved;
        }
    }
}

int rv_plan_find_far(rv_compiled_network *model)
{
    if (model->compiler != RV_COMPILER_INFERENCE && model->compiler != RV_COMPILER_EVENTPROP)
        return RV_OK;
    if (model->keeps_in_syn) /* rings go on from batch to batch, numbers on a tape do not */
        return RV_OK;
    for (uint32_t i = 0; i < model->num_connections; i++) {
        rv_plan_connection *c = &model->connections[i];
        const size_t steps = (size_t)c->max_delay + 1, n_pad = model->populations[c->target].n_pad;
        if (steps * n_pad <= RING_BYTES / sizeof(float) || c->links.rows.size > UINT32_MAX)
            continue;
        if (!(c->far = rv_arena_alloc(model->arena, 1, sizeof *c->far)))
            return RV_ERR_MEMORY;
        c->far->steps = c->max_delay + 1;
        const int error = c->delays ? list_synapses(model, c) : RV_OK;
        if (error)
            return error;
    }
    return RV_OK;
}
