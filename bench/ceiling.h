/* The ceiling: how long the synaptic work of a workload takes, and nothing else. No decay, no neurons, no readout.
 *
 * The workload is run once with spike recorders. Then its matrices, laid out as the engine has them, are walked with its
 * own lists of spikes, step by step, by the engine's own kernels of the same instruction set: forward, a spike adds its
 * row of weights to one accumulator, or scatters it over a ring of them where each synapse has a delay of its own. The way
 * back costs as much again per spike for the gradient and, from hidden neurons, for the feedback; where synapses have
 * delays, what a gather from a ring costs. */
#ifndef BENCH_CEILING_H
#define BENCH_CEILING_H

#include "model.h"

/* Spikes of one population in all examples, by example and step. */
typedef struct bench_spikes {
    uint32_t *ids;
    size_t *begin; /* (examples * timesteps + 1) */
    size_t num;
} bench_spikes;

/* Connections without, and with delays of each synapse. */
enum {
    BENCH_PLAIN,
    BENCH_DELAYED,
    BENCH_KINDS
};

typedef struct bench_ceiling {
    const bench_workload *workload;
    bench_model model;
    bench_spikes input, hidden;
    double events[BENCH_KINDS], events_back[BENCH_KINDS]; /* synapses that spikes meet, in all examples */
    float *acc;       /* an accumulator, or a ring of them */
    size_t num_rows;  /* of the ring */
    float *dots;      /* what gathers give */
} bench_ceiling;

/* Seconds for all examples. */
typedef struct bench_floor {
    double forward, training;
} bench_floor;

/* Records the workload's spikes. Free the ceiling in any event. */
int bench_ceiling_create(bench_ceiling *out, const bench_workload *workload, rv_context *context);
bench_floor bench_ceiling_run(const bench_ceiling *ceiling);
void bench_ceiling_free(bench_ceiling *ceiling);

#endif
