/* One spike per input, the earlier the larger the input: linearly, or as an LIF neuron under constant current. */
#include "data/encode.h"

#include <math.h>

#include "base/error.h"
#include "base/math.h"

static int linear_example(const void *user, size_t example, const float *values, size_t num_inputs,
                          rv_spike_buffer *out)
{
    const rv_linear_latency *desc = user;
    for (size_t i = 0; i < num_inputs; i++) {
        const double x = (double)values[i];
        int rc = RV_OK;
        if (x > desc->max_value)
            return rv_fail(out->context, RV_ERR_DATA, "linear_latency: example %zu: input %zu is %g, max_value is %g",
                           example, i, x, desc->max_value);
        if (x > desc->threshold)
            rc = rv_spike_buffer_add(
                out, (desc->max_value - x) / desc->max_value * (desc->max_time - desc->min_time) + desc->min_time, i);
        if (rc < 0)
            return rc;
    }
    return RV_OK;
}

int rv_encode_linear_latency(rv_dataset *dataset, rv_context *context, const rv_linear_latency *desc)
{
    rv_linear_latency full = *desc;
    if (!full.threshold_given)
        full.threshold = 1;
    if (full.max_value == 0)
        full.max_value = 255;
    if (!isfinite(full.min_time) || full.min_time < 0)
        return rv_fail(context, RV_ERR_VALUE, "linear_latency: min_time must be >= 0 ms, got %g", full.min_time);
    if (!isfinite(full.max_time) || full.max_time <= full.min_time)
        return rv_fail(context, RV_ERR_VALUE, "linear_latency: max_time must be > min_time = %g ms, got %g",
                       full.min_time, full.max_time);
    if (!isfinite(full.max_value) || full.max_value < 0)
        return rv_fail(context, RV_ERR_VALUE, "linear_latency: max_value must be > 0, got %g", full.max_value);
    /* inputs below 0 would spike after max_time */
    if (!(full.threshold >= 0 && full.threshold < full.max_value))
        return rv_fail(context, RV_ERR_VALUE, "linear_latency: threshold must be >= 0 and < max_value = %g, got %g",
                       full.max_value, full.threshold);
    return rv_encode(dataset, context, "linear_latency", dataset->num_inputs, linear_example, &full);
}

static int log_example(const void *user, size_t example, const float *values, size_t num_inputs, rv_spike_buffer *out)
{
    const rv_log_latency *desc = user;
    (void)example;
    for (size_t i = 0; i < num_inputs; i++) {
        const double x = (double)values[i];
        if (!(x > desc->threshold))
            continue;
        const double time = desc->tau_eff * rv_log_e(x / (x - desc->threshold));
        if (desc->max_time > 0 && time > desc->max_time)
            continue;
        const int rc = rv_spike_buffer_add(out, time, i);
        if (rc < 0)
            return rc;
    }
    return RV_OK;
}

int rv_encode_log_latency(rv_dataset *dataset, rv_context *context, const rv_log_latency *desc)
{
    if (!isfinite(desc->tau_eff) || desc->tau_eff <= 0)
        return rv_fail(context, RV_ERR_VALUE, "log_latency: tau_eff must be > 0 ms, got %g", desc->tau_eff);
    if (!isfinite(desc->threshold) || desc->threshold <= 0)
        return rv_fail(context, RV_ERR_VALUE, "log_latency: threshold must be > 0, got %g", desc->threshold);
    if (!(desc->max_time >= 0))
        return rv_fail(context, RV_ERR_VALUE, "log_latency: max_time must be > 0 ms, or 0 for none, got %g",
                       desc->max_time);
    return rv_encode(dataset, context, "log_latency", dataset->num_inputs, log_example, desc);
}
