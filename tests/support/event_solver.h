/* Spiking networks without timesteps: every spike at its exact time, in double.
 *
 * tau_mem V' = I - V,  tau_syn I' = -I,  a spike adds its weight to the targets' I at once; a hidden neuron spikes where
 * V reaches v_thresh and is set to v_reset. This is what the engine's steps approximate as dt -> 0, solved by other
 * means: closed forms between events, bisection for the crossings. Small networks only. */
#ifndef SUPPORT_EVENT_SOLVER_H
#define SUPPORT_EVENT_SOLVER_H

#include <stddef.h>
#include <stdint.h>

typedef struct event_layer {
    size_t size;
    double tau_mem, tau_syn;  /* ms, different from each other */
    double v_thresh, v_reset; /* of the hidden layer */
} event_layer;

typedef struct event_network {
    event_layer hidden, output; /* the output never spikes */
    size_t num_inputs;
    const double *in_hid;  /* (num_inputs, hidden) */
    const double *hid_hid; /* (hidden, hidden) */
    const double *hid_out; /* (hidden, output) */
    const double *times;   /* (num_spikes) ms, ascending */
    const int32_t *ids;    /* (num_spikes) */
    size_t num_spikes;
    double duration; /* ms */
} event_network;

/* What is made of the outputs' V(t) over the duration D. */
typedef enum event_readout {
    EVENT_MEAN,
    EVENT_EXP_MEAN, /* mean of exp(-t / D) V(t) */
    EVENT_MAX,
    EVENT_LAST, /* V(D) */
} event_readout;

typedef struct event_solution {
    double *y;      /* (output.size) the readout */
    size_t *counts; /* (hidden.size) spikes of each neuron */
    double gap;     /* ms, the shortest time between two events, input spikes and hidden ones */
} event_solution;

/* Solves the network from rest into the caller's y and counts. Returns 0, or -1 if out of memory. */
int event_solve(event_solution *solution, const event_network *network, event_readout readout);

#endif
