/* Artificial networks that were read from a file, on their way to spiking ones: layers, each behind those it takes.
 *
 * Whatever the file's order of axes, activations are kept as (height, width, channels), kernels as (kernel height, kernel
 * width, source channels, filters), dense weights as (source, target); vectors have the shape {1, 1, n}. */
#ifndef RV_CONVERT_ANN_H
#define RV_CONVERT_ANN_H

#include <ranvier/base.h>

typedef enum rv_ann_kind {
    RV_ANN_DENSE = 0,
    RV_ANN_CONV2D,
    RV_ANN_MAX_POOL2D,
    RV_ANN_AVG_POOL2D, /* the mean of what is there: padding does not count */
    RV_ANN_ADD,        /* weight[channel] times the sum of its sources, plus bias[channel] */
} rv_ann_kind;

#define RV_ANN_MAX_SOURCES 16

typedef struct rv_ann_layer {
    char *name;
    rv_ann_kind kind;
    size_t sources[RV_ANN_MAX_SOURCES]; /* activations: 0 the input's, i + 1 those of layer i; all before this one */
    size_t num_sources;                 /* 1, but for ADD */
    size_t in[3], out[3];               /* height, width, channels; of each source */
    size_t size[2], strides[2];         /* of the kernel or pool: height, width */
    bool same;                          /* padded, as connectivity.h describes */
    bool relu;                          /* its activations are not negative */
    float *weight; /* DENSE, CONV2D: (size, in channels, out channels) or (in, out); ADD: (out channels) */
    float *bias;   /* DENSE, CONV2D, ADD: (out channels) */
} rv_ann_layer;

typedef struct rv_ann {
    rv_context *context;
    size_t shape[3];     /* of the input: height, width, channels */
    bool channels_first; /* the file's data are (channels, height, width) */
    rv_ann_layer *layers;
    size_t num_layers;
    size_t output; /* the activations that the model yields, as sources count */
} rv_ann;

/* Reads a Keras model: .h5 of Keras 2 or 3, or .keras. A layer that cannot be converted is an error that names it.
 * Errors: RV_ERR_FILE, RV_ERR_FORMAT, RV_ERR_UNSUPPORTED. */
int rv_keras_read(rv_ann **out, rv_context *context, const char *path);
void rv_ann_free(rv_ann *ann);

size_t rv_ann_size(const size_t shape[3]);
/* Of activations: 0 the input, i + 1 layer i. */
const size_t *rv_ann_shape(const rv_ann *ann, size_t activations);
/* Whether they may be negative: those of a layer without ReLU and pools of ReLUs. The input's are said not to be. */
bool rv_ann_is_signed(const rv_ann *ann, size_t activations);
/* Elements of a layer's weight for each of its targets' channels. */
size_t rv_ann_rows(const rv_ann_layer *layer);
/* Zeros before the source on one axis (0 height, 1 width), as SAME puts them. */
size_t rv_ann_padding(const rv_ann_layer *layer, int axis);

/* One layer in plain float32, as Keras computes it: activations[i] (size of those), out (size of the layer's). */
void rv_ann_layer_forward(const rv_ann_layer *layer, const float *const *activations, float *out);

/* The largest activations over examples (num, size of the input). norms (layers + 1): of the input and every layer. */
int rv_ann_norms(double *norms, const rv_ann *ann, const float *values, size_t num);

#endif
