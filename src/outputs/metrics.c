/* Metrics. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/registry.h"
#include "outputs/model.h"
#include "values/numbers.h"
#include "values/params.h"

/* the first of the largest */
static size_t largest(const float *y, size_t n)
{
    size_t best = 0;
    for (size_t k = 1; k < n; k++)
        if (y[k] > y[best])
            best = k;
    return best;
}

static void accuracy(double *out, const rv_output_sample *s, const float *y, const double *param)
{
    (void)param;
    out[0] = largest(y, s->n) == (size_t)s->label;
}

static const rv_metric_model sparse_categorical_accuracy = {
    .name = "SparseCategoricalAccuracy",
    .help = "part of the examples whose largest y is at the label",
    .report = "accuracy",
    .value = accuracy,
};

/* ---- top k ---- */

enum { K };

static const rv_param top_k_params[] = {
    [K] = {"k", "", "", RV_PARAM_COUNT, RV_SAME(5), 1, HUGE_VAL, false, "how many of the largest count"},
};

static void top_k(double *out, const rv_output_sample *s, const float *y, const double *param)
{
    const size_t label = (size_t)s->label;
    size_t before = 0;
    for (size_t k = 0; k < s->n; k++)
        before += y[k] > y[label] || (y[k] == y[label] && k < label);
    out[0] = (double)before < param[K];
}

static const rv_metric_model top_k_accuracy = {
    .name = "TopKAccuracy",
    .help = "part of the examples whose label is among the k largest y",
    .report = "top_%g_accuracy",
    .params = top_k_params,
    .num_params = sizeof top_k_params / sizeof top_k_params[0],
    .value = top_k,
};

/* ---- mean square error ---- */

static void square_error(double *out, const rv_output_sample *s, const float *y, const double *param)
{
    double sum = 0;
    (void)param;
    for (size_t k = 0; k < s->n; k++) {
        const double error = (double)s->targets[k] - (double)y[k];
        sum += error * error;
    }
    out[0] = sum / (double)s->n;
}

static const rv_metric_model mean_square_error = {
    .name = "MeanSquareError",
    .help = "mean of (target - y)^2",
    .report = "mean_square_error",
    .needs_targets = true,
    .value = square_error,
};

/* ---- confusion matrix ---- */

static void label_and_class(double *out, const rv_output_sample *s, const float *y, const double *param)
{
    (void)param;
    out[0] = s->label;
    out[1] = (double)largest(y, s->n);
}

static size_t num_cells(size_t n, const double *param)
{
    (void)param;
    return n * n;
}

static void count_cell(double *sums, const double *value, size_t n, const double *param)
{
    (void)param;
    sums[(size_t)value[0] * n + (size_t)value[1]] += 1;
}

static double diagonal_part(const double *sums, size_t n, const double *param)
{
    double diagonal = 0, all = 0;
    (void)param;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            diagonal += i == j ? sums[i * n + j] : 0;
            all += sums[i * n + j];
        }
    return diagonal / all;
}

static const rv_metric_model confusion_matrix = {
    .name = "ConfusionMatrix",
    .help = "how often label i was taken for class j",
    .report = "confusion_matrix",
    .value = label_and_class,
    .num_sums = num_cells,
    .add = count_cell,
    .result = diagonal_part,
};

/* ---- by name ---- */

static const void *const models[] = {&sparse_categorical_accuracy, &top_k_accuracy, &mean_square_error,
                                     &confusion_matrix};
static const rv_registry registry = {"metric", models, sizeof models / sizeof models[0]};

static rv_metric with_defaults(const rv_metric_model *model)
{
    rv_metric metric = {.model = model};
    rv_numbers_default(model->params, model->num_params, metric.param);
    return metric;
}

rv_metric rv_sparse_categorical_accuracy(void)
{
    return with_defaults(&sparse_categorical_accuracy);
}

rv_metric rv_top_k_accuracy(size_t k)
{
    return (rv_metric){.model = &top_k_accuracy, .param = {[K] = (double)k}};
}

rv_metric rv_mean_square_error_metric(void)
{
    return with_defaults(&mean_square_error);
}

rv_metric rv_confusion_matrix(void)
{
    return with_defaults(&confusion_matrix);
}

int rv_metric_by_name(rv_metric *out, rv_context *context, const char *name)
{
    const rv_metric_model *model = rv_registry_get(context, &registry, name);
    if (!model)
        return RV_ERR_NAME;
    *out = with_defaults(model);
    return RV_OK;
}

int rv_metric_set(rv_metric *metric, rv_context *context, const char *param, double value)
{
    if (!metric->model)
        return rv_fail(context, RV_ERR_ARGUMENT, "metric: none is given to set '%s' of", param);
    return rv_numbers_set(context, metric->model->name, metric->model->params, metric->model->num_params,
                          metric->param, param, value);
}

const char *rv_metric_name(const rv_metric *metric)
{
    return metric->model ? metric->model->name : "none";
}

const rv_metric_model *rv_metric_model_at(int index)
{
    return rv_registry_at(&registry, index);
}

/* ---- checks and reports ---- */

int rv_metric_check(rv_context *context, const rv_metric *metric, const char *what)
{
    const rv_metric_model *model = metric->model;
    const bool sums = model->num_sums && model->add && model->result;
    if (!model->name || !model->report || !model->value || model->num_params < 0 ||
        model->num_params > RV_MAX_METRIC_PARAMS || (!sums && (model->num_sums || model->add || model->result)))
        return rv_fail(context, RV_ERR_ARGUMENT,
                       "%s: metric %s: its table must have a name, a report, a value, at most %d parameters, and "
                       "num_sums, add and result all or none",
                       what, model->name ? model->name : "without a name", RV_MAX_METRIC_PARAMS);
    return rv_numbers_check(context, model->params, model->num_params, metric->param, what);
}

/* The first "%g" of the report becomes the first parameter; nothing else in it is looked at. */
void rv_metric_report(const rv_metric *metric, char text[RV_REPORT_SIZE])
{
    const char *report = metric->model->report, *hole = strstr(report, "%g");
    if (hole)
        snprintf(text, RV_REPORT_SIZE, "%.*s%g%s", (int)(hole - report), report, metric->param[0], hole + 2);
    else
        snprintf(text, RV_REPORT_SIZE, "%s", report);
}

size_t rv_metric_num_sums(const rv_metric *metric, size_t n)
{
    return metric->model->num_sums ? metric->model->num_sums(n, metric->param) : 1;
}
