/* Spike trains whose spikes lie in files. They come into memory when they are used, or shortly before. */
#include <math.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/spikes_in.h"

#define MAX_NEURONS_16 65536
#define AROUND ((uintptr_t)65536) /* Linux: fault_around_bytes */

void rv_mapping_end(const rv_mapping *mapping)
{
    if (mapping->base)
        munmap(mapping->base, mapping->bytes);
}

/* The mapping as if it were ours to write: spikes in memory are. Nobody does where spikes are mapped. */
static void *first_of(const rv_mapping *mapping)
{
    union {
        const void *constant;
        void *data;
    } u = {mapping->first};
    return u.data;
}

int rv_spikes_create_mapped(rv_spikes **out, rv_context *context, size_t num_neurons, uint64_t *offsets,
                            size_t num_examples, const rv_mapping *times, const rv_mapping *ids)
{
    rv_spikes *spikes = *out = rv_alloc(context, 1, sizeof *spikes, "spikes");
    if (!spikes)
        return RV_ERR_MEMORY;
    *spikes = (rv_spikes){.context = context,
                          .num_neurons = num_neurons,
                          .num_examples = num_examples,
                          .offsets = offsets,
                          .offsets_capacity = num_examples + 1,
                          .times = first_of(times),
                          .mapped = {*times, *ids}};
    if (num_neurons <= MAX_NEURONS_16)
        spikes->ids16 = first_of(ids);
    else
        spikes->ids32 = first_of(ids);
    for (size_t i = 0; i < num_examples; i++) {
        const size_t n = rv_spikes_count(spikes, i);
        const float last = n > 0 ? spikes->times[offsets[i + 1] - 1] : 0;
        spikes->max_count = n > spikes->max_count ? n : spikes->max_count;
        spikes->latest = isfinite(last) && last > spikes->latest ? last : spikes->latest;
        rv_spikes_release(spikes, i);
    }
    return RV_OK;
}

int rv_spikes_check(const rv_spikes *spikes, size_t example)
{
    const float *times;
    const uint16_t *ids16;
    const uint32_t *ids32;
    size_t num;
    if (!spikes->mapped[0].base)
        return RV_OK;
    rv_spikes_view(spikes, example, &times, &ids16, &ids32, &num);
    for (size_t i = 0; i < num; i++) {
        const uint32_t id = ids16 ? ids16[i] : ids32[i];
        if (!(times[i] >= 0) || !isfinite(times[i]))
            return rv_fail(spikes->context, RV_ERR_SPIKE,
                           "example %zu: spike %zu: the time must be >= 0 ms and finite, got %g", example, i,
                           (double)times[i]);
        if (i > 0 && times[i] < times[i - 1])
            return rv_fail(spikes->context, RV_ERR_SPIKE,
                           "example %zu: spike %zu: times in files must ascend, got %g ms after %g", example, i,
                           (double)times[i], (double)times[i - 1]);
        if (id >= spikes->num_neurons)
            return rv_fail(spikes->context, RV_ERR_SPIKE, "example %zu: spike %zu: the id must be 0 to %zu, got %u",
                           example, i, spikes->num_neurons - 1, id);
    }
    return RV_OK;
}

/* Tells the system about the pages that hold elements first .. first + num - 1 of a mapping. A page that is missed brings
 * those around it, in aligned blocks of at least AROUND bytes, so that such blocks are what comes and goes. */
static void advise(const rv_mapping *mapping, size_t first, size_t num, size_t size, int advice)
{
    const uintptr_t base = (uintptr_t)mapping->base, top = base + mapping->bytes;
    uintptr_t begin = (uintptr_t)mapping->first + first * size, end = begin + num * size;
    begin = begin / AROUND * AROUND;
    end = (end + AROUND - 1) / AROUND * AROUND;
    begin = begin < base ? base : begin;
    end = end > top ? top : end;
    if (num > 0)
        madvise((char *)mapping->base + (begin - base), end - begin, advice);
}

static void advise_example(const rv_spikes *spikes, size_t example, int advice)
{
    const size_t num = rv_spikes_count(spikes, example);
    if (!spikes->mapped[0].base || !num)
        return;
    const size_t first = (size_t)spikes->offsets[example];
    advise(&spikes->mapped[0], first, num, sizeof *spikes->times, advice);
    advise(&spikes->mapped[1], first, num, spikes->ids16 ? sizeof *spikes->ids16 : sizeof *spikes->ids32, advice);
}

void rv_spikes_expect(const rv_spikes *spikes, size_t example)
{
    advise_example(spikes, example, MADV_WILLNEED);
}

/* Pages of a file are as they are on disk: giving them back loses nothing, and they are soon back if they are needed. */
void rv_spikes_release(const rv_spikes *spikes, size_t example)
{
    advise_example(spikes, example, MADV_DONTNEED);
}
