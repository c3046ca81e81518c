/* Artificial networks in plain loops: the reference that conversions are held against and scaled by. */
#include "convert/ann.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

size_t rv_ann_size(const size_t shape[3])
{
    return shape[0] * shape[1] * shape[2];
}

const size_t *rv_ann_shape(const rv_ann *ann, size_t activations)
{
    return activations ? ann->layers[activations - 1].out : ann->shape;
}

bool rv_ann_is_signed(const rv_ann *ann, size_t activations)
{
    return activations && !ann->layers[activations - 1].relu;
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

size_t rv_ann_rows(const rv_ann_layer *l)
{
    if (l->kind == RV_ANN_DENSE)
        return rv_ann_size(l->in);
    return l->kind == RV_ANN_CONV2D ? l->size[0] * l->size[1] * l->in[2] : 1;
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

static void add(const rv_ann_layer *l, const float *const *activations, float *out)
{
    const size_t channels = l->out[2];
    for (size_t j = 0; j < rv_ann_size(l->out); j++) {
        float sum = 0;
        for (size_t s = 0; s < l->num_sources; s++)
            sum += activations[l->sources[s]][j];
        out[j] = l->weight[j % channels] * sum + l->bias[j % channels];
    }
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
        out[c] = l->kind == RV_ANN_MAX_POOL2D ? fmaxf(out[c], in[c]) : out[c] + in[c];
}

static void position(const rv_ann_layer *l, const float *in, size_t y, size_t x, float *out)
{
    const size_t pad_y = rv_ann_padding(l, 0), pad_x = rv_ann_padding(l, 1);
    size_t taken = 0;
    for (size_t c = 0; c < l->out[2]; c++)
        out[c] = l->kind == RV_ANN_CONV2D ? l->bias[c] : l->kind == RV_ANN_MAX_POOL2D ? -INFINITY : 0.0F;
    for (size_t i = 0; i < l->size[0]; i++)
        for (size_t j = 0; j < l->size[1]; j++) {
            const size_t sy = y * l->strides[0] + i - pad_y, sx = x * l->strides[1] + j - pad_x; /* wraps: >= in */
            if (sy >= l->in[0] || sx >= l->in[1])
                continue;
            take_pixel(l, in + (sy * l->in[1] + sx) * l->in[2], i * l->size[1] + j, out);
            taken++;
        }
    for (size_t c = 0; c < l->out[2] && l->kind == RV_ANN_AVG_POOL2D; c++)
        out[c] /= (float)taken;
}

void rv_ann_layer_forward(const rv_ann_layer *l, const float *const *activations, float *out)
{
    const float *in = activations[l->sources[0]];
    if (l->kind == RV_ANN_DENSE)
        dense(l, in, out);
    else if (l->kind == RV_ANN_ADD)
        add(l, activations, out);
    else
        for (size_t y = 0; y < l->out[0]; y++)
            for (size_t x = 0; x < l->out[1]; x++)
                position(l, in, y, x, out + (y * l->out[1] + x) * l->out[2]);
    for (size_t j = 0; l->relu && j < rv_ann_size(l->out); j++)
        out[j] = fmaxf(out[j], 0);
}

/* ---- norms ---- */

/* The activations of one example, into all[1 ...]; all[0] is its input. */
static void take_norms(double *norms, const rv_ann *ann, float *const *all)
{
    for (size_t i = 0; i <= ann->num_layers; i++) {
        if (i)
            rv_ann_layer_forward(&ann->layers[i - 1], (const float *const *)all, all[i]);
        for (size_t j = 0; j < rv_ann_size(rv_ann_shape(ann, i)); j++)
            norms[i] = fmax(norms[i], fabs((double)all[i][j]));
    }
}

int rv_ann_norms(double *norms, const rv_ann *ann, const float *values, size_t num)
{
    const size_t inputs = rv_ann_size(ann->shape);
    size_t size = 0;
    for (size_t i = 0; i <= ann->num_layers; i++) {
        norms[i] = 0;
        size += rv_ann_size(rv_ann_shape(ann, i));
    }
    float **all = rv_alloc(ann->context, ann->num_layers + 1, sizeof *all, "activations");
    float *memory = rv_alloc(ann->context, size, sizeof *memory, "activations");
    const int error = all && memory ? RV_OK : RV_ERR_MEMORY;
    for (size_t i = 0, at = 0; !error && i <= ann->num_layers; at += rv_ann_size(rv_ann_shape(ann, i++)))
        all[i] = memory + at;
    for (size_t e = 0; e < num && !error; e++) {
        memcpy(all[0], values + e * inputs, inputs * sizeof **all);
        take_norms(norms, ann, all);
    }
    rv_free(all);
    rv_free(memory);
    return error;
}
