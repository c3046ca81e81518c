/* What a connectivity model is: how many weights there are, who is connected to whom, and the four things that happen
 * to connections while spikes are walked. */
#ifndef RV_CONNECTIVITY_MODEL_H
#define RV_CONNECTIVITY_MODEL_H

#include <ranvier/connectivity.h>

#include "kernels/kernels.h"

/* A compiled connection as its kernels see it. */
typedef struct rv_links {
    const rv_kernels *kernels;
    size_t num_source, num_target;
    size_t n_pad;            /* floats of an array over the targets */
    size_t num_rows, stride; /* of the weights */
    const float *weight;     /* (num_rows, stride), padding 0 */
    const uint16_t *delay;   /* (num_rows, stride) timesteps of each weight's synapse; NULL = none of its own */
    const void *structure;   /* the model's own */
} rv_links;

/* Arrays over targets whose rows are timesteps: row t is at base + t % num_rows * stride. */
typedef struct rv_ring {
    float *base;
    size_t num_rows, stride;
} rv_ring;

static inline float *rv_ring_row(const rv_ring *ring, size_t t)
{
    return ring->base + t % ring->num_rows * ring->stride;
}

/* All of them walk `num` spiking sources `ids`. Sums run in the order of ids. */
typedef struct rv_connectivity_ops {
    /* acc[j] = acc[j] * decay[j] + sum of the weights of ids to j; decay NULL = 1 */
    void (*forward)(const rv_links *links, float *acc, const float *decay, const uint32_t *ids, size_t num);
    /* out[k] += sum over the targets j of ids[k]: weight * x[j]; out has room for num rounded up to 4 */
    void (*back)(const rv_links *links, float *out, const uint32_t *ids, size_t num, const float *x);
    /* gradient of each weight from ids to j += x[j], laid out as the weights; touched (num_rows): see scatter_rows */
    void (*gradient)(const rv_links *links, float *gradient, uint8_t *touched, const uint32_t *ids, size_t num,
                     const float *x);
    /* OPTIONAL, where row i of the weights is source i's: out (stride) = sum over entries e of x[e * x_stride + target
     * of each weight]. NULL: the rows schedule cannot be used. */
    void (*row_sum)(const rv_links *links, float *out, size_t row, const float *x, size_t x_stride,
                    const uint32_t *entries, size_t num);

    /* The same where every synapse has a delay d of its own. OPTIONAL: NULL = the model has no delays.
     * pending[t + d][j] += weight */
    void (*forward_delayed)(const rv_links *links, const rv_ring *pending, size_t t, const uint32_t *ids, size_t num);
    /* out[k] += sum of weight * x[t + d][j] */
    void (*back_delayed)(const rv_links *links, float *out, const uint32_t *ids, size_t num, const rv_ring *x,
                         size_t t);
    /* gradient += x[t + d][j] */
    void (*gradient_delayed)(const rv_links *links, float *gradient, uint8_t *touched, const uint32_t *ids, size_t num,
                             const rv_ring *x, size_t t);
} rv_connectivity_ops;

struct rv_connectivity_model {
    const char *name; /* "Dense" */
    const char *help;
    /* Number of weights, given the sizes of source and target. Errors: the sizes do not fit. */
    int (*num_weights)(rv_context *context, size_t num_source, size_t num_target, size_t *num);
    const rv_connectivity_ops *(*ops)(rv_isa isa);
};

extern const rv_connectivity_model rv_dense_model;

#endif
