/* What a thread needs to take a part of an example's neurons through the sweep forward. */
#include "engine/slice.h"

#include <string.h>

#include "base/alloc.h"

#define UNIT 64U /* neurons: a word of bits, and cache lines that no two slices share */

static bool can_slice_connection(const rv_plan_connection *c)
{
    return c->ops->slice && !c->delays && !c->far;
}

/* It steps in every step on what arrives through connections that can be split, and nobody sees all of it but through its
 * spikes. */
bool rv_slice_can(const rv_engine *engine, uint32_t population)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    bool can = p->forward && p->model->spikes && !p->model->is_input && !p->model->is_random && !p->model->custom &&
               !p->readout && !p->is_signed && p->begin == 0 && p->end == model->num_steps;
    for (size_t g = 0; g < p->num_groups; g++)
        can = can && p->groups[g].num_pending == 0;
    for (uint32_t i = p->first_connection; i < p->first_connection + p->num_connections; i++)
        can = can && can_slice_connection(&model->connections[i]);
    return can;
}

/* A slice's own spikes in a block of steps: never more than there is room for. */
static int make_own_tape(rv_slice *slice, uint32_t population)
{
    const rv_engine *engine = slice->whole;
    const rv_plan_population *p = &engine->model->populations[population];
    const size_t num_steps = engine->model->num_steps, block_steps = engine->model->block_steps;
    rv_tape *own = &slice->example.tapes[population], *copy = &slice->copies[population];
    own->capacity = block_steps * p->n_pad;
    own->ids = rv_arena_alloc(engine->arena, own->capacity, sizeof *own->ids);
    own->offset = rv_arena_alloc(engine->arena, num_steps + 1, sizeof *own->offset);
    copy->offset = rv_arena_alloc(engine->arena, num_steps + 1, sizeof *copy->offset);
    slice->places[population] = rv_arena_alloc(engine->arena, block_steps, sizeof **slice->places);
    if (!own->ids || !own->offset || !copy->offset || !slice->places[population])
        return RV_ERR_MEMORY;
    if (engine->learn && p->adjoint && p->model->num_crossing)
        own->crossing = rv_arena_alloc(engine->arena, own->capacity * (size_t)p->model->num_crossing, sizeof(float));
    return own->crossing || !(engine->learn && p->adjoint && p->model->num_crossing) ? RV_OK : RV_ERR_MEMORY;
}

int rv_slice_make(rv_slice *slice, rv_engine *engine, const bool *split)
{
    const rv_compiled_network *model = engine->model;
    const size_t num = model->num_populations;
    slice->whole = engine;
    slice->model.populations = rv_arena_alloc(engine->arena, num, sizeof *slice->model.populations);
    slice->model.connections = rv_arena_alloc(engine->arena, model->num_connections, sizeof *model->connections);
    slice->groups = rv_arena_alloc(engine->arena, num * RV_MAX_GROUPS, sizeof *slice->groups);
    slice->begin = rv_arena_alloc(engine->arena, num, sizeof *slice->begin);
    slice->example.tapes = rv_arena_alloc(engine->arena, 2 * num, sizeof *slice->example.tapes);
    slice->copies = rv_arena_alloc(engine->arena, num, sizeof *slice->copies);
    slice->places = rv_arena_alloc(engine->arena, num, sizeof *slice->places);
    if (!slice->model.populations || !slice->model.connections || !slice->groups || !slice->begin ||
        !slice->example.tapes || !slice->copies || !slice->places || rv_block_make_steps(engine, &slice->block))
        return RV_ERR_MEMORY;
    int error = RV_OK;
    for (uint32_t i = 0; !error && i < num; i++)
        if (split[i])
            error = make_own_tape(slice, i);
    return error;
}

void rv_slice_free(rv_slice *slice)
{
    for (uint32_t i = 0; slice->copies && i < slice->whole->model->num_populations; i++) {
        rv_free(slice->copies[i].ids);
        rv_free(slice->copies[i].crossing);
    }
}

static bool is_split(const rv_slice *slice, uint32_t population)
{
    return slice->places[population];
}

/* Arrays over the neurons of a population, from `begin` on. */
static void narrow_population(rv_slice *slice, uint32_t population)
{
    const rv_plan_population *p = &slice->whole->model->populations[population];
    rv_plan_population *own = &slice->model.populations[population];
    const size_t units = (p->n_pad + UNIT - 1) / UNIT;
    const size_t begin = units * slice->rank / slice->num * UNIT, last = units * (slice->rank + 1) / slice->num * UNIT;
    const size_t end = last < p->n_pad ? last : p->n_pad;
    slice->begin[population] = begin;
    own->n_pad = end - begin;
    own->n = p->n < end ? p->n - begin : own->n_pad;
    for (int k = 0; k < p->model->num_params; k++)
        own->param[k] += begin;
    for (int k = 0; k < p->model->num_coeffs; k++)
        own->coeff[k] += begin;
    for (int k = 0; k < p->model->num_state; k++)
        own->state[k] += begin;
    own->groups = slice->groups + population * RV_MAX_GROUPS;
    for (size_t g = 0; g < p->num_groups; g++) {
        own->groups[g] = p->groups[g];
        own->groups[g].beta += begin;
        own->groups[g].scale += begin;
        own->groups[g].in_syn += begin;
    }
    for (uint32_t i = p->first_connection; i < p->first_connection + p->num_connections; i++)
        slice->model.connections[i].ops->slice(&slice->model.connections[i].links, begin, end);
}

void rv_slice_begin(rv_slice *slice, rv_example *example, size_t rank, size_t num)
{
    const rv_engine *whole = slice->whole;
    const rv_compiled_network *model = whole->model;
    rv_plan_population *populations = slice->model.populations;
    rv_plan_connection *connections = slice->model.connections;
    rv_tape *tapes = slice->example.tapes;
    memcpy(populations, model->populations, model->num_populations * sizeof *populations);
    memcpy(connections, model->connections, model->num_connections * sizeof *connections);
    slice->real = example;
    slice->rank = rank;
    slice->num = num;
    slice->model = *model;
    slice->model.populations = populations;
    slice->model.connections = connections;
    slice->engine = *whole;
    slice->engine.model = &slice->model;
    for (uint32_t i = 0; i < model->num_connections; i++)
        connections[i].source += model->num_populations;
    for (uint32_t i = 0; i < model->num_populations; i++)
        if (is_split(slice, i)) {
            narrow_population(slice, i);
            slice->copies[i].offset[0] = 0;
        }
    slice->example = *example;
    slice->example.tapes = tapes;
    rv_neuron_step *steps = slice->block.steps;
    float **pointers = slice->block.pointers;
    rv_afferent *afferents = slice->block.afferents;
    slice->block = whole->blocks[rank];
    slice->block.steps = steps;
    slice->block.pointers = pointers;
    slice->block.afferents = afferents;
    rv_block_aim(&slice->block, &slice->model);
    rv_afferents_open(&slice->engine, &slice->block, &slice->example);
    if (rank) /* at rest, as block 0 is */
        memcpy(slice->block.state, model->initial_block, model->block_size * sizeof *slice->block.state);
}

/* The tape of all neurons of a population that is split. */
static rv_tape *tape_of(rv_slice *slice, uint32_t population)
{
    return slice->rank ? &slice->copies[population] : &slice->real->tapes[population];
}

void rv_slice_begin_block(rv_slice *slice, uint32_t t)
{
    const uint32_t num = slice->model.num_populations;
    for (uint32_t i = 0; i < num; i++)
        if (is_split(slice, i)) {
            slice->example.tapes[i].offset[t] = 0;
            slice->example.tapes[num + i] = *tape_of(slice, i);
        }
}

void rv_slice_look(rv_slice *slice)
{
    const uint32_t num = slice->model.num_populations;
    for (uint32_t i = 0; i < num; i++)
        if (!is_split(slice, i))
            slice->example.tapes[num + i] = slice->real->tapes[i];
}

static int reserve(rv_slice *slice, rv_tape *tape, uint32_t population, size_t used)
{
    const rv_engine *whole = slice->whole;
    const rv_plan_population *p = &whole->model->populations[population];
    if (used + p->n_pad <= tape->capacity)
        return RV_OK;
    if (tape == &slice->real->tapes[population])
        return rv_tape_reserve(whole, p, tape, used, p->n_pad);
    rv_engine copyist = *whole; /* no crossings, no limits */
    copyist.learn = false;
    return rv_tape_reserve(&copyist, p, tape, used, p->n_pad);
}

void rv_slice_write(rv_slice *slice, const uint32_t *population, uint32_t t)
{
    rv_letter *letter = &slice->letters[++slice->count % 2];
    const rv_tape *own = population ? &slice->example.tapes[*population] : NULL;
    const uint32_t num = own ? own->offset[t + 1] - own->offset[t] : 0;
    const bool few = num <= RV_LETTER_IDS && (!own || slice->model.populations[*population].n_pad <= UINT16_MAX);
    letter->num = few ? (uint16_t)num : RV_LETTER_IDS + 1;
    for (uint32_t k = 0; few && k < num; k++)
        letter->ids[k] = (uint16_t)own->ids[own->offset[t] + k];
    atomic_store_explicit(&letter->beat, slice->count, memory_order_release);
}

/* The spikes of step t of a slice whose first neuron is `first`; how many. */
static uint32_t append(uint32_t *out, uint32_t first, const rv_tape *tape, uint32_t t)
{
    const uint32_t *ids = tape->ids + tape->offset[t], num = tape->offset[t + 1] - tape->offset[t];
    for (uint32_t k = 0; k < num; k++)
        out[k] = first + ids[k];
    return num;
}

static uint32_t append_letter(uint32_t *out, uint32_t first, const rv_letter *letter)
{
    for (uint32_t k = 0; k < letter->num; k++)
        out[k] = first + letter->ids[k];
    return letter->num;
}

int rv_slice_join(rv_slice *slice, const rv_slice *all, uint32_t population, uint32_t begin, uint32_t t, bool letters)
{
    rv_tape *tape = tape_of(slice, population);
    uint32_t used = tape->offset[t];
    const int error = reserve(slice, tape, population, used);
    for (size_t rank = 0; !error && rank < slice->num; rank++) {
        const rv_letter *letter = &all[rank].letters[slice->count % 2];
        const uint32_t first = (uint32_t)all[rank].begin[population];
        if (rank == slice->rank)
            slice->places[population][t - begin] = used;
        if (letters && letter->num <= RV_LETTER_IDS)
            used += append_letter(tape->ids + used, first, letter);
        else
            used += append(tape->ids + used, first, &all[rank].example.tapes[population], t);
    }
    tape->offset[t + 1] = used;
    slice->example.tapes[slice->model.num_populations + population] = *tape;
    return error;
}

void rv_slice_keep_crossings(const rv_slice *slice, uint32_t population, uint32_t begin, uint32_t end)
{
    const rv_tape *own = &slice->example.tapes[population];
    const size_t each = (size_t)slice->model.populations[population].model->num_crossing;
    float *crossing = slice->real->tapes[population].crossing;
    for (uint32_t t = begin; own->crossing && t < end; t++)
        memcpy(crossing + slice->places[population][t - begin] * each, own->crossing + own->offset[t] * each,
               (own->offset[t + 1] - own->offset[t]) * each * sizeof *crossing);
}

static void copy_back(const rv_slice *slice, size_t offset, size_t n)
{
    memcpy(slice->whole->blocks[0].state + offset, slice->block.state + offset, n * sizeof(float));
}

void rv_slice_give_back(const rv_slice *slice)
{
    for (uint32_t i = 0; slice->rank && i < slice->model.num_populations; i++) {
        const rv_plan_population *p = &slice->model.populations[i];
        for (int k = 0; is_split(slice, i) && k < p->model->num_state; k++)
            copy_back(slice, p->state[k], p->n_pad);
        for (size_t g = 0; is_split(slice, i) && g < p->num_groups; g++)
            copy_back(slice, p->groups[g].in_syn, p->n_pad);
    }
}

int rv_slice_make_room(rv_slice *slice, rv_example *example)
{
    int error = RV_OK;
    slice->real = example;
    for (uint32_t i = 0; !error && i < slice->whole->model->num_populations; i++)
        if (is_split(slice, i))
            error = reserve(slice, &slice->copies[i], i, example->tapes[i].offset[slice->whole->model->num_steps]);
    return error;
}
