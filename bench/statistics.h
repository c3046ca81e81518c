/* Of repeated measurements. */
#ifndef BENCH_STATISTICS_H
#define BENCH_STATISTICS_H

#include <stddef.h>

/* Sorts x (num >= 1), ascending. */
void bench_sort(double *x, size_t num);

/* Sorts x (num >= 1) and returns its median: the mean of the middle two where there are two. */
double bench_median(double *x, size_t num);

#endif
