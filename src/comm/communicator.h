/* What the engine and the loop ask of the other ranks, on top of send, receive and broadcast. With one rank all of it
 * does nothing, so that no caller needs to know. */
#ifndef RV_COMM_COMMUNICATOR_H
#define RV_COMM_COMMUNICATOR_H

#include <ranvier/communicate.h>

#include "base/context.h"

static inline int rv_comm_size(const rv_context *context)
{
    return context->communicator.size > 1 ? context->communicator.size : 1;
}

static inline int rv_comm_rank(const rv_context *context)
{
    return context->communicator.rank;
}

/* The rank that owns leaf `leaf` of num_leaves: whole runs of leaves each, as even as can be. */
static inline int rv_comm_owner(const rv_context *context, size_t leaf, size_t num_leaves)
{
    return (int)(leaf * (size_t)rv_comm_size(context) / num_leaves);
}

int rv_comm_send(rv_context *context, int to, const void *data, size_t bytes);
int rv_comm_receive(rv_context *context, int from, void *data, size_t bytes);
int rv_comm_broadcast(rv_context *context, void *data, size_t bytes);

/* Sums of counts, in place, on all ranks. */
int rv_comm_sum_u32(rv_context *context, uint32_t *counts, size_t num);

/* The smallest and the largest value of all ranks. */
int rv_comm_min(rv_context *context, int value, int *smallest);
int rv_comm_max(rv_context *context, int value, int *largest);

/* Whether all ranks go on. If one of them has an error (a negative code), all return that of the first one and have its
 * message, which begins with "rank N: " unless that is rank 0. *flag (NULL = none) becomes true where any rank's is. */
int rv_comm_agree(rv_context *context, int error, bool *flag);

/* After a failure: whether all ranks know of it, so that none waits for this one. */
bool rv_comm_error_is_shared(const rv_context *context);

/* Item i of `items` (num, bytes each) is right on the rank owner(i); afterwards it is on all. */
int rv_comm_share(rv_context *context, void *items, size_t num, size_t bytes, int (*owner)(const void *arg, size_t i),
                  const void *arg);

#endif
