/* What is measured of a workload. Times are of the whole set of timed examples. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <jansson.h>

#include "ceiling.h"

#define BENCH_THREADS 2 /* one thread, and two */
#define BENCH_REPETITIONS 10

/* Seconds of one way to do the work. */
typedef struct bench_time {
    double best, median;
} bench_time;

/* Inference, or training. */
typedef struct bench_phase {
    bench_time time[BENCH_THREADS]; /* with 1 and 2 threads */
    bench_time ceiling;
    double scaling; /* time with one thread by time with two, median of interleaved pairs */
    double events;  /* synapses that spikes meet: forward; for training, and back for the gradient, and from hidden neurons
                       for the feedback */
} bench_phase;

typedef struct bench_figures {
    bench_phase inference, training;
    double start_up; /* s, from nothing to the first batch, all data in memory; the shortest */
    size_t start_up_examples;
    size_t model_memory, run_memory, tape_bound; /* bytes, training with one thread */
} bench_figures;

/* Everything, the ceiling among the rest: repetitions are interleaved. */
int bench_measure(bench_figures *out, const bench_workload *workload, const bench_ceiling *ceiling,
                  rv_context *context);

/* ---- what the table of main.c calls: measure a workload, print it, append to results ---- */

/* Inference and EventProp. */
int bench_phases(json_t *results, const bench_workload *workload, rv_context *context);
/* The same; then the same network with one delay for all, and with none. */
int bench_delays(json_t *results, const bench_workload *workload, rv_context *context);
/* What e-prop costs, held against EventProp on the same network. */
int bench_eprop(json_t *results, const bench_workload *workload, rv_context *context);

#endif
