/* Small random networks twice: for the solver without timesteps, and for the engine.
 *
 * Populations are the input, hidden layers one behind the other, the first of which may be connected to itself, and the
 * output. All that is learnt is numbers of a problem, in doubles that floats hold exactly; changing one and applying it
 * changes the network of the solver. */
#ifndef SUPPORT_EVENT_PROBLEM_H
#define SUPPORT_EVENT_PROBLEM_H

#include <ranvier.h>

#include "support/event_solver.h"

enum {
    PROBLEM_LAYERS = 4,
    PROBLEM_NEURONS = 48, /* most of them, inputs aside */
    PROBLEM_WEIGHTS = 256,
    PROBLEM_SYNAPSES = 2048,
    PROBLEM_SPIKES = 40, /* most of the input */
    PROBLEM_OUTPUTS = 3,
    PROBLEM_LABEL = 1,
};
#define PROBLEM_DURATION 40.0 /* ms */
#define PROBLEM_TTFS_ALPHA 20.0 /* far above the default, so that it matters */
#define PROBLEM_DELTA 4.0       /* ms */

typedef enum problem_loss {
    OF_READOUT, /* cross-entropy */
    OVER_TIME,  /* the mean over time of that of V(t) */
    SQUARES,    /* half the mean over time of (V - target)^2 */
    FIRST_SPIKES,
    RELATIVE, /* of first spikes: half the sum of (t_k - t_label - DELTA)^2 */
} problem_loss;

/* From the population before. */
typedef struct problem_layer {
    rv_connectivity connectivity; /* weights are drawn */
    size_t size;                  /* neurons; 0 = as implied */
    double low, high;             /* of the weights; 0 and 0 = as fits the place */
    double v_thresh;              /* 0 = 1 */
    double delay;                 /* ms, of all synapses */
    bool delayed;                 /* instead: each synapse has a delay of its own, 1 .. 5 ms */
} problem_layer;

/* What differs between problems. */
typedef struct problem_desc {
    const char *readout;
    event_readout exact; /* the same */
    problem_loss loss;
    size_t shape[3];     /* of the input; 0 = 6 neurons */
    problem_layer layers[PROBLEM_LAYERS];
    int num_layers; /* the output's included; 0 = 2: five hidden neurons, connected densely */
    double v_reset, beta; /* of hidden neurons; beta: their thresholds adapt */
    bool relative_reset;
    bool recurrent, delayed; /* delayed: all connections that may be */
    bool delays_learn, biases_learn, heterogeneous, equal_taus;
    size_t num_spikes; /* of the input; 0 = 20 */
    uint64_t seed;     /* where the search for a problem begins */
} problem_desc;

typedef struct problem_connection {
    int source, target; /* populations */
    rv_connectivity connectivity;
    bool learns, delayed;
    double delay; /* ms */
    size_t first_weight, num_weights;
} problem_connection;

typedef struct problem {
    problem_desc desc;
    int num_populations, num_connections;
    size_t shape[PROBLEM_LAYERS + 1][3], size[PROBLEM_LAYERS + 1], first[PROBLEM_LAYERS + 1]; /* first: its neurons in
                                                                                  `neurons`; of no use for the input */
    problem_connection connections[PROBLEM_LAYERS + 1];
    size_t num_neurons, num_weights, num_synapses;
    double weights[PROBLEM_WEIGHTS], delays[PROBLEM_WEIGHTS], biases[PROBLEM_OUTPUTS]; /* delays in ms */
    event_network network;
    event_neuron neurons[PROBLEM_NEURONS];
    event_synapse synapses[PROBLEM_SYNAPSES];
    size_t index[PROBLEM_SYNAPSES]; /* of each synapse's weight */
    double scale[PROBLEM_SYNAPSES]; /* what it acts multiplied with */
    double times[PROBLEM_SPIKES];
    int32_t ids[PROBLEM_SPIKES];
} problem;

typedef struct problem_answer {
    double y[PROBLEM_NEURONS], first[PROBLEM_NEURONS];
    size_t counts[PROBLEM_NEURONS];
    event_solution solution;
} problem_answer;

/* Whether the loss is one of spike times. */
static inline bool problem_of_spikes(const problem_desc *d)
{
    return d->loss == FIRST_SPIKES || d->loss == RELATIVE;
}

/* What an output should be at any time, for SQUARES. */
static inline double problem_target(size_t output)
{
    return 0.2 + 0.1 * (double)output;
}

/* The first problem from the description's seed on in which nothing is so close to something else that a timestep could
 * not tell them apart. The test fails if there is none. */
void problem_find(problem *p, const problem_desc *desc);

/* The numbers of a problem into its network. */
void problem_apply(problem *p);

/* The loss without timesteps. */
double problem_exact_loss(const problem *p, problem_answer *answer);

/* In timesteps of dt ms, by the engine, in the order of the problem's numbers: the gradient of the loss by weights
 * ("Gradient") or delays ("DelayGradient", in ms), 0 where there is none; or by the biases ("DeltaBias"). */
void problem_stepped_gradient(double *gradient, const problem *p, const char *name, double dt);

#endif
