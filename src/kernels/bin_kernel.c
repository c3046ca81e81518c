/* Spike times to timesteps: the first t with t dt >= time, 1e-4 of a step and float32's rounding forgiven; num_steps for
 * what comes too late. Times are >= 0. Without branches, so that a register of times is converted at once. */
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
