/* Adaptive leaky integrate-and-fire (Bellec et al. 2018), one step forward and one step back, for EventProp and for
 * e-prop.
 *
 * Forward, alpha = exp(-dt / tau_mem), rho = exp(-dt / tau_adapt):
 *   V <- alpha V + gain Isyn, gain = 1 - alpha (scale_i) or 1; while RefracTime > 0 only if integrate_during_refrac
 *   RefracTime <- RefracTime - dt while it is > 0;  A <- rho A
 *   spike if V >= v_thresh + beta A and RefracTime <= 0:
 *     V <- v_reset or V - (v_thresh - v_reset), A <- A + 1, RefracTime <- tau_refrac
 *
 * Adjoint (EventProp; the jumps are derived in docs/learning.md, section 2): the flow of adjoint_flow.h, and
 * LambdaA <- rho LambdaA; then for each neuron that spiked, with keep = 0, or 1 for a relative reset,
 *   slope = I - V + lift A, lift = beta tau_mem / tau_adapt; drop = v_thresh - v_reset + (1 - keep) (beta - lift) A
 *   L = LambdaV + (drop LambdaV - LambdaA + back) / slope
 *   LambdaA <- LambdaA - lift (L - keep LambdaV),  LambdaV <- L - penalty
 *
 * e-prop (Bellec et al. 2020): what it records forward and its sweep back are in eprop_flow.h. */
#include "neurons/adaptive_leaky_integrate_fire.h"
#include "neurons/adjoint_flow.h"
#include "neurons/eprop_flow.h"
#include "neurons/walk.h"

/* of one register of neurons, A decayed */
RV_INLINE rv_vec threshold(const rv_neuron_step *s, size_t j)
{
    return *rv_cat(s->coeff[ALIF_V_THRESH] + j) + *rv_cat(s->coeff[ALIF_BETA] + j) * *rv_cat(s->state[ALIF_A] + j);
}

RV_INLINE uint32_t step_register(const rv_neuron_step *s, size_t j, int mode, bool one_group)
{
    rv_vec *v = rv_at(s->state[ALIF_V] + j), *a = rv_at(s->state[ALIF_A] + j);
    const rv_vec before = *v;
    rv_vec after =
        *rv_cat(s->coeff[ALIF_ALPHA] + j) * before + *rv_cat(s->coeff[ALIF_GAIN] + j) * rv_isyn(s, j, one_group);
    rv_veci ready = {0};
    ready = ~ready;
    if (mode != ALIF_FREE) {
        rv_vec *refrac = rv_at(s->state[ALIF_REFRAC_TIME] + j);
        const rv_vec zero = {0};
        const rv_veci blocked = *refrac > zero;
        if (mode == ALIF_REFRAC_HOLDS)
            after = rv_select(blocked, before, after);
        *refrac = rv_select(blocked, *refrac - s->dt, *refrac);
        ready = *refrac <= zero;
    }
    *v = after;
    *a *= *rv_cat(s->coeff[ALIF_RHO] + j);
    return rv_mask_bits((after >= threshold(s, j)) & ready);
}

/* The same for e-prop, which wants to know how close to the threshold V came. */
RV_INLINE uint32_t eprop_register(const rv_neuron_step *s, size_t j, int mode, bool one_group)
{
    const uint32_t fired = step_register(s, j, mode, one_group);
    const rv_vec zero = {0};
    const rv_vec refrac = mode == ALIF_FREE ? zero : *rv_cat(s->state[ALIF_REFRAC_TIME] + j);
    rv_eprop_psi(s, j, *rv_cat(s->state[ALIF_V] + j) - threshold(s, j), refrac <= zero, s->coeff[ALIF_PSI_PEAK],
                 s->coeff[ALIF_PSI_SLOPE]);
    return fired;
}

RV_INLINE size_t forward(const rv_neuron_step *s, rv_register_fn fires, int mode, bool one_group)
{
    const size_t num = rv_walk(s, s->ids, fires, mode, one_group);
    float *v = s->state[ALIF_V];
    for (size_t k = 0; k < num; k++) {
        const size_t j = s->ids[k];
        if (s->crossing) {
            const float adaptation = s->state[ALIF_A][j];
            s->crossing[2 * k] = rv_current(s, j) - v[j] + s->coeff[ALIF_LIFT][j] * adaptation;
            s->crossing[2 * k + 1] = adaptation;
        }
        v[j] = s->coeff[ALIF_RESET_KEEP][j] * v[j] + s->coeff[ALIF_RESET_TO][j];
        s->state[ALIF_A][j] += 1;
        if (mode != ALIF_FREE)
            s->state[ALIF_REFRAC_TIME][j] = s->coeff[ALIF_TAU_REFRAC][j];
    }
    return num;
}

#define FORWARD(name, mode, one_group)                                                                                 \
    static size_t forward_##name(const rv_neuron_step *s)                                                              \
    {                                                                                                                  \
        return forward(s, step_register, mode, one_group);                                                             \
    }                                                                                                                  \
    static size_t eprop_forward_##name(const rv_neuron_step *s)                                                        \
    {                                                                                                                  \
        const size_t num = forward(s, eprop_register, mode, one_group);                                                \
        rv_eprop_rates(s, num);                                                                                        \
        return num;                                                                                                    \
    }
FORWARD(free, ALIF_FREE, true)
FORWARD(holds, ALIF_REFRAC_HOLDS, true)
FORWARD(integrates, ALIF_REFRAC_INTEGRATES, true)
FORWARD(free_groups, ALIF_FREE, false)
FORWARD(holds_groups, ALIF_REFRAC_HOLDS, false)
FORWARD(integrates_groups, ALIF_REFRAC_INTEGRATES, false)

#define VARIANTS(kind)                                                                                                 \
    {                                                                                                                  \
        [ALIF_FREE] = kind##_free, [ALIF_REFRAC_HOLDS] = kind##_holds, [ALIF_REFRAC_INTEGRATES] = kind##_integrates,   \
        [ALIF_NUM_MODES + ALIF_FREE] = kind##_free_groups,                                                             \
        [ALIF_NUM_MODES + ALIF_REFRAC_HOLDS] = kind##_holds_groups,                                                    \
        [ALIF_NUM_MODES + ALIF_REFRAC_INTEGRATES] = kind##_integrates_groups                                           \
    }

static void adjoint(const rv_adjoint_step *s)
{
    const float *beta = s->coeff[ALIF_BETA], *lift = s->coeff[ALIF_LIFT], *keep = s->coeff[ALIF_RESET_KEEP];
    rv_adjoint_flow(s, false);
    for (size_t j = 0; j < s->n_pad; j += RV_WIDTH)
        for (size_t k = 0; k < s->num_steps; k++)
            *rv_at(s->lambda_a + j) *= *rv_cat(s->coeff[ALIF_RHO] + j);
    const rv_jumps jumps = rv_jumps_of(s, false);
    for (size_t k = 0; k < s->num; k++) {
        const size_t j = s->ids[k];
        const float slope = s->crossing[2 * k], adaptation = s->crossing[2 * k + 1], v = s->lambda_v[j];
        const float drop = s->coeff[ALIF_DROP][j] + (1 - keep[j]) * (beta[j] - lift[j]) * adaptation;
        const float before = v + (drop * v - s->lambda_a[j] + s->back[k]) / slope;
        s->lambda_a[j] -= lift[j] * (before - keep[j] * v);
        rv_jump(&jumps, j, before);
    }
}

static void eprop(const rv_eprop_step *s)
{
    rv_eprop_flow(s, (rv_adaptation){s->coeff[ALIF_BETA], s->coeff[ALIF_RHO]});
}

static void trace(const rv_trace_step *s)
{
    rv_eprop_traces(s, s->coeff[ALIF_ALPHA], (rv_adaptation){s->coeff[ALIF_BETA], s->coeff[ALIF_RHO]});
}

extern const rv_neuron_ops RV_ISA_NAME(rv_adaptive_leaky_integrate_fire_ops);
const rv_neuron_ops RV_ISA_NAME(rv_adaptive_leaky_integrate_fire_ops) = {
    .forward = VARIANTS(forward),
    .adjoint = adjoint,
    .eprop_forward = VARIANTS(eprop_forward),
    .eprop = eprop,
    .trace = trace,
};
