#include "statistics.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void bench_sort(double *x, size_t num)
{
    qsort(x, num, sizeof *x, ascending);
}

double bench_median(double *x, size_t num)
{
    bench_sort(x, num);
    return (x[(num - 1) / 2] + x[num / 2]) / 2;
}
