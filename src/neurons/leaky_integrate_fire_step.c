/* Leaky integrate-and-fire, one step forward and one step back, for EventProp and for e-prop.
 *
 * Forward, alpha = exp(-dt / tau_mem):
 *   V <- alpha V + gain Isyn, gain = 1 - alpha (scale_i) or 1; while RefracTime > 0 only if integrate_during_refrac
 *   RefracTime <- RefracTime - dt while it is > 0
 *   spike if V >= v_thresh and RefracTime <= 0: V <- v_reset or V - (v_thresh - v_reset), RefracTime <- tau_refrac
 *
 * Adjoint (EventProp, Wunderlich & Pehle 2021): the flow of adjoint_flow.h; then for each neuron that spiked
 *   LambdaV <- LambdaV + ((v_thresh - v_reset) LambdaV + back) / (I - V) - penalty
 *
 * e-prop (Bellec et al. 2020): what it records forward and its sweep back are in eprop_flow.h. */
#include "kernels/isa.h"
#include "neurons/adjoint_flow.h"
#include "neurons/eprop_flow.h"
#include "neurons/leaky_integrate_fire.h"
#include "neurons/walk.h"

RV_INLINE uint32_t step_register(const rv_neuron_step *s, size_t j, int mode, bool one_group)
{
    rv_vec *v = rv_at(s->state[LIF_V] + j);
    const rv_vec before = *v;
    const size_t k = j & *s->mask;
    rv_vec after =
        *rv_cat(s->coeff[LIF_ALPHA] + k) * before + *rv_cat(s->coeff[LIF_GAIN] + k) * rv_isyn(s, j, one_group);
    uint32_t ready = ~0U;
    if (mode != LIF_FREE) {
        rv_vec *refrac = rv_at(s->state[LIF_REFRAC_TIME] + j);
        const rv_vec zero = {0};
        const rv_veci blocked = *refrac > zero;
        if (mode == LIF_REFRAC_HOLDS)
            after = rv_select(blocked, before, after);
        *refrac = rv_select(blocked, *refrac - s->dt, *refrac);
        ready = rv_bits_not_below(zero, *refrac);
    }
    *v = after;
    return rv_bits_not_below(after, *rv_cat(s->coeff[LIF_V_THRESH] + k)) & ready;
}

/* The same for e-prop, which wants to know how close to the threshold V came. */
RV_INLINE uint32_t eprop_register(const rv_neuron_step *s, size_t j, int mode, bool one_group)
{
    const uint32_t fired = step_register(s, j, mode, one_group);
    const rv_vec zero = {0};
    const rv_vec refrac = mode == LIF_FREE ? zero : *rv_cat(s->state[LIF_REFRAC_TIME] + j);
    rv_eprop_psi(s, j, *rv_cat(s->state[LIF_V] + j) - *rv_cat(s->coeff[LIF_V_THRESH] + j), refrac <= zero,
                 s->coeff[LIF_PSI_PEAK], s->coeff[LIF_PSI_SLOPE]);
    return fired;
}

RV_INLINE size_t forward(const rv_neuron_step *s, rv_register_fn fires, int mode, bool one_group)
{
    const size_t num = rv_walk(s, s->ids, fires, mode, one_group);
    float *v = s->state[LIF_V];
    for (size_t k = 0; k < num; k++) {
        const size_t j = s->ids[k], c = j & *s->mask;
        if (s->crossing)
            s->crossing[k] = rv_current(s, j) - v[j];
        v[j] = s->coeff[LIF_RESET_KEEP][c] * v[j] + s->coeff[LIF_RESET_TO][c];
        if (mode != LIF_FREE)
            s->state[LIF_REFRAC_TIME][j] = s->coeff[LIF_TAU_REFRAC][c];
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
FORWARD(free, LIF_FREE, true)
FORWARD(holds, LIF_REFRAC_HOLDS, true)
FORWARD(integrates, LIF_REFRAC_INTEGRATES, true)
FORWARD(free_groups, LIF_FREE, false)
FORWARD(holds_groups, LIF_REFRAC_HOLDS, false)
FORWARD(integrates_groups, LIF_REFRAC_INTEGRATES, false)

#define VARIANTS(kind)                                                                                                 \
    {                                                                                                                  \
        [LIF_FREE] = kind##_free, [LIF_REFRAC_HOLDS] = kind##_holds, [LIF_REFRAC_INTEGRATES] = kind##_integrates,      \
        [LIF_NUM_MODES + LIF_FREE] = kind##_free_groups, [LIF_NUM_MODES + LIF_REFRAC_HOLDS] = kind##_holds_groups,     \
        [LIF_NUM_MODES + LIF_REFRAC_INTEGRATES] = kind##_integrates_groups                                             \
    }

static void adjoint(const rv_adjoint_step *s)
{
    rv_adjoint_flow(s, false);
    const float *jump = s->coeff[LIF_JUMP];
    for (size_t k = 0; k < s->num; k++) {
        const size_t j = s->ids[k];
        const float v = s->lambda_v[j];
        rv_adjoint_jump(s, j, v + (jump[j & s->mask] * v + s->back[k]) / s->crossing[k]);
    }
}

static void eprop(const rv_eprop_step *s)
{
    rv_eprop_flow(s, (rv_adaptation){NULL, NULL});
}

static void trace(const rv_trace_step *s)
{
    rv_eprop_traces(s, s->coeff[LIF_ALPHA], (rv_adaptation){NULL, NULL});
}

extern const rv_neuron_ops RV_ISA_NAME(rv_leaky_integrate_fire_ops);
const rv_neuron_ops RV_ISA_NAME(rv_leaky_integrate_fire_ops) = {
    .forward = VARIANTS(forward),
    .adjoint = adjoint,
    .eprop_forward = VARIANTS(eprop_forward),
    .eprop = eprop,
    .trace = trace,
};
