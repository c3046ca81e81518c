/* What is measured of a workload. Times are of the whole set of timed examples. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "workload.h"

#define BENCH_THREADS 2 /* one thread, and two */

typedef struct bench_figures {
    double inference[BENCH_THREADS]; /* s, median; with 1 and 2 threads */
    double training[BENCH_THREADS];
    double start_up; /* s, from nothing to the first batch, all data in memory; the shortest */
    size_t start_up_examples;
    size_t model_memory, run_memory, tape_bound; /* bytes, training with one thread */
} bench_figures;

/* Rows of weights that the workload's own spikes touch, and how fast they can be added at best. */
typedef struct bench_ceiling {
    double input_spikes, hidden_spikes; /* mean number in an example */
    double forward_events;              /* spikes x targets over all connections and examples: one row add per spike */
    double training_events;             /* and back: a row add per spike, and a row's dot product per hidden spike */
    double seconds;                     /* of the forward events as row adds, best of 10 */
} bench_ceiling;

int bench_measure(bench_figures *out, const bench_workload *workload, rv_context *context);
int bench_measure_ceiling(bench_ceiling *out, const bench_workload *workload, rv_context *context);

#endif
