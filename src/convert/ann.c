/* Artificial networks in plain loops: the reference that conversions are held against and scaled by. */
#include "convert/ann.h"

#include <math.h>

#include "base/alloc.h"

size_t rv_ann_size(const size_t shape[3])
{
    return shape[0] * shape[1] * shape[2];
}

void rv_ann_free(rv_ann *ann)
{
    if (!ann)
        return;
    for (size_t i = 0; i < ann->num_layers; i++) {
        rv_free(ann->layers[i].name);
        rv_free(ann->layers[i].weight);
        rv_free(ann->layers[i].bias);
    }
    rv_free(ann->layers);
    rv_free(ann);
}

size_t rv_ann_padding(const rv_ann_layer *l, int axis)
{
    const size_t covered = (l->out[axis] - 1) * l->strides[axis] + l->size[axis];
    return l->same && covered > l->in[axis] ? (covered - l->in[axis]) / 2 : 0;
}

static void dense(const rv_ann_layer *l, const float *in, float *out)
{
    const size_t sources = rv_ann_size(l->in), targets = l->out[2];
    for (size_t j = 0; j < targets; j++)
        out[j] = l->bias[j];
    for (size_t i = 0; i < sources; i++)
        for (size_t j = 0; j < targets && in[i] != 0; j++)
            out[j] += in[i] * l->weight[i * targets + j];
}

static void add_pixel(const rv_ann_layer *l, const float *in, const float *weight, float *out)
{
    const size_t filters = l->out[2];
    for (size_t c = 0; c < l->in[2]; c++)
        for (size_t f = 0; f < filters && in[c] != 0; f++)
            out[f] += in[c] * weight[c * filters + f];
}

/* What one position of a kernel or pool makes of one source pixel (channels); weight of its kernel index. */
static void take_pixel(const rv_ann_layer *l, const float *in, size_t index, float *out)
{
    if (l->kind == RV_ANN_CONV2D) {
        add_pixel(l, in, l->weight + index * l->in[2] * l->out[2], out);
        return;
    }
    for (size_t c = 0; c < l->out[2]; c++)
        out[c] = l->kind == RV_ANN_MAX_POOL2D ? fmaxf(out[c], in[c])
                                              : out[c] + in[c] / (float)(l->size[0] * l->size[1]);
}

static void position(const rv_ann_layer *l, const float *in, size_t y, size_t x, float *out)
{
    const size_t pad_y = rv_ann_padding(l, 0), pad_x = rv_ann_padding(l, 1);
    for (size_t c = 0; c < l->out[2]; c++)
        out[c] = l->kind == RV_ANN_CONV2D ? l->bias[c] : l->kind == RV_ANN_MAX_POOL2D ? -INFINITY : 0.0F;
    for (size_t i = 0; i < l->size[0]; i++)
        for (size_t j = 0; j < l->size[1]; j++) {
            const size_t sy = y * l->strides[0] + i - pad_y, sx = x * l->strides[1] + j - pad_x; /* wraps: >= in */
            if (sy < l->in[0] && sx < l->in[1])
                take_pixel(l, in + (sy * l->in[1] + sx) * l->in[2], i * l->size[1] + j, out);
        }
}

void rv_ann_layer_forward(const rv_ann_layer *l, const float *in, float *out)
{
    if (l->kind == RV_ANN_DENSE)
        dense(l, in, out);
    else
        for (size_t y = 0; y < l->out[0]; y++)
            for (size_t x = 0; x < l->out[1]; x++)
                position(l, in, y, x, out + (y * l->out[1] + x) * l->out[2]);
    for (size_t j = 0; l->relu && j < rv_ann_size(l->out); j++)
        out[j] = fmaxf(out[j], 0);
}
