/* Filling probes. The selected examples of a batch are its entries, by position in the data set; the thread that sweeps
 * an example writes its numbers where they are to stay: into the probe's storage, which has a place for every entry of a
 * batch, or into room that the sink gives; or, where the sink takes entries as soon as they are done, into a buffer, its
 * own or the sink's, of which there are as many as there are sweeps at a time. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "comm/communicator.h"
#include "train/run.h"

static bool is_empty(const rv_probe *probe)
{
    return !probe->num_neurons || !probe->num_timesteps || !probe->num_selected ||
           (probe->synapses.connection && !probe->num_sources);
}

static bool has_values(const rv_probe *probe)
{
    return probe->num_dims > 0;
}

static bool is_of_sweep_back(const rv_probe *probe)
{
    return !probe->spikes && rv_tap_is_of_sweep_back(probe->tap.kind);
}

/* Whether examples of its sweep wait for one another: then each needs a buffer, else each worker. */
static bool is_lockstep(const rv_run *run, const rv_probe *probe)
{
    return run->engine->lockstep && !probe->spikes && !is_of_sweep_back(probe);
}

/* ---- memory ---- */

static float *new_floats(rv_run *run, size_t size)
{
    return rv_alloc(run->context, size, sizeof(float), "recorded values");
}

static int allocate_sums(rv_run *run, rv_probe *probe)
{
    const size_t num = (size_t)run->engine->num_threads;
    if (!(probe->sums = rv_alloc(run->context, num, sizeof *probe->sums, "recorded gradients")))
        return RV_ERR_MEMORY;
    probe->num_sums = num;
    for (size_t i = 0; i < num; i++)
        if (!(probe->sums[i] = new_floats(run, probe->tap.row_size)))
            return RV_ERR_MEMORY;
    return RV_OK;
}

static int allocate(rv_run *run, rv_probe *probe)
{
    const rv_engine *engine = run->engine;
    const size_t capacity = engine->capacity;
    const size_t num = is_empty(probe) ? 0 : probe->num_selected < capacity ? probe->num_selected : capacity;
    size_t storage = num;
    if (rv_comm_size(run->context) > 1)
        probe->sink.write = NULL; /* examples are not swept where they are written */
    if (num && probe->sink.write)
        storage = is_lockstep(run, probe) ? capacity : (size_t)engine->num_threads;
    probe->slot = rv_alloc(run->context, capacity, sizeof *probe->slot, "recorded entries");
    probe->entries = rv_alloc(run->context, num, sizeof *probe->entries, "recorded entries");
    probe->storage = rv_alloc(run->context, storage, sizeof *probe->storage, "recorded entries");
    if (!probe->slot || !probe->entries || !probe->storage)
        return RV_ERR_MEMORY;
    probe->num_slots = num;
    probe->num_storage = storage;
    for (size_t i = 0; i < storage && has_values(probe) && !probe->sink.room; i++)
        if (!(probe->storage[i].values = new_floats(run, probe->size)))
            return RV_ERR_MEMORY;
    return num && probe->tap.kind == RV_TAP_GRADIENT ? allocate_sums(run, probe) : RV_OK;
}

int rv_probes_allocate(rv_run *run)
{
    run->taps = rv_alloc(run->context, run->engine->capacity * run->num_probes, sizeof *run->taps, "probes");
    if (!run->taps)
        return RV_ERR_MEMORY;
    for (rv_probe *probe = run->probes; probe; probe = probe->next) {
        const int error = allocate(run, probe);
        if (error)
            return error;
    }
    return RV_OK;
}

void rv_probe_free_storage(rv_probe *probe)
{
    for (size_t i = 0; i < probe->num_storage && !probe->sink.room; i++) {
        rv_free(probe->storage[i].values);
        rv_free(probe->storage[i].times);
        rv_free(probe->storage[i].ids);
    }
    for (size_t i = 0; i < probe->num_sums; i++)
        rv_free(probe->sums[i]);
    rv_free(probe->sums);
    rv_free(probe->storage);
    rv_free(probe->slot);
    rv_free(probe->entries);
}

/* a + b * c; more than can be addressed stays SIZE_MAX */
static size_t add_product(size_t a, size_t b, size_t c)
{
    size_t product;
    return rv_multiply(b, c, &product) && !__builtin_add_overflow(a, product, &product) ? product : SIZE_MAX;
}

size_t rv_probes_memory(const rv_run *run)
{
    size_t bytes = 0;
    for (const rv_probe *probe = run->probes; probe; probe = probe->next) {
        bytes += sizeof *probe + probe->num_neurons * sizeof *probe->neurons +
                 probe->num_sources * sizeof *probe->sources + probe->num_timesteps * sizeof *probe->timesteps +
                 run->engine->capacity * sizeof *probe->slot + probe->num_slots * sizeof *probe->entries +
                 probe->num_storage * sizeof *probe->storage;
        bytes += probe->rows ? run->model->num_steps * sizeof *probe->rows : 0;
        bytes += probe->index ? probe->num_sources * probe->num_neurons * sizeof *probe->index : 0;
        bytes += probe->max_more * sizeof *probe->more;
        bytes += probe->delays ? probe->synapses.connection->links.rows.size * sizeof *probe->delays : 0;
        bytes += probe->selected ? run->feed->num_examples : 0;
        bytes = add_product(bytes, probe->num_sums, probe->tap.row_size * sizeof(float));
        if (has_values(probe) && !probe->sink.room)
            bytes = add_product(bytes, probe->num_storage, probe->size * sizeof(float));
    }
    return bytes;
}

size_t rv_probes_growth(const rv_run *run)
{
    size_t bytes = 0;
    for (const rv_probe *probe = run->probes; probe; probe = probe->next)
        if (!has_values(probe) && !probe->sink.room)
            bytes = add_product(bytes, probe->num_storage * (sizeof(double) + sizeof(int32_t)), probe->max_spikes);
        else if (has_values(probe) && probe->sink.room && probe->sink.write) /* rooms that are given and taken back */
            bytes = add_product(bytes, probe->num_storage, probe->size * sizeof(float));
    return bytes;
}

/* ---- before a batch ---- */

static int compare_entries(const void *a, const void *b)
{
    const size_t x = ((const rv_entry *)a)->example, y = ((const rv_entry *)b)->example;
    return (x > y) - (x < y);
}

/* An entry of which the numbers are yet to come. */
static rv_entry entry_of(const rv_run *run, const rv_probe *probe, size_t position)
{
    rv_entry entry = {
        .epoch = run->engine->examples[position].epoch,
        .example = rv_run_batch_example(run, position),
        .num = position, /* for now */
        .num_dims = probe->num_dims,
    };
    for (int d = 0; d < probe->num_dims; d++)
        entry.shape[d] = probe->shape[d];
    return entry;
}

static void begin(rv_run *run, rv_probe *probe)
{
    size_t num = 0;
    for (size_t e = 0; e < run->batch_count; e++) {
        rv_example *example = &run->engine->examples[e];
        probe->slot[e] = RV_NO_SLOT;
        if (probe->selected && !probe->selected[example->index])
            continue;
        probe->entries[num++] = entry_of(run, probe, e);
        if (!probe->spikes)
            run->taps[e * run->num_probes + example->num_taps++] = (rv_tap_target){.tap = &probe->tap};
    }
    qsort(probe->entries, num, sizeof *probe->entries, compare_entries);
    for (size_t i = 0; i < num; i++) {
        probe->slot[probe->entries[i].num] = (uint32_t)i;
        probe->entries[i].num = has_values(probe) ? probe->size : 0;
    }
    probe->batch.num = num;
    probe->batch.items = probe->entries;
}

void rv_probes_begin(rv_run *run)
{
    for (size_t e = 0; e < run->batch_count; e++) {
        run->engine->examples[e].taps = run->taps + e * run->num_probes;
        run->engine->examples[e].num_taps = 0;
    }
    for (rv_probe *probe = run->probes; probe; probe = probe->next)
        if (probe->num_slots)
            begin(run, probe);
}

/* ---- before the sweep of an example ---- */

/* Whether a probe's numbers of an example are made in this sweep. */
static bool is_made(const rv_probe *probe, const rv_example *example, bool back)
{
    return probe->num_slots && probe->slot[example->position] != RV_NO_SLOT && is_of_sweep_back(probe) == back;
}

/* Where an example's numbers are. */
static rv_probe_storage *storage_of(const rv_run *run, const rv_probe *probe, const rv_example *example, int worker)
{
    if (!probe->sink.write)
        return &probe->storage[probe->slot[example->position]];
    return &probe->storage[is_lockstep(run, probe) ? example->position : (size_t)worker];
}

int rv_probe_make_room_for_values(rv_probe *probe, rv_probe_storage *storage)
{
    if (!probe->sink.room)
        return RV_OK;
    storage->values = probe->sink.room(probe->sink.user, probe->size * sizeof(float));
    return storage->values ? RV_OK : RV_ERR_MEMORY;
}

int rv_probes_enter(rv_run *run, const rv_example *example, int worker, bool back)
{
    int error = RV_OK;
    rv_tap_target *target = run->taps + example->position * run->num_probes;
    for (rv_probe *probe = run->probes; !error && probe; probe = probe->next) {
        if (!probe->num_slots || probe->spikes || probe->slot[example->position] == RV_NO_SLOT)
            continue;
        rv_tap_target *const its = target++; /* targets are in the order of the probes */
        if (is_of_sweep_back(probe) != back)
            continue;
        rv_probe_storage *storage = storage_of(run, probe, example, worker);
        error = rv_probe_make_room_for_values(probe, storage);
        its->out = storage->values;
        its->sum = probe->sums ? probe->sums[worker] : NULL;
    }
    return error;
}

/* ---- after it ---- */

static int collect(rv_probe *probe, const rv_example *example, rv_probe_storage *storage)
{
    const rv_tape *tape = &example->tapes[probe->tap.population];
    if (!probe->counts)
        return rv_probe_copy_spikes(probe, tape, storage);
    const int error = rv_probe_make_room_for_values(probe, storage);
    if (!error)
        rv_probe_count_spikes(probe, tape, storage->values);
    return error;
}

static void fill_entry(const rv_probe *probe, rv_entry *entry, const rv_probe_storage *storage)
{
    if (has_values(probe)) {
        entry->values = storage->values;
    } else {
        entry->num = storage->num;
        entry->times = storage->times;
        entry->ids = storage->ids;
    }
}

int rv_probes_leave(rv_run *run, const rv_example *example, int worker, bool back)
{
    int error = RV_OK;
    for (rv_probe *probe = run->probes; !error && probe; probe = probe->next) {
        if (!is_made(probe, example, back))
            continue;
        const size_t index = probe->slot[example->position];
        rv_probe_storage *storage = storage_of(run, probe, example, worker);
        if (probe->spikes)
            error = collect(probe, example, storage);
        if (error || !probe->sink.write)
            continue;
        rv_entry entry = probe->entries[index];
        fill_entry(probe, &entry, storage);
        probe->entries[index].num = entry.num;
        error = probe->sink.write(probe->sink.user, index, &entry);
    }
    return error;
}

/* ---- after a batch ---- */

/* Entries that are here, with their numbers. */
static void end(rv_run *run, rv_probe *probe)
{
    size_t num = 0;
    for (size_t e = 0; e < run->batch_count; e++) {
        const uint32_t slot = probe->slot[e];
        if (slot == RV_NO_SLOT)
            continue;
        fill_entry(probe, &probe->entries[slot], &probe->storage[slot]);
        if (!rv_probes_have(run, e))
            probe->entries[slot].example = SIZE_MAX; /* goes to the end */
        else
            num++;
    }
    if (num < probe->batch.num)
        qsort(probe->entries, probe->batch.num, sizeof *probe->entries, compare_entries);
    probe->batch.num = num;
}

int rv_probes_end(rv_run *run)
{
    const int error = rv_probes_gather(run);
    for (rv_probe *probe = run->probes; !error && probe; probe = probe->next)
        if (probe->num_slots && !probe->sink.write)
            end(run, probe);
    return error;
}
