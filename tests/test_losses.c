/* Losses and metrics, table by table: the value is the plain definition, and what learning gets is minus its derivative
 * (a half of n times it for the mean square error, and so on: docs/learning.md, section 6). */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ranvier.h>

enum {
    N = 4,
    LABEL = 2
};

static const rv_output_sample plain = {
    .n = N, .num_steps = 50, .dt = 0.5, .label = LABEL, .softmax_temperature = 1, .ttfs_alpha = 0.01};

static double value_of(rv_loss loss, const rv_output_sample *sample, const float *y, float *g)
{
    return loss.model->loss(sample, y, loss.param, g);
}

static void about(double found, double expected, double tolerance, const char *what)
{
    if (!(fabs(found - expected) <= tolerance * fmax(1, fabs(expected))))
        fail_msg("%s is %.9g, expected %.9g", what, found, expected);
}

/* g against central differences of `scale` times the value, plus what is learnt but not reported. */
static void compare_with_differences(rv_loss loss, const rv_output_sample *sample, const float *y, double scale,
                                     double (*hidden)(const rv_output_sample *, const double *))
{
    float g[N], moved[N];
    value_of(loss, sample, y, g);
    for (int k = 0; k < N; k++) {
        double side[2], at[N];
        for (int s = 0; s < 2; s++) {
            for (int i = 0; i < N; i++)
                moved[i] = y[i] + (i == k ? (s ? 0.0625F : -0.0625F) : 0);
            for (int i = 0; i < N; i++)
                at[i] = (double)moved[i];
            side[s] = scale * value_of(loss, sample, moved, NULL) + (hidden ? hidden(sample, at) : 0);
        }
        about((double)g[k], -(side[1] - side[0]) / 0.125, 2e-3, "g");
    }
}

static void cross_entropy_is_that_of_the_softmax(void **state)
{
    (void)state;
    const float y[N] = {0.5F, -1.25F, 0.75F, 2};
    for (int i = 0; i < 3; i++) {
        rv_output_sample sample = plain;
        sample.softmax_temperature = i == 0 ? 1 : i == 1 ? 0.5 : 4;
        double sum = 0;
        for (int k = 0; k < N; k++)
            sum += exp((double)y[k] / sample.softmax_temperature);
        about(value_of(rv_sparse_categorical_crossentropy(), &sample, y, NULL),
              log(sum) - (double)y[LABEL] / sample.softmax_temperature, 1e-12, "cross-entropy");
        compare_with_differences(rv_sparse_categorical_crossentropy(), &sample, y, 1, NULL);
    }
}

static void cross_entropy_of_huge_numbers_is_finite(void **state)
{
    (void)state;
    const float y[N] = {1e30F, -1e30F, 1e30F, 0};
    float g[N];
    about(value_of(rv_sparse_categorical_crossentropy(), &plain, y, g), log(2), 1e-12, "cross-entropy");
    about((double)g[LABEL], 0.5, 1e-6, "g");
}

static double early_term(const rv_output_sample *s, const double *y)
{
    return s->ttfs_alpha / (1.01 * (double)s->num_steps * s->dt + y[LABEL]);
}

static void cross_entropy_of_first_spikes_pulls_the_label_forward(void **state)
{
    (void)state;
    const float y[N] = {-10, -7.5F, -9, -12};
    rv_output_sample sample = plain;
    sample.spike_times = true;
    sample.ttfs_alpha = 30;
    sample.softmax_temperature = 2;
    double sum = 0;
    for (int k = 0; k < N; k++)
        sum += exp((double)y[k] / 2);
    about(value_of(rv_sparse_categorical_crossentropy(), &sample, y, NULL), log(sum) - (double)y[LABEL] / 2, 1e-12,
          "cross-entropy");
    compare_with_differences(rv_sparse_categorical_crossentropy(), &sample, y, 1, early_term);
}

/* D = 25 ms */
static void silent_neurons_count_as_spiking_at_the_end(void **state)
{
    (void)state;
    const float y[N] = {-10, -FLT_MAX, -9, -FLT_MAX}, nobody[N] = {-FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX};
    rv_output_sample sample = plain;
    float g[N];
    sample.spike_times = true;
    about(value_of(rv_sparse_categorical_crossentropy(), &sample, y, g), log(exp(-10) + exp(-9) + 2 * exp(-25)) + 9,
          1e-12, "cross-entropy");
    const double p = exp(-10) / (exp(-10) + exp(-9));
    about((double)g[0], -p, 1e-6, "g");
    about((double)g[LABEL], p + 0.01 / pow(25.25 - 9, 2), 1e-6, "g of the label");
    assert_true(g[1] == 0 && g[3] == 0);
    sample.label = 1;
    about(value_of(rv_sparse_categorical_crossentropy(), &sample, y, g), log(exp(-10) + exp(-9) + 2 * exp(-25)) + 25,
          1e-12, "cross-entropy of a silent label");
    about((double)g[1], 0.01 / pow(0.25, 2), 1e-6, "g of a silent label");
    about((double)g[0], -p, 1e-6, "g");
    about(value_of(rv_sparse_categorical_crossentropy(), &sample, nobody, g), log(N), 1e-12, "cross-entropy");
    assert_true(g[0] == 0 && g[2] == 0 && g[3] == 0 && g[1] > 0);
}

static void mean_square_error_is_the_mean_of_squares(void **state)
{
    (void)state;
    const float y[N] = {0.5F, -1.25F, 0.75F, 2}, targets[N] = {1, -1, 0.25F, 2};
    rv_output_sample sample = plain;
    sample.targets = targets;
    about(value_of(rv_mean_square_error(), &sample, y, NULL), (0.25 + 0.0625 + 0.25) / N, 1e-12, "mean square error");
    compare_with_differences(rv_mean_square_error(), &sample, y, N / 2.0, NULL);
}

static void relative_mean_square_error_wants_the_label_first(void **state)
{
    (void)state;
    const float y[N] = {-10, -7.5F, -9, -12}, in_time[N] = {-14, -14, -9, -14}, silent[N] = {-14, -FLT_MAX, -9, -14};
    rv_output_sample sample = plain;
    float g[N];
    sample.spike_times = true;
    /* errors t_k - t_label - 5: -4, -6.5, -2 */
    about(value_of(rv_relative_mean_square_error(5), &sample, y, NULL), (16 + 42.25 + 4) / 3, 1e-12,
          "relative mean square error");
    compare_with_differences(rv_relative_mean_square_error(5), &sample, y, (N - 1) / 2.0, NULL);
    about(value_of(rv_relative_mean_square_error(5), &sample, in_time, g), 0, 1e-12, "relative mean square error");
    assert_true(g[0] == 0 && g[1] == 0 && g[2] == 0 && g[3] == 0);
    about(value_of(rv_relative_mean_square_error(5), &sample, silent, g), (25.0 - 14) * (25 - 14) / 3, 1e-12,
          "relative mean square error with a silent neuron");
    assert_true(g[1] == 0);
}

static void relative_mean_square_error_has_mlgenns_default(void **state)
{
    rv_context *context = NULL;
    rv_loss loss;
    (void)state;
    assert_int_equal(rv_context_create(&context, NULL), 0);
    assert_int_equal(rv_loss_by_name(&loss, context, "relative_mean_square_error"), 0);
    assert_true(loss.param[0] == 5);
    assert_int_equal(rv_loss_set(&loss, context, "delta", 2.5), 0);
    assert_true(loss.param[0] == 2.5);
    assert_int_equal(rv_loss_set(&loss, context, "gamma", 1), RV_ERR_NAME);
    assert_non_null(strstr(rv_last_error(context), "RelativeMeanSquareError has no parameter 'gamma'"));
    assert_int_equal(rv_loss_by_name(&loss, context, "hinge"), RV_ERR_NAME);
    assert_non_null(strstr(rv_last_error(context), "SparseCategoricalCrossentropy, MeanSquareError"));
    rv_context_free(context);
}

/* ---- metrics ---- */

static double metric_of(rv_metric metric, const float *y, int32_t label)
{
    double out[RV_MAX_METRIC_VALUES];
    rv_output_sample sample = plain;
    sample.label = label;
    metric.model->value(out, &sample, y, metric.param);
    return out[0];
}

static void the_first_of_equals_is_the_class(void **state)
{
    (void)state;
    const float y[N] = {1, 3, 3, 2};
    assert_true(metric_of(rv_sparse_categorical_accuracy(), y, 1) == 1);
    assert_true(metric_of(rv_sparse_categorical_accuracy(), y, 2) == 0);
}

static void top_k_counts_the_k_largest(void **state)
{
    (void)state;
    const float y[N] = {1, 3, 3, 2};
    static const int32_t order[N] = {1, 2, 3, 0}; /* labels by rank */
    for (size_t k = 1; k <= N + 1; k++)
        for (size_t rank = 0; rank < N; rank++)
            assert_true(metric_of(rv_top_k_accuracy(k), y, order[rank]) == (rank < k));
}

static void top_1_is_the_accuracy(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++) {
        const float y[N] = {(float)(i % 4), (float)(i / 4 % 4), (float)(i / 16 % 4), (float)(i / 64)};
        for (int32_t label = 0; label < N; label++)
            assert_true(metric_of(rv_top_k_accuracy(1), y, label) ==
                        metric_of(rv_sparse_categorical_accuracy(), y, label));
    }
}

static void a_k_that_is_no_count_is_an_error(void **state)
{
    rv_context *context = NULL;
    rv_metric metric;
    (void)state;
    assert_int_equal(rv_context_create(&context, NULL), 0);
    assert_int_equal(rv_metric_by_name(&metric, context, "TopKAccuracy"), 0);
    assert_int_equal(rv_metric_set(&metric, context, "k", 3), 0);
    assert_int_equal(rv_metric_set(&metric, context, "k", 0), RV_ERR_VALUE);
    assert_int_equal(rv_metric_set(&metric, context, "k", 2.5), RV_ERR_VALUE);
    assert_int_equal(rv_metric_by_name(&metric, context, "f1"), RV_ERR_NAME);
    rv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy_is_that_of_the_softmax),
        cmocka_unit_test(cross_entropy_of_huge_numbers_is_finite),
        cmocka_unit_test(cross_entropy_of_first_spikes_pulls_the_label_forward),
        cmocka_unit_test(silent_neurons_count_as_spiking_at_the_end),
        cmocka_unit_test(mean_square_error_is_the_mean_of_squares),
        cmocka_unit_test(relative_mean_square_error_wants_the_label_first),
        cmocka_unit_test(relative_mean_square_error_has_mlgenns_default),
        cmocka_unit_test(the_first_of_equals_is_the_class),
        cmocka_unit_test(top_k_counts_the_k_largest),
        cmocka_unit_test(top_1_is_the_accuracy),
        cmocka_unit_test(a_k_that_is_no_count_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
