/* Adam (Kingma & Ba 2015), elementwise. Division and square root are exact, so that every instruction set agrees. */
#include <math.h>

#include "kernels/isa.h"
#include "kernels/kernels.h"

void RV_ISA_NAME(rv_adam)(float *w, const float *g, float *m, float *v, size_t n, const rv_adam_step *step);

void RV_ISA_NAME(rv_adam)(float *restrict w, const float *restrict g, float *restrict m, float *restrict v, size_t n,
                          const rv_adam_step *step)
{
    const rv_adam_step s = *step;
    w = __builtin_assume_aligned(w, 64);
    g = __builtin_assume_aligned(g, 64);
    m = __builtin_assume_aligned(m, 64);
    v = __builtin_assume_aligned(v, 64);
    for (size_t j = 0; j < n; j++) {
        m[j] = s.beta1 * m[j] + s.one_minus_beta1 * g[j];
        v[j] = s.beta2 * v[j] + s.one_minus_beta2 * (g[j] * g[j]);
        w[j] -= s.alpha * (m[j] * s.scale_m) / (sqrtf(v[j] * s.scale_v) + s.epsilon);
    }
}
