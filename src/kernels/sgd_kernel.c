/* Gradient descent with momentum, elementwise. */
#include "kernels/isa.h"
#include "kernels/kernels.h"

void RV_ISA_NAME(rv_sgd)(float *w, const float *g, float *m, size_t n, float alpha, float momentum);

void RV_ISA_NAME(rv_sgd)(float *w, const float *g, float *m, size_t n, float alpha, float momentum)
{
    for (size_t j = 0; j < n; j += RV_WIDTH) {
        *rv_at(m + j) = *rv_cat(m + j) * momentum + *rv_cat(g + j);
        *rv_at(w + j) -= *rv_cat(m + j) * alpha;
    }
}
