/* All threads through one example.
 *
 * Parts of the network (compile/parts.c) are swept in blocks of timesteps, one part after the other, as ever. A part
 * whose populations can be split, and of which one is wide, is swept by all threads, each with neurons of its own: where
 * it is recurrent, step by step, and after each step every thread waits for all others and puts their spikes on its tape,
 * in the order of the neurons; else a block of steps at a time. So every sum adds the same numbers in the same order, and
 * the bits are those of one thread. All other parts are the leader's, who is the caller.
 *
 * Nobody waits long for a thread that the system does not let run: the leader begins with those that have come, and where
 * it has waited too long, it goes on alone from the next block on, and splits no example for a while. */
#include "engine/split.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/threads.h"
#include "engine/profile.h"
#include "engine/slice.h"

#define LEAST_WIDE 512U   /* neurons of a population for which to wait for each other in every step */
#define LEAST_SLICE 256U  /* of them for each thread: a row's part that the row kernels take at once */
#define MOST_STEPS 32U    /* of a block: as long as it may take before the leader goes on alone */
#define SPINS 2000        /* looks at another thread's letter before it counts as late: some 50 us */
#define MOST_LATE 2e-4    /* s that the leader has waited for late ones, if it is half of its time: it goes on alone */
#define MOST_REST 1024U   /* batches without splitting after that */
#define GATHER_TIME 5e-5  /* s that threads have to come: about what it takes to wake them */
#define GATHER_ALWAYS 0.2 /* the same with RV_SPLIT=always */
#define NUM_BITS 16       /* of a turn: how many slices it has */
#define LEAVE UINT64_MAX  /* the turn after the last */

struct rv_split {
    rv_engine *engine;
    rv_slice *slices;         /* [num_threads] by rank */
    bool *splits;             /* [populations] */
    bool *parts;              /* [parts] all of it is split */
    size_t most;              /* slices of an example */
    uint64_t number;          /* of the last example that was split, from 1 */
    unsigned rest, last_rest; /* batches that are not split from now on; and were, the last time */

    /* a region */
    size_t first, num; /* positions of the batch: first .. num - 1 */
    rv_split_fn begin, end;
    void *user;
    rv_example *example;      /* of this turn */
    _Atomic uint32_t arrived; /* threads beside the leader */
    _Atomic uint64_t turn;    /* number << NUM_BITS | slices */
    _Atomic int error;
    double started; /* the example's sweep, by the leader's clock */
    bool alone;     /* the leader goes on alone; changed before it meets the others, read after */
};

/* ---- meeting ---- */

/* Whether the others are so far, too. False: one of them has failed. */
static bool wait_for(rv_split *split, rv_slice *own, const rv_slice *other)
{
    double since = 0;
    const rv_letter *letter = &other->letters[own->count % 2];
    for (unsigned looks = 0; atomic_load_explicit(&letter->beat, memory_order_acquire) < own->count; looks++) {
        if (atomic_load_explicit(&split->error, memory_order_relaxed))
            return false;
        if (looks == SPINS)
            since = rv_clock_seconds();
        if (looks < SPINS)
            rv_relax();
        else
            sched_yield();
    }
    own->late += since > 0 ? rv_clock_seconds() - since : 0;
    return true;
}

/* What all have done before, all see after. population: the only one of which they have taken step t, or NULL. */
static bool meet(rv_split *split, rv_slice *slice, const uint32_t *population, uint32_t t)
{
    bool good = true;
    rv_slice_write(slice, population, t);
    for (size_t rank = 0; good && rank < slice->num; rank++)
        if (rank != slice->rank)
            good = wait_for(split, slice, &split->slices[rank]);
    return good;
}

/* The first error of all is the example's. */
static bool goes_on(rv_split *split, int error)
{
    int none = RV_OK;
    if (error)
        atomic_compare_exchange_strong(&split->error, &none, error);
    return !error;
}

/* ---- sweeping ---- */

static bool join_step(rv_split *split, rv_slice *slice, const rv_plan_part *part, uint32_t begin, uint32_t t,
                      bool letters)
{
    int error = RV_OK;
    for (uint32_t i = part->begin; !error && i < part->end; i++)
        error = rv_slice_join(slice, split->slices, slice->model.order[i], begin, t, letters);
    return goes_on(split, error);
}

/* A part that is recurrent. */
static bool sweep_cycle(rv_split *split, rv_slice *slice, const rv_plan_part *part, uint32_t begin, uint32_t end)
{
    const uint32_t *only = part->end - part->begin == 1 ? &slice->model.order[part->begin] : NULL;
    for (uint32_t t = begin; t < end; t++) {
        double since = rv_profile_start(slice->block.seconds);
        int error = RV_OK;
        for (uint32_t i = part->begin; !error && i < part->end; i++)
            if (slice->model.populations[slice->model.order[i]].n_pad)
                error = rv_forward_population(&slice->engine, &slice->block, &slice->example, slice->model.order[i], t,
                                              &since);
            else
                slice->example.tapes[slice->model.order[i]].offset[t + 1] = 0;
        if (!goes_on(split, error) || !meet(split, slice, only, t) || !join_step(split, slice, part, begin, t, only))
            return false;
    }
    return true;
}

/* One that is not: a population whose sources have taken all steps of the block. */
static bool sweep_population(rv_split *split, rv_slice *slice, const rv_plan_part *part, uint32_t begin, uint32_t end)
{
    double since = rv_profile_start(slice->block.seconds);
    const uint32_t population = slice->model.order[part->begin];
    int error = RV_OK;
    if (slice->model.populations[population].n_pad)
        error = rv_forward_part(&slice->engine, &slice->block, &slice->example, part, begin, end, &since);
    else
        for (uint32_t t = begin; t < end; t++)
            slice->example.tapes[population].offset[t + 1] = 0;
    bool good = goes_on(split, error) && meet(split, slice, NULL, 0);
    for (uint32_t t = begin; good && t < end; t++)
        good = join_step(split, slice, part, begin, t, false);
    return good;
}

static bool sweep_block(rv_split *split, rv_slice *slice, uint32_t begin, uint32_t end)
{
    const rv_compiled_network *model = &slice->model;
    bool good = true, behind = false; /* the leader has swept what others have not seen */
    rv_slice_begin_block(slice, begin);
    for (uint32_t i = 0; good && i < model->num_parts; i++) {
        const rv_plan_part *part = &model->parts[i];
        if (!split->parts[i]) {
            double since = rv_profile_start(slice->block.seconds);
            behind |= model->populations[model->order[part->begin]].forward != NULL;
            if (slice->rank == 0)
                good = goes_on(split, rv_forward_part(split->engine, split->engine->blocks, split->example, part,
                                                      begin, end, &since));
            continue;
        }
        good = !behind || meet(split, slice, NULL, 0);
        behind = false;
        rv_slice_look(slice);
        if (good)
            good = (part->recurrent ? sweep_cycle : sweep_population)(split, slice, part, begin, end);
    }
    return good;
}

/* The leader goes on without the others, who leave; and for some batches. */
static void go_alone(rv_split *split)
{
    split->alone = true;
    split->rest = split->last_rest = split->last_rest < MOST_REST ? 2 * split->last_rest + 1 : MOST_REST;
    atomic_store_explicit(&split->turn, LEAVE, memory_order_release);
}

/* Whether the leader, at the end of a block, had better go on alone. */
static bool waits_too_long(const rv_split *split)
{
    const double late = split->slices[0].late;
    return late > MOST_LATE && late > (rv_clock_seconds() - split->started) / 2;
}

/* Steps of the example that this slice has part in; *next = the first that is left to the leader. */
static bool sweep_slice(rv_split *split, rv_slice *slice, uint32_t *next)
{
    const rv_compiled_network *model = split->engine->model;
    const uint32_t most = model->block_steps < MOST_STEPS ? model->block_steps : MOST_STEPS;
    bool alone = false;
    for (uint32_t begin = 0; !alone && begin < model->num_steps; begin = *next) {
        *next = model->num_steps - begin < most ? model->num_steps : begin + most;
        if (!sweep_block(split, slice, begin, *next))
            return false;
        if (slice->rank == 0)
            split->alone = waits_too_long(split);
        if (!meet(split, slice, NULL, 0))
            return false;
        alone = split->alone;
        for (uint32_t i = 0; i < model->num_populations; i++)
            if (split->splits[i])
                rv_slice_keep_crossings(slice, i, begin, *next);
    }
    if (alone)
        rv_slice_give_back(slice);
    return meet(split, slice, NULL, 0);
}

/* ---- the threads ---- */

static void take_seat(rv_split *split, size_t rank, uint64_t turn)
{
    rv_slice *own = &split->slices[rank];
    own->count = turn >> NUM_BITS << 32;
    own->late = 0;
    rv_slice_begin(own, split->example, rank, turn & ((1U << NUM_BITS) - 1));
}

static void follow(rv_split *split)
{
    const size_t rank = atomic_fetch_add(&split->arrived, 1) + 1;
    uint64_t last = 0, turn;
    uint32_t next;
    for (unsigned looks = 0; (turn = atomic_load_explicit(&split->turn, memory_order_acquire)) != LEAVE; looks++) {
        if (turn == last || rank >= (turn & ((1U << NUM_BITS) - 1))) {
            if (looks < SPINS)
                rv_relax();
            else
                sched_yield();
            continue;
        }
        last = turn;
        looks = 0;
        take_seat(split, rank, turn);
        if (!sweep_slice(split, &split->slices[rank], &next))
            return;
    }
}

/* How many go through the next example: those that are here. */
static size_t gather(rv_split *split)
{
    const bool always = split->engine->model->context->splits == RV_SPLIT_ALWAYS;
    const double until = rv_clock_seconds() + (always ? GATHER_ALWAYS : GATHER_TIME);
    while (atomic_load(&split->arrived) + 1 < split->most && rv_clock_seconds() < until)
        sched_yield();
    const size_t num = atomic_load(&split->arrived) + 1;
    return num < split->most ? num : split->most;
}

static int sweep_example(rv_split *split, rv_example *example)
{
    rv_engine *engine = split->engine;
    const size_t num = split->alone ? 1 : gather(split);
    uint32_t next;
    if (num == 1 && !split->alone)
        go_alone(split);
    if (num == 1)
        return rv_forward_sweep(engine, engine->blocks, example);
    const uint64_t turn = ++split->number << NUM_BITS | num;
    split->example = example;
    split->started = rv_clock_seconds();
    atomic_store_explicit(&split->turn, turn, memory_order_release);
    take_seat(split, 0, turn);
    if (!sweep_slice(split, &split->slices[0], &next))
        return example->error = atomic_load(&split->error);
    if (split->alone)
        go_alone(split);
    else
        split->last_rest /= 2;
    return rv_forward_from(engine, engine->blocks, example, next);
}

static void lead(rv_split *split)
{
    rv_engine *engine = split->engine;
    int error = RV_OK;
    for (size_t position = split->first; !error && position < split->num; position++) {
        rv_example *example = &engine->examples[position];
        if (!rv_engine_owns(engine, position))
            continue;
        error = split->begin(split->user, example);
        if (!error)
            error = sweep_example(split, example);
        if (!error)
            error = split->end(split->user, example);
    }
    atomic_store_explicit(&split->turn, LEAVE, memory_order_release);
}

static void sweep_worker(void *arg, int worker)
{
    rv_split *split = arg;
    if (worker == 0)
        lead(split);
    else
        follow(split);
}

void rv_split_sweep(rv_engine *engine, size_t first, size_t num, rv_split_fn begin, rv_split_fn end, void *user)
{
    rv_split *split = engine->split;
    split->first = first;
    split->num = num;
    split->begin = begin;
    split->end = end;
    split->user = user;
    split->alone = false;
    atomic_store(&split->arrived, 0);
    atomic_store(&split->error, RV_OK);
    atomic_store(&split->turn, split->number << NUM_BITS);
    rv_parallel(engine->model->context, sweep_worker, split);
    for (size_t position = first; position < num; position++)
        for (size_t rank = 1; rank < split->most && !engine->examples[position].error; rank++)
            engine->examples[position].error = rv_slice_make_room(&split->slices[rank], &engine->examples[position]);
}

uint64_t rv_split_count(const rv_engine *engine)
{
    return engine->split ? engine->split->number : 0;
}

/* ---- when ---- */

size_t rv_split_first(rv_engine *engine, const rv_batch *batch)
{
    rv_split *split = engine->split;
    const bool always = split && engine->model->context->splits == RV_SPLIT_ALWAYS;
    size_t num = 0, first = batch->num;
    if (!split || (!always && split->rest > 0 && split->rest--))
        return batch->num;
    for (size_t i = 0; i < batch->num; i++)
        num += rv_engine_owns(engine, i);
    if (!always) {
        num %= (size_t)engine->num_threads;
        num = 2 * num > split->most ? 0 : num; /* one after the other, they would take as long as side by side */
    }
    for (; num > 0; num -= rv_engine_owns(engine, first))
        if (engine->examples[--first].num_taps)
            return batch->num;
    return first;
}

size_t rv_split_tape_bound(const rv_engine *engine, size_t max_spikes)
{
    const rv_split *split = engine->split;
    size_t bytes = 0;
    for (uint32_t i = 0; split && i < engine->model->num_populations; i++)
        bytes += split->splits[i] ? (split->most - 1) * engine->model->populations[i].n * max_spikes : 0;
    return bytes * sizeof(uint32_t);
}

/* Whether all populations of a part can be split; *widest: neurons of the widest. */
static bool can_split_part(const rv_engine *engine, const rv_plan_part *part, size_t *widest)
{
    const rv_compiled_network *model = engine->model;
    bool can = true;
    *widest = 0;
    for (uint32_t k = part->begin; k < part->end; k++) {
        const size_t n = model->populations[model->order[k]].n;
        can = can && rv_slice_can(engine, model->order[k]);
        *widest = n > *widest ? n : *widest;
    }
    return can;
}

/* Which populations and parts are split, and into how many slices at most: 1 = none. */
static size_t choose(rv_split *split)
{
    const rv_engine *engine = split->engine;
    const rv_compiled_network *model = engine->model;
    const bool always = model->context->splits == RV_SPLIT_ALWAYS;
    size_t widest = 0;
    for (uint32_t i = 0; i < model->num_parts; i++) {
        const rv_plan_part *part = &model->parts[i];
        size_t wide;
        split->parts[i] = can_split_part(engine, part, &wide) && (always || wide >= LEAST_WIDE);
        for (uint32_t k = part->begin; split->parts[i] && k < part->end; k++)
            split->splits[model->order[k]] = true;
        widest = split->parts[i] && wide > widest ? wide : widest;
    }
    const size_t most = !widest ? 1 : always ? (size_t)engine->num_threads : widest / LEAST_SLICE;
    return most < (size_t)engine->num_threads ? most : (size_t)engine->num_threads;
}

int rv_split_create(rv_engine *engine)
{
    const rv_compiled_network *model = engine->model;
    if (engine->num_threads < 2 || engine->own_blocks || model->context->splits == RV_SPLIT_NEVER ||
        rv_engine_learns_eprop(engine))
        return RV_OK;
    rv_split *split = rv_arena_alloc(engine->arena, 1, sizeof *split);
    if (!split)
        return RV_ERR_MEMORY;
    split->engine = engine;
    split->splits = rv_arena_alloc(engine->arena, model->num_populations, sizeof *split->splits);
    split->parts = rv_arena_alloc(engine->arena, model->num_parts, sizeof *split->parts);
    if (!split->splits || !split->parts)
        return RV_ERR_MEMORY;
    split->most = choose(split);
    if (split->most < 2)
        return RV_OK;
    split->slices = rv_arena_alloc(engine->arena, split->most, sizeof *split->slices);
    if (!split->slices)
        return RV_ERR_MEMORY;
    engine->split = split;
    int error = RV_OK;
    for (size_t rank = 0; !error && rank < split->most; rank++)
        error = rv_slice_make(&split->slices[rank], engine, split->splits);
    return error;
}

void rv_split_free(rv_split *split)
{
    for (size_t rank = 0; split && rank < split->most; rank++)
        rv_slice_free(&split->slices[rank]);
}
