/* Spike times to timesteps: the first t with t dt >= time, 1e-4 of a step and float32's rounding forgiven; num_steps for
 * what comes too late. Times are >= 0. Without branches, so that a register of times is converted at once. And the sort of
 * the spikes of each step. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/isa.h"
#include "kernels/kernels.h"

void RV_ISA_NAME(rv_steps_of)(uint32_t *steps, const float *times, size_t n, double dt, uint32_t num_steps);

RV_INLINE uint32_t step_of(double x, double end)
{
    const double early = x - 1e-4 - x * (double)FLT_EPSILON, y = early < end ? early : end;
    const int32_t whole = (int32_t)y; /* towards 0 */
    return (uint32_t)(whole + ((double)whole < y));
}

void RV_ISA_NAME(rv_steps_of)(uint32_t *restrict steps, const float *restrict times, size_t n, double dt,
                              uint32_t num_steps)
{
    int exponent;
    if (frexp(dt, &exponent) == 0.5) { /* a power of two: as exact, and faster */
        const double factor = 1 / dt;
        for (size_t i = 0; i < n; i++)
            steps[i] = step_of((double)times[i] * factor, num_steps);
        return;
    }
    for (size_t i = 0; i < n; i++)
        steps[i] = step_of((double)times[i] / dt, num_steps);
}

/* The few spikes of a step: out = the 2 <= num <= 16 ids (< 2^31), ascending; false if some are equal. Both have room for
 * 16. How many there are is hard to predict, so that wide registers sort 16, whether they are there or not, in a bitonic
 * network (Batcher 1968); elsewhere each goes where as many others are smaller. */
#if defined(__AVX512F__)
/* Lanes and their partners: the smaller stays, or, in those of `upper`, the larger. */
#define EXCHANGE(v, upper, ...)                                                                                       \
    do {                                                                                                              \
        const __m512i other = _mm512_permutexvar_epi32(_mm512_setr_epi32(__VA_ARGS__), v);                            \
        v = _mm512_mask_max_epi32(_mm512_min_epi32(v, other), upper, v, other);                                       \
    } while (0)
#define NEXT_ONE(v) EXCHANGE(v, 0xAAAA, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)
#define NEXT_TWO(v) EXCHANGE(v, 0xCCCC, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
#define NEXT_FOUR(v) EXCHANGE(v, 0xF0F0, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)
#define TURN_FOUR(v) EXCHANGE(v, 0xCCCC, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)
#define TURN_EIGHT(v) EXCHANGE(v, 0xF0F0, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8)
#define TURN_ALL(v) EXCHANGE(v, 0xFF00, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)

RV_INLINE bool sort_few(uint32_t *out, const uint32_t *ids, size_t num)
{
    const uint32_t there = (1U << num) - 1;
    __m512i v = _mm512_mask_loadu_epi32(_mm512_set1_epi32(INT32_MAX), (__mmask16)there, ids);
    NEXT_ONE(v);
    TURN_FOUR(v);
    NEXT_ONE(v);
    TURN_EIGHT(v);
    NEXT_TWO(v);
    NEXT_ONE(v);
    TURN_ALL(v);
    NEXT_FOUR(v);
    NEXT_TWO(v);
    NEXT_ONE(v);
    _mm512_storeu_si512(out, v);
    return !(_mm512_cmpeq_epi32_mask(v, _mm512_alignr_epi32(v, v, 1)) & there >> 1);
}
#else
typedef int32_t rv_loose_ids __attribute__((vector_size(4 * RV_WIDTH), aligned(4), may_alias));

RV_INLINE bool sort_few(uint32_t *out, const uint32_t *ids, size_t num)
{
    rv_veci part[RV_LANES / RV_WIDTH];
    size_t ranks = 0;
    for (int p = 0; p < RV_LANES / RV_WIDTH; p++)
        part[p] = *(const rv_loose_ids *)(ids + p * RV_WIDTH);
    const uint32_t there = (1U << num) - 1;
    for (size_t i = 0; i < num; i++) {
        const rv_veci zero = {0}, id = zero + (int32_t)ids[i];
        uint32_t smaller = 0;
        for (int p = 0; p < RV_LANES / RV_WIDTH; p++)
            smaller |= rv_mask_bits(part[p] < id) << (p * RV_WIDTH);
        const size_t rank = (size_t)__builtin_popcount(smaller & there);
        out[rank] = ids[i];
        ranks += rank;
    }
    return ranks == num * (num - 1) / 2; /* 0 + 1 + 2 ...: equal ones would have the same rank */
}
#endif

/* Many spikes of a step, if they ascend already: those of an encoder do. */
RV_INLINE bool copy_ascending(uint32_t *out, const uint32_t *ids, size_t num)
{
    uint32_t falls = 0;
    for (size_t i = 1; i < num; i++)
        falls |= ids[i] <= ids[i - 1];
    if (!falls)
        memcpy(out, ids, num * sizeof *out);
    return !falls;
}

size_t RV_ISA_NAME(rv_sort_steps)(uint32_t *out, uint32_t *offset, const uint32_t *ids, const uint32_t *end, size_t t,
                                  size_t num_steps);

size_t RV_ISA_NAME(rv_sort_steps)(uint32_t *out, uint32_t *offset, const uint32_t *ids, const uint32_t *end, size_t t,
                                  size_t num_steps)
{
    uint32_t begin = t ? end[t - 1] : 0, used = offset[t];
    for (; t < num_steps; t++) {
        const uint32_t num = end[t] - begin;
        if (num > RV_LANES) {
            if (!copy_ascending(out + used, ids + begin, num))
                break;
        } else if (num == 1) {
            out[used] = ids[begin];
        } else if (num && !sort_few(out + used, ids + begin, num)) {
            break;
        }
        begin = end[t];
        used += num;
        offset[t + 1] = used;
    }
    return t;
}
