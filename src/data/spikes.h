/* Spike trains behind the scenes: all spikes of all examples in two long arrays, one offset per example. */
#ifndef RV_DATA_SPIKES_H
#define RV_DATA_SPIKES_H

#include <ranvier/data.h>

/* One example, borrowed until the next append: times in ms and ids of *n spikes, ascending by (time, id). Of ids16 and
 * ids32 one is set, the other NULL: 16 bits where there are at most 65,536 neurons. *n = 0 for an unknown example. */
void rv_spikes_view(const rv_spikes *spikes, size_t example, const float **times, const uint16_t **ids16,
                    const uint32_t **ids32, size_t *n);

/* Forgets all examples but the first num. */
void rv_spikes_truncate(rv_spikes *spikes, size_t num);

/* Gives back the memory that appending set aside. */
void rv_spikes_trim(rv_spikes *spikes);

#endif
