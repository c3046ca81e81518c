#include "data/spikes_in.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define MAX_NEURONS_16 65536

int rv_spikes_create(rv_spikes **out, rv_context *context, size_t num_neurons)
{
    *out = NULL;
    if (num_neurons < 1 || num_neurons > INT32_MAX)
        return rv_fail(context, RV_ERR_ARGUMENT, "spikes: num_neurons must be 1 to %d, got %zu", INT32_MAX,
                       num_neurons);
    rv_spikes *spikes = rv_alloc(context, 1, sizeof *spikes, "spikes");
    if (!spikes)
        return RV_ERR_MEMORY;
    spikes->context = context;
    spikes->num_neurons = num_neurons;
    if (rv_grow(context, &spikes->offsets, &spikes->offsets_capacity, 16, sizeof *spikes->offsets, "spikes") < 0) {
        rv_free(spikes);
        return RV_ERR_MEMORY;
    }
    spikes->offsets[0] = 0;
    *out = spikes;
    return RV_OK;
}

void rv_spikes_free(rv_spikes *spikes)
{
    if (!spikes)
        return;
    rv_free(spikes->offsets);
    if (!spikes->mapped[0].base) {
        rv_free(spikes->times);
        rv_free(spikes->ids16);
        rv_free(spikes->ids32);
    }
    rv_mapping_end(&spikes->mapped[0]);
    rv_mapping_end(&spikes->mapped[1]);
    rv_free(spikes->keys);
    rv_free(spikes);
}

/* ---- append ---- */

/* Spikes sort by (time, id) as integers: the bits of floats >= 0 ascend with their values. */
static uint64_t make_key(float time, uint32_t id)
{
    uint32_t bits;
    time += 0.0F; /* -0 becomes 0 */
    memcpy(&bits, &time, sizeof bits);
    return (uint64_t)bits << 32 | id;
}

static float time_of_key(uint64_t key)
{
    const uint32_t bits = (uint32_t)(key >> 32);
    float time;
    memcpy(&time, &bits, sizeof time);
    return time;
}

/* Checks the spikes and writes their keys. */
static int make_keys(const rv_spikes *spikes, const double *times, const int32_t *ids, size_t num, uint64_t *keys)
{
    for (size_t i = 0; i < num; i++) {
        const float time = (float)times[i];
        if (!(times[i] >= 0) || !isfinite(time))
            return rv_fail(spikes->context, RV_ERR_SPIKE,
                           "example %zu: spike %zu: the time must be >= 0 ms and finite, got %g", spikes->num_examples,
                           i, times[i]);
        if (ids[i] < 0 || (size_t)ids[i] >= spikes->num_neurons)
            return rv_fail(spikes->context, RV_ERR_SPIKE, "example %zu: spike %zu: the id must be 0 to %zu, got %d",
                           spikes->num_examples, i, spikes->num_neurons - 1, ids[i]);
        keys[i] = make_key(time, (uint32_t)ids[i]);
    }
    return RV_OK;
}

static bool is_sorted(const uint64_t *keys, size_t num)
{
    for (size_t i = 1; i < num; i++)
        if (keys[i - 1] > keys[i])
            return false;
    return true;
}

/* Radix sort by bytes, the least significant first, leaving out bytes that all keys share. Returns the buffer that
 * holds the result, keys or scratch. */
static uint64_t *sort(uint64_t *keys, uint64_t *scratch, size_t num)
{
    size_t count[8][256] = {{0}};

    for (size_t i = 0; i < num; i++)
        for (int byte = 0; byte < 8; byte++)
            count[byte][keys[i] >> 8 * byte & 255]++;
    for (int byte = 0; byte < 8; byte++) {
        size_t *next = count[byte]; /* where the next key with this byte goes */
        if (next[keys[0] >> 8 * byte & 255] == num)
            continue;
        size_t sum = 0;
        for (int value = 0; value < 256; value++) {
            const size_t n = next[value];
            next[value] = sum;
            sum += n;
        }
        for (size_t i = 0; i < num; i++)
            scratch[next[keys[i] >> 8 * byte & 255]++] = keys[i];
        uint64_t *swapped = keys;
        keys = scratch;
        scratch = swapped;
    }
    return keys;
}

/* Room for num more spikes and one more example. */
static int reserve(rv_spikes *spikes, size_t num)
{
    static const char what[] = "spikes";
    rv_context *context = spikes->context;
    size_t total, keys;
    int rc;

    if (__builtin_add_overflow(spikes->offsets[spikes->num_examples], num, &total) || !rv_multiply(num, 2, &keys))
        return rv_fail_memory(context, SIZE_MAX, what);
    if ((rc = rv_grow(context, &spikes->offsets, &spikes->offsets_capacity, spikes->num_examples + 2,
                      sizeof *spikes->offsets, what)) < 0 ||
        (rc = rv_grow(context, &spikes->keys, &spikes->keys_capacity, keys, sizeof *spikes->keys, what)) < 0 ||
        (rc = rv_grow(context, &spikes->times, &spikes->times_capacity, total, sizeof *spikes->times, what)) < 0)
        return rc;
    if (spikes->num_neurons <= MAX_NEURONS_16)
        return rv_grow(context, &spikes->ids16, &spikes->ids_capacity, total, sizeof *spikes->ids16, what);
    return rv_grow(context, &spikes->ids32, &spikes->ids_capacity, total, sizeof *spikes->ids32, what);
}

/* Appends one example of keys in order, for which there is room. */
static void append_keys(rv_spikes *spikes, const uint64_t *keys, size_t num)
{
    const uint64_t start = spikes->offsets[spikes->num_examples];

    for (size_t i = 0; i < num; i++) {
        spikes->times[start + i] = time_of_key(keys[i]);
        if (spikes->ids16)
            spikes->ids16[start + i] = (uint16_t)(keys[i] & 0xFFFFU);
        else
            spikes->ids32[start + i] = (uint32_t)(keys[i] & 0xFFFFFFFFU);
    }
    spikes->offsets[++spikes->num_examples] = start + num;
    if (num > spikes->max_count)
        spikes->max_count = num;
    if (num > 0 && time_of_key(keys[num - 1]) > spikes->latest)
        spikes->latest = time_of_key(keys[num - 1]);
}

int rv_spikes_append(rv_spikes *spikes, const double *times, const int32_t *ids, size_t num)
{
    int rc;
    if (spikes->mapped[0].base)
        return rv_fail(spikes->context, RV_ERR_STATE, "spikes: nothing can be appended to those in files");
    if ((rc = reserve(spikes, num)) < 0 || (rc = make_keys(spikes, times, ids, num, spikes->keys)) < 0)
        return rc;
    uint64_t *keys = spikes->keys;
    if (!is_sorted(keys, num))
        keys = sort(keys, keys + num, num);
    append_keys(spikes, keys, num);
    return RV_OK;
}

/* ---- ask ---- */

rv_context *rv_spikes_context(const rv_spikes *spikes)
{
    return spikes->context;
}

size_t rv_spikes_num_examples(const rv_spikes *spikes)
{
    return spikes->num_examples;
}

size_t rv_spikes_num_neurons(const rv_spikes *spikes)
{
    return spikes->num_neurons;
}

size_t rv_spikes_count(const rv_spikes *spikes, size_t example)
{
    if (example >= spikes->num_examples)
        return 0;
    return (size_t)(spikes->offsets[example + 1] - spikes->offsets[example]);
}

void rv_spikes_view(const rv_spikes *spikes, size_t example, const float **times, const uint16_t **ids16,
                    const uint32_t **ids32, size_t *n)
{
    *n = rv_spikes_count(spikes, example);
    const uint64_t start = *n > 0 ? spikes->offsets[example] : 0;
    *times = spikes->times ? spikes->times + start : NULL;
    *ids16 = spikes->ids16 ? spikes->ids16 + start : NULL;
    *ids32 = spikes->ids32 ? spikes->ids32 + start : NULL;
}

int rv_spikes_get(const rv_spikes *spikes, size_t example, double *times, int32_t *ids)
{
    const float *from;
    const uint16_t *ids16;
    const uint32_t *ids32;
    size_t n;

    if (example >= spikes->num_examples)
        return rv_fail(spikes->context, RV_ERR_ARGUMENT, "spikes: there is no example %zu, there are %zu", example,
                       spikes->num_examples);
    const int rc = rv_spikes_check(spikes, example);
    if (rc < 0)
        return rc;
    rv_spikes_view(spikes, example, &from, &ids16, &ids32, &n);
    for (size_t i = 0; times && i < n; i++)
        times[i] = (double)from[i];
    for (size_t i = 0; ids && i < n; i++)
        ids[i] = ids16 ? ids16[i] : (int32_t)ids32[i];
    return RV_OK;
}

size_t rv_spikes_max_count(const rv_spikes *spikes)
{
    return spikes->max_count;
}

double rv_spikes_latest_time(const rv_spikes *spikes)
{
    return (double)spikes->latest;
}

size_t rv_spikes_memory(const rv_spikes *spikes)
{
    return sizeof *spikes + spikes->offsets_capacity * sizeof *spikes->offsets +
           spikes->times_capacity * sizeof *spikes->times + spikes->keys_capacity * sizeof *spikes->keys +
           spikes->ids_capacity * (spikes->ids16 ? sizeof *spikes->ids16 : sizeof *spikes->ids32);
}

size_t rv_spikes_all(const rv_spikes *spikes, const uint64_t **offsets, const float **times, const uint16_t **ids16,
                     const uint32_t **ids32)
{
    *offsets = spikes->offsets;
    *times = spikes->times;
    *ids16 = spikes->ids16;
    *ids32 = spikes->ids32;
    return spikes->offsets[spikes->num_examples];
}

void rv_spikes_truncate(rv_spikes *spikes, size_t num)
{
    if (num >= spikes->num_examples)
        return;
    spikes->num_examples = num;
    spikes->max_count = 0;
    spikes->latest = 0;
    for (size_t i = 0; i < num; i++) {
        const size_t n = rv_spikes_count(spikes, i);
        const float last = n > 0 ? spikes->times[spikes->offsets[i + 1] - 1] : 0;
        spikes->max_count = n > spikes->max_count ? n : spikes->max_count;
        spikes->latest = last > spikes->latest ? last : spikes->latest;
    }
}

/* Makes a buffer just large enough; where that fails it stays as it is. */
static void shrink(void *memory, size_t *capacity, size_t count, size_t size)
{
    void *old, *moved;
    memcpy(&old, memory, sizeof old);
    if (!old || *capacity == count || !(moved = rv_realloc(NULL, old, count, size, "")))
        return;
    memcpy(memory, &moved, sizeof moved);
    *capacity = count;
}

void rv_spikes_trim(rv_spikes *spikes)
{
    const size_t total = spikes->offsets[spikes->num_examples];
    size_t capacity = spikes->ids_capacity;

    if (spikes->mapped[0].base)
        return;
    rv_free(spikes->keys);
    spikes->keys = NULL;
    spikes->keys_capacity = 0;
    shrink(&spikes->offsets, &spikes->offsets_capacity, spikes->num_examples + 1, sizeof *spikes->offsets);
    shrink(&spikes->times, &spikes->times_capacity, total, sizeof *spikes->times);
    if (spikes->ids16)
        shrink(&spikes->ids16, &capacity, total, sizeof *spikes->ids16);
    else
        shrink(&spikes->ids32, &capacity, total, sizeof *spikes->ids32);
    spikes->ids_capacity = capacity;
}
