/* Values in [0, 1] as the times of one spike each, as the Yin-Yang set is presented. */
#include "data/encode.h"

#include <math.h>

#include "base/error.h"

static int time_example(const void *user, size_t example, const float *values, size_t num_inputs, rv_spike_buffer *out)
{
    const rv_time_code *desc = user;
    int rc;
    for (size_t i = 0; i < num_inputs; i++) {
        const double x = (double)values[i];
        if (x < 0 || x > 1)
            return rv_fail(out->context, RV_ERR_DATA, "time_code: example %zu: input %zu must be in [0, 1], got %g",
                           example, i, x);
        if ((rc = rv_spike_buffer_add(out, x * (desc->max_time - desc->min_time) + desc->min_time, i)) < 0)
            return rc;
    }
    return desc->add_bias ? rv_spike_buffer_add(out, desc->bias_time, num_inputs) : RV_OK;
}

int rv_encode_time(rv_dataset *dataset, rv_context *context, const rv_time_code *desc)
{
    if (!isfinite(desc->min_time) || desc->min_time < 0)
        return rv_fail(context, RV_ERR_VALUE, "time_code: min_time must be >= 0 ms, got %g", desc->min_time);
    if (!isfinite(desc->max_time) || desc->max_time <= desc->min_time)
        return rv_fail(context, RV_ERR_VALUE, "time_code: max_time must be > min_time = %g ms, got %g", desc->min_time,
                       desc->max_time);
    if (!isfinite(desc->bias_time) || desc->bias_time < 0)
        return rv_fail(context, RV_ERR_VALUE, "time_code: bias_time must be >= 0 ms, got %g", desc->bias_time);
    return rv_encode(dataset, context, "time_code", dataset->num_inputs + (desc->add_bias ? 1 : 0), time_example,
                     desc);
}
