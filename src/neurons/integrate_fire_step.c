/* Integrate-and-fire, one step forward:
 *   V <- V + Isyn + bias;  spike if V >= v_thresh: V <- v_reset, or V - (v_thresh - v_reset) */
#include "neurons/integrate_fire.h"
#include "neurons/walk.h"

RV_INLINE uint32_t step_register(const rv_neuron_step *s, size_t j, int variant, bool one_group)
{
    (void)variant;
    rv_vec *v = rv_at(s->state[IF_V] + j);
    *v += rv_isyn(s, j, one_group) + *rv_cat(s->coeff[IF_BIAS] + j);
    return rv_mask_bits(*v >= *rv_cat(s->coeff[IF_V_THRESH] + j));
}

RV_INLINE size_t forward(const rv_neuron_step *s, bool one_group)
{
    const size_t num = rv_walk(s, s->ids, step_register, 0, one_group);
    const float *threshold = s->coeff[IF_V_THRESH], *reset = s->coeff[IF_V_RESET], *keeps = s->coeff[IF_KEEPS];
    float *v = s->state[IF_V];
    for (size_t k = 0; k < num; k++) {
        const uint32_t j = s->ids[k];
        v[j] = keeps[j] != 0 ? v[j] - (threshold[j] - reset[j]) : reset[j];
    }
    return num;
}

static size_t forward_one_group(const rv_neuron_step *s)
{
    return forward(s, true);
}

static size_t forward_groups(const rv_neuron_step *s)
{
    return forward(s, false);
}

extern const rv_neuron_ops RV_ISA_NAME(rv_integrate_fire_ops);
const rv_neuron_ops RV_ISA_NAME(rv_integrate_fire_ops) = {.forward = {forward_one_group, forward_groups}};
