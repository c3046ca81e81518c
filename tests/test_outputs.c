/* What a run makes of its outputs: losses and metrics of readouts and over time, confusion matrices, and what is said of
 * labels and targets that do not fit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tiny.h"

enum {
    PER_EXAMPLE = TINY_STEPS * TINY_OUTPUTS,
    ALL = TINY_EXAMPLES * PER_EXAMPLE
};

static float target_at(size_t i)
{
    return (float)((double)(i * 7919 % 100) / 200);
}

static rv_data data_with_targets(const tiny *t, const float *targets, size_t num)
{
    rv_data data = tiny_data(t);
    data.outputs[0].targets = targets;
    data.outputs[0].num_targets = num;
    return data;
}

static double metric_of(const rv_result *result, const char *name)
{
    double value;
    if (rv_metrics_get(rv_result_metrics(result), name, &value))
        fail_msg("there is no metric '%s'", name);
    return value;
}

static void about(double found, double expected)
{
    if (!(fabs(found - expected) < 1e-6 * fmax(1, fabs(expected))))
        fail_msg("found %.9g, expected %.9g", found, expected);
}

/* V of the outputs, (examples, T, n), the loss and the metric of an evaluation. */
static void evaluate(tiny *t, const rv_data *data, float *v, double *loss, const char *metric, double *value)
{
    const rv_callback recorder =
        rv_var_recorder((rv_var_recorder_desc){.population = t->output, .var = "v", .key = "v"});
    rv_result *result = NULL;
    TINY_OK(t, rv_evaluate(&result, t->model,
                           &(rv_evaluate_desc){.data = *data, .callbacks = &recorder, .num_callbacks = 1}));
    const rv_entries *entries = rv_result_data(result, "v");
    assert_non_null(entries);
    assert_int_equal(entries->num, TINY_EXAMPLES);
    for (size_t e = 0; e < TINY_EXAMPLES; e++)
        memcpy(v + e * PER_EXAMPLE, entries->items[e].values, PER_EXAMPLE * sizeof *v);
    *loss = metric_of(result, "loss");
    if (metric)
        *value = metric_of(result, metric);
    rv_result_free(result);
}

static void targets_for_every_step_are_held_against_v(void **state)
{
    tiny t;
    static float targets[ALL], v[ALL];
    double loss, value, sum = 0;
    (void)state;
    tiny_create(&t, 2, false);
    for (size_t i = 0; i < ALL; i++)
        targets[i] = target_at(i);
    rv_data data = data_with_targets(&t, targets, ALL);
    data.outputs[0].labels = NULL; /* the loss is then mean square error, and so is the metric */
    evaluate(&t, &data, v, &loss, "mean_square_error", &value);
    for (size_t i = 0; i < ALL; i++)
        sum += ((double)targets[i] - (double)v[i]) * ((double)targets[i] - (double)v[i]);
    about(loss, sum / ALL);
    about(value, sum / ALL);
    tiny_free(&t);
}

static void targets_for_an_example_are_held_against_the_readout(void **state)
{
    tiny t;
    static float targets[TINY_EXAMPLES * TINY_OUTPUTS], v[ALL];
    double loss, value, sum = 0;
    (void)state;
    tiny_create(&t, 2, false);
    for (size_t i = 0; i < TINY_EXAMPLES * TINY_OUTPUTS; i++)
        targets[i] = target_at(i);
    rv_data data = data_with_targets(&t, targets, TINY_EXAMPLES * TINY_OUTPUTS);
    data.outputs[0].loss = rv_mean_square_error();
    data.outputs[0].metrics[0] = rv_sparse_categorical_accuracy(); /* from the labels, which are there too */
    evaluate(&t, &data, v, &loss, "accuracy", &value);
    for (size_t e = 0; e < TINY_EXAMPLES; e++)
        for (size_t k = 0; k < TINY_OUTPUTS; k++) {
            double y = 0;
            for (size_t s = 0; s < TINY_STEPS; s++)
                y += (double)v[e * PER_EXAMPLE + s * TINY_OUTPUTS + k] / TINY_STEPS;
            const double error = (double)targets[e * TINY_OUTPUTS + k] - y;
            sum += error * error;
        }
    about(loss, sum / (TINY_EXAMPLES * TINY_OUTPUTS));
    assert_true(value >= 0 && value <= 1);
    tiny_free(&t);
}

static void a_loss_per_timestep_is_the_mean_over_the_steps(void **state)
{
    tiny t;
    static float v[ALL];
    double loss, value, sum = 0;
    (void)state;
    tiny_create(&t, 2, false);
    rv_compiled_network_free(t.model);
    TINY_OK(&t, rv_compile_eventprop(&t.model, t.network,
                                     &(rv_eventprop_desc){.example_timesteps = TINY_STEPS,
                                                          .batch_size = TINY_BATCH,
                                                          .softmax_temperature = 0.5,
                                                          .per_timestep_loss = true}));
    const rv_data data = tiny_data(&t);
    evaluate(&t, &data, v, &loss, NULL, &value);
    for (size_t e = 0; e < TINY_EXAMPLES; e++)
        for (size_t s = 0; s < TINY_STEPS; s++) {
            const float *const y = v + e * PER_EXAMPLE + s * TINY_OUTPUTS;
            double all = 0;
            for (size_t k = 0; k < TINY_OUTPUTS; k++)
                all += exp((double)y[k] / 0.5);
            sum += log(all) - (double)y[t.labels[e]] / 0.5;
        }
    about(loss, sum / (TINY_EXAMPLES * TINY_STEPS));
    tiny_free(&t);
}

/* ---- many numbers ---- */

static const rv_metric_value *find(const rv_metrics *metrics, const char *name)
{
    for (size_t i = 0; i < metrics->num; i++)
        if (!strcmp(metrics->items[i].name, name))
            return &metrics->items[i];
    fail_msg("there is no metric '%s'", name);
    return NULL;
}

static int count_so_far(void *user, size_t batch, const rv_metrics *metrics)
{
    const rv_metric_value *const item = find(metrics, "confusion_matrix");
    double *const counts = user;
    counts[batch] = 0;
    for (size_t i = 0; i < item->num_sums; i++)
        counts[batch] += item->sums[i];
    return 0;
}

static void a_confusion_matrix_counts_labels_and_classes(void **state)
{
    tiny t;
    double counts[3] = {0}, expected[TINY_OUTPUTS][TINY_OUTPUTS] = {{0}};
    rv_result *tested = NULL, *predicted = NULL;
    (void)state;
    tiny_create(&t, 2, false);
    rv_data data = tiny_data(&t);
    data.outputs[0].metrics[0] = rv_confusion_matrix();
    data.outputs[0].metrics[1] = rv_top_k_accuracy(2);
    data.outputs[0].metrics[2] = rv_sparse_categorical_accuracy();
    const rv_callback callback = {.name = "counter", .user = counts, .on_batch_end = count_so_far};
    TINY_OK(&t, rv_evaluate(&tested, t.model,
                            &(rv_evaluate_desc){.data = data, .callbacks = &callback, .num_callbacks = 1}));
    TINY_OK(&t, rv_predict(&predicted, t.model, &(rv_evaluate_desc){.data = data, .no_callbacks = true}));
    size_t num;
    const float *const y = rv_result_prediction(predicted, t.output, &num);
    double second = 0;
    for (size_t e = 0; e < TINY_EXAMPLES; e++) {
        const float *const row = y + e * TINY_OUTPUTS;
        size_t best = 0, before = 0;
        for (size_t k = 0; k < TINY_OUTPUTS; k++) {
            best = row[k] > row[best] ? k : best;
            before += row[k] > row[t.labels[e]];
        }
        expected[t.labels[e]][best]++;
        second += before < 2;
    }
    const rv_metric_value *const item = find(rv_result_metrics(tested), "confusion_matrix");
    assert_int_equal(item->num_sums, TINY_OUTPUTS * TINY_OUTPUTS);
    assert_memory_equal(item->sums, expected, sizeof expected);
    assert_true(counts[0] == TINY_BATCH && counts[2] == TINY_EXAMPLES);
    about(item->value, metric_of(tested, "accuracy"));
    about(metric_of(tested, "top_2_accuracy"), second / TINY_EXAMPLES);
    rv_result_free(tested);
    rv_result_free(predicted);
    tiny_free(&t);
}

static void every_epoch_of_the_history_has_a_confusion_matrix_of_its_own(void **state)
{
    tiny t;
    rv_result *result = NULL;
    (void)state;
    tiny_create(&t, 1, true);
    rv_data data = tiny_data(&t);
    data.outputs[0].metrics[0] = rv_confusion_matrix();
    TINY_OK(&t, rv_train(&result, t.model,
                         &(rv_train_desc){.data = data,
                                          .validation = data,
                                          .num_epochs = 12,
                                          .no_callbacks = true,
                                          .no_validation_callbacks = true}));
    bool moved = false;
    for (size_t epoch = 0; epoch < 12; epoch++) {
        const rv_metric_value *const own = find(rv_result_history(result, epoch), "confusion_matrix");
        const rv_metric_value *const val = find(rv_result_history(result, epoch), "val_confusion_matrix");
        double sum = 0;
        for (size_t i = 0; i < own->num_sums; i++)
            sum += own->sums[i] + val->sums[i];
        assert_true(sum == 2 * TINY_EXAMPLES);
        moved |= memcmp(own->sums, find(rv_result_history(result, 0), "confusion_matrix")->sums,
                        own->num_sums * sizeof(double)) != 0;
    }
    assert_true(moved);
    rv_result_free(result);
    tiny_free(&t);
}

/* ---- what does not fit ---- */

static void refuse(tiny *t, const rv_data *data, int code, const char *text)
{
    rv_run *run = NULL;
    const int found = rv_evaluate_prepare(&run, t->model, &(rv_evaluate_desc){.data = *data, .no_callbacks = true});
    rv_run_free(run);
    if (found != code || !strstr(rv_last_error(t->context), text))
        fail_msg("code %d with '%s', expected %d with '%s'", found, rv_last_error(t->context), code, text);
}

static void labels_and_targets_that_do_not_fit_are_found_at_set_up(void **state)
{
    tiny t;
    static float targets[ALL];
    (void)state;
    tiny_create(&t, 1, false);
    rv_data data = data_with_targets(&t, targets, ALL - 1);
    refuse(&t, &data, RV_ERR_SHAPE, "output 'output' has 659 targets, expected 11 (examples) x 3 (neurons), or x 20");
    data = data_with_targets(&t, targets, ALL);
    targets[PER_EXAMPLE + 2] = NAN;
    refuse(&t, &data, RV_ERR_DATA, "output 'output': target 62 must be finite, got");
    targets[PER_EXAMPLE + 2] = 0;
    data.outputs[0].labels = NULL;
    data.outputs[0].loss = rv_sparse_categorical_crossentropy();
    refuse(&t, &data, RV_ERR_DATA, "labels are required by SparseCategoricalCrossentropy");
    data = tiny_data(&t);
    data.outputs[0].loss = rv_mean_square_error();
    refuse(&t, &data, RV_ERR_DATA, "targets are required by MeanSquareError");
    data = tiny_data(&t);
    data.outputs[0].metrics[0] = rv_mean_square_error_metric();
    refuse(&t, &data, RV_ERR_DATA, "targets are required by MeanSquareError");
    data.outputs[0].metrics[0] = (rv_metric){0};
    data.outputs[0].loss = rv_relative_mean_square_error(5);
    refuse(&t, &data, RV_ERR_NETWORK, "RelativeMeanSquareError needs the readout FirstSpikeTime, got AvgVar");
    data.outputs[0].loss = (rv_loss){0};
    data.outputs[0].metrics[0] = rv_top_k_accuracy(0);
    refuse(&t, &data, RV_ERR_VALUE, "k must be");
    tiny_free(&t);
}

static void regression_is_learnt(void **state)
{
    tiny t;
    static float targets[ALL];
    rv_result *result = NULL;
    (void)state;
    tiny_create(&t, 2, true);
    for (size_t i = 0; i < ALL; i++) /* each example a level of its own */
        targets[i] = 0.05F * (float)(i / PER_EXAMPLE % 3);
    rv_data data = data_with_targets(&t, targets, ALL);
    data.outputs[0].labels = NULL;
    TINY_OK(&t, rv_train(&result, t.model, &(rv_train_desc){.data = data, .num_epochs = 30, .no_callbacks = true}));
    double first, last;
    assert_int_equal(rv_metrics_get(rv_result_history(result, 0), "loss", &first), 0);
    assert_int_equal(rv_metrics_get(rv_result_history(result, 29), "loss", &last), 0);
    if (!(last < 0.5 * first))
        fail_msg("mean square error %g after 30 epochs, %g after the first", last, first);
    rv_result_free(result);
    tiny_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_for_every_step_are_held_against_v),
        cmocka_unit_test(targets_for_an_example_are_held_against_the_readout),
        cmocka_unit_test(a_loss_per_timestep_is_the_mean_over_the_steps),
        cmocka_unit_test(a_confusion_matrix_counts_labels_and_classes),
        cmocka_unit_test(every_epoch_of_the_history_has_a_confusion_matrix_of_its_own),
        cmocka_unit_test(labels_and_targets_that_do_not_fit_are_found_at_set_up),
        cmocka_unit_test(regression_is_learnt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
