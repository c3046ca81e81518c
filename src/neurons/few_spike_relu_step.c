/* Few-spike ReLU (Stoeckl & Maass 2021), one step forward. Over k steps t = 0 .. k-1 of its own, a neuron writes its
 * activation in binary, the largest digit first, h_t = alpha 2^-(t + 1):
 *   spike if V >= h_t, then V <- V - h_t
 * While its sources do so, Fx sums up what their spikes are worth; V = Fx in the first step of its own.
 *
 * An input starts at V = the frame's value. With signed_input, h_t = alpha 2^-(t / 2 + 1); even steps spike as above, odd
 * ones negatively: if V < -h_t, then V <- V + h_t. */
#include <string.h>

#include "neurons/few_spike_relu.h"
#include "neurons/walk.h"

enum { POSITIVE, NEGATIVE };

/* 2^-(n + 1), n < 126 */
RV_INLINE float digit(uint32_t n)
{
    const union {
        uint32_t bits;
        float number;
    } power = {(126U - n) << 23};
    return power.number;
}

RV_INLINE uint32_t step_register(const rv_neuron_step *s, size_t j, int sign, bool has_sign)
{
    const uint32_t t = s->t - s->start;
    rv_vec *v = rv_at(s->state[FS_V] + j);
    const rv_vec h = *rv_cat(s->coeff[FS_SIZE] + j) * digit(has_sign ? t / 2 : t);
    const rv_veci fires = sign == NEGATIVE ? *v < -h : *v >= h;
    *v = rv_select(fires, sign == NEGATIVE ? *v + h : *v - h, *v);
    return rv_mask_bits(fires);
}

static void begin_frame(const rv_neuron_step *s)
{
    memcpy(s->state[FS_V] + s->begin, s->in_syn[0] + s->begin, (s->end - s->begin) * sizeof(float));
}

static size_t forward_input(const rv_neuron_step *s)
{
    return rv_walk(s, s->ids, step_register, POSITIVE, false);
}

static size_t forward_signed_input(const rv_neuron_step *s)
{
    const bool odd = (s->t - s->start) % 2;
    const size_t num = odd ? rv_walk(s, s->ids, step_register, NEGATIVE, true)
                           : rv_walk(s, s->ids, step_register, POSITIVE, true);
    *s->num_negative = odd ? num : 0;
    return num;
}

/* Its sources' spikes arrive in steps first .. start, one each for each of theirs. */
static size_t forward(const rv_neuron_step *s)
{
    float *fx = s->state[FS_FX];
    for (size_t g = 0; g < s->num_groups && s->t <= s->start; g++) {
        const float worth = s->worth[g][s->t - s->first];
        for (size_t j = s->begin; j < s->end; j += RV_WIDTH)
            *rv_at(fx + j) += *rv_cat(s->in_syn[g] + j) * worth;
    }
    if (s->t < s->start)
        return 0;
    if (s->t == s->start)
        memcpy(s->state[FS_V] + s->begin, fx + s->begin, (s->end - s->begin) * sizeof *fx);
    return rv_walk(s, s->ids, step_register, POSITIVE, false);
}

extern const rv_neuron_ops RV_ISA_NAME(rv_few_spike_relu_ops), RV_ISA_NAME(rv_few_spike_relu_input_ops);
const rv_neuron_ops RV_ISA_NAME(rv_few_spike_relu_ops) = {.forward = {forward}};
const rv_neuron_ops RV_ISA_NAME(rv_few_spike_relu_input_ops) = {
    .forward = {forward_input, forward_signed_input},
    .begin_frame = begin_frame,
};
