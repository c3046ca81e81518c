/* The free flow of the adjoint of a leaky membrane with exponential synapses, shared by the step kernels:
 *   LambdaI_g <- D + flow_g (LambdaV - D) + beta_g (LambdaI_g - D),   LambdaV <- D + alpha (LambdaV - D)
 * with drive D (0 for hidden populations), Nowotny, Turner, Knight 2025. */
#ifndef RV_NEURONS_ADJOINT_FLOW_H
#define RV_NEURONS_ADJOINT_FLOW_H

#include "kernels/isa.h"
#include "neurons/model.h"

/* One register of neurons of one group; v: LambdaV after step t + 1. */
RV_INLINE rv_vec rv_flow_lambda_i(const rv_adjoint_step *s, size_t g, size_t j, rv_vec v, bool driven)
{
    const size_t k = j & s->mask;
    const rv_vec next = *rv_cat(s->lambda_i_next[g] + j), beta = *rv_cat(s->beta[g] + k);
    const rv_vec flow = *rv_cat(s->flow[g] + k);
    rv_vec after;
    if (driven) {
        const rv_vec d = *rv_cat(s->drive + j);
        after = d + flow * (v - d) + (next - d) * beta;
    } else {
        after = flow * v + next * beta;
    }
    *rv_at(s->lambda_i[g] + j) = after;
    return after;
}

RV_INLINE void rv_adjoint_flow_groups(const rv_adjoint_step *s, bool driven, size_t num_groups)
{
    for (size_t j = 0; j < s->n_pad; j += RV_WIDTH) {
        const rv_vec v = *rv_cat(s->lambda_v + j), alpha = *rv_cat(s->alpha + (j & s->mask));
        rv_vec after = v * alpha;
        if (driven) {
            const rv_vec d = *rv_cat(s->drive + j);
            after = d + (v - d) * alpha;
        }
        *rv_at(s->lambda_v + j) = after;
        for (size_t g = 0; g < num_groups; g++) {
            const rv_vec lambda_i = rv_flow_lambda_i(s, g, j, v, driven);
            if (s->difference[g])
                *rv_at(s->difference[g] + j) = after - lambda_i;
        }
    }
}

RV_INLINE void rv_adjoint_flow(const rv_adjoint_step *s, bool driven)
{
    if (s->num_groups == 1)
        rv_adjoint_flow_groups(s, driven, 1); /* pointers stay in registers */
    else
        rv_adjoint_flow_groups(s, driven, s->num_groups);
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
