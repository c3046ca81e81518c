/* Softmax of a few numbers in float32, p_k = exp(v_k - max v) / sum: the outputs of a network in one timestep.
 *
 * exp(x) for x <= 0 by range reduction, x = k ln 2 + r with |r| <= ln(2) / 2, and the Taylor series of exp(r) to r^7,
 * whose rest is below 3e-9; the sum on 16 lanes in a fixed tree. Elementary operations only: the same bits everywhere. */
#include <math.h>

#include "kernels/isa.h"
#include "kernels/kernels.h"

#define SMALLEST (-87.0F) /* exp of less is no normal number; softmax takes it for exp(-87) */
#define LOG2_E 0x1.715476p+0F
#define LN2_HIGH 0x1.62ep-1F     /* 13 bits: k LN2_HIGH is exact */
#define LN2_LOW 0x1.0bfbe8p-15F

/* exp(x), SMALLEST <= x <= 0 or NaN */
RV_INLINE rv_vec exp_register(rv_vec x)
{
    const rv_veci k = __builtin_convertvector(x * LOG2_E - 0.5F, rv_veci);
    const rv_vec whole = __builtin_convertvector(k, rv_vec);
    const rv_vec r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    rv_vec sum = r * (1.0F / 5040) + 1.0F / 720;
    sum = sum * r + 1.0F / 120;
    sum = sum * r + 1.0F / 24;
    sum = sum * r + 1.0F / 6;
    sum = sum * r + 0.5F;
    sum = sum * r + 1.0F;
    sum = sum * r + 1.0F;
    return sum * (rv_vec)((k + 127) << 23);
}

void RV_ISA_NAME(rv_softmax)(float *p, const float *v, size_t n);

void RV_ISA_NAME(rv_softmax)(float *p, const float *v, size_t n)
{
    const size_t n_pad = (n + RV_LANES - 1) / RV_LANES * RV_LANES;
    const rv_vec zero = {0};
    rv_lanes sum = {0};
    float max = v[0];
    for (size_t k = 1; k < n; k++)
        max = v[k] > max ? v[k] : max;
    for (size_t j = 0; j < n_pad; j += RV_WIDTH) {
        const rv_vec x = *rv_cat(v + j) - max; /* past n it may be anything */
        *rv_at(p + j) = exp_register(rv_select(x < SMALLEST, zero + SMALLEST, rv_select(x > zero, zero, x)));
    }
    for (size_t k = n; k < n_pad; k++)
        p[k] = 0;
    for (size_t j = 0; j < n_pad; j += RV_LANES)
        for (int i = 0; i < RV_LANES / RV_WIDTH; i++)
            sum.part[i] += rv_cat(p + j)[i];
    const float total = rv_sum_lanes(&sum);
    for (size_t j = 0; j < n_pad; j += RV_WIDTH)
        *rv_at(p + j) = *rv_cat(p + j) / total;
}
