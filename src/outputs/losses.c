/* Losses. Their scale beside that of Gradient: docs/learning.md. */
#include <float.h>
#include <math.h>

#include "base/error.h"
#include "base/math.h"
#include "base/registry.h"
#include "outputs/model.h"
#include "values/numbers.h"
#include "values/params.h"

static double duration(const rv_output_sample *s)
{
    return (double)s->num_steps * s->dt;
}

static bool is_silent(const rv_output_sample *s, float y)
{
    return s->spike_times && y == -FLT_MAX;
}

/* ---- cross-entropy ----
 *
 * loss = ln(sum_k exp(z_k)) - z_label, z = y / temperature, with the largest z taken out; g = (onehot - softmax(z)) /
 * temperature. Of first spike times t = -y, D = the example's duration: a term ttfs_alpha / (1.01 D - t_label) joins
 * what is learnt, so that the label's neuron spikes early, and one that is silent has only this pull, with t = D;
 * other silent neurons are not part of the softmax. The loss as it is reported has no such term, and silent neurons
 * spike at D there. */

/* y of a neuron as the reported loss sees it */
static double seen(const rv_output_sample *s, float y)
{
    return is_silent(s, y) ? -duration(s) : (double)y;
}

#define FEW_OUTPUTS 64 /* whose exp(z) are kept; those of more are worked out again */

/* The sum of exp(z) as the reported loss sees it, those of the first few, and the largest y */
static double seen_exp_sum(const rv_output_sample *s, const float *y, double *largest, double *few)
{
    double sum = 0;
    *largest = seen(s, y[0]);
    for (size_t k = 1; k < s->n; k++)
        if (seen(s, y[k]) > *largest)
            *largest = seen(s, y[k]);
    for (size_t k = 0; k < s->n; k++) {
        const double e = rv_exp((seen(s, y[k]) - *largest) / s->softmax_temperature);
        if (k < FEW_OUTPUTS)
            few[k] = e;
        sum += e;
    }
    return sum;
}

static void pull_early(const rv_output_sample *s, const float *y, float *g)
{
    const size_t label = (size_t)s->label;
    const double left = 1.01 * duration(s) + seen(s, y[label]);
    g[label] += (float)(s->ttfs_alpha / (left * left));
}

/* exp(z) of neurons that are part of the softmax */
static double exp_of(const rv_output_sample *s, float y, double largest)
{
    return is_silent(s, y) ? 0 : rv_exp(((double)y - largest) / s->softmax_temperature);
}

static double exp_sum(const rv_output_sample *s, const float *y, double largest)
{
    double sum = 0;
    for (size_t k = 0; k < s->n; k++)
        sum += exp_of(s, y[k], largest);
    return sum;
}

void rv_loss_softmax(float *p, const rv_output_sample *s, const float *y)
{
    double largest = -HUGE_VAL;
    for (size_t k = 0; k < s->n; k++)
        if (!is_silent(s, y[k]) && (double)y[k] > largest)
            largest = (double)y[k];
    const double sum = exp_sum(s, y, largest);
    for (size_t k = 0; k < s->n; k++)
        p[k] = sum > 0 ? (float)(exp_of(s, y[k], largest) / sum) : 0.0F;
}

/* all, few: of seen_exp_sum, which may count silent neurons in where there are spike times */
static void crossentropy_gradient(const rv_output_sample *s, const float *y, double largest, double all,
                                  const double *few, float *g)
{
    const double temperature = s->softmax_temperature, sum = s->spike_times ? exp_sum(s, y, largest) : all;
    for (size_t k = 0; k < s->n; k++) {
        const double e = s->spike_times || k >= FEW_OUTPUTS ? exp_of(s, y[k], largest) : few[k];
        const double p = e > 0 ? e / sum : 0; /* silent neurons may leave nothing in the sum */
        const double hit = k == (size_t)s->label && !is_silent(s, y[k]) ? 1 : 0;
        g[k] = (float)((hit - p) / temperature);
    }
    if (s->spike_times)
        pull_early(s, y, g);
}

static double crossentropy(const rv_output_sample *s, const float *y, const double *param, float *g)
{
    double largest, few[FEW_OUTPUTS];
    const double all = seen_exp_sum(s, y, &largest, few);
    (void)param;
    if (g)
        crossentropy_gradient(s, y, largest, all, few, g);
    return rv_log_e(all) - (seen(s, y[s->label]) - largest) / s->softmax_temperature;
}

static const rv_loss_model sparse_categorical_crossentropy = {
    .name = "SparseCategoricalCrossentropy",
    .help = "-ln softmax(y)[label]",
    .loss = crossentropy,
};

/* ---- mean square error: g = target - y ---- */

static double square_error(const rv_output_sample *s, const float *y, const double *param, float *g)
{
    double sum = 0;
    (void)param;
    for (size_t k = 0; k < s->n; k++) {
        const double error = (double)s->targets[k] - (double)y[k];
        sum += error * error;
        if (g)
            g[k] = (float)error;
    }
    return sum / (double)s->n;
}

static const rv_loss_model mean_square_error = {
    .name = "MeanSquareError",
    .help = "mean of (target - y)^2",
    .needs_targets = true,
    .loss = square_error,
};

/* ---- relative mean square error of first spikes ----
 *
 * e_k = t_k - t_label - delta of the other outputs k; g_k = e_k, g_label = -sum of e_k, for neurons that spiked. What is
 * learnt takes t = 0 for silent neurons, as mlGeNN does; the loss as it is reported takes the example's end. */

enum { DELTA };

static const rv_param relative_params[] = {
    [DELTA] = {"delta", "", "ms", RV_PARAM_SCALAR, RV_SAME(5), -HUGE_VAL, HUGE_VAL, false,
               "by which the label's first spike should come before the others'"},
};

static double learnt_time(const rv_output_sample *s, float y)
{
    return is_silent(s, y) ? 0 : -(double)y;
}

static void relative_gradient(const rv_output_sample *s, const float *y, double delta, float *g)
{
    const size_t label = (size_t)s->label;
    double sum = 0;
    for (size_t k = 0; k < s->n; k++) {
        const double error = k == label ? 0 : learnt_time(s, y[k]) - learnt_time(s, y[label]) - delta;
        sum += error;
        g[k] = is_silent(s, y[k]) ? 0.0F : (float)error;
    }
    if (!is_silent(s, y[label]))
        g[label] = (float)-sum;
}

static double relative_square_error(const rv_output_sample *s, const float *y, const double *param, float *g)
{
    const size_t label = (size_t)s->label;
    double sum = 0;
    for (size_t k = 0; k < s->n; k++) {
        const double error = k == label ? 0 : seen(s, y[label]) - seen(s, y[k]) - param[DELTA];
        sum += error * error;
    }
    if (g)
        relative_gradient(s, y, param[DELTA], g);
    return s->n > 1 ? sum / (double)(s->n - 1) : 0;
}

static const rv_loss_model relative_mean_square_error = {
    .name = "RelativeMeanSquareError",
    .help = "mean of (t_k - t_label - delta)^2 of first spikes",
    .params = relative_params,
    .num_params = sizeof relative_params / sizeof relative_params[0],
    .needs_spike_times = true,
    .loss = relative_square_error,
};

/* ---- by name ---- */

static const void *const models[] = {&sparse_categorical_crossentropy, &mean_square_error,
                                     &relative_mean_square_error};
static const rv_registry registry = {"loss", models, sizeof models / sizeof models[0]};

static rv_loss with_defaults(const rv_loss_model *model)
{
    rv_loss loss = {.model = model};
    rv_numbers_default(model->params, model->num_params, loss.param);
    return loss;
}

rv_loss rv_sparse_categorical_crossentropy(void)
{
    return with_defaults(&sparse_categorical_crossentropy);
}

rv_loss rv_mean_square_error(void)
{
    return with_defaults(&mean_square_error);
}

rv_loss rv_relative_mean_square_error(double delta)
{
    return (rv_loss){.model = &relative_mean_square_error, .param = {[DELTA] = delta}};
}

int rv_loss_by_name(rv_loss *out, rv_context *context, const char *name)
{
    const rv_loss_model *model = rv_registry_get(context, &registry, name);
    if (!model)
        return RV_ERR_NAME;
    *out = with_defaults(model);
    return RV_OK;
}

int rv_loss_set(rv_loss *loss, rv_context *context, const char *param, double value)
{
    if (!loss->model)
        *loss = rv_sparse_categorical_crossentropy();
    return rv_numbers_set(context, loss->model->name, loss->model->params, loss->model->num_params, loss->param, param,
                          value);
}

const char *rv_loss_name(const rv_loss *loss)
{
    return loss->model ? loss->model->name : sparse_categorical_crossentropy.name;
}

const rv_loss_model *rv_loss_model_at(int index)
{
    return rv_registry_at(&registry, index);
}

int rv_loss_resolve(rv_context *context, rv_loss *loss, bool only_targets, const char *what)
{
    if (!loss->model)
        *loss = only_targets ? rv_mean_square_error() : rv_sparse_categorical_crossentropy();
    const rv_loss_model *model = loss->model;
    if (!model->name || !model->loss || model->num_params < 0 || model->num_params > RV_MAX_LOSS_PARAMS)
        return rv_fail(context, RV_ERR_ARGUMENT,
                       "%s: loss %s: its table must have a name, a loss and at most %d parameters", what,
                       model->name ? model->name : "without a name", RV_MAX_LOSS_PARAMS);
    return rv_numbers_check(context, model->params, model->num_params, loss->param, what);
}
