/* BinarySpikeInput, one step forward: a neuron fires in every step in which its input is > 0; with signed_spikes also,
 * negatively, where it is < 0. */
#include "neurons/walk.h"

RV_INLINE uint32_t step_register(const rv_neuron_step *s, size_t j, int has_sign, bool one_group)
{
    (void)one_group;
    const rv_vec x = *rv_cat(s->in_syn[0] + j), zero = {0};
    return rv_mask_bits(has_sign ? (x > zero) | (x < zero) : x > zero);
}

static size_t forward(const rv_neuron_step *s)
{
    return rv_walk(s, s->ids, step_register, false, true);
}

static size_t forward_signed(const rv_neuron_step *s)
{
    const size_t num = rv_walk(s, s->ids, step_register, true, true);
    rv_sort_signs(s, num, s->in_syn[0]);
    return num;
}

extern const rv_neuron_ops RV_ISA_NAME(rv_binary_spike_input_ops);
const rv_neuron_ops RV_ISA_NAME(rv_binary_spike_input_ops) = {.forward = {forward, forward_signed}};
