/* The free flow of the adjoint of a leaky membrane with exponential synapses, shared by the step kernels:
 *   LambdaI_g <- D + flow_g (LambdaV - D) + beta_g (LambdaI_g - D),   LambdaV <- D + alpha (LambdaV - D)
 * with drive D (0 for hidden populations), Nowotny, Turner, Knight 2025. */
#ifndef RV_NEURONS_ADJOINT_FLOW_H
#define RV_NEURONS_ADJOINT_FLOW_H

#include "kernels/isa.h"
#include "neurons/model.h"

#define RV_ROWS_AHEAD 2 /* a history is too long for the near caches: its rows are fetched before they are written */

/* A synapse group of the step: pointers that stay in registers. */
typedef struct rv_flow_group {
    const float *lambda_i_next, *beta, *flow;
    float *lambda_i, *difference;
} rv_flow_group;

/* LambdaI of a register of one group after a step: v is LambdaV before it, d the drive. */
RV_INLINE rv_vec rv_flow_lambda_i(rv_vec next, rv_vec v, rv_vec d, rv_vec flow, rv_vec beta, bool driven)
{
    return driven ? d + flow * (v - d) + (next - d) * beta : flow * v + next * beta;
}

/* A register of neurons takes num_steps steps. */
RV_INLINE void rv_adjoint_flow_register(const rv_adjoint_step *s, const rv_flow_group *group, size_t j, rv_vec alpha,
                                        bool driven, size_t num_groups, size_t num_steps)
{
    const size_t c = j & s->mask;
    rv_vec v = *rv_cat(s->lambda_v + j), next[RV_MAX_GROUPS];
    for (size_t g = 0; g < num_groups; g++)
        next[g] = *rv_cat(group[g].lambda_i_next + j);
    for (size_t k = 0; k < num_steps; k++) {
        const rv_vec d = driven ? *rv_cat(s->drive + k * s->drive_stride + j) : v;
        const rv_vec after = driven ? d + (v - d) * alpha : v * alpha;
        for (size_t g = 0; g < num_groups; g++) {
            float *row = group[g].lambda_i - k * s->lambda_i_stride + j;
            next[g] = rv_flow_lambda_i(next[g], v, d, *rv_cat(group[g].flow + c), *rv_cat(group[g].beta + c), driven);
            *rv_at(row) = next[g];
            __builtin_prefetch(row - RV_ROWS_AHEAD * s->lambda_i_stride, 1);
            if (group[g].difference)
                *rv_at(group[g].difference - k * s->difference_stride + j) = after - next[g];
        }
        v = after;
    }
    *rv_at(s->lambda_v + j) = v;
}

RV_INLINE void rv_adjoint_flow_groups(const rv_adjoint_step *s, bool driven, size_t num_groups, size_t num_steps)
{
    const rv_adjoint_step local = *s;
    rv_flow_group group[RV_MAX_GROUPS];
    for (size_t g = 0; g < num_groups; g++)
        group[g] = (rv_flow_group){s->lambda_i_next[g], s->beta[g], s->flow[g], s->lambda_i[g], s->difference[g]};
    for (size_t j = 0; j < local.n_pad; j += RV_WIDTH)
        rv_adjoint_flow_register(&local, group, j, *rv_cat(local.alpha + (j & local.mask)), driven, num_groups,
                                 num_steps);
}

/* A step of neurons with one group, which feeds back: what recurrent populations do. */
RV_INLINE bool rv_feeds_back_alone(const rv_adjoint_step *s)
{
    return s->num_groups == 1 && s->num_steps == 1 && s->difference[0];
}

/* Such a step, without a drive. alike: they have the same constants, which then stay in registers. */
RV_INLINE void rv_adjoint_flow_step(const rv_adjoint_step *s, bool alike)
{
    const size_t n_pad = s->n_pad;
    float *const lambda_v = s->lambda_v, *const lambda_i = s->lambda_i[0], *const difference = s->difference[0];
    const float *const next = s->lambda_i_next[0], *const ahead = lambda_i - RV_ROWS_AHEAD * s->lambda_i_stride;
    const float *const alpha = s->alpha, *const beta = s->beta[0], *const flow = s->flow[0];
    const rv_vec same_alpha = *rv_cat(alpha), same_beta = *rv_cat(beta), same_flow = *rv_cat(flow);
    for (size_t j = 0; j < n_pad; j += RV_WIDTH) {
        const rv_vec v = *rv_cat(lambda_v + j), after = v * (alike ? same_alpha : *rv_cat(alpha + j));
        const rv_vec i = rv_flow_lambda_i(*rv_cat(next + j), v, v, alike ? same_flow : *rv_cat(flow + j),
                                          alike ? same_beta : *rv_cat(beta + j), false);
        *rv_at(lambda_v + j) = after;
        *rv_at(lambda_i + j) = i;
        *rv_at(difference + j) = after - i;
        __builtin_prefetch(ahead + j, 1);
    }
}

RV_INLINE void rv_adjoint_flow(const rv_adjoint_step *s, bool driven)
{
    if (!driven && rv_feeds_back_alone(s))
        s->mask < RV_LANES ? rv_adjoint_flow_step(s, true) : rv_adjoint_flow_step(s, false);
    else if (s->num_groups == 1)
        rv_adjoint_flow_groups(s, driven, 1, s->num_steps);
    else
        rv_adjoint_flow_groups(s, driven, s->num_groups, s->num_steps);
}

/* A neuron that spiked in the last step: its LambdaV becomes v, but for regularisation. */
RV_INLINE void rv_adjoint_jump(const rv_adjoint_step *s, size_t j, float v)
{
    if (s->penalty)
        v -= s->penalty[j];
    const size_t last = s->num_steps - 1;
    s->lambda_v[j] = v;
    for (size_t g = 0; g < s->num_groups; g++)
        if (s->difference[g])
            (s->difference[g] - last * s->difference_stride)[j] = v - (s->lambda_i[g] - last * s->lambda_i_stride)[j];
}

#endif
