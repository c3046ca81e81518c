#include "data/encode.h"

#include <math.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/spikes.h"

int rv_spike_buffer_add(rv_spike_buffer *buffer, double time, size_t id)
{
    int rc;
    if ((rc = rv_grow(buffer->context, &buffer->times, &buffer->times_capacity, buffer->num + 1, sizeof *buffer->times,
                      "spikes of an example")) < 0 ||
        (rc = rv_grow(buffer->context, &buffer->ids, &buffer->ids_capacity, buffer->num + 1, sizeof *buffer->ids,
                      "spikes of an example")) < 0)
        return rc;
    buffer->times[buffer->num] = time;
    buffer->ids[buffer->num++] = (int32_t)id;
    return RV_OK;
}

void rv_spike_buffer_clear(rv_spike_buffer *buffer)
{
    rv_free(buffer->times);
    rv_free(buffer->ids);
    buffer->times = NULL;
    buffer->ids = NULL;
    buffer->num = buffer->times_capacity = buffer->ids_capacity = 0;
}

static int check_values(rv_context *context, const char *what, size_t example, const float *values, size_t num)
{
    for (size_t i = 0; i < num; i++)
        if (!isfinite(values[i]))
            return rv_fail(context, RV_ERR_DATA, "%s: example %zu: input %zu must be finite, got %g", what, example, i,
                           (double)values[i]);
    return RV_OK;
}

int rv_encode(rv_dataset *dataset, rv_context *context, const char *what, size_t num_neurons, rv_encode_fn fn,
              const void *desc)
{
    rv_spike_buffer buffer = {.context = context};
    rv_spikes *spikes = NULL;
    int rc;

    if (!dataset->values || dataset->spikes)
        return rv_fail(context, RV_ERR_STATE, "%s: the data set has %s", what,
                       dataset->values ? "spikes already" : "no values to encode");
    if ((rc = rv_spikes_create(&spikes, context, num_neurons)) < 0)
        return rc;
    for (size_t i = 0; i < dataset->num_examples; i++) {
        const float *values = dataset->values + i * dataset->num_inputs;
        buffer.num = 0;
        if ((rc = check_values(context, what, i, values, dataset->num_inputs)) < 0 ||
            (rc = fn(desc, i, values, dataset->num_inputs, &buffer)) < 0 ||
            (rc = rv_spikes_append(spikes, buffer.times, buffer.ids, buffer.num)) < 0)
            goto out;
    }
    rv_spikes_trim(spikes);
    dataset->spikes = spikes;
    spikes = NULL;
out:
    rv_spikes_free(spikes);
    rv_spike_buffer_clear(&buffer);
    return rc;
}
