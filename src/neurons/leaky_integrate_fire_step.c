/* Leaky integrate-and-fire, one step forward and one step back.
 *
 * Forward, alpha = exp(-dt / tau_mem):
 *   V <- alpha V + gain Isyn, gain = 1 - alpha (scale_i) or 1; while RefracTime > 0 only if integrate_during_refrac
 *   RefracTime <- RefracTime - dt while it is > 0
 *   spike if V >= v_thresh and RefracTime <= 0: V <- v_reset or V - (v_thresh - v_reset), RefracTime <- tau_refrac
 *
 * Adjoint (EventProp, Wunderlich & Pehle 2021): the flow of adjoint_flow.h; then for each neuron that spiked
 *   LambdaV <- LambdaV + ((v_thresh - v_reset) LambdaV + back) / (I - V) - penalty
 */
#include "kernels/isa.h"
#include "neurons/adjoint_flow.h"
#include "neurons/leaky_integrate_fire.h"

/* Isyn of one register of neurons */
RV_INLINE rv_vec input(const rv_neuron_step *s, size_t j, bool one_group)
{
    rv_vec i = {0};
    if (one_group)
        return *rv_cat(s->in_syn[0] + j) * *rv_cat(s->in_scale[0] + j);
    for (size_t g = 0; g < s->num_groups; g++)
        i += *rv_cat(s->in_syn[g] + j) * *rv_cat(s->in_scale[g] + j);
    return i;
}

RV_INLINE uint32_t step_register(const rv_neuron_step *s, size_t j, int mode, bool one_group)
{
    rv_vec *v = rv_at(s->state[LIF_V] + j);
    const rv_vec before = *v;
    rv_vec after = *rv_cat(s->coeff[LIF_ALPHA] + j) * before + *rv_cat(s->coeff[LIF_GAIN] + j) * input(s, j, one_group);
    rv_veci ready = {0};
    ready = ~ready;
    if (mode != LIF_FREE) {
        rv_vec *refrac = rv_at(s->state[LIF_REFRAC_TIME] + j);
        const rv_vec zero = {0};
        const rv_veci blocked = *refrac > zero;
        if (mode == LIF_REFRAC_HOLDS)
            after = rv_select(blocked, before, after);
        *refrac = rv_select(blocked, *refrac - s->dt, *refrac);
        ready = *refrac <= zero;
    }
    *v = after;
    return rv_mask_bits((after >= *rv_cat(s->coeff[LIF_V_THRESH] + j)) & ready);
}

RV_INLINE size_t forward(const rv_neuron_step *s, int mode, bool one_group)
{
    for (size_t word = s->begin; word < s->end; word += 64) {
        const size_t end = word + 64 < s->end ? word + 64 : s->end;
        uint64_t bits = 0;
        for (size_t j = word; j < end; j += RV_WIDTH)
            bits |= (uint64_t)step_register(s, j, mode, one_group) << (j - word);
        s->fired[word / 64] = bits;
    }

    const size_t num = rv_bits_to_ids(s->fired, s->begin, s->end, s->ids);
    float *v = s->state[LIF_V];
    for (size_t k = 0; k < num; k++) {
        const size_t j = s->ids[k];
        if (s->crossing) {
            float i = 0;
            for (size_t g = 0; g < s->num_groups; g++)
                i += s->in_syn[g][j];
            s->crossing[k] = i - v[j];
        }
        v[j] = s->coeff[LIF_RESET_KEEP][j] * v[j] + s->coeff[LIF_RESET_TO][j];
        if (mode != LIF_FREE)
            s->state[LIF_REFRAC_TIME][j] = s->coeff[LIF_TAU_REFRAC][j];
    }
    return num;
}

#define FORWARD(name, mode, one_group)                                                                                 \
    static size_t name(const rv_neuron_step *s)                                                                        \
    {                                                                                                                  \
        return forward(s, mode, one_group);                                                                            \
    }
FORWARD(forward_free, LIF_FREE, true)
FORWARD(forward_holds, LIF_REFRAC_HOLDS, true)
FORWARD(forward_integrates, LIF_REFRAC_INTEGRATES, true)
FORWARD(forward_free_groups, LIF_FREE, false)
FORWARD(forward_holds_groups, LIF_REFRAC_HOLDS, false)
FORWARD(forward_integrates_groups, LIF_REFRAC_INTEGRATES, false)

static void adjoint(const rv_adjoint_step *s)
{
    rv_adjoint_flow(s, false);
    const float *jump = s->coeff[LIF_JUMP];
    for (size_t k = 0; k < s->num; k++) {
        const size_t j = s->ids[k];
        float v = s->lambda_v[j];
        v += (jump[j] * v + s->back[k]) / s->crossing[k];
        if (s->penalty)
            v -= s->penalty[j];
        s->lambda_v[j] = v;
        for (size_t g = 0; g < s->num_groups; g++)
            if (s->difference[g])
                s->difference[g][j] = v - s->lambda_i[g][j];
    }
}

extern const rv_neuron_ops RV_ISA_NAME(rv_leaky_integrate_fire_ops);
const rv_neuron_ops RV_ISA_NAME(rv_leaky_integrate_fire_ops) = {
    .forward = {[LIF_FREE] = forward_free,
                [LIF_REFRAC_HOLDS] = forward_holds,
                [LIF_REFRAC_INTEGRATES] = forward_integrates,
                [LIF_NUM_MODES + LIF_FREE] = forward_free_groups,
                [LIF_NUM_MODES + LIF_REFRAC_HOLDS] = forward_holds_groups,
                [LIF_NUM_MODES + LIF_REFRAC_INTEGRATES] = forward_integrates_groups},
    .adjoint = adjoint,
};
