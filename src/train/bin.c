#include "train/bin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "data/spikes.h"
#include "kernels/kernels.h"

#define FEW_IDS 16  /* that a kernel sorts, and room behind for those that are not there */
#define MANY_IDS 48 /* that insertion would not sort well */

int rv_binner_create(rv_binner *binner, rv_context *context, size_t num_neurons, uint32_t num_steps, double dt)
{
    *binner = (rv_binner){.context = context, .num_steps = num_steps, .dt = dt, .num_words = (num_neurons + 63) / 64};
    binner->end = rv_alloc(context, (size_t)num_steps + 2, sizeof *binner->end, "binning");
    binner->words = rv_alloc(context, binner->num_words, sizeof *binner->words, "binning");
    return binner->end && binner->words ? RV_OK : RV_ERR_MEMORY;
}

void rv_binner_clear(rv_binner *binner)
{
    rv_free(binner->end);
    rv_free(binner->words);
    rv_free(binner->steps);
    rv_free(binner->by_step);
    rv_free(binner->moved);
    rv_free(binner->user_times);
    rv_free(binner->user_ids);
    *binner = (rv_binner){0};
}

static int compare_ids(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void sort_any(uint32_t *ids, uint32_t num)
{
    if (num > MANY_IDS) {
        qsort(ids, num, sizeof *ids, compare_ids);
        return;
    }
    for (uint32_t i = 1; i < num; i++) {
        const uint32_t id = ids[i];
        uint32_t k = i;
        for (; k > 0 && ids[k - 1] > id; k--)
            ids[k] = ids[k - 1];
        ids[k] = id;
    }
}

/* One bit for each neuron, if there are not many more bits than ids; returns how many ids differ. */
static size_t sort_bits(const rv_binner *b, const rv_kernels *kernels, uint32_t *out, const uint32_t *ids, uint32_t num)
{
    memset(b->words, 0, b->num_words * sizeof *b->words);
    for (uint32_t i = 0; i < num; i++)
        b->words[ids[i] / 64] |= (uint64_t)1 << ids[i] % 64;
    return kernels->bits_to_ids(out, b->words, b->num_words * 64);
}

/* Step t, which the kernels leave: those that come again move on to the next step. */
static void sort_step(const rv_binner *b, const rv_kernels *kernels, rv_step_sort *sort, size_t t)
{
    const uint32_t begin = t ? sort->end[t - 1] : 0, num = sort->end[t] - begin;
    const uint32_t total = num + (uint32_t)sort->num_moved;
    const uint32_t *ids = sort->ids + begin;
    uint32_t *out = sort->out + sort->offset[t], kept = 0;
    uint32_t *all = sort->moved + b->capacity; /* behind those that may move on */
    if (sort->num_moved == 0 && b->num_words <= num && sort_bits(b, kernels, out, ids, num) == num) {
        sort->offset[t + 1] = sort->offset[t] + num;
        return;
    }
    memcpy(all, ids, num * sizeof *all);
    memcpy(all + num, sort->moved, sort->num_moved * sizeof *all);
    sort_any(all, total);
    sort->num_moved = 0;
    for (uint32_t i = 0; i < total; i++) {
        if (kept > 0 && out[kept - 1] == all[i])
            sort->moved[sort->num_moved++] = all[i];
        else
            out[kept++] = all[i];
    }
    sort->offset[t + 1] = sort->offset[t] + kept;
}

int rv_binner_reserve(rv_binner *b, size_t num)
{
    int error = RV_OK;
    if (num <= b->capacity)
        return RV_OK;
    rv_free(b->steps);
    rv_free(b->by_step);
    rv_free(b->moved);
    b->capacity = num + num / 2 + FEW_IDS;
    b->steps = rv_alloc(b->context, b->capacity, sizeof *b->steps, "binned spikes");
    b->by_step = rv_alloc(b->context, b->capacity + FEW_IDS, sizeof *b->by_step, "binned spikes");
    b->moved = rv_alloc(b->context, b->capacity * 2, sizeof *b->moved, "binned spikes");
    if (!b->steps || !b->by_step || !b->moved) {
        b->capacity = 0;
        error = RV_ERR_MEMORY;
    }
    return error;
}

/* Fills by_step and end from spikes in any order: a user's transform may leave them so. */
static void sort_by_step(rv_binner *b, const uint16_t *ids16, const uint32_t *ids32, uint32_t num)
{
    memset(b->end, 0, ((size_t)b->num_steps + 2) * sizeof *b->end);
    for (uint32_t i = 0; i < num; i++)
        b->end[b->steps[i] + 1]++;
    for (uint32_t t = 0; t < b->num_steps; t++)
        b->end[t + 1] += b->end[t];
    for (uint32_t i = 0; i < num; i++) /* those that are too late go behind all others */
        b->by_step[b->end[b->steps[i]]++] = ids16 ? ids16[i] : ids32[i];
}

/* An example's spikes onto a tape. */
static int bin(rv_binner *b, const rv_binner_target *to, const float *times, const uint16_t *ids16,
               const uint32_t *ids32, size_t num)
{
    const rv_kernels *kernels = rv_kernels_for(b->context->isa);
    rv_tape *tape = to->tape;
    const uint32_t used = to->first ? tape->offset[to->first] : 0;
    size_t t = 0;
    int error = rv_binner_reserve(b, num);
    if (!error)
        error = rv_tape_reserve(to->engine, to->population, tape, used, num + FEW_IDS);
    if (error)
        return error;
    kernels->steps_of(b->steps, times, num, b->dt, b->num_steps);
    if (!kernels->ends_of(b->end, b->num_steps, b->steps, num))
        sort_by_step(b, ids16, ids32, (uint32_t)num);
    else if (ids16)
        kernels->widen(b->by_step, ids16, num);
    else if (num)
        memcpy(b->by_step, ids32, num * sizeof *ids32);
    rv_step_sort sort = {
        .ids = b->by_step,
        .end = b->end,
        .num_steps = b->num_steps,
        .out = tape->ids,
        .offset = tape->offset + to->first,
        .moved = b->moved,
    };
    sort.offset[0] = used;
    while ((t = kernels->sort_steps(&sort, t)) < b->num_steps)
        sort_step(b, kernels, &sort, t++);
    return RV_OK;
}

size_t rv_binner_count_late(const rv_binner *binner, const rv_spikes *spikes, size_t example)
{
    const float *times;
    const uint16_t *ids16;
    const uint32_t *ids32;
    size_t n, late = 0;
    rv_spikes_view(spikes, example, &times, &ids16, &ids32, &n);
    for (uint32_t step = binner->num_steps; late < n; late++) {
        rv_kernels_for(binner->context->isa)->steps_of(&step, &times[n - 1 - late], 1, binner->dt, binner->num_steps);
        if (step < binner->num_steps)
            break;
    }
    return late;
}

int rv_binner_run(rv_binner *binner, const rv_spikes *spikes, size_t example, const rv_binner_target *to)
{
    const float *times;
    const uint16_t *ids16;
    const uint32_t *ids32;
    size_t n;
    const int error = rv_spikes_check(spikes, example);
    if (error)
        return error;
    rv_spikes_view(spikes, example, &times, &ids16, &ids32, &n);
    return bin(binner, to, times, ids16, ids32, n);
}

static int check_transformed(const rv_binner *binner, size_t num_neurons, size_t example, const float *times,
                             const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(times[i]) || times[i] < 0)
            return rv_fail(binner->context, RV_ERR_SPIKE,
                           "transform: spike %zu of example %zu must have a time >= 0 ms, got %g", i, example,
                           (double)times[i]);
        if (ids[i] < 0 || (size_t)ids[i] >= num_neurons)
            return rv_fail(binner->context, RV_ERR_SPIKE,
                           "transform: spike %zu of example %zu must have an id >= 0 and < %zu, got %d", i, example,
                           num_neurons, ids[i]);
    }
    return RV_OK;
}

int rv_binner_run_transformed(rv_binner *binner, const rv_spikes *spikes, size_t example, size_t capacity,
                              rv_transform_fn transform, void *user, size_t epoch, const uint32_t random[4],
                              const rv_binner_target *to)
{
    const rv_population *population = to->population->population;
    const float *from_times;
    const uint16_t *ids16;
    const uint32_t *ids32;
    size_t num;
    int error = rv_spikes_check(spikes, example);
    if (error)
        return error;
    rv_spikes_view(spikes, example, &from_times, &ids16, &ids32, &num);
    error = rv_grow(binner->context, &binner->user_times, &binner->max_user_times, capacity,
                        sizeof *binner->user_times, "transformed spikes");
    if (!error)
        error = rv_grow(binner->context, &binner->user_ids, &binner->max_user_ids, capacity, sizeof *binner->user_ids,
                        "transformed spikes");
    float *times = binner->user_times;
    int32_t *ids = binner->user_ids;
    if (!error) {
        for (size_t i = 0; i < num; i++) {
            times[i] = from_times[i];
            ids[i] = (int32_t)(ids16 ? ids16[i] : ids32[i]);
        }
        error = transform(user, population, epoch, example, random, capacity, times, ids, &num);
        if (error < 0)
            rv_fail(binner->context, error, "transform: failed on example %zu with code %d", example, error);
        else if (num > capacity)
            error = rv_fail(binner->context, RV_ERR_SPIKE, "transform: example %zu must have at most %zu spikes, got %zu",
                            example, capacity, num);
        else
            error = check_transformed(binner, rv_population_size(population), example, times, ids, num);
    }
    return error ? error : bin(binner, to, times, NULL, (const uint32_t *)ids, num);
}
