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
    const float *lambda_i_next;
    float *lambda_i, *difference;
} rv_flow_group;

/* What a register of neurons is stepped with. */
typedef struct rv_flow_constants {
    rv_vec alpha, beta[RV_MAX_GROUPS], flow[RV_MAX_GROUPS];
} rv_flow_constants;

RV_INLINE rv_flow_constants rv_flow_constants_of(const rv_adjoint_step *s, size_t j, size_t num_groups)
{
    rv_flow_constants c;
    c.alpha = *rv_cat(s->alpha + j);
    for (size_t g = 0; g < num_groups; g++) {
        c.beta[g] = *rv_cat(s->beta[g] + j);
        c.flow[g] = *rv_cat(s->flow[g] + j);
    }
    return c;
}

/* Whether this is one step of neurons with one group, which feeds back: what recurrent populations do. */
RV_INLINE bool rv_feeds_back_alone(const rv_adjoint_step *s)
{
    return s->num_groups == 1 && s->num_steps == 1 && s->difference[0];
}

/* LambdaI of a register of one group after a step: v is LambdaV before it, d the drive. */
RV_INLINE rv_vec rv_flow_lambda_i(rv_vec next, rv_vec v, rv_vec d, rv_vec flow, rv_vec beta, bool driven)
{
    return driven ? d + flow * (v - d) + (next - d) * beta : flow * v + next * beta;
}

/* A register of neurons takes num_steps steps. feed_back: all groups do. */
RV_INLINE void rv_adjoint_flow_register(const rv_adjoint_step *s, const rv_flow_group *group,
                                        const rv_flow_constants *c, size_t j, bool driven, size_t num_groups,
                                        size_t num_steps, bool feed_back)
{
    rv_vec v = *rv_cat(s->lambda_v + j), next[RV_MAX_GROUPS];
    for (size_t g = 0; g < num_groups; g++)
        next[g] = *rv_cat(group[g].lambda_i_next + j);
    for (size_t k = 0; k < num_steps; k++) {
        const rv_vec d = driven ? *rv_cat(s->drive + k * s->drive_stride + j) : v;
        const rv_vec after = driven ? d + (v - d) * c->alpha : v * c->alpha;
        for (size_t g = 0; g < num_groups; g++) {
            float *row = group[g].lambda_i - k * s->lambda_i_stride + j;
            next[g] = rv_flow_lambda_i(next[g], v, d, c->flow[g], c->beta[g], driven);
            *rv_at(row) = next[g];
            __builtin_prefetch(row - RV_ROWS_AHEAD * s->lambda_i_stride, 1);
            if (feed_back || group[g].difference)
                *rv_at(group[g].difference - k * s->difference_stride + j) = after - next[g];
        }
        v = after;
    }
    *rv_at(s->lambda_v + j) = v;
}

/* like: neurons have the same constants, which then stay in registers. */
RV_INLINE void rv_adjoint_flow_groups(const rv_adjoint_step *s, bool driven, size_t num_groups, size_t num_steps,
                                      bool feed_back, bool like)
{
    const rv_adjoint_step local = *s;
    const rv_flow_constants all = rv_flow_constants_of(s, 0, num_groups);
    rv_flow_group group[RV_MAX_GROUPS];
    for (size_t g = 0; g < num_groups; g++)
        group[g] = (rv_flow_group){s->lambda_i_next[g], s->lambda_i[g], s->difference[g]};
    for (size_t j = 0; j < local.n_pad; j += RV_WIDTH) {
        const rv_flow_constants c = like ? all : rv_flow_constants_of(&local, j & local.mask, num_groups);
        rv_adjoint_flow_register(&local, group, &c, j, driven, num_groups, num_steps, feed_back);
    }
}

RV_INLINE void rv_adjoint_flow(const rv_adjoint_step *s, bool driven)
{
    if (rv_feeds_back_alone(s) && s->mask < RV_LANES)
        rv_adjoint_flow_groups(s, driven, 1, 1, true, true);
    else if (rv_feeds_back_alone(s))
        rv_adjoint_flow_groups(s, driven, 1, 1, true, false);
    else if (s->num_groups == 1)
        rv_adjoint_flow_groups(s, driven, 1, s->num_steps, false, false);
    else
        rv_adjoint_flow_groups(s, driven, s->num_groups, s->num_steps, false, false);
}

/* Where the adjoints are of neurons that spiked in the last step. */
typedef struct rv_jumps {
    float *lambda_v;
    const float *penalty;
    size_t num_groups; /* that feed back */
    const float *lambda_i[RV_MAX_GROUPS];
    float *difference[RV_MAX_GROUPS];
} rv_jumps;

/* alone: rv_feeds_back_alone(s), a constant where pointers are to stay in registers, or false. */
RV_INLINE rv_jumps rv_jumps_of(const rv_adjoint_step *s, bool alone)
{
    const size_t last = s->num_steps - 1;
    rv_jumps jumps = {.lambda_v = s->lambda_v, .penalty = s->penalty};
    if (alone) {
        jumps.lambda_i[0] = s->lambda_i[0];
        jumps.difference[0] = s->difference[0];
        jumps.num_groups = 1;
        return jumps;
    }
    for (size_t g = 0; g < s->num_groups; g++)
        if (s->difference[g]) {
            jumps.lambda_i[jumps.num_groups] = s->lambda_i[g] - last * s->lambda_i_stride;
            jumps.difference[jumps.num_groups++] = s->difference[g] - last * s->difference_stride;
        }
    return jumps;
}

/* The LambdaV of a neuron that spiked becomes v, but for regularisation. */
RV_INLINE void rv_jump(const rv_jumps *jumps, size_t j, float v)
{
    if (jumps->penalty)
        v -= jumps->penalty[j];
    jumps->lambda_v[j] = v;
    for (size_t g = 0; g < jumps->num_groups; g++)
        jumps->difference[g][j] = v - jumps->lambda_i[g][j];
}

#endif
