/* Events of a camera on their way to spikes: one recording at a time. */
#ifndef RV_DATA_EVENTS_H
#define RV_DATA_EVENTS_H

#include <ranvier/data.h>

typedef struct rv_event_buffer {
    rv_context *context;
    rv_nmnist desc; /* defaults filled in */
    double *times;  /* (num) ms */
    int32_t *ids;   /* (num) neurons */
    size_t num, times_capacity, ids_capacity;
} rv_event_buffer;

/* Fills in defaults and checks; `what` names the recordings. desc NULL = defaults. */
int rv_event_buffer_init(rv_event_buffer *buffer, rv_context *context, const rv_nmnist *desc, const char *what);
void rv_event_buffer_clear(rv_event_buffer *buffer);
/* A new recording, with room for num_events. */
int rv_event_buffer_begin(rv_event_buffer *buffer, size_t num_events, const char *what);
/* Its event `index`. */
int rv_event_buffer_add(rv_event_buffer *buffer, const rv_camera_event *event, size_t index, const char *what);
/* The recording as one more example. */
int rv_event_buffer_append(rv_event_buffer *buffer, rv_spikes *spikes, const char *what);

#endif
