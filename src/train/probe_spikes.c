/* Spikes from the tape of an example to a probe. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/run.h"

#define AT_ONCE 16     /* times that are written at once, past the last one */
#define IDS_AT_ONCE 32 /* ids that are copied at once */

static bool selects(const rv_probe *probe, uint32_t id)
{
    return !probe->column || probe->column[id] >= 0;
}

/* ---- room ---- */

int rv_probe_make_room(rv_probe *probe, rv_probe_storage *storage, size_t num)
{
    rv_context *context = probe->run->context;
    if (probe->sink.room) {
        const size_t slack = AT_ONCE * sizeof(double);
        storage->times = probe->sink.room(probe->sink.user, num * (sizeof(double) + sizeof(int32_t)) + slack);
        storage->ids = storage->times ? (int32_t *)(storage->times + num) : NULL;
        return storage->times ? RV_OK : RV_ERR_MEMORY;
    }
    if (storage->room >= num + AT_ONCE)
        return RV_OK;
    size_t room = num + num / 2;
    if (room > probe->max_spikes)
        room = num > probe->max_spikes ? num : probe->max_spikes;
    room += AT_ONCE;
    double *times = rv_realloc(context, storage->times, room, sizeof *times, "recorded spikes");
    if (!times)
        return RV_ERR_MEMORY;
    storage->times = times;
    int32_t *ids = rv_realloc(context, storage->ids, room, sizeof *ids, "recorded spikes");
    if (!ids)
        return RV_ERR_MEMORY;
    storage->ids = ids;
    storage->room = room;
    return RV_OK;
}

static size_t count_selected(const rv_probe *probe, const rv_tape *tape)
{
    size_t num = 0;
    if (!probe->column && !probe->rows)
        return tape->offset[probe->num_timesteps];
    for (size_t i = 0; i < probe->num_timesteps; i++) {
        const uint32_t t = probe->timesteps[i];
        if (!probe->column)
            num += tape->offset[t + 1] - tape->offset[t];
        for (uint32_t k = tape->offset[t]; probe->column && k < tape->offset[t + 1]; k++)
            num += probe->column[tape->ids[k]] >= 0;
    }
    return num;
}

/* ---- copying ---- */

/* The first step of the current batch, where time runs on from batch to batch. */
static double first_step(const rv_run *run)
{
    const size_t batch = (run->epoch - run->start_epoch) * rv_run_num_batches(run) + run->batch;
    return run->model->time_runs_on ? (double)batch * run->model->num_steps : 0;
}

/* The time of num spikes, and of some more that are not there: how many there are is hard to predict. */
static double *put_time(double *times, double time, uint32_t num)
{
    for (uint32_t k = 0; k < num; k += AT_ONCE)
        for (uint32_t l = 0; l < AT_ONCE; l++)
            times[k + l] = time;
    return times + num;
}

/* A few cache lines at a time: a run of spikes is too short for what the C library does with long copies. */
static void copy_ids(int32_t *out, const uint32_t *ids, size_t num)
{
    size_t k = 0;
    for (; k + IDS_AT_ONCE <= num; k += IDS_AT_ONCE)
        memcpy(out + k, ids + k, IDS_AT_ONCE * sizeof *out);
    if (k < num)
        memcpy(out + k, ids + k, (num - k) * sizeof *out);
}

/* Of all neurons. Times come first: the last ones are written past the end, to where the ids may begin. */
static void copy_all(const rv_probe *probe, const rv_tape *tape, double *times, int32_t *ids)
{
    const double dt = probe->run->model->dt, first = first_step(probe->run);
    const uint32_t *offset = tape->offset, num_steps = (uint32_t)probe->num_timesteps;
    if (!probe->rows) { /* of all timesteps */
        for (uint32_t t = 0; t < num_steps; t++)
            times = put_time(times, (first + t) * dt, offset[t + 1] - offset[t]);
        copy_ids(ids, tape->ids, offset[num_steps]);
        return;
    }
    for (size_t i = 0; i < num_steps; i++) {
        const uint32_t t = probe->timesteps[i];
        times = put_time(times, (first + t) * dt, offset[t + 1] - offset[t]);
    }
    for (size_t i = 0; i < num_steps; i++) {
        const uint32_t t = probe->timesteps[i], num = offset[t + 1] - offset[t];
        copy_ids(ids, tape->ids + offset[t], num);
        ids += num;
    }
}

static void copy_selected(const rv_probe *probe, const rv_tape *tape, double *times, int32_t *ids)
{
    const double dt = probe->run->model->dt, first = first_step(probe->run);
    for (size_t i = 0; i < probe->num_timesteps; i++) {
        const uint32_t t = probe->timesteps[i];
        const double time = (first + t) * dt;
        for (uint32_t k = tape->offset[t]; k < tape->offset[t + 1]; k++)
            if (probe->column[tape->ids[k]] >= 0) {
                *times++ = time;
                *ids++ = (int32_t)tape->ids[k];
            }
    }
}

/* Spikes of both signs, by id within a step. */
static void copy_signed(const rv_probe *probe, const rv_tape *tape, double *times, int32_t *ids)
{
    const double dt = probe->run->model->dt, first = first_step(probe->run);
    for (size_t i = 0; i < probe->num_timesteps; i++) {
        const uint32_t t = probe->timesteps[i], end = tape->offset[t + 1], negative = tape->negative[t];
        uint32_t k = tape->offset[t], l = negative;
        while (k < negative || l < end) {
            const uint32_t id = tape->ids[l == end || (k < negative && tape->ids[k] < tape->ids[l]) ? k++ : l++];
            if (selects(probe, id)) {
                *times++ = (first + t) * dt;
                *ids++ = (int32_t)id;
            }
        }
    }
}

int rv_probe_copy_spikes(rv_probe *probe, const rv_tape *tape, rv_probe_storage *storage)
{
    const size_t num = count_selected(probe, tape);
    const int error = rv_probe_make_room(probe, storage, num);
    if (error)
        return error;
    (tape->negative  ? copy_signed
     : probe->column ? copy_selected
                     : copy_all)(probe, tape, storage->times, storage->ids);
    storage->num = num;
    return RV_OK;
}

void rv_probe_count_spikes(const rv_probe *probe, const rv_tape *tape, float *counts)
{
    for (size_t k = 0; k < probe->num_neurons; k++)
        counts[k] = 0;
    for (size_t i = 0; i < probe->num_timesteps; i++)
        for (uint32_t k = tape->offset[probe->timesteps[i]]; k < tape->offset[probe->timesteps[i] + 1]; k++)
            if (probe->column[tape->ids[k]] >= 0)
                counts[probe->column[tape->ids[k]]] += 1;
}
