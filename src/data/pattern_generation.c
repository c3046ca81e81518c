/* Pattern generation: G. Bellec et al., "A solution to the learning dilemma for recurrent networks of spiking neurons",
 * Nature Communications 2020. Nothing is random here: a clock of input spikes, and sinusoids to draw by it. */
#include <ranvier/data.h>

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/math.h"
#include "data/dataset.h"
#include "data/encode.h"
#include "data/spikes.h"

#define NAME "pattern_generation"

/* sin(2 pi x), 0 <= x < 1: the same bits everywhere. */
static double sine_of_turn(double x)
{
    const double y = fabs(2 * x - 0.5);
    return rv_cos_pi(y > 1 ? 2 - y : y);
}

static int check(rv_context *context, const rv_pattern_generation *d)
{
    if (d->num_examples > UINT32_MAX)
        return rv_fail(context, RV_ERR_VALUE, NAME ": num_examples must be 1 to 2^32 - 1, got %zu", d->num_examples);
    if (d->num_inputs < d->num_groups)
        return rv_fail(context, RV_ERR_VALUE, NAME ": num_inputs must be >= num_groups = %zu, got %zu", d->num_groups,
                       d->num_inputs);
    if (!(isfinite(d->dt) && d->dt > 0))
        return rv_fail(context, RV_ERR_VALUE, NAME ": dt must be > 0 ms, got %g", d->dt);
    if (!(isfinite(d->duration) && d->duration >= d->dt && d->duration / d->dt < INT32_MAX))
        return rv_fail(context, RV_ERR_VALUE, NAME ": duration must be >= dt = %g ms and less than 2^31 steps, got %g",
                       d->dt, d->duration);
    if (!(isfinite(d->interval) && d->interval >= d->dt))
        return rv_fail(context, RV_ERR_VALUE, NAME ": interval must be >= dt = %g ms, got %g", d->dt, d->interval);
    return RV_OK;
}

static void draw_targets(float *targets, size_t num_steps, size_t num_outputs)
{
    for (size_t t = 0; t < num_steps; t++)
        for (size_t k = 0; k < num_outputs; k++)
            targets[t * num_outputs + k] =
                (float)sine_of_turn((double)((k + 1) * t % num_steps) / (double)num_steps);
}

/* Each group has its part of the duration, from the first spike on. */
static int clock_spikes(rv_spike_buffer *out, const rv_pattern_generation *d)
{
    const double part = d->duration / (double)d->num_groups;
    for (size_t i = 0; i < d->num_inputs; i++) {
        const double begin = part * (double)(i * d->num_groups / d->num_inputs);
        for (size_t n = 0; (double)n * d->interval < part - 1e-9 * d->duration; n++) {
            const int rc = rv_spike_buffer_add(out, begin + (double)n * d->interval, i);
            if (rc < 0)
                return rc;
        }
    }
    return RV_OK;
}

static int fill(rv_dataset *out, rv_context *context, const rv_pattern_generation *d)
{
    const size_t num_steps = (size_t)(d->duration / d->dt + 0.5);
    rv_spike_buffer buffer = {.context = context};
    int rc = rv_dataset_add_targets(out, context, num_steps, d->num_outputs, NAME);
    if (!rc)
        rc = rv_spikes_create(&out->spikes, context, d->num_inputs);
    if (!rc)
        rc = clock_spikes(&buffer, d);
    for (size_t i = 0; i < d->num_examples && !rc; i++) {
        draw_targets(out->targets + i * num_steps * d->num_outputs, num_steps, d->num_outputs);
        rc = rv_spikes_append(out->spikes, buffer.times, buffer.ids, buffer.num);
    }
    rv_spike_buffer_clear(&buffer);
    return rc;
}

int rv_generate_pattern_generation(rv_dataset *out, rv_context *context, const rv_pattern_generation *desc)
{
    const rv_pattern_generation full = {
        .num_examples = desc->num_examples ? desc->num_examples : 1,
        .num_inputs = desc->num_inputs ? desc->num_inputs : 20,
        .num_groups = desc->num_groups ? desc->num_groups : 5,
        .num_outputs = desc->num_outputs ? desc->num_outputs : 3,
        .duration = desc->duration == 0 ? 1000 : desc->duration,
        .interval = desc->interval == 0 ? 10 : desc->interval,
        .dt = desc->dt == 0 ? 1 : desc->dt,
    };
    memset(out, 0, sizeof *out);
    int rc = check(context, &full);
    if (!rc)
        rc = rv_dataset_start(out, context, full.num_examples, 1, &full.num_inputs, NAME);
    if (!rc)
        rc = fill(out, context, &full);
    if (rc)
        rv_dataset_clear(out);
    return rc;
}
