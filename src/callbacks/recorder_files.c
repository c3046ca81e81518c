/* Recorders that stream: entries go to arrays that grow on disk, batch by batch, in the order in which they come. Values
 * are one array (entries, ...), spikes flat arrays and where each entry begins; both with the epoch and the position in
 * the data set of every entry, which come last and so tell a reader how many entries are whole. */
#include "callbacks/recorder.h"

#include "base/alloc.h"
#include "base/error.h"

enum {
    VALUES,
    NUM_OF_VALUES
};
enum {
    TIMES,
    IDS,
    OFFSETS,
    NUM_OF_SPIKES
};

static const rv_growing_array spike_arrays[] = {
    [TIMES] = {"times", RV_FLOAT64, 1, {0}},
    [IDS] = {"ids", RV_INT32, 1, {0}},
    [OFFSETS] = {"offsets", RV_INT64, 1, {0}},
};

static bool has_values(const rv_recorder *r)
{
    return r->yield.num_dims > 0;
}

int rv_recorder_open(rv_recorder *r)
{
    const rv_probe_yield *y = &r->yield;
    rv_growing_array arrays[NUM_OF_SPIKES + 2];
    int num = 0;
    if (has_values(r)) {
        rv_growing_array *values = &arrays[num++];
        *values = (rv_growing_array){"values", RV_FLOAT32, y->num_dims + 1, {0}};
        for (int d = 0; d < y->num_dims; d++)
            values->shape[d + 1] = y->shape[d];
    }
    while (!has_values(r) && num < NUM_OF_SPIKES) {
        arrays[num] = spike_arrays[num];
        num++;
    }
    arrays[num++] = (rv_growing_array){"epochs", RV_INT64, 1, {0}};
    arrays[num++] = (rv_growing_array){"examples", RV_INT64, 1, {0}};
    r->num_arrays = num;
    if (r->hands_over)
        rv_run_announce_memory(r->run, 0, rv_behind_memory(y->entry_bytes));
    return rv_run_rank(r->run) == 0 ? rv_growing_open(&r->files, r->context, r->keep.stream, arrays, num) : RV_OK;
}

int rv_recorder_begin(rv_recorder *r)
{
    const int64_t zero = 0;
    int rc = rv_growing_begin(r->files, r->resumes ? r->rows : NULL);
    if (rc == RV_OK && !r->resumes && !has_values(r))
        rc = rv_growing_append(r->files, OFFSETS, &zero, 1);
    if (rc == RV_OK && r->hands_over)
        rc = rv_behind_create(&r->behind, r->context, r->files, VALUES, r->yield.entry_bytes);
    return rc == RV_OK ? rv_growing_publish(r->files) : rc;
}

int rv_recorder_reserve(rv_recorder *r)
{
    const bool known = has_values(r) && r->yield.num_examples != SIZE_MAX;
    return known ? rv_growing_reserve(r->files, VALUES, r->yield.num_examples) : RV_OK;
}

static int append_values(rv_growing *files, const rv_entry *entry)
{
    return rv_growing_append(files, VALUES, entry->values, 1);
}

static int append_spikes(rv_growing *files, const rv_entry *entry)
{
    int rc = rv_growing_append(files, TIMES, entry->times, entry->num);
    if (rc == RV_OK)
        rc = rv_growing_append(files, IDS, entry->ids, entry->num);
    const int64_t end = (int64_t)rv_growing_rows(files, TIMES);
    return rc == RV_OK ? rv_growing_append(files, OFFSETS, &end, 1) : rc;
}

int rv_recorder_write_values(rv_recorder *r, size_t index, const rv_entry *entry)
{
    void *room = (void *)(uintptr_t)entry->values; /* what give_buffer gave */
    return rv_behind_write(r->behind, rv_growing_rows(r->files, VALUES) + index, room);
}

int rv_recorder_write(rv_recorder *r, const rv_entries *batch)
{
    const int epochs = r->num_arrays - 2, examples = r->num_arrays - 1;
    const bool written = has_values(r) && !batch->items[0].values;
    int rc = written ? rv_behind_settle(r->behind) : RV_OK;
    if (written)
        rv_growing_advance(r->files, VALUES, batch->num);
    for (size_t i = 0; i < batch->num && rc == RV_OK; i++) {
        const rv_entry *entry = &batch->items[i];
        const int64_t epoch = (int64_t)entry->epoch, example = (int64_t)entry->example;
        if (!written)
            rc = has_values(r) ? append_values(r->files, entry) : append_spikes(r->files, entry);
        if (rc == RV_OK)
            rc = rv_growing_append(r->files, epochs, &epoch, 1);
        if (rc == RV_OK)
            rc = rv_growing_append(r->files, examples, &example, 1);
    }
    return rc == RV_OK ? rv_growing_publish(r->files) : rc;
}

int rv_recorder_close(rv_recorder *r)
{
    rv_growing *files = r->files;
    rv_behind_free(r->behind);
    r->behind = NULL;
    r->files = NULL;
    return rv_growing_close(files);
}

void rv_recorder_note_rows(rv_recorder *r)
{
    for (int i = 0; r->files && i < r->num_arrays; i++)
        r->rows[i] = rv_growing_rows(r->files, i);
}

int rv_recorder_put(rv_recorder *r, rv_state *state)
{
    if (!r->in_validation)
        rv_recorder_note_rows(r);
    const int rc = r->files ? rv_growing_sync(r->files) : RV_OK;
    return rc == RV_OK ? rv_state_put(state, "rows", RV_UINT64, r->rows, (size_t)r->num_arrays) : rc;
}

int rv_recorder_get(rv_recorder *r, rv_state *state)
{
    const int rc = rv_state_get(state, "rows", RV_UINT64, r->rows, (size_t)r->num_arrays);
    r->resumes = rc == RV_OK;
    return rc;
}
