/* Integrate-and-fire, one step forward:
 *   V <- V + Isyn;  spike if V >= v_thresh: V <- v_reset */
#include "neurons/integrate_fire.h"
#include "neurons/walk.h"

RV_INLINE uint32_t step_register(const rv_neuron_step *s, size_t j, int variant, bool one_group)
{
    (void)variant;
    rv_vec *v = rv_at(s->state[IF_V] + j);
    *v += rv_isyn(s, j, one_group);
    return rv_mask_bits(*v >= *rv_cat(s->coeff[IF_V_THRESH] + j));
}

RV_INLINE size_t forward(const rv_neuron_step *s, bool one_group)
{
    const size_t num = rv_walk(s, s->ids, step_register, 0, one_group);
    for (size_t k = 0; k < num; k++)
        s->state[IF_V][s->ids[k]] = s->coeff[IF_V_RESET][s->ids[k]];
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
