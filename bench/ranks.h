/* What a second rank brings, beside what a second thread does. */
#ifndef BENCH_RANKS_H
#define BENCH_RANKS_H

#include <jansson.h>

#include <ranvier.h>

/* Has mpirun start two ranks and reports what they measure, or prints why it cannot. */
void bench_ranks(json_t *results, rv_context *context);

/* One of these ranks: ranvier-bench --rank. The program's exit status. */
int bench_ranks_member(rv_context *context);

#endif
