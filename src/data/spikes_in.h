/* What spike trains consist of, for the two files that make them. */
#ifndef RV_DATA_SPIKES_IN_H
#define RV_DATA_SPIKES_IN_H

#include "data/spikes.h"

struct rv_spikes {
    rv_context *context;
    size_t num_neurons;
    size_t num_examples;
    uint64_t *offsets; /* (num_examples + 1): example i has spikes offsets[i] .. offsets[i + 1] - 1 */
    size_t offsets_capacity;
    float *times; /* (offsets[num_examples]) ms */
    size_t times_capacity;
    uint16_t *ids16; /* same shape; NULL where 32 bits are needed */
    uint32_t *ids32; /* same shape; NULL where 16 bits suffice */
    size_t ids_capacity;
    uint64_t *keys;       /* two buffers to sort the spikes of one example */
    size_t keys_capacity; /* of both together */
    size_t max_count;
    float latest; /* ms */
    rv_mapping mapped[2]; /* where times and ids are in files: those, and nothing can be appended */
};

#endif
