/* The sweep forward: one step of one example, from the arrivals of the last step's spikes to this step's spikes. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/philox.h"
#include "engine/forward.h"
#include "engine/profile.h"

#define TAPE_CHUNK 1024 /* spikes */

/* The most spikes a population may leave on a tape, SIZE_MAX = no limit. */
static size_t tape_limit(const rv_engine *engine, const rv_plan_population *p)
{
    size_t limit;
    const rv_learning *l = &engine->model->learning;
    if (!engine->learn || p->model->is_input || l->lenient || !rv_multiply(p->n, l->max_spikes, &limit))
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
                       p->population->name, engine->model->learning.max_spikes);
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
    if (engine->learn && p->adjoint && p->model->num_crossing) {
        const size_t each = (size_t)p->model->num_crossing * sizeof *tape->crossing;
        float *crossing = rv_realloc(context, tape->crossing, capacity, each, "spike tape");
        if (!crossing)
            return RV_ERR_MEMORY;
        tape->crossing = crossing;
    }
    tape->capacity = capacity;
    return RV_OK;
}

/* The key of the random numbers that a population draws in an example. */
static uint64_t random_key(const rv_compiled_network *model, const rv_plan_population *p, const rv_example *example)
{
    uint32_t words[4];
    rv_random(rv_context_seed(model->context), RV_RANDOM_NEURON, rv_population_object(p->population), example->epoch,
              example->number, words);
    return (uint64_t)words[1] << 32 | words[0];
}

void rv_forward_begin(const rv_engine *engine, rv_block *block, rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    rv_carry_begin(engine, block, example);
    rv_afferents_open(engine, block, example);
    example->error = RV_OK;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        if (p->forward)
            example->tapes[i].offset[0] = 0;
        if (p->model->is_random)
            block->steps[i].random = random_key(model, p, example);
    }
    rv_outputs_begin(engine, example);
    rv_flights_begin(engine, example);
    if (model->compiler == RV_COMPILER_EPROP)
        rv_eprop_begin(engine, block, example);
}

void rv_forward_show(const rv_engine *engine, rv_block *block, uint32_t population, const float *frame)
{
    const rv_plan_population *p = &engine->model->populations[population];
    memcpy(block->state + p->input, frame, p->n * sizeof *frame);
    if (p->begin_frame)
        p->begin_frame(&block->steps[population]);
}

/* The next frame of an input that takes values, where one begins in step t; the last one stays. */
static void show_frame(const rv_engine *engine, rv_block *block, uint32_t population, const float *values, uint32_t t)
{
    const rv_plan_population *p = &engine->model->populations[population];
    const uint32_t frame = t / p->frame_steps;
    if (t % p->frame_steps == 0 && frame < p->num_frames)
        rv_forward_show(engine, block, population, values + frame * p->n);
}

/* One step of a population's neurons; its spikes go on the tape. */
static int step_population(const rv_engine *engine, rv_block *block, rv_example *example, uint32_t population,
                           uint32_t t)
{
    const rv_plan_population *p = &engine->model->populations[population];
    rv_neuron_step *step = &block->steps[population];
    rv_tape *tape = &example->tapes[population];
    const uint32_t used = tape->offset[t];
    size_t num_negative = 0;
    if (used + p->n_pad > tape->capacity) {
        const int error = rv_tape_reserve(engine, p, tape, used, p->n_pad);
        if (error)
            return error;
    }
    step->t = t;
    step->ids = tape->ids + used;
    step->crossing = tape->crossing ? tape->crossing + (size_t)used * (size_t)p->model->num_crossing : NULL;
    step->num_negative = p->is_signed ? &num_negative : NULL;
    if (p->model->takes_values && example->values[population])
        show_frame(engine, block, population, example->values[population], t);
    tape->offset[t + 1] = used + (uint32_t)(engine->learn && p->eprop.forward ? p->eprop.forward : p->forward)(step);
    if (tape->negative)
        tape->negative[t] = tape->offset[t + 1] - (uint32_t)num_negative;
    return RV_OK;
}

/* A population that takes no part in step t. */
static void skip_step(rv_tape *tape, uint32_t t)
{
    tape->offset[t + 1] = tape->offset[t];
    if (tape->negative)
        tape->negative[t] = tape->offset[t];
}

int rv_forward_population(const rv_engine *engine, rv_block *block, rv_example *example, uint32_t population,
                          uint32_t t, double *since)
{
    const rv_plan_population *p = &engine->model->populations[population];
    if (!p->forward)
        return RV_OK;
    if (t < p->begin || t >= p->end) {
        skip_step(&example->tapes[population], t);
        return RV_OK;
    }
    int error = rv_arrive(engine, block, example, population, t);
    rv_profile_lap(block->seconds, population, RV_PART_ARRIVALS, since);
    if (!error)
        error = step_population(engine, block, example, population, t);
    if (!error && p->readout) {
        const float *v = p->model->voltage < 0 ? NULL : block->state + p->state[p->model->voltage];
        rv_outputs_steps(engine, block, example, population, v, t, 1);
    }
    rv_profile_lap(block->seconds, population, RV_PART_NEURONS, since);
    return error;
}

int rv_forward_step(const rv_engine *engine, rv_block *block, rv_example *example, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const bool eprop = rv_engine_learns_eprop(engine);
    double since = rv_profile_start(block->seconds);
    if (eprop)
        rv_eprop_before_step(engine, block, t);
    example->error = RV_OK;
    for (uint32_t i = 0; i < model->num_populations && !example->error; i++)
        example->error = rv_forward_population(engine, block, example, i, t, &since);
    if (example->error)
        return example->error;
    if (eprop)
        rv_eprop_after_step(engine, block, example, t);
    for (uint32_t i = 0; i < model->num_populations && example->num_taps; i++)
        rv_taps_forward(engine, block, example, i, t);
    return RV_OK;
}

/* The number of the first spike of a neuron that has had `max` before, num if there is none. counts: 0, of each neuron. */
static uint32_t first_beyond(const uint32_t *ids, uint32_t num, size_t max, uint32_t *counts)
{
    uint32_t k = 0;
    while (k < num && ++counts[ids[k]] <= max)
        k++;
    return k;
}

/* The limit holds per neuron; it is looked at only where the tape is longer than one neuron may fill. */
static int check_max_spikes(const rv_engine *engine, rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    const size_t max = model->learning.max_spikes;
    example->overflow = NULL;
    for (uint32_t i = 0; !example->overflow && i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        const rv_tape *tape = &example->tapes[i];
        const uint32_t num = tape->offset[model->num_steps];
        if (p->model->is_input || num <= max)
            continue;
        uint32_t *counts = rv_alloc(model->context, p->n, sizeof *counts, "spike counts");
        if (!counts)
            return RV_ERR_MEMORY;
        const uint32_t beyond = first_beyond(tape->ids, num, max, counts);
        rv_free(counts);
        if (beyond < num) {
            example->overflow = p;
            example->overflow_neuron = tape->ids[beyond];
        }
    }
    if (!example->overflow || model->learning.lenient)
        return RV_OK;
    return rv_fail(model->context, RV_ERR_TAPE,
                   "population '%s': neuron %u spiked more than max_spikes = %zu times in example %zu",
                   example->overflow->population->name, example->overflow_neuron, max, example->index);
}

int rv_forward_end(const rv_engine *engine, rv_example *example)
{
    if (engine->learn)
        example->error = check_max_spikes(engine, example);
    if (!example->error)
        example->error = rv_outputs_end(engine, example);
    return example->error;
}
