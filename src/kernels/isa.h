/* What files compiled once per instruction set share: names and vectors.
 *
 * Such a file is compiled with -march=... -DRV_ISA=v3 (v2, v3, v4 on x86-64, base elsewhere), and what it exports is
 * named with RV_ISA_NAME(rv_lif_ops) -> rv_lif_ops_v3. Elementwise arithmetic is written on vectors of the width the
 * instruction set has, sums on 16 lanes whatever the width: bits are the same everywhere. Arrays are 64-byte aligned
 * and padded to 16 floats. */
#ifndef RV_KERNELS_ISA_H
#define RV_KERNELS_ISA_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#ifndef RV_ISA
#error "this file is compiled once per instruction set, with -DRV_ISA=..."
#endif

#define RV_CONCAT_(a, b) a##_##b
#define RV_CONCAT(a, b) RV_CONCAT_(a, b)
#define RV_ISA_NAME(name) RV_CONCAT(name, RV_ISA)

#define RV_INLINE static inline __attribute__((always_inline))
#define RV_LANES 16 /* arrays are padded to this; lanes of a sum */
#define RV_DOT_BLOCK 256 /* targets in a block of a dot product: part of its definition, not a tuning knob */

#if defined(__AVX512F__)
#define RV_WIDTH 16 /* floats in a register */
#elif defined(__AVX__)
#define RV_WIDTH 8
#else
#define RV_WIDTH 4
#endif

typedef float rv_vec __attribute__((vector_size(4 * RV_WIDTH))); /* aliases floats, as all vectors do, but no pointers */
typedef int32_t rv_veci __attribute__((vector_size(4 * RV_WIDTH), may_alias));
typedef float rv_half __attribute__((vector_size(32), may_alias));    /* of 16 lanes */
typedef float rv_quarter __attribute__((vector_size(16), may_alias)); /* of 16 lanes */

RV_INLINE rv_vec *rv_at(float *p)
{
    return (rv_vec *)__builtin_assume_aligned(p, 4 * RV_WIDTH);
}

RV_INLINE const rv_vec *rv_cat(const float *p)
{
    return (const rv_vec *)__builtin_assume_aligned(p, 4 * RV_WIDTH);
}

/* a register of floats at any address */
typedef float rv_loose __attribute__((vector_size(4 * RV_WIDTH), aligned(4), may_alias));

RV_INLINE rv_vec rv_load(const float *p)
{
    return *(const rv_loose *)p;
}

RV_INLINE void rv_store(float *p, rv_vec v)
{
    *(rv_loose *)p = v;
}

/* The first num < RV_WIDTH of them: what lies behind is neither read (0 instead) nor written. */
RV_INLINE rv_vec rv_load_part(const float *p, size_t num)
{
#if defined(__AVX512F__)
    return (rv_vec)_mm512_maskz_loadu_ps((__mmask16)((1U << num) - 1), p);
#else
    rv_vec v = {0};
    for (size_t k = 0; k < num; k++)
        v[k] = p[k];
    return v;
#endif
}

RV_INLINE void rv_store_part(float *p, rv_vec v, size_t num)
{
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1U << num) - 1), (__m512)v);
#else
    for (size_t k = 0; k < num; k++)
        p[k] = v[k];
#endif
}

/* lane k: p[index[k]] */
RV_INLINE rv_vec rv_gather(const float *p, const uint32_t *index)
{
    rv_vec v = {0};
    for (int k = 0; k < RV_WIDTH; k++)
        v[k] = p[index[k]];
    return v;
}

/* lane k of a where mask is all ones, of b where it is zero */
RV_INLINE rv_vec rv_select(rv_veci mask, rv_vec a, rv_vec b)
{
    return (rv_vec)((mask & (rv_veci)a) | (~mask & (rv_veci)b));
}

/* one bit per lane from a comparison's result */
RV_INLINE uint32_t rv_mask_bits(rv_veci mask)
{
#if defined(__AVX512DQ__)
    return (uint32_t)_mm512_movepi32_mask((__m512i)mask);
#elif defined(__AVX__)
    return (uint32_t)_mm256_movemask_ps((__m256)mask);
#elif defined(__SSE2__)
    return (uint32_t)_mm_movemask_ps((__m128)mask);
#else
    uint32_t bits = 0;
    for (int k = 0; k < RV_WIDTH; k++)
        bits |= (uint32_t)(mask[k] & 1) << k;
    return bits;
#endif
}

/* Who of a register of neurons does: a register of masks, or, where the processor has them, a few bits. */
#if defined(__AVX512F__)
typedef __mmask16 rv_who;
#else
typedef rv_veci rv_who;
#endif

/* a >= b */
RV_INLINE rv_who rv_not_below(rv_vec a, rv_vec b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ);
#else
    return a >= b;
#endif
}

/* a where they do, else b */
RV_INLINE rv_vec rv_choose(rv_who who, rv_vec a, rv_vec b)
{
#if defined(__AVX512F__)
    return (rv_vec)_mm512_mask_blend_ps(who, (__m512)b, (__m512)a);
#else
    return rv_select(who, a, b);
#endif
}

/* one bit per lane */
RV_INLINE uint32_t rv_who_bits(rv_who who)
{
#if defined(__AVX512F__)
    return who;
#else
    return rv_mask_bits(who);
#endif
}

/* a sum of 16 lanes, in as many registers as it takes */
typedef struct rv_lanes {
    rv_vec part[RV_LANES / RV_WIDTH];
} rv_lanes;

/* lane k + lane k + 8, then + 4: 4 lanes are left */
RV_INLINE rv_quarter rv_fold_lanes(const rv_lanes *sum)
{
#if RV_WIDTH == 16
    const rv_half *h = (const rv_half *)&sum->part[0];
    const rv_half a = h[0] + h[1];
    const rv_quarter *q = (const rv_quarter *)&a;
    const rv_quarter x = q[0] + q[1];
#elif RV_WIDTH == 8
    const rv_vec a = sum->part[0] + sum->part[1];
    const rv_quarter *q = (const rv_quarter *)&a;
    const rv_quarter x = q[0] + q[1];
#else
    const rv_vec x = (sum->part[0] + sum->part[2]) + (sum->part[1] + sum->part[3]);
#endif
    return x;
}

/* its total in a fixed tree: lane k + lane k + 8, then + 4, + 2, + 1 */
RV_INLINE float rv_sum_lanes(const rv_lanes *sum)
{
    const rv_quarter x = rv_fold_lanes(sum);
    return (x[0] + x[2]) + (x[1] + x[3]);
}

/* those of four sums */
RV_INLINE rv_quarter rv_sum_four(const rv_lanes sum[4])
{
    const rv_quarter a = rv_fold_lanes(&sum[0]), b = rv_fold_lanes(&sum[1]);
    const rv_quarter c = rv_fold_lanes(&sum[2]), d = rv_fold_lanes(&sum[3]);
    const rv_quarter ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const rv_quarter cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/* The number of the lowest bit, 64 if there is none. */
RV_INLINE uint32_t rv_lowest_bit(uint64_t bits)
{
#if defined(__BMI__)
    return (uint32_t)_tzcnt_u64(bits);
#else
    return bits ? (uint32_t)__builtin_ctzll(bits) : 64;
#endif
}

#define RV_FEW_BITS 4 /* of a word, which are taken whether they are there or not: how many there are is hard to predict */

/* Number k of rv_take_bits. */
RV_INLINE void rv_take_lowest(uint32_t *ids, float *picked, const float *from, uint64_t bits, size_t first, size_t k)
{
    const uint32_t at = rv_lowest_bit(bits);
    ids[k] = (uint32_t)first + at;
    if (picked)
        picked[k] = from[at % 64];
}

/* The numbers of the bits set in a word whose first is number `first`, ascending, into ids; and from[their place in the
 * word] (64) into picked, both NULL if not wanted. Returns how many. There is room for RV_FEW_BITS, however few. */
RV_INLINE size_t rv_take_bits(uint32_t *ids, float *picked, const float *from, uint64_t bits, size_t first)
{
    const size_t num = (size_t)__builtin_popcountll(bits);
#pragma GCC unroll 4
    for (size_t k = 0; k < RV_FEW_BITS; k++, bits &= bits - 1)
        rv_take_lowest(ids, picked, from, bits, first, k);
    for (size_t k = RV_FEW_BITS; k < num; k++, bits &= bits - 1)
        rv_take_lowest(ids, picked, from, bits, first, k);
    return num;
}

/* The numbers of the bits set in words [begin / 64, (end + 63) / 64), ascending, into ids; returns how many. ids has
 * room for end - begin, rounded up to 16. */
RV_INLINE size_t rv_bits_to_ids(const uint64_t *words, size_t begin, size_t end, uint32_t *ids)
{
    size_t num = 0;
    for (size_t word = begin / 64; word < (end + 63) / 64; word++)
        num += rv_take_bits(ids + num, NULL, NULL, words[word], word * 64);
    return num;
}

#endif
