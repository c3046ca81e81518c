/* Artificial networks that were read from a file, on their way to spiking ones: a chain of layers.
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
    RV_ANN_AVG_POOL2D,
} rv_ann_kind;

typedef struct rv_ann_layer {
    char *name;
    rv_ann_kind kind;
    size_t in[3], out[3]; /* height, width, channels */
    size_t size[2], strides[2]; /* of the kernel or pool: height, width */
    bool same;                  /* padded, as connectivity.h describes */
    bool relu;                  /* its activations are not negative */
    float *weight;              /* DENSE, CONV2D: (size, in channels, out channels) or (in, out) */
    float *bias;                /* (out channels) */
} rv_ann_layer;

typedef struct rv_ann {
    rv_context *context;
    size_t shape[3]; /* of the input: height, width, channels */
    rv_ann_layer *layers;
    size_t num_layers;
} rv_ann;

/* Reads a Keras model: .h5 of Keras 2 or 3, or .keras. A layer that cannot be converted is an error that names it.
 * Errors: RV_ERR_FILE, RV_ERR_FORMAT, RV_ERR_UNSUPPORTED. */
int rv_keras_read(rv_ann **out, rv_context *context, const char *path);
void rv_ann_free(rv_ann *ann);

size_t rv_ann_size(const size_t shape[3]);
/* Zeros before the source on one axis (0 height, 1 width), as SAME puts them. */
size_t rv_ann_padding(const rv_ann_layer *layer, int axis);

/* One layer in plain float32, as Keras computes it. in (in), out (out). */
void rv_ann_layer_forward(const rv_ann_layer *layer, const float *in, float *out);

#endif
