/* Readouts of voltages, and finding readouts by name. Where the drives come from: docs/learning.md. */
#include <math.h>

#include "base/error.h"
#include "base/math.h"
#include "base/registry.h"
#include "outputs/model.h"

static void value_mean(float *y, const float *state, const rv_output_shape *shape)
{
    for (size_t j = 0; j < shape->n; j++)
        y[j] = state[j] / (float)shape->num_steps;
}

static const rv_readout_variable mean_variable = {"VAvg", NULL}, sum_variable = {"VSum", NULL};

static const rv_readout_model avg_var = {
    .name = "AvgVar",
    .help = "mean of V over the timesteps",
    .num_state = 1,
    .variables = &mean_variable,
    .num_variables = 1,
    .value = value_mean,
    .constant_drive = true,
};

static const rv_readout_model sum_var = {
    .name = "SumVar",
    .help = "sum of V over the timesteps",
    .num_state = 1,
    .variables = &sum_variable,
    .num_variables = 1,
    .constant_drive = true,
};

static double exp_weight(uint32_t t, uint32_t num_steps)
{
    return rv_exp(-(double)t / (double)num_steps) / (double)num_steps;
}

static double exp_drive_weight(uint32_t t, uint32_t num_steps)
{
    return rv_exp(-((double)t + 1) / (double)num_steps);
}

static const rv_readout_model avg_var_exp_weight = {
    .name = "AvgVarExpWeight",
    .help = "mean of V, later timesteps weigh less: sum of exp(-t / T) V / T",
    .num_state = 1,
    .variables = &mean_variable,
    .num_variables = 1,
    .weight = exp_weight,
    .drive_weight = exp_drive_weight,
};

/* state: the maximum, and the step of its first occurrence */
static void begin_max(float *state, const rv_output_shape *shape)
{
    for (size_t j = 0; j < shape->n_pad; j++) {
        state[j] = -INFINITY;
        state[shape->n_pad + j] = 0;
    }
}

static void step_max(float *state, const rv_output_shape *shape, const rv_readout_step *s)
{
    for (size_t j = 0; j < shape->n_pad; j++)
        if (s->v[j] > state[j]) {
            state[j] = s->v[j];
            state[shape->n_pad + j] = (float)s->t;
        }
}

static void drive_max(float *drive, const float *base, const float *state, const rv_output_shape *shape, uint32_t t)
{
    for (size_t j = 0; j < shape->n_pad; j++)
        drive[j] = state[shape->n_pad + j] == (float)t ? base[j] : 0.0F;
}

/* ms */
static void value_max_time(float *out, const float *state, const rv_output_shape *shape)
{
    for (size_t j = 0; j < shape->n; j++)
        out[j] = (float)((double)state[shape->n_pad + j] * shape->dt);
}

static const rv_readout_variable max_variables[] = {{"VMax", NULL}, {"VMaxTime", value_max_time}};

static const rv_readout_model max_var = {
    .name = "MaxVar",
    .help = "the largest V",
    .num_state = 2,
    .variables = max_variables,
    .num_variables = sizeof max_variables / sizeof max_variables[0],
    .begin = begin_max,
    .step = step_max,
    .drive = drive_max,
};

static void step_last(float *state, const rv_output_shape *shape, const rv_readout_step *s)
{
    for (size_t j = 0; j < shape->n_pad; j++)
        state[j] = s->v[j];
}

static void drive_last(float *drive, const float *base, const float *state, const rv_output_shape *shape, uint32_t t)
{
    (void)state;
    for (size_t j = 0; j < shape->n_pad; j++)
        drive[j] = t + 1 == shape->num_steps ? base[j] : 0.0F;
}

static const rv_readout_model var = {
    .name = "Var",
    .help = "V after the last timestep",
    .num_state = 1,
    .step = step_last,
    .drive = drive_last,
};

static const void *const models[] = {
    &avg_var, &avg_var_exp_weight, &sum_var, &max_var, &var, &rv_spike_count_model, &rv_first_spike_time_model};
static const rv_registry registry = {"readout", models, sizeof models / sizeof models[0]};

rv_readout rv_avg_var(void)
{
    return &avg_var;
}

rv_readout rv_avg_var_exp_weight(void)
{
    return &avg_var_exp_weight;
}

rv_readout rv_sum_var(void)
{
    return &sum_var;
}

rv_readout rv_max_var(void)
{
    return &max_var;
}

rv_readout rv_var(void)
{
    return &var;
}

rv_readout rv_spike_count(void)
{
    return &rv_spike_count_model;
}

rv_readout rv_first_spike_time(void)
{
    return &rv_first_spike_time_model;
}

rv_readout rv_readout_by_name(const char *name)
{
    return rv_registry_find(&registry, name);
}

rv_readout rv_readout_at(int index)
{
    return rv_registry_at(&registry, index);
}

const char *rv_readout_name(rv_readout readout)
{
    return readout ? readout->name : "none";
}

int rv_readout_check(rv_context *context, rv_readout readout, const char *what)
{
    if (!readout->name || (readout->needs_spikes && !readout->step) || readout->num_state < 1)
        return rv_fail(context, RV_ERR_ARGUMENT,
                       "%s: readout %s: its table must have a name, a step if it needs spikes, and num_state >= 1",
                       what, readout->name ? readout->name : "without a name");
    return RV_OK;
}
