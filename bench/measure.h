/* What is measured of a workload. Times are of the whole set of timed examples. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <jansson.h>

#include "workload.h"

#define BENCH_THREADS 2 /* one thread, and two */
#define BENCH_REPETITIONS 10

/* Seconds of one way to do the work. */
typedef struct bench_time {
    double best, median;
} bench_time;

typedef struct bench_figures {
    bench_time inference[BENCH_THREADS]; /* with 1 and 2 threads */
    bench_time training[BENCH_THREADS];
    bench_time row_adds; /* the ceiling: bench_ceiling_run */
    double start_up;     /* s, from nothing to the first batch, all data in memory; the shortest */
    size_t start_up_examples;
    size_t model_memory, run_memory, tape_bound; /* bytes, training with one thread */
} bench_figures;

/* Spikes of one population in all examples, by example and step. */
typedef struct bench_spikes {
    uint32_t *ids;
    size_t *begin; /* (examples * timesteps + 1) */
    size_t num;
} bench_spikes;

/* Rows of weights that the workload's own spikes touch. */
typedef struct bench_ceiling {
    const bench_workload *workload;
    const struct rv_kernels *kernels;
    bench_spikes input, hidden;
    float *rows[BENCH_CONNECTIONS]; /* (sources, stride), NULL where there is no connection */
    size_t stride[BENCH_CONNECTIONS];
    float *acc;
    double forward_events;  /* spikes x targets over all connections and examples: one row add per spike */
    double training_events; /* and back: a row add per spike, and a row's dot product per hidden spike */
} bench_ceiling;

/* Records the workload's spikes. Free the ceiling in any event. */
int bench_ceiling_create(bench_ceiling *out, const bench_workload *workload, rv_context *context);
/* Seconds for the row adds of the forward pass of all examples. */
double bench_ceiling_run(const bench_ceiling *ceiling);
void bench_ceiling_free(bench_ceiling *ceiling);

/* Everything, the ceiling among the rest: repetitions are interleaved. */
int bench_measure(bench_figures *out, const bench_workload *workload, const bench_ceiling *ceiling,
                  rv_context *context);

/* What e-prop costs, held against EventProp on the same network: a table and results of its own. */
int bench_eprop(json_t *results, const bench_workload *workload, rv_context *context);

#endif
