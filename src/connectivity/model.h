/* What a connectivity model is: the shape it gives its target, its wiring (which weights there are, and who is
 * connected through them), and the few things that happen to connections while spikes are walked. */
#ifndef RV_CONNECTIVITY_MODEL_H
#define RV_CONNECTIVITY_MODEL_H

#include <stdatomic.h>

#include <ranvier/connectivity.h>
#include <ranvier/data.h>

#include "kernels/kernels.h"
#include "kernels/rows.h"

/* ---- described ------------------------------------------------------------------------------------------------ */

/* The two ends of a connection, as far as they are known. */
typedef struct rv_ends {
    rv_context *context;
    const char *what; /* "connection 'a_b'", for messages */
    uint32_t object;  /* of random numbers */
    bool recurrent;   /* source and target are one population */
    size_t num_source, num_target; /* neurons; num_target 0 while the target's shape is not known */
    size_t source_shape[RV_MAX_DIMS], target_shape[RV_MAX_DIMS];
    int source_dims, target_dims;
} rv_ends;

/* Which weights a connection has, and what its kernels need to find them: made once when the connection is described,
 * shared by all that is compiled from it. */
typedef struct rv_wiring {
    size_t num_weights; /* as users count them */
    float scale;        /* what every weight acts multiplied with; 1, but after a pool */
    rv_rows rows;
    size_t *begin;      /* what rows point to where they differ; NULL = they are alike */
    uint32_t *lengths;
    void *structure;    /* the model's own; one block of memory */
    atomic_int references;
} rv_wiring;

/* ---- compiled ------------------------------------------------------------------------------------------------- */

/* A connection as its kernels see it. */
typedef struct rv_links {
    const rv_kernels *kernels;
    size_t num_source, num_target;
    size_t n_pad;          /* floats of an array over the targets */
    rv_rows rows;          /* of the weights */
    float scale;
    const float *weight;   /* in rows, padding 0 */
    const uint16_t *delay; /* in rows: timesteps of each weight's synapse; NULL = none of its own */
    const void *structure; /* of the wiring */
} rv_links;

/* The row of a source's weights, where no other source has them: rows are those of the sources, or, where each has one
 * weight, of as many of them as fit. */
static inline size_t rv_links_row(const rv_links *links, size_t source)
{
    return links->rows.num == links->num_source ? source : source / rv_row_length(&links->rows, 0);
}

/* Arrays over targets whose rows are timesteps: row t is at base + t % num_rows * stride. */
typedef struct rv_ring {
    float *base;
    size_t num_rows, stride;
} rv_ring;

static inline float *rv_ring_row(const rv_ring *ring, size_t t)
{
    const size_t row = t < ring->num_rows    ? t
                       : ring->num_rows == 2 ? t % 2
                                             : t % ring->num_rows; /* divisions are slow */
    return ring->base + row * ring->stride;
}

/* All of them walk `num` spiking sources `ids`. Sums run in the order of ids. */
typedef struct rv_connectivity_ops {
    /* acc[j] = from[j] * decay[j] + sum of the weights of ids to j; decay NULL = 1, and from is acc */
    void (*forward)(const rv_links *links, float *acc, const float *from, const float *decay, const uint32_t *ids,
                    size_t num);
    bool adds_rows; /* that is to add rows of `weight`, as add_lists of the kernels does, which takes many connections at once */
    /* out[k] += sum over the targets j of ids[k]: weight * x[j]; out has room for num rounded up to 4 */
    void (*back)(const rv_links *links, float *out, const uint32_t *ids, size_t num, const float *x);
    /* gradient of each weight from ids to j += x[j], in the weights' rows; touched: a flag of each, see scatter_rows.
     * What it leaves in the padding is cleared by `weigh`. */
    void (*gradient)(const rv_links *links, float *gradient, uint8_t *touched, const uint32_t *ids, size_t num,
                     const float *x);
    /* out[k] = sum[k] * factor[target of weight k of the row], 0 in the padding, as in that of factor (n_pad). Where a
     * weight leads to different targets, factor[0] is that of all of them. */
    void (*weigh)(const rv_links *links, float *out, size_t row, const float *sum, const float *factor);
    /* OPTIONAL, where row i of the weights is source i's: out (padded row) = what it holds (add) or 0, + x[e * x_stride +
     * target of each weight] of every entry e; numbers begin .. end - 1 of the row, multiples of 16. NULL: its gradient
     * cannot be summed row by row. */
    void (*row_sum)(const rv_links *links, float *out, bool add, size_t row, size_t begin, size_t end, const float *x,
                    size_t x_stride, const uint32_t *entries, size_t num);
    /* REQUIRED with it: out (padded row) = num_leaves such sums, of entries[first[l]] .. entries[first[l + 1] - 1], joined
     * in a binary tree. */
    void (*row_leaves)(const rv_links *links, float *out, size_t row, const float *x, size_t x_stride,
                       const uint32_t *first, const uint32_t *entries, size_t num_leaves);

    /* OPTIONAL: the same connection to targets begin .. end - 1 alone, for `forward`, whose arrays then begin with target
     * begin, a multiple of 64. NULL: it cannot be split over its targets. */
    void (*slice)(rv_links *links, size_t begin, size_t end);

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

/* ---- the model ------------------------------------------------------------------------------------------------ */

struct rv_connectivity_model {
    const char *name; /* "Dense" */
    const char *help;
    const rv_option *options;
    int num_options;
    bool shared; /* a weight belongs to several synapses */
    bool mixes_targets; /* and they lead to different targets */
    bool fixed;  /* weights are the model's own: they need not be given, do not learn and are not saved */
    bool sparse; /* few of all pairs: the synapses are saved with the weights */
    bool listed; /* and may be replaced by others when they are loaded: kernels are those of sparse.h */
    bool random; /* and were drawn, so that weights alone do not tell whose they are */

    /* Checks options and the source, and writes the shape that the target must have; dims 0 = any.
     * NULL = any, nothing to check. */
    int (*target_shape)(const rv_connectivity *connectivity, const rv_ends *ends, size_t shape[RV_MAX_DIMS], int *dims);
    /* Fills a zeroed wiring from checked options and both ends. What it allocated is freed by the caller, after failure
     * too. `order` (may be NULL) receives, where listed weights are not in the order of the rows, an array from rv_alloc:
     * (num_weights) the position in the list of each weight. */
    int (*wire)(rv_wiring *out, const rv_connectivity *connectivity, const rv_ends *ends, uint32_t **order);
    /* REQUIRED where fixed: the weight. */
    double (*weight)(const rv_connectivity *connectivity);
    /* Where users' order of the weights is not that of the rows: from flat to rows, or back. NULL = it is. */
    void (*pack)(const rv_links *links, float *rows, const float *flat);
    void (*unpack)(const rv_links *links, float *flat, const float *rows);
    /* The synapses of one source: their number; where targets is not NULL, also the target and the place among the
     * weights of each. Where weights are not shared, in the order of the flat weights. */
    size_t (*synapses)(const rv_links *links, uint32_t source, uint32_t *targets, size_t *places);
    const rv_connectivity_ops *(*ops)(rv_isa isa);
};

extern const rv_connectivity_model rv_dense_model;
extern const rv_connectivity_model rv_one_to_one_model;
extern const rv_connectivity_model rv_fixed_probability_model;
extern const rv_connectivity_model rv_sparse_model;
extern const rv_connectivity_model rv_conv2d_model;
extern const rv_connectivity_model rv_conv2d_transpose_model;
extern const rv_connectivity_model rv_avg_pool2d_model;
extern const rv_connectivity_model rv_avg_pool_conv2d_model;
extern const rv_connectivity_model rv_avg_pool_dense2d_model;

#endif
