/* What a probe saw in a batch is copied into one block, so that recorded numbers are never moved again; only the list
 * of entries, a few words each, grows. It is sorted when it is asked for. */
#include "callbacks/recorder.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* The numbers of one batch. */
typedef struct recorder_block {
    struct recorder_block *next;
    uint64_t data[]; /* of every entry times, ids and values, those there are, each from a word of its own on */
} recorder_block;

static size_t words(size_t count, size_t size)
{
    return (count * size + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

static size_t count_words(const rv_entries *batch)
{
    size_t total = 0;
    for (size_t i = 0; i < batch->num; i++) {
        const rv_entry *entry = &batch->items[i];
        total += entry->times ? words(entry->num, sizeof *entry->times) : 0;
        total += entry->ids ? words(entry->num, sizeof *entry->ids) : 0;
        total += entry->values ? words(entry->num, sizeof *entry->values) : 0;
    }
    return total;
}

/* Copies count elements to *next, which moves on; NULL stays NULL. */
static const void *keep(uint64_t **next, const void *from, size_t count, size_t size)
{
    if (!from)
        return NULL;
    void *const copy = *next;
    if (count > 0)
        memcpy(copy, from, count * size);
    *next += words(count, size);
    return copy;
}

int rv_recorder_add(rv_recorder *recorder, const rv_entries *batch)
{
    const size_t num = recorder->entries.num;
    const size_t bytes = sizeof(recorder_block) + count_words(batch) * sizeof(uint64_t);
    int rc = rv_grow(recorder->context, &recorder->items, &recorder->capacity, num + batch->num,
                     sizeof *recorder->items, "the list of recorded examples");
    if (rc < 0)
        return rc;
    recorder_block *block = rv_alloc(recorder->context, bytes, 1, "what was recorded in a batch");
    if (!block)
        return RV_ERR_MEMORY;
    block->next = recorder->block;
    recorder->block = block;

    uint64_t *next = block->data;
    for (size_t i = 0; i < batch->num; i++) {
        rv_entry entry = batch->items[i];
        entry.times = keep(&next, entry.times, entry.num, sizeof *entry.times);
        entry.ids = keep(&next, entry.ids, entry.num, sizeof *entry.ids);
        entry.values = keep(&next, entry.values, entry.num, sizeof *entry.values);
        recorder->items[num + i] = entry;
    }
    recorder->entries.num = num + batch->num;
    recorder->entries.items = recorder->items;
    recorder->sorted = false;
    return RV_OK;
}

static int compare(const void *a, const void *b)
{
    const rv_entry *x = a, *y = b;
    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    return (x->example > y->example) - (x->example < y->example);
}

int rv_recorder_on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)batch;
    (void)metrics;
    rv_recorder *recorder = user;
    const rv_entries *seen = rv_probe_batch(recorder->probe);
    return seen->num > 0 ? rv_recorder_add(recorder, seen) : RV_OK;
}

int rv_recorder_get_data(void *user, const char **key, const rv_entries **entries)
{
    rv_recorder *recorder = user;
    if (!recorder->sorted && recorder->entries.num > 0)
        qsort(recorder->items, recorder->entries.num, sizeof *recorder->items, compare);
    recorder->sorted = true;
    *key = recorder->key;
    *entries = &recorder->entries;
    return RV_OK;
}

void rv_recorder_clear(rv_recorder *recorder)
{
    for (recorder_block *next, *block = recorder->block; block; block = next) {
        next = block->next;
        rv_free(block);
    }
    rv_free(recorder->items);
}

void rv_recorder_destroy(void *user)
{
    rv_recorder_clear(user);
    rv_free(user);
}
