/* Spike trains behind the scenes: all spikes of all examples in two long arrays, one offset per example. */
#ifndef RV_DATA_SPIKES_H
#define RV_DATA_SPIKES_H

#include <ranvier/data.h>

/* One example, borrowed until the next append: times in ms and ids of *n spikes, ascending by (time, id). Of ids16 and
 * ids32 one is set, the other NULL: 16 bits where there are at most 65,536 neurons. *n = 0 for an unknown example. */
void rv_spikes_view(const rv_spikes *spikes, size_t example, const float **times, const uint16_t **ids16,
                    const uint32_t **ids32, size_t *n);

/* A file in memory. */
typedef struct rv_mapping {
    void *base; /* NULL = none */
    size_t bytes;
    const void *first; /* element */
} rv_mapping;
void rv_mapping_end(const rv_mapping *mapping);

/* Spikes whose times and ids (uint16, beyond 65,536 neurons uint32) are mapped. Offsets, (num_examples + 1) from rv_alloc,
 * and the mappings are theirs from then on. What lies in the mappings is not looked at: files may change under us, so
 * an example is checked whenever it is used. */
int rv_spikes_create_mapped(rv_spikes **out, rv_context *context, size_t num_neurons, uint64_t *offsets,
                            size_t num_examples, const rv_mapping *times, const rv_mapping *ids);
/* Before an example is used: RV_ERR_SPIKE where mapped spikes are not what they must be. */
int rv_spikes_check(const rv_spikes *spikes, size_t example);
/* Mapped spikes will be used soon: they are read while the caller goes on. And: they will not be used soon. */
void rv_spikes_expect(const rv_spikes *spikes, size_t example);
void rv_spikes_release(const rv_spikes *spikes, size_t example);

/* All spikes of all examples: how many, their offsets, times and ids. */
size_t rv_spikes_all(const rv_spikes *spikes, const uint64_t **offsets, const float **times, const uint16_t **ids16,
                     const uint32_t **ids32);

/* Forgets all examples but the first num. */
void rv_spikes_truncate(rv_spikes *spikes, size_t num);

/* Gives back the memory that appending set aside. */
void rv_spikes_trim(rv_spikes *spikes);

/* Where errors of a set of spikes go. */
rv_context *rv_spikes_context(const rv_spikes *spikes);

#endif
