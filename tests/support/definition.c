/* Which synapses a connectivity has, by brute force over every position, written from the definition. */
#include "support/definition.h"

#include <stdlib.h>
#include <string.h>

#include "connectivity/model.h"

/* One axis of a kernel, by Keras's definition of padding. */
typedef struct axis {
    long size, kernel, stride, positions, padding;
} axis;

static axis kernel_axis(size_t size, size_t kernel, size_t stride, bool same)
{
    axis a = {.size = (long)size, .kernel = (long)kernel, .stride = (long)stride};
    if (same) {
        while (a.positions * a.stride < a.size)
            a.positions++;
        const long total = (a.positions - 1) * a.stride + a.kernel - a.size;
        a.padding = total > 0 ? total / 2 : 0;
    } else {
        while (a.positions * a.stride + a.kernel <= a.size)
            a.positions++;
    }
    return a;
}

static size_t volume(const size_t shape[3])
{
    return shape[0] * shape[1] * shape[2];
}

static double *cell(const definition *l, long y, long x, size_t channel, long oy, long ox, size_t filter)
{
    const size_t source = ((size_t)y * l->shape[1] + (size_t)x) * l->shape[2] + channel;
    return &l->matrix[source * volume(l->out) + ((size_t)oy * l->out[1] + (size_t)ox) * l->out[2] + filter];
}

static definition make(const size_t shape[3], long height, long width, size_t channels)
{
    definition l = {.out = {(size_t)height, (size_t)width, channels}};
    memcpy(l.shape, shape, sizeof l.shape);
    l.matrix = calloc(volume(l.shape) * volume(l.out) + 1, sizeof *l.matrix);
    return l;
}

static bool inside(long y, long x, const size_t shape[3])
{
    return y >= 0 && x >= 0 && y < (long)shape[0] && x < (long)shape[1];
}

static definition convolution(const size_t shape[3], const rv_connectivity *c, const float *w)
{
    const bool same = c->conv_padding == RV_PADDING_SAME;
    const axis v = kernel_axis(shape[0], c->conv_size[0], c->conv_strides[0], same);
    const axis h = kernel_axis(shape[1], c->conv_size[1], c->conv_strides[1], same);
    const definition l = make(shape, v.positions, h.positions, c->filters);
    for (long oy = 0; oy < v.positions; oy++)
        for (long ox = 0; ox < h.positions; ox++)
            for (long i = 0; i < v.kernel; i++)
                for (long j = 0; j < h.kernel; j++) {
                    const long y = oy * v.stride - v.padding + i, x = ox * h.stride - h.padding + j;
                    for (size_t k = 0; inside(y, x, shape) && k < shape[2]; k++)
                        for (size_t f = 0; f < c->filters; f++)
                            *cell(&l, y, x, k, oy, ox, f) +=
                                (double)w[(((size_t)i * c->conv_size[1] + (size_t)j) * shape[2] + k) * c->filters + f];
                }
    return l;
}

static definition transposed(const size_t shape[3], const rv_connectivity *c, const float *w)
{
    const bool same = c->conv_padding == RV_PADDING_SAME;
    long out[2], pad[2];
    for (int d = 0; d < 2; d++) {
        const long n = (long)shape[d], k = (long)c->conv_size[d], s = (long)c->conv_strides[d];
        pad[d] = same ? kernel_axis(shape[d], c->conv_size[d], c->conv_strides[d], true).padding : 0;
        out[d] = same ? n * s : n * s + (k > s ? k - s : 0);
    }
    const definition l = make(shape, out[0], out[1], c->filters);
    for (long y = 0; y < (long)shape[0]; y++)
        for (long x = 0; x < (long)shape[1]; x++)
            for (size_t i = 0; i < c->conv_size[0]; i++)
                for (size_t j = 0; j < c->conv_size[1]; j++) {
                    const long oy = y * (long)c->conv_strides[0] - pad[0] + (long)i;
                    const long ox = x * (long)c->conv_strides[1] - pad[1] + (long)j;
                    for (size_t k = 0; inside(oy, ox, l.out) && k < shape[2]; k++)
                        for (size_t f = 0; f < c->filters; f++)
                            *cell(&l, y, x, k, oy, ox, f) +=
                                (double)w[((i * c->conv_size[1] + j) * c->filters + f) * shape[2] + k];
                }
    return l;
}

static definition pool(const size_t shape[3], const rv_connectivity *c, double weight)
{
    const size_t *strides = c->pool_strides[0] ? c->pool_strides : c->pool_size;
    const axis v = kernel_axis(shape[0], c->pool_size[0], strides[0], false);
    const axis h = kernel_axis(shape[1], c->pool_size[1], strides[1] ? strides[1] : strides[0], false);
    const definition l = make(shape, v.positions, h.positions, shape[2]);
    for (long oy = 0; oy < v.positions; oy++)
        for (long ox = 0; ox < h.positions; ox++)
            for (long i = 0; i < v.kernel; i++)
                for (long j = 0; j < h.kernel; j++)
                    for (size_t k = 0; k < shape[2]; k++)
                        *cell(&l, oy * v.stride + i, ox * h.stride + j, k, oy, ox, k) += weight;
    return l;
}

/* The matrix product of two layers, which frees them. */
static definition chain(definition first, definition second)
{
    const size_t n = volume(first.shape), m = volume(first.out), p = volume(second.out);
    definition l = make(first.shape, (long)second.out[0], (long)second.out[1], second.out[2]);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++)
            for (size_t j = 0; first.matrix[i * m + k] != 0 && j < p; j++)
                l.matrix[i * p + j] += first.matrix[i * m + k] * second.matrix[k * p + j];
    free(first.matrix);
    free(second.matrix);
    return l;
}

static definition dense(const size_t shape[3], size_t num_target, const float *w)
{
    const definition l = make(shape, 1, 1, num_target);
    for (size_t k = 0; k < volume(shape) * num_target; k++)
        l.matrix[k] = (double)w[k];
    return l;
}

/* One to one, and what is listed; weights in the order of the sources, or of the list. */
static definition listed(const size_t shape[3], size_t num_target, const rv_connectivity *c, const float *w)
{
    const definition l = make(shape, 1, 1, num_target);
    const bool is_list = c->model == &rv_sparse_model;
    for (size_t k = 0; k < (is_list ? c->num_synapses : num_target); k++)
        l.matrix[is_list ? c->pre_ind[k] * num_target + c->post_ind[k] : k * num_target + k] = (double)w[k];
    return l;
}

definition definition_of(const rv_connectivity *c, const size_t shape[3], size_t num_target, const float *w)
{
    const double area = (double)(c->pool_size[0] * c->pool_size[1]);
    if (c->model == &rv_conv2d_model)
        return convolution(shape, c, w);
    if (c->model == &rv_conv2d_transpose_model)
        return transposed(shape, c, w);
    if (c->model == &rv_dense_model)
        return dense(shape, num_target, w);
    if (c->model == &rv_one_to_one_model || c->model == &rv_sparse_model)
        return listed(shape, num_target, c, w);
    const definition pooled = pool(shape, c, c->model == &rv_avg_pool2d_model ? (double)w[0] : 1 / area);
    if (c->model == &rv_avg_pool2d_model)
        return pooled;
    return chain(pooled, c->model == &rv_avg_pool_conv2d_model ? convolution(pooled.out, c, w)
                                                               : dense(pooled.out, num_target, w));
}
