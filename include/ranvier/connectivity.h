/* EQUATIONS: who is connected to whom.
 *
 * Populations that are looked at in two dimensions have the shape {height, width, channels}; the flat id of a neuron is
 * (y * width + x) * channels + channel. Pairs are {height, width}; {3} means {3, 3}. A convolution keeps one kernel,
 * whatever the sizes of its populations. */
#ifndef RANVIER_CONNECTIVITY_H
#define RANVIER_CONNECTIVITY_H

#include <ranvier/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rv_connectivity_model rv_connectivity_model;

/* Where a kernel may stand: VALID only where all of it lies on the source; SAME with as many zeros around the source
 * as make the target ceil(source / stride) large (the odd one out at the end), source * stride for a transpose. */
typedef enum rv_padding { RV_PADDING_VALID = 0, RV_PADDING_SAME = 1 } rv_padding;

/* The general form: what any model may be given; each looks at its own. Make one with the functions below. */
typedef struct rv_connectivity {
    const rv_connectivity_model *model; /* NULL is an error */
    rv_value weight;                    /* required; an array has the shape that the model documents, in C order */
    rv_value delay; /* timesteps, 0 .. 65535, rounded; of all synapses, or one each, as the weights; default 0 */

    size_t filters; /* channels of the target */
    size_t conv_size[2], conv_strides[2];
    rv_padding conv_padding;
    size_t pool_size[2], pool_strides[2];
    bool flatten; /* the target has one dimension instead of {height, width, channels} */
    double p;
    bool allow_self_connections;
    const uint32_t *pre_ind, *post_ind; /* (num_synapses) borrowed until the connection is added, which copies */
    size_t num_synapses;
} rv_connectivity;

/* Every source to every target (mlGeNN: Dense). Weights (source, target). */
RV_API rv_connectivity rv_dense(rv_value weight);

/* Each source to the target of the same number (mlGeNN: OneToOne). Weights (source). The target has the source's
 * shape. */
RV_API rv_connectivity rv_one_to_one(rv_value weight);

/* Each pair is connected with probability p (mlGeNN: FixedProbability), drawn from the context's seed when the
 * connection is added, so that weights may be given for the synapses there are, by source, then target. */
typedef struct rv_fixed_probability_desc {
    double p; /* 0 .. 1; required */
    rv_value weight;
    rv_value delay;              /* timesteps; default 0 */
    bool allow_self_connections; /* from a neuron to itself, in a recurrent connection; default false */
} rv_fixed_probability_desc;
RV_API rv_connectivity rv_fixed_probability(rv_fixed_probability_desc desc);

/* The synapses that are listed, each pair at most once. Weights and delays are given in the order of the list; read
 * back, all variables are sorted by source, then target, as rv_connection_synapses tells. */
typedef struct rv_sparse_desc {
    const uint32_t *pre_ind;  /* (num_synapses) flat ids of sources, in any order */
    const uint32_t *post_ind; /* (num_synapses) flat ids of targets */
    size_t num_synapses;
    rv_value weight;
    rv_value delay; /* timesteps; default 0 */
} rv_sparse_desc;
RV_API rv_connectivity rv_sparse(rv_sparse_desc desc);

/* Convolution (mlGeNN: Conv2D). Weights (kernel height, kernel width, source channels, filters). The target is
 * {ceil((height - conv_size + 1) / stride), ..., filters}, or {ceil(height / stride), ..., filters} where padded. */
typedef struct rv_conv2d_desc {
    rv_value weight;
    size_t filters;         /* >= 1; required */
    size_t conv_size[2];    /* >= 1; required */
    size_t conv_strides[2]; /* default {1, 1} */
    rv_padding conv_padding; /* default valid */
    bool flatten;           /* default false */
    rv_value delay;         /* timesteps, of all synapses; default 0 */
} rv_conv2d_desc;
RV_API rv_connectivity rv_conv2d(rv_conv2d_desc desc);

/* Transposed convolution (mlGeNN: Conv2DTranspose): from source (y, x) to the targets (y * stride - padding + i, ...)
 * with kernel weight (i, ...). Weights (kernel height, kernel width, filters, source channels). The target is
 * {height * stride + max(conv_size - stride, 0), ..., filters}, or {height * stride, ..., filters} where padded. */
RV_API rv_connectivity rv_conv2d_transpose(rv_conv2d_desc desc);

/* The mean over windows of each channel (mlGeNN: AvgPool2D): weights are 1 / area and do not learn. The target is
 * {ceil((height - pool_size + 1) / stride), ..., channels}. Windows may overlap. */
typedef struct rv_avg_pool2d_desc {
    size_t pool_size[2];    /* >= 1; required */
    size_t pool_strides[2]; /* default pool_size */
    bool flatten;           /* default false */
    rv_value delay;         /* timesteps, of all synapses; default 0 */
} rv_avg_pool2d_desc;
RV_API rv_connectivity rv_avg_pool2d(rv_avg_pool2d_desc desc);

/* An average pool and a convolution in one (mlGeNN: AvgPoolConv2D). Weights as of Conv2D; each acts divided by the
 * pool's area. */
typedef struct rv_avg_pool_conv2d_desc {
    rv_value weight;
    size_t pool_size[2];    /* >= 1; required */
    size_t pool_strides[2]; /* default pool_size */
    size_t filters;         /* >= 1; required */
    size_t conv_size[2];    /* >= 1; required */
    size_t conv_strides[2]; /* default {1, 1} */
    rv_padding conv_padding; /* default valid */
    bool flatten;           /* default false */
    rv_value delay;         /* timesteps, of all synapses; default 0 */
} rv_avg_pool_conv2d_desc;
RV_API rv_connectivity rv_avg_pool_conv2d(rv_avg_pool_conv2d_desc desc);

/* An average pool and a dense connection in one (mlGeNN: AvgPoolDense2D). Weights (pool height * pool width * channels,
 * target); each acts divided by the pool's area. */
typedef struct rv_avg_pool_dense2d_desc {
    rv_value weight;
    size_t pool_size[2];    /* >= 1; required */
    size_t pool_strides[2]; /* default pool_size */
    rv_value delay;         /* timesteps, of all synapses; default 0 */
} rv_avg_pool_dense2d_desc;
RV_API rv_connectivity rv_avg_pool_dense2d(rv_avg_pool_dense2d_desc desc);

/* ---- by name -------------------------------------------------------------------------------------------------- */

/* "Conv2D" or "conv2d". Errors: RV_ERR_NAME lists the known ones. */
RV_API int rv_connectivity_by_name(rv_connectivity *out, rv_context *context, const char *name);

typedef enum rv_option_kind {
    RV_OPTION_COUNT = 0, /* a whole number >= 1 */
    RV_OPTION_PAIR,      /* one or two of them, {height, width} */
    RV_OPTION_FRACTION,  /* a number from 0 to 1 */
    RV_OPTION_FLAG,      /* yes or no */
    RV_OPTION_PADDING,   /* "valid" or "same" */
    RV_OPTION_INDICES,   /* a list of flat ids */
} rv_option_kind;

/* One row of a model's table of options, beside weight and delay. It drives the experiment file's keys, help and the
 * documentation. */
typedef struct rv_option {
    const char *name; /* mlGeNN's: "conv_size" */
    rv_option_kind kind;
    bool required;
    const char *standard; /* the default in words; "" if required */
    const char *help;     /* one line */
} rv_option;

/* The options of a model; *num rows. */
RV_API const rv_option *rv_connectivity_model_options(const rv_connectivity_model *model, int *num);
/* Whether a weight must be given; where not, the model has one of its own that does not learn. */
RV_API bool rv_connectivity_model_needs_weight(const rv_connectivity_model *model);
/* For help and documentation: the registered models in order; NULL past the end. */
RV_API const rv_connectivity_model *rv_connectivity_model_at(int index);
RV_API const char *rv_connectivity_model_name(const rv_connectivity_model *model);
RV_API const char *rv_connectivity_model_help(const rv_connectivity_model *model); /* one line */

/* Set an option by name: numbers (a pair may be given as one number, a flag is 1 or 0), a text, or ids, which are
 * borrowed until the connection is added. Errors: RV_ERR_NAME, RV_ERR_VALUE. */
RV_API int rv_connectivity_set(rv_connectivity *connectivity, rv_context *context, const char *option,
                               const double *numbers, size_t num);
RV_API int rv_connectivity_set_text(rv_connectivity *connectivity, rv_context *context, const char *option,
                                    const char *text);
RV_API int rv_connectivity_set_indices(rv_connectivity *connectivity, rv_context *context, const char *option,
                                       const uint32_t *ids, size_t num);

#ifdef __cplusplus
}
#endif
#endif
