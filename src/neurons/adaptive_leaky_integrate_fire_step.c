/* Adaptive leaky integrate-and-fire (Bellec et al. 2018), one step forward; alpha = exp(-dt / tau_mem),
 * rho = exp(-dt / tau_adapt):
 *   V <- alpha V + Isyn; while RefracTime > 0 only if integrate_during_refrac
 *   RefracTime <- RefracTime - dt while it is > 0;  A <- rho A
 *   spike if V >= v_thresh + beta A and RefracTime <= 0:
 *     V <- v_reset or V - (v_thresh - v_reset), A <- A + 1, RefracTime <- tau_refrac */
#include "neurons/adaptive_leaky_integrate_fire.h"
#include "neurons/walk.h"

RV_INLINE uint32_t step_register(const rv_neuron_step *s, size_t j, int mode, bool one_group)
{
    rv_vec *v = rv_at(s->state[ALIF_V] + j), *a = rv_at(s->state[ALIF_A] + j);
    const rv_vec before = *v;
    rv_vec after = *rv_cat(s->coeff[ALIF_ALPHA] + j) * before + rv_isyn(s, j, one_group);
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
    const rv_vec threshold = *rv_cat(s->coeff[ALIF_V_THRESH] + j) + *rv_cat(s->coeff[ALIF_BETA] + j) * *a;
    return rv_mask_bits((after >= threshold) & ready);
}

RV_INLINE size_t forward(const rv_neuron_step *s, int mode, bool one_group)
{
    const size_t num = rv_walk(s, s->ids, step_register, mode, one_group);
    float *v = s->state[ALIF_V];
    for (size_t k = 0; k < num; k++) {
        const size_t j = s->ids[k];
        v[j] = s->coeff[ALIF_RESET_KEEP][j] * v[j] + s->coeff[ALIF_RESET_TO][j];
        s->state[ALIF_A][j] += 1;
        if (mode != ALIF_FREE)
            s->state[ALIF_REFRAC_TIME][j] = s->coeff[ALIF_TAU_REFRAC][j];
    }
    return num;
}

#define FORWARD(name, mode, one_group)                                                                                 \
    static size_t name(const rv_neuron_step *s)                                                                        \
    {                                                                                                                  \
        return forward(s, mode, one_group);                                                                            \
    }
FORWARD(forward_free, ALIF_FREE, true)
FORWARD(forward_holds, ALIF_REFRAC_HOLDS, true)
FORWARD(forward_integrates, ALIF_REFRAC_INTEGRATES, true)
FORWARD(forward_free_groups, ALIF_FREE, false)
FORWARD(forward_holds_groups, ALIF_REFRAC_HOLDS, false)
FORWARD(forward_integrates_groups, ALIF_REFRAC_INTEGRATES, false)

extern const rv_neuron_ops RV_ISA_NAME(rv_adaptive_leaky_integrate_fire_ops);
const rv_neuron_ops RV_ISA_NAME(rv_adaptive_leaky_integrate_fire_ops) = {
    .forward = {[ALIF_FREE] = forward_free,
                [ALIF_REFRAC_HOLDS] = forward_holds,
                [ALIF_REFRAC_INTEGRATES] = forward_integrates,
                [ALIF_NUM_MODES + ALIF_FREE] = forward_free_groups,
                [ALIF_NUM_MODES + ALIF_REFRAC_HOLDS] = forward_holds_groups,
                [ALIF_NUM_MODES + ALIF_REFRAC_INTEGRATES] = forward_integrates_groups},
};
