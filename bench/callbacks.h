/* What recording costs: the shd256 workload with recorders beside the same without. */
#ifndef BENCH_CALLBACKS_H
#define BENCH_CALLBACKS_H

#include <jansson.h>

#include <ranvier.h>

/* Median ratios of interleaved pairs of wall time, training and inference, one thread; 0 or a negative code. */
int bench_callbacks(json_t *results, rv_context *context);

int bench_execute(rv_result **result, rv_run *run);

/* One run, for counting the instructions of its bench_execute: "none", "spikes", "v10", "stream", "empty", trained or not. */
int bench_callbacks_once(const char *name, bool learns, rv_context *context);

#endif
