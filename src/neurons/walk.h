/* What the forward steps of spiking models share: the current that drives them, and the walk over all neurons that
 * collects who fires. */
#ifndef RV_NEURONS_WALK_H
#define RV_NEURONS_WALK_H

#include <stdbool.h>

#include "kernels/isa.h"
#include "neurons/model.h"

/* Isyn of one register of neurons */
RV_INLINE rv_vec rv_isyn(const rv_neuron_step *s, size_t j, bool one_group)
{
    const size_t k = j & *s->mask;
    rv_vec i = {0};
    if (one_group)
        return *rv_cat(s->in_syn[0] + j) * *rv_cat(s->in_scale[0] + k);
    for (size_t g = 0; g < s->num_groups; g++)
        i += *rv_cat(s->in_syn[g] + j) * *rv_cat(s->in_scale[g] + k);
    return i;
}

/* I of one neuron, as it was not scaled for a step: what V goes towards */
RV_INLINE float rv_current(const rv_neuron_step *s, size_t j)
{
    float i = 0;
    for (size_t g = 0; g < s->num_groups; g++)
        i += s->in_syn[g][j];
    return i;
}

/* What an empty sum becomes when x is added to it */
RV_INLINE rv_vec rv_plus_zero(rv_vec x)
{
    const rv_vec zero = {0};
    return zero + x;
}

/* rv_current of a register of neurons */
RV_INLINE rv_vec rv_currents(const rv_neuron_step *s, size_t j, bool one_group)
{
    rv_vec i = {0};
    for (size_t g = 0; g < (one_group ? 1 : s->num_groups); g++)
        i += *rv_cat(s->in_syn[g] + j);
    return i;
}

/* One register of neurons from j on: a bit for each that fires. `variant` and `one_group` are constants where the walk
 * is inlined. */
typedef uint32_t (*rv_register_fn)(const rv_neuron_step *s, size_t j, int variant, bool one_group);

/* All neurons; who fires goes to ids, ascending. Returns how many. */
RV_INLINE size_t rv_walk(const rv_neuron_step *s, uint32_t *ids, rv_register_fn fires, int variant, bool one_group)
{
    for (size_t word = s->begin; word < s->end; word += 64) {
        const size_t end = word + 64 < s->end ? word + 64 : s->end;
        uint64_t bits = 0;
        for (size_t j = word; j < end; j += RV_WIDTH)
            bits |= (uint64_t)fires(s, j, variant, one_group) << (j - word);
        s->fired[word / 64] = bits;
    }
    return rv_bits_to_ids(s->fired, s->begin, s->end, ids);
}

/* After a walk of neurons whose spikes have a sign: those with a negative x to the end of ids, in order. */
RV_INLINE void rv_sort_signs(const rv_neuron_step *s, size_t num, const float *x)
{
    size_t positive = 0, negative = 0;
    for (size_t k = 0; k < num; k++)
        negative += x[s->ids[k]] < 0;
    *s->num_negative = negative;
    if (!negative)
        return;
    negative = num - negative;
    for (size_t w = s->begin / 64; w < (s->end + 63) / 64; w++)
        for (uint64_t bits = s->fired[w]; bits; bits &= bits - 1) {
            const size_t j = w * 64 + (size_t)__builtin_ctzll(bits);
            s->ids[x[j] < 0 ? negative++ : positive++] = (uint32_t)j;
        }
}

#endif
