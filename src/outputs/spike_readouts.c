/* Readouts of spikes. */
#include <float.h>

#include "outputs/model.h"

static void step_count(float *state, const rv_output_shape *shape, const rv_readout_step *s)
{
    (void)shape;
    for (size_t k = 0; k < s->num; k++)
        state[s->ids[k]] += 1;
}

static const rv_readout_variable count_variable = {"Scount", NULL};

const rv_readout_model rv_spike_count_model = {
    .name = "SpikeCount",
    .help = "number of spikes",
    .needs_spikes = true,
    .num_state = 1,
    .variables = &count_variable,
    .num_variables = 1,
    .step = step_count,
};

/* ---- first spike time ----
 *
 * y = -t_first in ms. Its state is the step of the first spike, a whole number, or NEVER. Learning follows Wunderlich &
 * Pehle 2021: a loss L of spike times adds its derivative by the time, over I - V, to LambdaV at that spike, and
 * dL/dt_first = -dL/dy = g. */

#define NEVER (-1.0F)

static void begin_first(float *state, const rv_output_shape *shape)
{
    for (size_t j = 0; j < shape->n_pad; j++)
        state[j] = NEVER;
}

static void step_first(float *state, const rv_output_shape *shape, const rv_readout_step *s)
{
    (void)shape;
    for (size_t k = 0; k < s->num; k++)
        if (state[s->ids[k]] == NEVER)
            state[s->ids[k]] = (float)s->t;
}

static void value_first(float *y, const float *state, const rv_output_shape *shape)
{
    for (size_t j = 0; j < shape->n; j++)
        y[j] = state[j] == NEVER ? -FLT_MAX : (float)(-(double)state[j] * shape->dt);
}

static void kick_first(float *kick, const float *base, const float *state, const rv_output_shape *shape,
                       const rv_readout_step *s)
{
    (void)shape;
    for (size_t k = 0; k < s->num; k++)
        if (state[s->ids[k]] == (float)s->t)
            kick[k] += base[s->ids[k]];
}

static void silent_first(float *lambda_v, const float *base, const float *state, const rv_output_shape *shape)
{
    for (size_t j = 0; j < shape->n; j++)
        if (state[j] == NEVER)
            lambda_v[j] += base[j];
}

static const rv_readout_variable first_variable = {"TFirstSpike", NULL};

const rv_readout_model rv_first_spike_time_model = {
    .name = "FirstSpikeTime",
    .help = "minus the time of the first spike in ms",
    .needs_spikes = true,
    .spike_times = true,
    .num_state = 1,
    .variables = &first_variable,
    .num_variables = 1,
    .begin = begin_first,
    .step = step_first,
    .value = value_first,
    .kick = kick_first,
    .silent = silent_first,
};
