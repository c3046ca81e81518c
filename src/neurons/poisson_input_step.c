/* PoissonInput, one step forward: a neuron with input x > 0 (1/ms) fires with probability 1 - exp(-x dt), and with
 * signed_spikes, where x < 0, negatively with probability 1 - exp(x dt).
 *
 * The probability, times 2^32, is worked out once a frame; a neuron fires if its 32 random bits of the step are below.
 * Four neurons share a draw, which is keyed by seed, population, epoch, example, step and neuron: the bits are the same
 * whoever computes them. */
#include <math.h>

#include "base/math.h"
#include "base/philox.h"
#include "neurons/poisson_input.h"
#include "neurons/walk.h"

#define DRAW 4 /* neurons that share one */

/* a whole number in a float's place */
typedef uint32_t __attribute__((may_alias)) word;

static void begin_frame(const rv_neuron_step *s)
{
    word *probability = (word *)s->state[POISSON_PROBABILITY];
    const bool is_signed = s->param[POISSON_SIGNED_SPIKES][0] != 0;
    for (size_t j = s->begin; j < s->end; j++) {
        const double x = (double)s->in_syn[0][j], rate = is_signed ? fabs(x) : x;
        const double p = rate > 0 ? 1 - rv_exp(-rate * (double)s->dt) : 0;
        probability[j] = p * 0x1p32 < 0x1p32 - 1 ? (word)(p * 0x1p32) : UINT32_MAX;
    }
}

/* a bit for each of four neurons that fires; most inputs are silent most of the time */
static uint64_t draw(const rv_neuron_step *s, const word *probability, size_t j)
{
    uint32_t random[DRAW];
    uint64_t bits = 0;
    if (!(probability[0] | probability[1] | probability[2] | probability[3]))
        return 0;
    rv_random_at(s->random, s->t, j / DRAW, random);
    for (int k = 0; k < DRAW; k++)
        bits |= (uint64_t)(random[k] < probability[k]) << k;
    return bits;
}

static size_t forward(const rv_neuron_step *s)
{
    const word *probability = (const word *)s->state[POISSON_PROBABILITY];
    for (size_t first = s->begin; first < s->end; first += 64) {
        const size_t end = first + 64 < s->end ? first + 64 : s->end;
        uint64_t bits = 0;
        for (size_t j = first; j < end; j += DRAW)
            bits |= draw(s, probability + j, j) << (j - first);
        s->fired[first / 64] = bits;
    }
    const size_t num = rv_bits_to_ids(s->fired, s->begin, s->end, s->ids);
    if (s->num_negative)
        rv_sort_signs(s, num, s->in_syn[0]);
    return num;
}

extern const rv_neuron_ops RV_ISA_NAME(rv_poisson_input_ops);
const rv_neuron_ops RV_ISA_NAME(rv_poisson_input_ops) = {.forward = {forward}, .begin_frame = begin_frame};
