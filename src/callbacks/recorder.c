/* Numbers are recorded into chunks of the recorder's, where they stay; only the list of entries, a few words each, grows.
 * It is sorted when it is asked for. Recorders with files write to them instead. */
#include "callbacks/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

#define AT_ONCE 5           /* words: what an entry of spikes may need beyond its numbers (probe_spikes.c) */
#define CHUNK_WORDS 1048576 /* of 8 bytes */

typedef struct recorder_chunk {
    struct recorder_chunk *next;
    size_t used, size; /* words */
    uint64_t data[];
} recorder_chunk;

int rv_recorder_create(void **user, size_t size, rv_context *context, const char *key, const rv_recording *keep)
{
    rv_recorder *r = *user = rv_alloc(context, size, 1, "a recorder");
    if (!r)
        return RV_ERR_MEMORY;
    r->context = context;
    r->key = key;
    r->keep = *keep;
    pthread_mutex_init(&r->lock, NULL);
    return RV_OK;
}

/* ---- before the run ---- */

/* a * b, or SIZE_MAX */
static size_t product(size_t a, size_t b)
{
    size_t c;
    return rv_multiply(a, b, &c) ? c : SIZE_MAX;
}

static size_t machine_memory(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? product((size_t)pages, (size_t)size) : SIZE_MAX;
}

/* "1000 x 256" */
static void format_shape(char *text, size_t size, const rv_probe_yield *yield)
{
    int used = 0;
    text[0] = '\0';
    for (int d = 0; d < yield->num_dims && used < (int)size; d++)
        used += snprintf(text + used, size - (size_t)used, "%s%zu", d ? " x " : "", yield->shape[d]);
}

/* Says what would fit: fewer examples, or, where even one is too much, fewer timesteps. */
static int fail_budget(const rv_recorder *r, size_t each, size_t needed)
{
    const rv_probe_yield *y = &r->yield;
    const size_t epochs = y->num_examples ? y->num_entries / y->num_examples : 1;
    const size_t examples = r->budget / product(each, epochs ? epochs : 1);
    const size_t every = needed / r->budget + (needed % r->budget > 0);
    char shape[80], advice[96] = "";
    format_shape(shape, sizeof shape, y);
    if (examples > 0)
        snprintf(advice, sizeof advice, "examples \":%zu\" would fit, and so would ", examples);
    else if (y->num_dims > 1 && every < y->shape[0])
        snprintf(advice, sizeof advice, "timesteps \"::%zu\" would fit, and so would ", every);
    return rv_fail(r->context, RV_ERR_MEMORY,
                   "%s: %zu entries of %s numbers need %zu bytes, its budget is %zu; %sa stream to a file", r->what,
                   y->num_entries, shape, needed, r->budget, advice[0] ? advice : "what would fit is ");
}

/* Values are all known before the run; how many spikes there will be is not, and an iterator's examples are not. */
static int check_budget(rv_recorder *r, rv_run *run)
{
    const rv_probe_yield *y = &r->yield;
    const size_t each = y->entry_bytes > SIZE_MAX - sizeof(rv_entry) ? SIZE_MAX : y->entry_bytes + sizeof(rv_entry);
    const size_t needed = product(each, y->num_entries);
    r->budget = r->keep.budget ? r->keep.budget : machine_memory();
    if (y->num_entries == SIZE_MAX) {
        rv_run_announce_memory(run, 0, r->budget);
        return RV_OK;
    }
    if (y->num_dims == 0) {
        const size_t list = product(y->num_entries, sizeof(rv_entry)), most = needed < r->budget ? needed : r->budget;
        rv_run_announce_memory(run, list, most > list ? most - list : 0);
        return RV_OK;
    }
    if (needed > r->budget)
        return fail_budget(r, each, needed);
    rv_run_announce_memory(run, needed, 0);
    return RV_OK;
}

int rv_recorder_set_up(rv_recorder *r, rv_run *run, const char *class, const char *object, const char *name)
{
    r->run = run;
    snprintf(r->what, sizeof r->what, "%s of %s '%s'", class, object, name);
    rv_probe_ask(r->probe, &r->yield);
    r->entries.num_dims = r->yield.num_dims;
    memcpy(r->entries.shape, r->yield.shape, sizeof r->entries.shape);
    if (!r->keep.stream)
        return check_budget(r, run);
    const int rc = rv_run_claim_file(run, r->keep.stream, r->what);
    return rc == RV_OK ? rv_recorder_open(r) : rc;
}

/* ---- in memory ---- */

/* Room in the list: for all entries at once where their number is known. */
static int reserve(rv_recorder *r, size_t num)
{
    if (num > r->capacity && !r->capacity && r->yield.num_entries != SIZE_MAX && r->yield.num_entries > num)
        num = r->yield.num_entries;
    if (num > r->capacity && !r->capacity) {
        r->items = rv_alloc(r->context, num, sizeof *r->items, "the list of recorded examples");
        r->capacity = r->items ? num : 0;
        return r->items ? RV_OK : RV_ERR_MEMORY;
    }
    return rv_grow(r->context, &r->items, &r->capacity, num, sizeof *r->items, "the list of recorded examples");
}

/* What was not known before the run is held against the budget as it comes. */
static int use(rv_recorder *r, size_t bytes)
{
    if (r->yield.num_dims > 0 && r->yield.num_entries != SIZE_MAX)
        return RV_OK;
    if (bytes > r->budget - r->used)
        return rv_fail(r->context, RV_ERR_MEMORY,
                       "%s: its budget of %zu bytes is full after %zu entries; a stream to a file has none", r->what,
                       r->budget, r->entries.num);
    r->used += bytes;
    return RV_OK;
}

/* Size of the next chunk for an entry of num words. Values: whole entries, and no more than are to come. Spikes: no more
 * than there may be. */
static size_t chunk_words(const rv_recorder *r, size_t num)
{
    const rv_probe_yield *y = &r->yield;
    if (y->num_dims > 0 && y->num_entries != SIZE_MAX && num > 0) {
        const size_t fit = num < CHUNK_WORDS ? CHUNK_WORDS / num : 1;
        const size_t left = y->num_entries > r->given ? y->num_entries - r->given : 1;
        return num * (fit < left ? fit : left);
    }
    const size_t bound = product(y->entry_bytes / sizeof(uint64_t) + AT_ONCE, y->num_entries);
    const size_t allowed = r->budget / sizeof(uint64_t);
    size_t size = bound < CHUNK_WORDS ? bound : CHUNK_WORDS;
    size = allowed < size ? allowed : size;
    return num > size ? num : size;
}

/* Fresh memory is touched at less than a tenth of the cost in large pages, where the system has them. */
static void ask_for_large_pages(void *memory, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), end = ((uintptr_t)memory + bytes) / page * page;
    const uintptr_t begin = ((uintptr_t)memory + page - 1) / page * page;
    if (end > begin)
        madvise((unsigned char *)memory + (begin - (uintptr_t)memory), end - begin, MADV_HUGEPAGE);
#else
    (void)memory, (void)bytes;
#endif
}

/* Words of the chunk at hand; what does not fit into it starts another. */
static uint64_t *take_words(rv_recorder *r, size_t num)
{
    recorder_chunk *chunk = r->chunks;
    if (!chunk || chunk->size - chunk->used < num) {
        const size_t size = chunk_words(r, num);
        chunk = rv_realloc(r->context, NULL, sizeof *chunk + size * sizeof(uint64_t), 1, "what was recorded");
        if (!chunk)
            return NULL;
        ask_for_large_pages(chunk->data, size * sizeof(uint64_t));
        *chunk = (recorder_chunk){.next = r->chunks, .size = size};
        r->chunks = chunk;
    }
    r->given++;
    chunk->used += num;
    return chunk->data + chunk->used - num;
}

/* For the numbers of an entry. Several threads ask at once. */
static void *give_room(void *user, size_t bytes)
{
    rv_recorder *r = user;
    const size_t num = bytes / sizeof(uint64_t) + (bytes % sizeof(uint64_t) > 0);
    pthread_mutex_lock(&r->lock);
    uint64_t *room = use(r, num * sizeof *room + sizeof *r->items) == RV_OK ? take_words(r, num) : NULL;
    pthread_mutex_unlock(&r->lock);
    return room;
}

/* In the files' buffers. */
static void *give_buffer(void *user, size_t bytes)
{
    const rv_recorder *r = user;
    (void)bytes;
    return rv_behind_room(r->behind);
}

static int write_to_file(void *user, size_t index, const rv_entry *entry)
{
    return rv_recorder_write_values(user, index, entry);
}

rv_probe_sink rv_recorder_sink(rv_recorder *r, bool of_values)
{
    rv_probe_sink sink = {.user = r};
    if (!r->keep.stream) {
        sink.room = give_room;
    } else if (of_values && rv_growing_has_any_order(r->keep.stream) && rv_context_num_ranks(r->context) == 1) {
        sink.room = give_buffer;
        sink.write = write_to_file;
        r->hands_over = true;
    }
    return sink;
}

static int keep_entries(rv_recorder *r, const rv_entries *batch)
{
    const size_t num = r->entries.num;
    const int rc = reserve(r, num + batch->num);
    if (rc < 0)
        return rc;
    memcpy(r->items + num, batch->items, batch->num * sizeof *r->items);
    r->entries.num = num + batch->num;
    r->entries.items = r->items;
    r->sorted = false;
    return RV_OK;
}

static int copy_numbers(rv_recorder *r, rv_entry *entry)
{
    const size_t times = entry->times ? entry->num * sizeof *entry->times : 0;
    const size_t ids = entry->ids ? entry->num * sizeof *entry->ids : 0;
    const size_t values = entry->values ? entry->num * sizeof *entry->values : 0;
    unsigned char *room = give_room(r, times + ids + values); /* times, which need the alignment, come first */
    if (!room)
        return RV_ERR_MEMORY;
    if (times)
        entry->times = memcpy(room, entry->times, times);
    if (ids)
        entry->ids = memcpy(room + times, entry->ids, ids);
    if (values)
        entry->values = memcpy(room + times + ids, entry->values, values);
    return RV_OK;
}

int rv_recorder_add(rv_recorder *r, const rv_entries *entries)
{
    const size_t first = r->entries.num;
    int rc = keep_entries(r, entries);
    for (size_t i = first; i < r->entries.num && rc == RV_OK; i++)
        rc = copy_numbers(r, &r->items[i]);
    return rc;
}

static int compare(const void *a, const void *b)
{
    const rv_entry *x = a, *y = b;
    if (x->epoch != y->epoch)
        return x->epoch < y->epoch ? -1 : 1;
    return (x->example > y->example) - (x->example < y->example);
}

/* ---- hooks ---- */

static int on_begin(void *user)
{
    rv_recorder *r = user;
    return r->files ? rv_recorder_begin(r) : RV_OK;
}

static int on_epoch_begin(void *user, size_t epoch)
{
    (void)epoch;
    rv_recorder *r = user;
    rv_recorder_note_rows(r);
    r->in_validation = rv_run_is_validation(r->run);
    return r->files ? rv_recorder_reserve(r) : RV_OK;
}

static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    (void)epoch;
    (void)metrics;
    rv_recorder *r = user;
    r->in_validation = false;
    return RV_OK;
}

static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)batch;
    (void)metrics;
    rv_recorder *r = user;
    const rv_entries *seen = rv_probe_batch(r->probe);
    if (seen->num == 0)
        return RV_OK;
    if (!r->keep.stream)
        return keep_entries(r, seen);
    return r->files ? rv_recorder_write(r, seen) : RV_OK;
}

static int on_end(void *user, const rv_metrics *metrics)
{
    (void)metrics;
    rv_recorder *r = user;
    rv_recorder_note_rows(r);
    return rv_recorder_close(r);
}

static int get_data(void *user, const char **key, const rv_entries **entries)
{
    rv_recorder *r = user;
    if (!r->sorted && r->entries.num > 0)
        qsort(r->items, r->entries.num, sizeof *r->items, compare);
    r->sorted = true;
    *key = r->key;
    *entries = &r->entries;
    return RV_OK;
}

static int save(void *user, rv_state *state)
{
    rv_recorder *r = user;
    return r->keep.stream ? rv_recorder_put(r, state) : rv_recorder_save(r, state);
}

static int load(void *user, rv_state *state)
{
    rv_recorder *r = user;
    return r->keep.stream ? rv_recorder_get(r, state) : rv_recorder_load(r, state);
}

void rv_recorder_clear(rv_recorder *r)
{
    for (recorder_chunk *next, *chunk = r->chunks; chunk; chunk = next) {
        next = chunk->next;
        rv_free(chunk);
    }
    pthread_mutex_destroy(&r->lock);
    rv_free(r->items);
    rv_recorder_close(r); /* of a run that failed */
}

static void destroy(void *user)
{
    rv_recorder_clear(user);
    rv_free(user);
}

void rv_recorder_set_hooks(rv_callback *callback)
{
    callback->destroy = destroy;
    callback->on_test_begin = on_begin;
    callback->on_train_begin = on_begin;
    callback->on_epoch_begin = on_epoch_begin;
    callback->on_batch_end = on_batch_end;
    callback->on_epoch_end = on_epoch_end;
    callback->on_test_end = on_end;
    callback->on_train_end = on_end;
    callback->get_data = get_data;
    callback->save = save;
    callback->load = load;
}
