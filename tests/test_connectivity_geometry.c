/* Which synapses convolutions and pools have, against brute force over every position (support/definition.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/definition.h"
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

static void compare(const wired *w, const definition *l, const double *matrix)
{
    const size_t num = w->ends.num_source * w->ends.num_target;
    const rv_connectivity *c = &w->connectivity;
    if (w->ends.target_dims == 3)
        assert_memory_equal(l->out, w->ends.target_shape, sizeof l->out);
    assert_int_equal(l->out[0] * l->out[1] * l->out[2], w->ends.num_target);
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
            definition l = definition_of(&w.connectivity, w.ends.source_shape, w.ends.num_target, w.flat);
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
