/* Spike times to timesteps: the first t with t dt >= time, 1e-4 of a step and float32's rounding forgiven; num_steps for
 * what comes too late. Times are >= 0. Without branches, so that a register of times is converted at once. And the sort of
 * the few spikes of a step: each goes where as many others are smaller. */
#include <float.h>

#include "kernels/isa.h"
#include "kernels/kernels.h"

void RV_ISA_NAME(rv_steps_of)(uint32_t *steps, const float *times, size_t n, double dt, uint32_t num_steps);

void RV_ISA_NAME(rv_steps_of)(uint32_t *restrict steps, const float *restrict times, size_t n, double dt,
                              uint32_t num_steps)
{
    const double end = num_steps;
    for (size_t i = 0; i < n; i++) {
        const double x = (double)times[i] / dt, early = x - 1e-4 - x * (double)FLT_EPSILON;
        const double y = early < end ? early : end;
        const int32_t whole = (int32_t)y; /* towards 0 */
        steps[i] = (uint32_t)(whole + ((double)whole < y));
    }
}

typedef int32_t rv_loose_ids __attribute__((vector_size(4 * RV_WIDTH), aligned(4), may_alias));

bool RV_ISA_NAME(rv_sort_few)(uint32_t *out, const uint32_t *ids, size_t num);

bool RV_ISA_NAME(rv_sort_few)(uint32_t *out, const uint32_t *ids, size_t num)
{
    rv_veci part[RV_LANES / RV_WIDTH];
    size_t ranks = 0;
    for (int p = 0; p < RV_LANES / RV_WIDTH; p++)
        part[p] = *(const rv_loose_ids *)(ids + p * RV_WIDTH);
    const uint32_t there = (1U << num) - 1;
    for (size_t i = 0; i < num; i++) {
        const rv_veci zero = {0}, id = zero + (int32_t)ids[i];
        uint32_t smaller = 0;
        for (int p = 0; p < RV_LANES / RV_WIDTH; p++)
            smaller |= rv_mask_bits(part[p] < id) << (p * RV_WIDTH);
        const size_t rank = (size_t)__builtin_popcount(smaller & there);
        out[rank] = ids[i];
        ranks += rank;
    }
    return ranks == num * (num - 1) / 2; /* 0 + 1 + 2 ...: equal ones would have the same rank */
}
