/* What runs of many steps share (rv_neuron_run): a few registers of neurons take all steps, then the next ones do. */
#ifndef RV_NEURONS_RUN_H
#define RV_NEURONS_RUN_H

#include <string.h>

#include "kernels/isa.h"
#include "neurons/model.h"

#define RV_RUN_REGISTERS 4 /* at once: enough to hide the latency of a step, few enough to stay registers */

/* Calls fn(run, j, count, ...) for all neurons; count is a constant where it is inlined. */
#define RV_RUN(run, fn, ...)                                                                                           \
    do {                                                                                                               \
        const size_t end = (run)->step->end;                                                                           \
        size_t j = 0;                                                                                                  \
        rv_run_begin(run);                                                                                             \
        for (; j + RV_RUN_REGISTERS * RV_WIDTH <= end; j += RV_RUN_REGISTERS * RV_WIDTH)                               \
            fn(run, j, RV_RUN_REGISTERS, ##__VA_ARGS__);                                                               \
        for (; j + 2 * RV_WIDTH <= end; j += 2 * RV_WIDTH)                                                             \
            fn(run, j, 2, ##__VA_ARGS__);                                                                              \
        for (; j < end; j += RV_WIDTH)                                                                                 \
            fn(run, j, 1, ##__VA_ARGS__);                                                                              \
    } while (0)

RV_INLINE void rv_run_begin(rv_neuron_run *r)
{
    r->fired_steps = 0;
    if (r->fired)
        memset(r->fired, 0, r->num_steps * rv_fired_words(r->step->end) * sizeof *r->fired);
}

/* in_syn of `count` registers after the arrivals of step k */
RV_INLINE void rv_run_arrive(const rv_neuron_run *r, size_t k, size_t j, rv_vec *in_syn, const rv_vec *beta, int count)
{
    const bool arrived = r->arrived >> k & 1;
    const float *row = r->in_syn + k * r->step->end + j;
#pragma GCC unroll 4
    for (int i = 0; i < count && arrived; i++)
        in_syn[i] = *rv_cat(row + (size_t)i * RV_WIDTH);
#pragma GCC unroll 4
    for (int i = 0; i < count && !arrived; i++)
        in_syn[i] *= beta[i];
}

/* Neurons from j on fire in step k. */
RV_INLINE void rv_run_fire(rv_neuron_run *r, size_t k, size_t j, uint64_t bits)
{
    r->fired[k * rv_fired_words(r->step->end) + j / 64] |= bits << (j % 64);
    r->fired_steps |= (uint64_t)1 << k;
}

#endif
