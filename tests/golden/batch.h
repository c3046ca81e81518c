/* Input spikes and labels of some examples of a case, as the library takes them. */
#ifndef GOLDEN_BATCH_H
#define GOLDEN_BATCH_H

#include "golden/network.h"

/* The arguments of rv_train or rv_predict for some examples. */
typedef struct golden_batch {
    rv_data data;
    rv_spikes *spikes[RV_MAX_PORTS];
    int32_t *labels[RV_MAX_PORTS];
} golden_batch;

/* Marks the arrays of inputs and labels of all examples as used. */
void golden_claim_inputs(const golden_case *c, const golden_network *network, golden_report *report);

/* Examples [first, first + num); without labels where the case has none. Clear it in any event. */
void golden_batch_make(golden_batch *out, const golden_case *c, const golden_network *network, size_t first,
                       size_t num, golden_report *report);
void golden_batch_clear(golden_batch *batch);

#endif
