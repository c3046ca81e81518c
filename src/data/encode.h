/* What all encoders share: one pass over the values of a data set that makes its spikes. */
#ifndef RV_DATA_ENCODE_H
#define RV_DATA_ENCODE_H

#include <ranvier/data.h>

/* The spikes of one example, in any order; grows as needed. */
typedef struct rv_spike_buffer {
    rv_context *context;
    double *times; /* (num) ms */
    int32_t *ids;  /* (num) */
    size_t num;
    size_t times_capacity, ids_capacity;
} rv_spike_buffer;

int rv_spike_buffer_add(rv_spike_buffer *buffer, double time, size_t id);
void rv_spike_buffer_clear(rv_spike_buffer *buffer);

/* Adds the spikes of one example with these values (num_inputs, finite). */
typedef int (*rv_encode_fn)(const void *desc, size_t example, const float *values, size_t num_inputs,
                            rv_spike_buffer *out);

/* Makes dataset->spikes of num_neurons by calling fn for every example. `what` is the encoder's name. Errors:
 * RV_ERR_STATE if there are no values or already spikes, RV_ERR_DATA for values that are not finite; the data set is
 * unchanged then. */
int rv_encode(rv_dataset *dataset, rv_context *context, const char *what, size_t num_neurons, rv_encode_fn fn,
              const void *desc);

#endif
