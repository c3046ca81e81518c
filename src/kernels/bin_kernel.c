/* Spike times to timesteps: the first t with t dt >= time, 1e-4 of a step and float32's rounding forgiven; num_steps for
 * what comes too late. Times are >= 0. Without branches, so that a register of times is converted at once. And the sort of
 * the spikes of each step. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/isa.h"
#include "kernels/kernels.h"

void RV_ISA_NAME(rv_steps_of)(uint32_t *steps, const float *times, size_t n, double dt, uint32_t num_steps);
bool RV_ISA_NAME(rv_ends_of)(uint32_t *end, size_t num_steps, const uint32_t *steps, size_t n);
void RV_ISA_NAME(rv_widen)(uint32_t *out, const uint16_t *ids, size_t n);
size_t RV_ISA_NAME(rv_sort_steps)(rv_step_sort *sort, size_t t);

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

void RV_ISA_NAME(rv_widen)(uint32_t *restrict out, const uint16_t *restrict ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = ids[i];
}

/* The last spike of a step tells where it ends. No branch depends on when spikes are. */
bool RV_ISA_NAME(rv_ends_of)(uint32_t *restrict end, size_t num_steps, const uint32_t *restrict steps, size_t n)
{
    uint32_t falls = 0, last = 0;
    for (size_t i = 1; i < n; i++)
        falls |= steps[i] < steps[i - 1];
    if (falls)
        return false;
    memset(end, 0, (num_steps + 1) * sizeof *end);
    for (size_t i = 0; i < n; i++)
        end[steps[i]] = (uint32_t)i + 1;
    for (size_t t = 0; t < num_steps; t++)
        end[t] = last = end[t] > last ? end[t] : last;
    return true;
}

/* The few spikes of a step: out = the num <= 16 ids (< 2^31), ascending; whether all differ. Both have room for 16. How
 * many there are is hard to predict, so that wide registers sort 16, whether they are there or not, in a bitonic network
 * (Batcher 1968); elsewhere each goes where as many others are smaller, or equal and before it. */
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
    uint32_t twice = 0;
    for (int p = 0; p < RV_LANES / RV_WIDTH; p++)
        part[p] = *(const rv_loose_ids *)(ids + p * RV_WIDTH);
    const uint32_t there = (1U << num) - 1;
    for (size_t i = 0; i < num; i++) {
        const rv_veci zero = {0}, id = zero + (int32_t)ids[i];
        uint32_t smaller = 0, equal = 0;
        for (int p = 0; p < RV_LANES / RV_WIDTH; p++) {
            smaller |= rv_mask_bits(part[p] < id) << (p * RV_WIDTH);
            equal |= rv_mask_bits(part[p] == id) << (p * RV_WIDTH);
        }
        equal &= (1U << i) - 1;
        twice |= equal;
        out[__builtin_popcount((smaller & there) | equal)] = ids[i];
    }
    return !twice;
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

/* Of the sorted ids of a step, those that are there again move on; returns how many stay. */
RV_INLINE size_t move_on(rv_step_sort *sort, uint32_t *ids, size_t num)
{
    size_t kept = 1, moved = 0;
    for (size_t i = 1; i < num; i++) {
        const uint32_t id = ids[i];
        const bool again = id == ids[kept - 1];
        sort->moved[moved] = id;
        ids[kept] = id;
        moved += again;
        kept += !again;
    }
    sort->num_moved = moved;
    return kept;
}

/* Those that were moved to a step join its own. */
RV_INLINE const uint32_t *join(rv_step_sort *sort, const uint32_t *ids, size_t num)
{
    uint32_t *all = sort->moved + RV_LANES;
    memcpy(all, ids, num * sizeof *all);
    memcpy(all + num, sort->moved, sort->num_moved * sizeof *all);
    return all;
}

size_t RV_ISA_NAME(rv_sort_steps)(rv_step_sort *sort, size_t t)
{
    const uint32_t *const end = sort->end;
    uint32_t *const offset = sort->offset;
    uint32_t begin = t ? end[t - 1] : 0, used = offset[t];
    for (const size_t num_steps = sort->num_steps; t < num_steps; t++) {
        const uint32_t *ids = sort->ids + begin;
        uint32_t *const out = sort->out + used;
        size_t num = end[t] - begin;
        if (sort->num_moved && num + sort->num_moved <= RV_LANES) {
            ids = join(sort, ids, num);
            num += sort->num_moved;
            sort->num_moved = 0;
        }
        if (num + sort->num_moved > RV_LANES) {
            if (sort->num_moved || !copy_ascending(out, ids, num))
                break;
        } else if (num == 1) {
            out[0] = ids[0];
        } else if (num && !sort_few(out, ids, num)) {
            num = move_on(sort, out, num);
        }
        begin = end[t];
        used += (uint32_t)num;
        offset[t + 1] = used;
    }
    return t;
}
