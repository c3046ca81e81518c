/* Readouts: one number per output neuron and example. DESIGN of the drives: docs/learning.md. */
#include <math.h>

#include "base/math.h"
#include "base/registry.h"
#include "outputs/model.h"

static void begin_zero(float *state, size_t n_pad)
{
    for (size_t j = 0; j < n_pad; j++)
        state[j] = 0;
}

static void value_state(float *out, const float *state, size_t n, size_t n_pad, uint32_t num_steps)
{
    (void)n_pad, (void)num_steps;
    for (size_t j = 0; j < n; j++)
        out[j] = state[j];
}

static void step_sum(float *state, const rv_readout_step *s)
{
    for (size_t j = 0; j < s->n_pad; j++)
        state[j] += s->v[j];
}

static void value_mean(float *out, const float *state, size_t n, size_t n_pad, uint32_t num_steps)
{
    (void)n_pad;
    for (size_t j = 0; j < n; j++)
        out[j] = state[j] / (float)num_steps;
}

static const rv_readout_model avg_var = {
    .name = "AvgVar",
    .help = "mean of V over the timesteps",
    .num_state = 1,
    .begin = begin_zero,
    .step = step_sum,
    .value = value_mean,
    .constant_drive = true,
};

static const rv_readout_model sum_var = {
    .name = "SumVar",
    .help = "sum of V over the timesteps",
    .num_state = 1,
    .begin = begin_zero,
    .step = step_sum,
    .value = value_state,
    .constant_drive = true,
};

static double exp_weight(uint32_t t, uint32_t num_steps)
{
    return rv_exp(-(double)t / (double)num_steps) / (double)num_steps;
}

static void step_weighted(float *state, const rv_readout_step *s)
{
    for (size_t j = 0; j < s->n_pad; j++)
        state[j] += s->weight * s->v[j];
}

static void drive_exp_weight(float *drive, const float *base, const float *state, size_t n_pad, uint32_t t,
                             uint32_t num_steps)
{
    (void)state;
    const float weight = (float)rv_exp(-((double)t + 1) / (double)num_steps);
    for (size_t j = 0; j < n_pad; j++)
        drive[j] = base[j] * weight;
}

static const rv_readout_model avg_var_exp_weight = {
    .name = "AvgVarExpWeight",
    .help = "mean of V, later timesteps weigh less: sum of exp(-t / T) V / T",
    .num_state = 1,
    .weight = exp_weight,
    .begin = begin_zero,
    .step = step_weighted,
    .value = value_state,
    .drive = drive_exp_weight,
};

/* state: the maximum, and the step of its first occurrence */
static void begin_max(float *state, size_t n_pad)
{
    for (size_t j = 0; j < n_pad; j++) {
        state[j] = -INFINITY;
        state[n_pad + j] = 0;
    }
}

static void step_max(float *state, const rv_readout_step *s)
{
    for (size_t j = 0; j < s->n_pad; j++)
        if (s->v[j] > state[j]) {
            state[j] = s->v[j];
            state[s->n_pad + j] = (float)s->t;
        }
}

static void drive_max(float *drive, const float *base, const float *state, size_t n_pad, uint32_t t,
                      uint32_t num_steps)
{
    (void)num_steps;
    for (size_t j = 0; j < n_pad; j++)
        drive[j] = state[n_pad + j] == (float)t ? base[j] : 0.0F;
}

static const rv_readout_model max_var = {
    .name = "MaxVar",
    .help = "the largest V",
    .num_state = 2,
    .begin = begin_max,
    .step = step_max,
    .value = value_state,
    .drive = drive_max,
};

static void step_last(float *state, const rv_readout_step *s)
{
    for (size_t j = 0; j < s->n_pad; j++)
        state[j] = s->v[j];
}

static void drive_last(float *drive, const float *base, const float *state, size_t n_pad, uint32_t t,
                       uint32_t num_steps)
{
    (void)state;
    for (size_t j = 0; j < n_pad; j++)
        drive[j] = t + 1 == num_steps ? base[j] : 0.0F;
}

static const rv_readout_model var = {
    .name = "Var",
    .help = "V after the last timestep",
    .num_state = 1,
    .begin = begin_zero,
    .step = step_last,
    .value = value_state,
    .drive = drive_last,
};

static void step_count(float *state, const rv_readout_step *s)
{
    for (size_t k = 0; k < s->num; k++)
        state[s->ids[k]] += 1;
}

static const rv_readout_model spike_count = {
    .name = "SpikeCount",
    .help = "number of spikes",
    .needs_spikes = true,
    .num_state = 1,
    .begin = begin_zero,
    .step = step_count,
    .value = value_state,
};

static const void *const models[] = {&avg_var, &avg_var_exp_weight, &sum_var, &max_var, &var, &spike_count};
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
    return &spike_count;
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
