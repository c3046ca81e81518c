/* Connectivity whose synapses are listed: what its models share.
 *
 * A row per source, each synapse's target beside its weight, in two arrays of one layout, ascending by target: a spike
 * streams through both, and learning through one of them alone. Rows are padded to a cache line rather than packed, so
 * that kernels need no remainder and threads that learn neighbouring rows share no line; they are not padded to the
 * longest row, which drawn connectivity makes nearly twice as long as the mean. */
#ifndef RV_CONNECTIVITY_SPARSE_H
#define RV_CONNECTIVITY_SPARSE_H

#include "connectivity/model.h"

/* The targets of all synapses, laid out as the weights; the padding repeats a row's last one. */
static inline const uint32_t *rv_sparse_targets(const rv_links *links)
{
    return links->structure;
}

/* Fills the wiring from synapses sorted by source and target: (num_source) how many, which is taken over, and (their
 * sum) the targets. */
int rv_sparse_wire(rv_wiring *out, const rv_ends *ends, uint32_t *lengths, const uint32_t *targets);

/* A copy whose rows have room for `capacity` synapses each, which is not less than any has. */
int rv_sparse_spread(rv_wiring **out, rv_context *context, const rv_wiring *wiring, size_t capacity);

/* Whether two wirings have the same synapses, whatever the room. */
bool rv_sparse_same(const rv_wiring *a, const rv_wiring *b);

size_t rv_sparse_synapses(const rv_links *links, uint32_t source, uint32_t *targets, size_t *places);
const rv_connectivity_ops *rv_sparse_ops_of(rv_isa isa);

#endif
