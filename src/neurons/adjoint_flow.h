/* The free flow of the adjoint of a leaky membrane with exponential synapses, shared by the step kernels:
 *   LambdaI_g <- D + flow_g (LambdaV - D) + beta_g (LambdaI_g - D),   LambdaV <- D + alpha (LambdaV - D)
 * with drive D (0 for hidden populations), Nowotny, Turner, Knight 2025. */
#ifndef RV_NEURONS_ADJOINT_FLOW_H
#define RV_NEURONS_ADJOINT_FLOW_H

#include "kernels/isa.h"
#include "neurons/model.h"

RV_INLINE void rv_adjoint_flow(const rv_adjoint_step *s, bool driven)
{
    for (size_t g = 0; g < s->num_groups; g++) {
        const float *next = s->lambda_i_next[g], *beta = s->beta[g], *flow = s->flow[g];
        for (size_t j = 0; j < s->n_pad; j += RV_WIDTH) {
            const rv_vec v = *rv_cat(s->lambda_v + j);
            if (driven) {
                const rv_vec d = *rv_cat(s->drive + j);
                *rv_at(s->lambda_i[g] + j) =
                    d + *rv_cat(flow + j) * (v - d) + (*rv_cat(next + j) - d) * *rv_cat(beta + j);
            } else {
                *rv_at(s->lambda_i[g] + j) = *rv_cat(flow + j) * v + *rv_cat(next + j) * *rv_cat(beta + j);
            }
        }
    }
    for (size_t j = 0; j < s->n_pad; j += RV_WIDTH) {
        const rv_vec v = *rv_cat(s->lambda_v + j);
        rv_vec after;
        if (driven) {
            const rv_vec d = *rv_cat(s->drive + j);
            after = d + (v - d) * *rv_cat(s->alpha + j);
        } else {
            after = v * *rv_cat(s->alpha + j);
        }
        *rv_at(s->lambda_v + j) = after;
        for (size_t g = 0; g < s->num_groups; g++)
            if (s->difference[g])
                *rv_at(s->difference[g] + j) = after - *rv_cat(s->lambda_i[g] + j);
    }
}

/* A neuron that spiked: its LambdaV becomes v, but for regularisation. */
RV_INLINE void rv_adjoint_jump(const rv_adjoint_step *s, size_t j, float v)
{
    if (s->penalty)
        v -= s->penalty[j];
    s->lambda_v[j] = v;
    for (size_t g = 0; g < s->num_groups; g++)
        if (s->difference[g])
            s->difference[g][j] = v - s->lambda_i[g][j];
}

#endif
