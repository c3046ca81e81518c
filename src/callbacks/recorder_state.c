/* What a recorder has recorded goes through checkpoints, so that a resumed run returns all of it. Entries are flattened:
 * a table of their numbers, then times, ids and values one after the other. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "callbacks/recorder.h"

/* A row of the table. */
enum {
    EPOCH,
    EXAMPLE,
    NUM,
    KINDS,
    NUM_DIMS,
    SHAPE,
    COLUMNS = SHAPE + 3
};
enum {
    HAS_TIMES = 1,
    HAS_IDS = 2,
    HAS_VALUES = 4
}; /* KINDS */

typedef struct flat {
    size_t num_entries, num_times, num_ids, num_values;
    uint64_t (*table)[COLUMNS];
    double *times;
    int32_t *ids;
    float *values;
} flat;

static int make(flat *f, rv_context *context)
{
    f->table = rv_alloc(context, f->num_entries, sizeof *f->table, "recorded data to save");
    f->times = rv_alloc(context, f->num_times, sizeof *f->times, "recorded data to save");
    f->ids = rv_alloc(context, f->num_ids, sizeof *f->ids, "recorded data to save");
    f->values = rv_alloc(context, f->num_values, sizeof *f->values, "recorded data to save");
    return f->table && f->times && f->ids && f->values ? RV_OK : RV_ERR_MEMORY;
}

static void clear(flat *f)
{
    rv_free(f->table);
    rv_free(f->times);
    rv_free(f->ids);
    rv_free(f->values);
}

static void flatten(flat *f, const rv_entries *entries)
{
    double *times = f->times;
    int32_t *ids = f->ids;
    float *values = f->values;
    for (size_t i = 0; i < entries->num; i++) {
        const rv_entry *e = &entries->items[i];
        uint64_t *row = f->table[i];
        row[EPOCH] = e->epoch;
        row[EXAMPLE] = e->example;
        row[NUM] = e->num;
        row[KINDS] = (e->times ? HAS_TIMES : 0U) | (e->ids ? HAS_IDS : 0U) | (e->values ? HAS_VALUES : 0U);
        row[NUM_DIMS] = (uint64_t)e->num_dims;
        for (int d = 0; d < 3; d++)
            row[SHAPE + d] = e->shape[d];
        for (size_t k = 0; k < e->num; k++) {
            if (e->times)
                *times++ = e->times[k];
            if (e->ids)
                *ids++ = e->ids[k];
            if (e->values)
                *values++ = e->values[k];
        }
    }
}

int rv_recorder_save(void *user, rv_state *out)
{
    const rv_recorder *recorder = user;
    const rv_entries *entries = &recorder->entries;
    flat f = {.num_entries = entries->num};
    for (size_t i = 0; i < entries->num; i++) {
        const rv_entry *e = &entries->items[i];
        f.num_times += e->times ? e->num : 0;
        f.num_ids += e->ids ? e->num : 0;
        f.num_values += e->values ? e->num : 0;
    }
    int rc = make(&f, recorder->context);
    if (rc == RV_OK)
        flatten(&f, entries);
    if (rc == RV_OK)
        rc = rv_state_put(out, "entries", RV_UINT64, f.table, COLUMNS * f.num_entries);
    if (rc == RV_OK)
        rc = rv_state_put(out, "times", RV_FLOAT64, f.times, f.num_times);
    if (rc == RV_OK)
        rc = rv_state_put(out, "ids", RV_INT32, f.ids, f.num_ids);
    if (rc == RV_OK)
        rc = rv_state_put(out, "values", RV_FLOAT32, f.values, f.num_values);
    clear(&f);
    return rc;
}

/* A piece of `num` of what is left; NULL, and *failed, where there is less. */
static const void *take(const void *array, size_t size, size_t *used, size_t total, size_t num, bool wanted,
                        bool *failed)
{
    if (!wanted)
        return NULL;
    if (num > total - *used) {
        *failed = true;
        return NULL;
    }
    const void *piece = (const char *)array + *used * size;
    *used += num;
    return piece;
}

/* Of a validation, what was recorded of the test that is going to be repeated is left out. */
static int add_entries(rv_recorder *recorder, const flat *f)
{
    size_t times = 0, ids = 0, values = 0, num = 0;
    bool failed = false;
    const bool repeats = rv_run_is_validation(recorder->run);
    rv_entry *items = rv_alloc(recorder->context, f->num_entries, sizeof *items, "recorded data");
    if (!items)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < f->num_entries && !failed; i++) {
        const uint64_t *row = f->table[i];
        rv_entry e = {.epoch = row[EPOCH], .example = row[EXAMPLE], .num = row[NUM]};
        e.times = take(f->times, sizeof *f->times, &times, f->num_times, e.num, row[KINDS] & HAS_TIMES, &failed);
        e.ids = take(f->ids, sizeof *f->ids, &ids, f->num_ids, e.num, row[KINDS] & HAS_IDS, &failed);
        e.values = take(f->values, sizeof *f->values, &values, f->num_values, e.num, row[KINDS] & HAS_VALUES, &failed);
        e.num_dims = row[NUM_DIMS] <= 3 ? (int)row[NUM_DIMS] : 0;
        for (int d = 0; d < 3; d++)
            e.shape[d] = row[SHAPE + d];
        if (!repeats || e.epoch < rv_run_epoch(recorder->run))
            items[num++] = e;
    }
    const int rc = failed    ? rv_fail(recorder->context, RV_ERR_CHECKPOINT,
                                       "resume: recorded data in the checkpoint "
                                          "are damaged")
                   : num > 0 ? rv_recorder_add(recorder, &(rv_entries){.num = num, .items = items})
                             : RV_OK;
    rv_free(items);
    return rc;
}

int rv_recorder_load(void *user, rv_state *from)
{
    rv_recorder *recorder = user;
    flat f = {.num_entries = 0};
    size_t cells = 0;
    int rc = rv_state_size(from, "entries", &cells);
    if (rc == RV_OK)
        rc = rv_state_size(from, "times", &f.num_times);
    if (rc == RV_OK)
        rc = rv_state_size(from, "ids", &f.num_ids);
    if (rc == RV_OK)
        rc = rv_state_size(from, "values", &f.num_values);
    if (rc < 0)
        return rc;
    f.num_entries = cells / COLUMNS;
    rc = make(&f, recorder->context);
    if (rc == RV_OK)
        rc = rv_state_get(from, "entries", RV_UINT64, f.table, COLUMNS * f.num_entries);
    if (rc == RV_OK)
        rc = rv_state_get(from, "times", RV_FLOAT64, f.times, f.num_times);
    if (rc == RV_OK)
        rc = rv_state_get(from, "ids", RV_INT32, f.ids, f.num_ids);
    if (rc == RV_OK)
        rc = rv_state_get(from, "values", RV_FLOAT32, f.values, f.num_values);
    if (rc == RV_OK)
        rc = add_entries(recorder, &f);
    clear(&f);
    return rc;
}
