/* Events of a camera as spikes (mlGeNN: preprocess_tonic_spikes). */
#include "data/events.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/spikes.h"

#define MAX_SIDE 32768  /* pixels: ids fit 31 bits */
#define MAX_STEP 0x1p53 /* beyond it a double does not tell steps apart */

int rv_event_buffer_init(rv_event_buffer *buffer, rv_context *context, const rv_nmnist *desc, const char *what)
{
    *buffer = (rv_event_buffer){.context = context, .desc = desc ? *desc : (rv_nmnist){0}};
    rv_nmnist *full = &buffer->desc;
    if (full->width == 0)
        full->width = 34;
    if (full->height == 0)
        full->height = 34;
    if (full->time_scale == 0)
        full->time_scale = 0.001;
    if (full->dt == 0)
        full->dt = 1;
    if (full->width > MAX_SIDE || full->height > MAX_SIDE)
        return rv_fail(context, RV_ERR_VALUE, "%s: width and height must be at most %d, got %zu and %zu", what,
                       MAX_SIDE, full->width, full->height);
    if (!isfinite(full->time_scale) || full->time_scale < 0)
        return rv_fail(context, RV_ERR_VALUE, "%s: time_scale must be > 0 ms, got %g", what, full->time_scale);
    if (!isfinite(full->dt) || full->dt < 0)
        return rv_fail(context, RV_ERR_VALUE, "%s: dt must be > 0 ms, got %g", what, full->dt);
    if (full->polarity < RV_POLARITY_BOTH || full->polarity > RV_POLARITY_OFF)
        return rv_fail(context, RV_ERR_ARGUMENT, "%s: unknown polarity %d", what, (int)full->polarity);
    return RV_OK;
}

void rv_event_buffer_clear(rv_event_buffer *buffer)
{
    rv_free(buffer->times);
    rv_free(buffer->ids);
    *buffer = (rv_event_buffer){0};
}

int rv_event_buffer_begin(rv_event_buffer *buffer, size_t num_events, const char *what)
{
    rv_context *context = buffer->context;
    buffer->num = 0;
    const int error =
        rv_grow(context, &buffer->times, &buffer->times_capacity, num_events, sizeof *buffer->times, what);
    return error ? error
                 : rv_grow(context, &buffer->ids, &buffer->ids_capacity, num_events, sizeof *buffer->ids, what);
}

/* The neuron of an event, or -1 if its polarity is not wanted. */
static int32_t neuron_of(const rv_nmnist *desc, uint32_t x, uint32_t y, bool on)
{
    const int32_t pixel = (int32_t)(y * desc->width + x);
    switch (desc->polarity) {
    case RV_POLARITY_BOTH:
        return 2 * pixel + (int32_t)on;
    case RV_POLARITY_ON:
        return on ? pixel : -1;
    case RV_POLARITY_OFF:
        return on ? -1 : pixel;
    case RV_POLARITY_MERGE:
        break;
    }
    return pixel;
}

int rv_event_buffer_add(rv_event_buffer *buffer, const rv_camera_event *event, size_t index, const char *what)
{
    const rv_nmnist *desc = &buffer->desc;
    if (event->x >= desc->width || event->y >= desc->height)
        return rv_fail(buffer->context, RV_ERR_DATA, "%s: event %zu is at (%u, %u), the sensor has %zu x %zu pixels",
                       what, index, event->x, event->y, desc->width, desc->height);
    const int32_t neuron = neuron_of(desc, event->x, event->y, event->on);
    if (neuron < 0)
        return RV_OK;
    buffer->times[buffer->num] = event->time * desc->time_scale;
    buffer->ids[buffer->num++] = neuron;
    return RV_OK;
}

typedef struct binned {
    int64_t step;
    int32_t id;
} binned;

static int compare_events(const void *a, const void *b)
{
    const binned *left = a, *right = b;
    if (left->step != right->step)
        return left->step < right->step ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

/* Replaces the events of each neuron in each step by one spike at the start of the step where there are more than
 * `threshold` of them, in place. */
static int histogram(rv_event_buffer *buffer, const char *what, size_t threshold)
{
    const double dt = buffer->desc.dt;
    const size_t num_events = buffer->num;
    binned *events = rv_alloc(buffer->context, num_events, sizeof *events, what);
    if (!events)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < num_events; i++) {
        const double step = floor(buffer->times[i] / dt);
        if (!(step < MAX_STEP)) {
            rv_free(events);
            return rv_fail(buffer->context, RV_ERR_VALUE, "%s: dt = %g ms is too short for an event at %g ms", what,
                           dt, buffer->times[i]);
        }
        events[i] = (binned){.step = (int64_t)step, .id = buffer->ids[i]};
    }
    qsort(events, num_events, sizeof *events, compare_events);

    buffer->num = 0;
    for (size_t i = 0, next; i < num_events; i = next) {
        for (next = i + 1; next < num_events && compare_events(&events[i], &events[next]) == 0; next++)
            ;
        if (next - i <= threshold)
            continue;
        buffer->times[buffer->num] = (double)events[i].step * dt;
        buffer->ids[buffer->num++] = events[i].id;
    }
    rv_free(events);
    return RV_OK;
}

int rv_event_buffer_append(rv_event_buffer *buffer, rv_spikes *spikes, const char *what)
{
    const int threshold = buffer->desc.histogram_thresh;
    const int error = threshold ? histogram(buffer, what, threshold < 0 ? 0 : (size_t)threshold) : RV_OK;
    return error ? error : rv_spikes_append(spikes, buffer->times, buffer->ids, buffer->num);
}

int rv_spikes_append_events(rv_spikes *spikes, const rv_camera_event *events, size_t num, const rv_nmnist *desc)
{
    static const char what[] = "events";
    rv_event_buffer buffer;
    int error = rv_event_buffer_init(&buffer, rv_spikes_context(spikes), desc, what);
    if (!error)
        error = rv_event_buffer_begin(&buffer, num, what);
    for (size_t i = 0; i < num && !error; i++) {
        if (!isfinite(events[i].time) || events[i].time < 0)
            error = rv_fail(buffer.context, RV_ERR_SPIKE, "events: event %zu is at time %g, expected >= 0", i,
                            events[i].time);
        else
            error = rv_event_buffer_add(&buffer, &events[i], i, what);
    }
    if (!error)
        error = rv_event_buffer_append(&buffer, spikes, what);
    rv_event_buffer_clear(&buffer);
    return error;
}
