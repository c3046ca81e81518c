#include "train/bin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "data/spikes.h"
#include "kernels/kernels.h"

#define SHORT_RUN 32 /* keys that insertion sorts faster */

int rv_binner_create(rv_binner *binner, rv_context *context, size_t num_neurons, uint32_t num_steps, double dt)
{
    *binner = (rv_binner){.context = context, .num_steps = num_steps, .dt = dt, .num_neurons = num_neurons};
    binner->occupied = rv_alloc(context, num_neurons, sizeof *binner->occupied, "binning");
    return binner->occupied ? RV_OK : RV_ERR_MEMORY;
}

void rv_binner_clear(rv_binner *binner)
{
    rv_free(binner->keys);
    rv_free(binner->steps);
    rv_free(binner->occupied);
    *binner = (rv_binner){0};
}

static int compare_keys(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Keys are nearly sorted: out of order only within a step, or where a spike was moved to the next. Returns whether two
 * are equal. */
static bool sort_keys(uint64_t *keys, size_t num)
{
    size_t moves = 0;
    bool equal = false;
    for (size_t i = 1; i < num; i++) {
        const uint64_t key = keys[i];
        size_t k = i;
        if (keys[k - 1] < key)
            continue;
        for (; k > 0 && keys[k - 1] > key; k--)
            keys[k] = keys[k - 1];
        keys[k] = key;
        equal |= k > 0 && keys[k - 1] == key;
        moves += i - k;
        if (moves > SHORT_RUN * num) {
            qsort(keys, num, sizeof *keys, compare_keys);
            return true; /* perhaps */
        }
    }
    return equal;
}

/* The second and later spikes of a neuron in one step move on, each to the next free one. */
static void spread_keys(rv_binner *b)
{
    size_t num = 0;
    b->stamp++;
    for (size_t i = 0; i < b->num; i++) {
        uint64_t *taken = &b->occupied[rv_binned_id(b->keys[i])];
        uint32_t step = rv_binned_step(b->keys[i]);
        if (*taken >> 32 == b->stamp && (uint32_t)*taken > step)
            step = (uint32_t)*taken;
        if (step >= b->num_steps)
            continue;
        *taken = (uint64_t)b->stamp << 32 | (step + 1);
        b->keys[num++] = (uint64_t)step << 32 | rv_binned_id(b->keys[i]);
    }
    b->num = num;
    sort_keys(b->keys, num);
}

static int bin(rv_binner *b, const float *times, const uint16_t *ids16, const uint32_t *ids32, size_t n)
{
    int error = rv_grow(b->context, &b->keys, &b->capacity, n, sizeof *b->keys, "binned spikes");
    if (!error)
        error = rv_grow(b->context, &b->steps, &b->max_steps, n, sizeof *b->steps, "binned spikes");
    if (error)
        return error;
    rv_kernels_for(b->context->isa)->steps_of(b->steps, times, n, b->dt, b->num_steps);
    size_t num = 0;
    for (size_t i = 0; i < n; i++) {
        b->keys[num] = (uint64_t)b->steps[i] << 32 | (ids16 ? ids16[i] : ids32[i]);
        num += b->steps[i] < b->num_steps;
    }
    b->num = num;
    if (sort_keys(b->keys, num))
        spread_keys(b);
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

int rv_binner_run(rv_binner *binner, const rv_spikes *spikes, size_t example)
{
    const float *times;
    const uint16_t *ids16;
    const uint32_t *ids32;
    size_t n;
    rv_spikes_view(spikes, example, &times, &ids16, &ids32, &n);
    return bin(binner, times, ids16, ids32, n);
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
                              rv_transform_fn transform, void *user, const rv_population *population, size_t epoch,
                              const uint32_t random[4])
{
    const float *from_times;
    const uint16_t *ids16;
    const uint32_t *ids32;
    size_t num;
    rv_spikes_view(spikes, example, &from_times, &ids16, &ids32, &num);
    float *times = rv_alloc(binner->context, capacity, sizeof *times, "transformed spikes");
    int32_t *ids = rv_alloc(binner->context, capacity, sizeof *ids, "transformed spikes");
    int error = times && ids ? RV_OK : RV_ERR_MEMORY;
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
    if (!error)
        error = bin(binner, times, NULL, (const uint32_t *)ids, num);
    rv_free(times);
    rv_free(ids);
    return error;
}
