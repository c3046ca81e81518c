/* Spiking networks without timesteps: every spike at its exact time, in double.
 *
 * tau_mem V' = I + bias - V,  tau_syn I' = -I,  a spike adds its weight to the target's I when its delay is over; a
 * neuron spikes where V reaches v_thresh and is set to v_reset. With an adaptation, tau_adapt A' = -A, the threshold is
 * v_thresh + beta A, and a spike adds 1 to A. This is what the engine's steps approximate as dt -> 0, solved by other
 * means: closed forms between events, bisection for the crossings. Small networks only. */
#ifndef SUPPORT_EVENT_SOLVER_H
#define SUPPORT_EVENT_SOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct event_neuron {
    double tau_mem, tau_syn; /* ms; may be equal */
    double v_thresh;         /* INFINITY: never spikes */
    double v_reset;
    bool relative_reset;    /* a spike subtracts v_thresh - v_reset instead */
    double bias;            /* a constant current */
    double beta, tau_adapt; /* beta 0: the threshold stays; tau_adapt in ms */
} event_neuron;

typedef struct event_synapse {
    size_t source;        /* an input, or num_inputs + a neuron */
    size_t target;        /* a neuron */
    double weight, delay; /* ms */
} event_synapse;

typedef struct event_network {
    size_t num_inputs, num_neurons, num_synapses;
    const event_neuron *neurons;
    const event_synapse *synapses;
    const double *times; /* (num_spikes) ms, of the inputs */
    const int32_t *ids;  /* (num_spikes) */
    size_t num_spikes;
    double duration;                                      /* ms */
    double (*density)(const double *v, const void *user); /* of all V at a time; its mean over D is found; or NULL */
    const void *user;
} event_network;

/* What is made of a neuron's V(t) over the duration D. */
typedef enum event_readout {
    EVENT_MEAN,
    EVENT_EXP_MEAN, /* mean of exp(-t / D) V(t) */
    EVENT_MAX,
    EVENT_LAST, /* V(D) */
} event_readout;

/* Of every neuron (num_neurons); the caller's arrays. */
typedef struct event_solution {
    double *y;      /* the readout */
    double *first;  /* ms, its first spike; INFINITY if there is none */
    size_t *counts; /* its spikes */
    double gap;     /* ms, the shortest time between a spike of a neuron and something else that reaches it */
    double slope;   /* the smallest tau_mem (V - threshold)' / v_thresh at a spike */
    double mean;    /* of the network's density */
} event_solution;

/* Solves the network from rest. Returns 0, or -1 if out of memory. */
int event_solve(event_solution *solution, const event_network *network, event_readout readout);

#endif
