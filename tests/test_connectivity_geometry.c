/* Which synapses convolutions and pools have, against brute force over every position, written from the definition. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/wired.h"

#define DRAWS 4000

static rv_context *context;

static int make_context(void **state)
{
    (void)state;
    return rv_context_create(&context, &(rv_context_desc){.seed = 5, .seed_given = true});
}

static int free_context(void **state)
{
    (void)state;
    rv_context_free(context);
    return 0;
}

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

/* One dense layer between planes of channels: (sources, targets). */
typedef struct layer {
    size_t shape[3], out[3]; /* height, width, channels */
    double *matrix;
} layer;

static size_t volume(const size_t shape[3])
{
    return shape[0] * shape[1] * shape[2];
}

static double *cell(const layer *l, long y, long x, size_t channel, long oy, long ox, size_t filter)
{
    const size_t source = ((size_t)y * l->shape[1] + (size_t)x) * l->shape[2] + channel;
    return &l->matrix[source * volume(l->out) + ((size_t)oy * l->out[1] + (size_t)ox) * l->out[2] + filter];
}

static layer make_layer(const size_t shape[3], long height, long width, size_t channels)
{
    layer l = {.out = {(size_t)height, (size_t)width, channels}};
    memcpy(l.shape, shape, sizeof l.shape);
    l.matrix = calloc(volume(l.shape) * volume(l.out) + 1, sizeof *l.matrix);
    return l;
}

static bool inside(long y, long x, const size_t shape[3])
{
    return y >= 0 && x >= 0 && y < (long)shape[0] && x < (long)shape[1];
}

static layer convolution(const size_t shape[3], const rv_connectivity *c, const float *w)
{
    const bool same = c->conv_padding == RV_PADDING_SAME;
    const axis v = kernel_axis(shape[0], c->conv_size[0], c->conv_strides[0], same);
    const axis h = kernel_axis(shape[1], c->conv_size[1], c->conv_strides[1], same);
    const layer l = make_layer(shape, v.positions, h.positions, c->filters);
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

static layer transposed(const size_t shape[3], const rv_connectivity *c, const float *w)
{
    const bool same = c->conv_padding == RV_PADDING_SAME;
    long out[2], pad[2];
    for (int d = 0; d < 2; d++) {
        const long n = (long)shape[d], k = (long)c->conv_size[d], s = (long)c->conv_strides[d];
        pad[d] = same ? kernel_axis(shape[d], c->conv_size[d], c->conv_strides[d], true).padding : 0;
        out[d] = same ? n * s : n * s + (k > s ? k - s : 0);
    }
    const layer l = make_layer(shape, out[0], out[1], c->filters);
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

static layer pool(const size_t shape[3], const rv_connectivity *c, double weight)
{
    const size_t *strides = c->pool_strides[0] ? c->pool_strides : c->pool_size;
    const axis v = kernel_axis(shape[0], c->pool_size[0], strides[0], false);
    const axis h = kernel_axis(shape[1], c->pool_size[1], strides[1] ? strides[1] : strides[0], false);
    const layer l = make_layer(shape, v.positions, h.positions, shape[2]);
    for (long oy = 0; oy < v.positions; oy++)
        for (long ox = 0; ox < h.positions; ox++)
            for (long i = 0; i < v.kernel; i++)
                for (long j = 0; j < h.kernel; j++)
                    for (size_t k = 0; k < shape[2]; k++)
                        *cell(&l, oy * v.stride + i, ox * h.stride + j, k, oy, ox, k) += weight;
    return l;
}

/* The matrix product of two layers, which frees them. */
static layer chain(layer first, layer second)
{
    const size_t n = volume(first.shape), m = volume(first.out), p = volume(second.out);
    layer l = make_layer(first.shape, (long)second.out[0], (long)second.out[1], second.out[2]);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++)
            for (size_t j = 0; first.matrix[i * m + k] != 0 && j < p; j++)
                l.matrix[i * p + j] += first.matrix[i * m + k] * second.matrix[k * p + j];
    free(first.matrix);
    free(second.matrix);
    return l;
}

static layer dense(const size_t shape[3], size_t num_target, const float *w)
{
    const layer l = make_layer(shape, 1, 1, num_target);
    for (size_t k = 0; k < volume(shape) * num_target; k++)
        l.matrix[k] = (double)w[k];
    return l;
}

static layer by_definition(const wired *w)
{
    const rv_connectivity *c = &w->connectivity;
    const size_t *shape = w->ends.source_shape;
    const double area = (double)(c->pool_size[0] * c->pool_size[1]);
    if (c->model == &rv_conv2d_model)
        return convolution(shape, c, w->flat);
    if (c->model == &rv_conv2d_transpose_model)
        return transposed(shape, c, w->flat);
    const layer pooled = pool(shape, c, c->model == &rv_avg_pool2d_model ? (double)w->flat[0] : 1 / area);
    if (c->model == &rv_avg_pool2d_model)
        return pooled;
    return chain(pooled, c->model == &rv_avg_pool_conv2d_model ? convolution(pooled.out, c, w->flat)
                                                               : dense(pooled.out, w->ends.num_target, w->flat));
}

static void compare(const wired *w, const layer *l, const double *matrix)
{
    const size_t num = w->ends.num_source * w->ends.num_target;
    const rv_connectivity *c = &w->connectivity;
    if (w->ends.target_dims == 3)
        assert_memory_equal(l->out, w->ends.target_shape, sizeof l->out);
    assert_int_equal(volume(l->out), w->ends.num_target);
    for (size_t k = 0; k < num; k++)
        if (!(fabs(matrix[k] - l->matrix[k]) < 1e-6))
            fail_msg("%s of %zu x %zu x %zu, kernel %zu x %zu by %zu, %zu, %s, pool %zu x %zu by %zu, %zu: from %zu to "
                     "%zu is %g, expected %g", c->model->name, l->shape[0], l->shape[1], l->shape[2], c->conv_size[0],
                     c->conv_size[1], c->conv_strides[0], c->conv_strides[1], c->conv_padding ? "same" : "valid",
                     c->pool_size[0], c->pool_size[1], c->pool_strides[0], c->pool_strides[1],
                     k / w->ends.num_target, k % w->ends.num_target, matrix[k], l->matrix[k]);
}

static void geometry_is_that_of_the_definition(void **state)
{
    uint64_t random = 17;
    int num[NUM_WIRED_MODELS] = {0};
    (void)state;
    for (int draw = 0; draw < DRAWS; draw++) {
        const int model = draw % NUM_WIRED_MODELS;
        wired w;
        if (!wired_make(&w, context, model, &random, false))
            continue;
        if (w.connectivity.model->shared) {
            layer l = by_definition(&w);
            double *matrix = wired_matrix(&w, NULL);
            compare(&w, &l, matrix);
            free(matrix);
            free(l.matrix);
            num[model]++;
        }
        wired_free(&w);
    }
    for (int model = 0; model < NUM_WIRED_MODELS; model++)
        if (rv_connectivity_model_at(model)->shared)
            assert_in_range(num[model], 200, DRAWS);
    assert_null(rv_connectivity_model_at(NUM_WIRED_MODELS));
}

/* A kernel is never written out as the matrix: what is kept is a list per axis. */
static void a_large_convolution_keeps_a_list_per_axis(void **state)
{
    wired w = {.connectivity = {.model = &rv_conv2d_model, .filters = 64, .conv_size = {3}, .conv_padding = RV_PADDING_SAME},
               .ends = {.context = context, .what = "wired", .num_source = 112 * 112 * 64, .num_target = 112 * 112 * 64,
                        .source_shape = {112, 112, 64}, .source_dims = 3}};
    uint32_t *order = NULL;
    (void)state;
    assert_int_equal(rv_wiring_create(&w.wiring, &w.connectivity, &w.ends, &order), 0);
    assert_null(w.wiring->begin);
    assert_int_equal(w.wiring->num_weights, 3 * 3 * 64 * 64);
    assert_int_equal(w.wiring->rows.size, 3 * 3 * 64 * 64);
    rv_wiring_free(w.wiring);
}

/* ---- drawn synapses ---- */

static void drawn_synapses_have_the_probability(void **state)
{
    static const double ps[] = {0, 1e-12, 0.001, 0.05, 0.5, 0.97, 1};
    (void)state;
    for (size_t i = 0; i < sizeof ps / sizeof *ps; i++) {
        const size_t n = 1000;
        uint32_t *order = NULL;
        wired w = {.connectivity = {.model = &rv_fixed_probability_model, .p = ps[i]},
                   .ends = {.context = context, .what = "wired", .object = 3, .num_source = n, .num_target = n}};
        assert_int_equal(rv_wiring_create(&w.wiring, &w.connectivity, &w.ends, &order), 0);
        const double expected = (double)(n * n) * ps[i], sd = sqrt(expected * (1 - ps[i]));
        if (!(fabs((double)w.wiring->num_weights - expected) <= 4 * sd))
            fail_msg("p %g: %zu synapses, expected %g +- %g", ps[i], w.wiring->num_weights, expected, sd);
        uint32_t column[1000] = {0};
        const uint32_t *target = w.wiring->structure;
        for (size_t row = 0; row < n; row++)
            for (size_t k = 0; k < w.wiring->lengths[row]; k++) {
                const uint32_t j = target[w.wiring->begin[row] + k];
                assert_in_range(j, 0, n - 1);
                assert_true(k == 0 || j > target[w.wiring->begin[row] + k - 1]);
                column[j]++;
            }
        for (size_t j = 0; j < n; j++) /* every target alike: no place in a row is favoured */
            if (!(fabs(column[j] - (double)n * ps[i]) <= 6 * sqrt((double)n * ps[i] * (1 - ps[i])) + 1))
                fail_msg("p %g: target %zu has %u synapses", ps[i], j, column[j]);
        rv_wiring_free(w.wiring);
    }
}

static void self_connections_are_left_out_of_recurrent_ones_alone(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        const bool recurrent = which < 2, allowed = which == 1;
        uint32_t *order = NULL, num_self = 0;
        wired w = {.connectivity = {.model = &rv_fixed_probability_model, .p = 0.5, .allow_self_connections = allowed},
                   .ends = {.context = context, .what = "wired", .recurrent = recurrent, .num_source = 400, .num_target = 400}};
        assert_int_equal(rv_wiring_create(&w.wiring, &w.connectivity, &w.ends, &order), 0);
        const uint32_t *target = w.wiring->structure;
        for (uint32_t row = 0; row < 400; row++)
            for (size_t k = 0; k < w.wiring->lengths[row]; k++)
                num_self += target[w.wiring->begin[row] + k] == row;
        assert_in_range(num_self, recurrent && !allowed ? 0 : 140, recurrent && !allowed ? 0 : 260);
        assert_in_range(w.wiring->num_weights, 79000, 81000);
        rv_wiring_free(w.wiring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(geometry_is_that_of_the_definition),
        cmocka_unit_test(a_large_convolution_keeps_a_list_per_axis),
        cmocka_unit_test(drawn_synapses_have_the_probability),
        cmocka_unit_test(self_connections_are_left_out_of_recurrent_ones_alone),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
