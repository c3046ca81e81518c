/* Row kernels: what a spike costs. A step's spikes are walked with the targets' sums kept in registers, so that a
 * synaptic event is one load and one add. */
#include "kernels/isa.h"
#include "kernels/kernels.h"

/* registers that hold sums at once: as many as leave a few free */
#define WIDE (RV_WIDTH == 16 ? 16 : 8)
#define LEAF_WIDE 8   /* the same for a sum over leaves, of which some wait */
#define LEAF_LEVELS 3 /* log2(RV_MAX_LEAVES) */

/* Cuts [begin, end) into pieces whose number of registers is a constant for `call`, so that sums stay in registers. Few
 * pieces: each walks the list once more, and where it ends is hard to predict. */
#define FOR_BLOCKS(begin, end, call)                                                                                   \
    do {                                                                                                               \
        size_t j = (begin);                                                                                            \
        for (; j + WIDE * RV_WIDTH <= (end); j += WIDE * RV_WIDTH)                                                     \
            call(j, WIDE);                                                                                             \
        if (WIDE > 8 && j + 8 * RV_WIDTH <= (end)) {                                                                   \
            call(j, 8);                                                                                                \
            j += 8 * RV_WIDTH;                                                                                         \
        }                                                                                                              \
        if (j + 4 * RV_WIDTH <= (end)) {                                                                               \
            call(j, 4);                                                                                                \
            j += 4 * RV_WIDTH;                                                                                         \
        }                                                                                                              \
        if (j + 2 * RV_WIDTH <= (end)) {                                                                               \
            call(j, 2);                                                                                                \
            j += 2 * RV_WIDTH;                                                                                         \
        }                                                                                                              \
        if (j < (end))                                                                                                 \
            call(j, 1);                                                                                                \
    } while (0)

RV_INLINE void add_list(rv_vec *sum, const rv_spike_rows *list, size_t j, int count)
{
    const float *rows = list->rows + j;
    const uint32_t *ids = list->ids;
    const size_t stride = list->stride, num = list->num;
    for (size_t k = 0; k < num; k++) {
        const rv_vec *row = rv_cat(rows + ids[k] * stride);
#pragma GCC unroll 16
        for (int i = 0; i < count; i++)
            sum[i] += row[i];
    }
}

RV_INLINE void add_lists_block(float *acc, const float *from, const float *decay, const rv_spike_rows *lists,
                               size_t num_lists, size_t j, int count)
{
    rv_vec sum[WIDE];
#pragma GCC unroll 16
    for (int i = 0; i < count; i++) {
        sum[i] = rv_cat(from + j)[i];
        if (decay)
            sum[i] *= rv_cat(decay + j)[i];
    }
    for (size_t l = 0; l < num_lists; l++)
        add_list(sum, &lists[l], j, count);
#pragma GCC unroll 16
    for (int i = 0; i < count; i++)
        rv_at(acc + j)[i] = sum[i];
}

RV_INLINE void sum_rows_block(float *out, bool add, const rv_spike_rows *list, size_t j, int count)
{
    rv_vec sum[WIDE] = {0};
#pragma GCC unroll 16
    for (int i = 0; i < count && add; i++)
        sum[i] = rv_cat(out + j)[i];
    add_list(sum, list, j, count);
#pragma GCC unroll 16
    for (int i = 0; i < count; i++)
        rv_at(out + j)[i] = sum[i];
}

static void sum_rows(float *out, bool add, const float *rows, size_t stride, const uint32_t *ids, size_t num,
                     size_t begin, size_t end)
{
    const rv_spike_rows list = {rows, stride, ids, num};
#define SUM_ROWS(j, count) sum_rows_block(out, add, &list, j, count)
    FOR_BLOCKS(begin, end, SUM_ROWS);
#undef SUM_ROWS
}

static void add_lists(float *acc, const float *from, const float *decay, const rv_spike_rows *lists, size_t num_lists,
                      size_t n)
{
#define DECAYED(j, count) add_lists_block(acc, from, decay, lists, num_lists, j, count)
#define KEPT(j, count) add_lists_block(acc, from, NULL, lists, num_lists, j, count)
    if (decay)
        FOR_BLOCKS(0, n, DECAYED);
    else
        FOR_BLOCKS(0, n, KEPT);
#undef DECAYED
#undef KEPT
}

/* Who spikes in step k. */
RV_INLINE rv_spike_rows list_of(const rv_spike_steps *list, size_t k)
{
    if (k < list->late)
        return (rv_spike_rows){list->rows, list->stride, list->ids, 0};
    const uint32_t *offset = list->offset + (k - list->late);
    return (rv_spike_rows){list->rows, list->stride, list->ids + offset[0], offset[1] - offset[0]};
}

RV_INLINE void add_steps_block(float *out, const float *before, const float *decay, const rv_spike_steps *lists,
                               size_t num_lists, uint64_t arrived, size_t n, size_t j, int count)
{
    rv_vec sum[WIDE], factor[WIDE];
#pragma GCC unroll 16
    for (int i = 0; i < count; i++) {
        sum[i] = rv_cat(before + j)[i];
        factor[i] = rv_cat(decay + j)[i];
    }
    for (size_t k = 0; arrived >> k; k++) {
#pragma GCC unroll 16
        for (int i = 0; i < count; i++)
            sum[i] *= factor[i];
        if (arrived >> k & 1) {
            for (size_t l = 0; l < num_lists; l++) {
                const rv_spike_rows list = list_of(&lists[l], k);
                add_list(sum, &list, j, count);
            }
#pragma GCC unroll 16
            for (int i = 0; i < count; i++)
                rv_at(out + k * n + j)[i] = sum[i];
        }
        if (k == 63)
            break;
    }
}

static uint64_t add_steps(float *out, const float *before, const float *decay, const rv_spike_steps *lists,
                          size_t num_lists, size_t num_steps, size_t n)
{
    uint64_t arrived = 0;
    for (size_t l = 0; l < num_lists; l++) {
        const uint32_t *offset = lists[l].offset;
        const size_t late = lists[l].late;
        if (late < num_steps && offset[0] < offset[num_steps - late])
            for (size_t k = late; k < num_steps; k++)
                arrived |= (uint64_t)(offset[k - late] < offset[k - late + 1]) << k;
    }
#define ADD_STEPS(j, count) add_steps_block(out, before, decay, lists, num_lists, arrived, n, j, count)
    if (arrived)
        FOR_BLOCKS(0, n, ADD_STEPS);
#undef ADD_STEPS
    return arrived;
}

/* When leaf l ends, it ends as many left halves as l has trailing ones: those that wait join it, the smaller first. */
RV_INLINE void add_leaves_block(rv_vec *out, const float *rows, size_t stride, const uint32_t *first,
                                const uint32_t *ids, size_t num_leaves, int count)
{
    rv_vec waiting[LEAF_LEVELS + 1][LEAF_WIDE], sum[LEAF_WIDE] = {0};
    for (size_t leaf = 0; leaf < num_leaves; leaf++) {
        size_t level = 0;
#pragma GCC unroll 8
        for (int i = 0; i < count; i++)
            sum[i] = (rv_vec){0};
        for (size_t k = first[leaf]; k < first[leaf + 1]; k++) {
            const rv_vec *row = rv_cat(rows + ids[k] * stride);
#pragma GCC unroll 8
            for (int i = 0; i < count; i++)
                sum[i] += row[i];
        }
        for (; leaf >> level & 1; level++) {
#pragma GCC unroll 8
            for (int i = 0; i < count; i++)
                sum[i] = waiting[level][i] + sum[i];
        }
#pragma GCC unroll 8
        for (int i = 0; i < count; i++)
            waiting[level][i] = sum[i];
    }
#pragma GCC unroll 8
    for (int i = 0; i < count; i++)
        out[i] = sum[i];
}

static void add_leaves(float *out, const float *rows, size_t stride, const uint32_t *first, const uint32_t *ids,
                       size_t num_leaves, size_t n)
{
    size_t j = 0;
    for (; j + LEAF_WIDE * RV_WIDTH <= n; j += LEAF_WIDE * RV_WIDTH)
        add_leaves_block(rv_at(out + j), rows + j, stride, first, ids, num_leaves, LEAF_WIDE);
    for (; j < n; j += RV_WIDTH)
        add_leaves_block(rv_at(out + j), rows + j, stride, first, ids, num_leaves, 1);
}

/* num is a constant. */
RV_INLINE rv_vec join_columns(const float *const *rows, size_t num, size_t j)
{
    rv_vec sum[RV_MAX_LEAVES];
#pragma GCC unroll 8
    for (size_t k = 0; k < num; k++)
        sum[k] = *rv_cat(rows[k] + j);
#pragma GCC unroll 4
    for (size_t half = num / 2; half; half /= 2) {
#pragma GCC unroll 4
        for (size_t k = 0; k < half; k++)
            sum[k] = sum[2 * k] + sum[2 * k + 1];
    }
    return sum[0];
}

#define JOIN_ROWS(num)                                                                                                 \
    static void join_##num(float *out, const float *const *rows, size_t n)                                             \
    {                                                                                                                  \
        for (size_t j = 0; j < n; j += RV_WIDTH)                                                                       \
            *rv_at(out + j) = join_columns(rows, num, j);                                                              \
    }
JOIN_ROWS(1)
JOIN_ROWS(2)
JOIN_ROWS(4)
JOIN_ROWS(8)

static void join_rows(float *out, const float *const *rows, size_t num, size_t n)
{
    if (num == 8)
        join_8(out, rows, n);
    else if (num == 4)
        join_4(out, rows, n);
    else if (num == 2)
        join_2(out, rows, n);
    else
        join_1(out, rows, n);
}

/* up to 256 targets of four rows at once: four chains of additions hide each other's latency */
RV_INLINE void dot_four(float *out, const float *const row[4], const float *x, size_t n)
{
    rv_lanes sum[4] = {0};
#pragma GCC unroll 16
    for (size_t j = 0; j < n; j += RV_LANES) {
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++) {
#pragma GCC unroll 4
            for (int i = 0; i < RV_LANES / RV_WIDTH; i++)
                sum[r].part[i] += rv_cat(row[r] + j)[i] * rv_cat(x + j)[i];
        }
    }
    typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
    *(four *)out += rv_sum_four(sum);
}

/* size: a constant where loops are to be unrolled. */
RV_INLINE void dot_block(float *out, const float *rows, size_t stride, const uint32_t *ids, size_t num, const float *x,
                         size_t size)
{
    for (size_t k = 0; k < num; k += 4) {
        const float *row[4];
        for (size_t r = 0; r < 4; r++) /* past the end: the last row again, into the room that out has */
            row[r] = rows + ids[k + r < num ? k + r : num - 1] * stride;
        dot_four(out + k, row, x, size);
    }
}

static void dot_rows(float *out, const float *rows, size_t stride, const uint32_t *ids, size_t num, const float *x,
                     size_t n)
{
#define DOT_BLOCK(size) dot_block(out, rows + j, stride, ids, num, x + j, size)
    for (size_t j = 0; j < n; j += RV_DOT_BLOCK) {
        const size_t size = n - j < RV_DOT_BLOCK ? n - j : RV_DOT_BLOCK;
        if (size == RV_DOT_BLOCK)
            DOT_BLOCK(RV_DOT_BLOCK);
        else if (size == RV_LANES)
            DOT_BLOCK(RV_LANES);
        else if (size == 2 * RV_LANES)
            DOT_BLOCK(2 * RV_LANES);
        else
            DOT_BLOCK(size);
    }
#undef DOT_BLOCK
}

RV_INLINE void weigh_block(rv_vec *out, const float *rows, size_t stride, const float *x, size_t num, int count)
{
    rv_vec sum[WIDE];
#pragma GCC unroll 16
    for (int i = 0; i < count; i++)
        sum[i] = out[i];
    for (size_t k = 0; k < num; k++) {
        const rv_vec *row = rv_cat(rows + k * stride);
#pragma GCC unroll 16
        for (int i = 0; i < count; i++)
            sum[i] += x[k] * row[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < count; i++)
        out[i] = sum[i];
}

static void weigh_rows(float *out, const float *rows, size_t stride, const float *x, size_t num, size_t n)
{
#define WEIGH(j, count) weigh_block(rv_at(out + (j)), rows + (j), stride, x, num, count)
    FOR_BLOCKS(0, n, WEIGH);
#undef WEIGH
}

RV_INLINE void scatter_block(float *rows, size_t stride, const uint32_t *ids, size_t num, const rv_vec *x,
                             const uint8_t *touched, int count)
{
    rv_vec value[WIDE];
#pragma GCC unroll 16
    for (int i = 0; i < count; i++)
        value[i] = x[i];
    for (size_t k = 0; k < num; k++) {
        rv_vec *row = rv_at(rows + ids[k] * stride);
        if (touched[ids[k]]) {
#pragma GCC unroll 16
            for (int i = 0; i < count; i++)
                row[i] += value[i];
        } else {
            const rv_vec zero = {0}; /* 0 + x: a sum that starts at +0 is never -0 */
#pragma GCC unroll 16
            for (int i = 0; i < count; i++)
                row[i] = zero + value[i];
        }
    }
}

static void scatter_rows(float *rows, size_t stride, const uint32_t *ids, size_t num, const float *x, size_t n,
                         uint8_t *touched)
{
#define SCATTER(j, count) scatter_block(rows + (j), stride, ids, num, rv_cat(x + (j)), touched, count)
    FOR_BLOCKS(0, n, SCATTER);
#undef SCATTER
    for (size_t k = 0; k < num; k++)
        touched[ids[k]] = 1;
}

static void add(float *out, const float *a, const float *b, size_t n)
{
    for (size_t j = 0; j < n; j += RV_WIDTH)
        *rv_at(out + j) = *rv_cat(a + j) + *rv_cat(b + j);
}

static void multiply(float *out, const float *a, const float *b, size_t n)
{
    for (size_t j = 0; j < n; j += RV_WIDTH)
        *rv_at(out + j) = *rv_cat(a + j) * *rv_cat(b + j);
}

static void decay(float *out, const float *x, const float *factor, size_t n, size_t num)
{
    for (size_t j = 0; j < n; j += RV_WIDTH) {
        rv_vec v = *rv_cat(x + j);
        const rv_vec by = *rv_cat(factor + j);
        for (size_t k = 0; k < num; k++)
            v *= by;
        *rv_at(out + j) = v;
    }
}

static size_t bits_to_ids(uint32_t *ids, const uint64_t *words, size_t n)
{
    return rv_bits_to_ids(words, 0, n, ids);
}

void RV_ISA_NAME(rv_softmax)(float *p, const float *v, size_t n);
static void scale(float *out, const float *x, float factor, size_t n)
{
    for (size_t j = 0; j < n; j += RV_WIDTH)
        *rv_at(out + j) = *rv_cat(x + j) * factor;
}

static void clip(float *out, const float *x, float limit, size_t n)
{
    for (size_t j = 0; j < n; j += RV_WIDTH) {
        const rv_vec v = *rv_cat(x + j), zero = {0}, high = zero + limit, low = zero - limit;
        *rv_at(out + j) = rv_select(v > high, high, rv_select(v < low, low, v));
    }
}

static double sum_squares(const float *x, size_t n)
{
    double lane[RV_LANES] = {0};
    for (size_t j = 0; j < n; j += RV_LANES)
        for (int k = 0; k < RV_LANES; k++)
            lane[k] += (double)x[j + (size_t)k] * (double)x[j + (size_t)k];
    for (int half = RV_LANES / 2; half; half /= 2)
        for (int k = 0; k < half; k++)
            lane[k] += lane[k + half];
    return lane[0];
}

void RV_ISA_NAME(rv_steps_of)(uint32_t *steps, const float *times, size_t n, double dt, uint32_t num_steps);
bool RV_ISA_NAME(rv_ends_of)(uint32_t *end, size_t num_steps, const uint32_t *steps, size_t n);
void RV_ISA_NAME(rv_widen)(uint32_t *out, const uint16_t *ids, size_t n);
size_t RV_ISA_NAME(rv_sort_steps)(rv_step_sort *sort, size_t t);
void RV_ISA_NAME(rv_adam)(float *w, const float *g, float *m, float *v, size_t n, const rv_adam_step *step);
void RV_ISA_NAME(rv_sgd)(float *w, const float *g, float *m, size_t n, float alpha, float momentum);

extern const rv_kernels RV_ISA_NAME(rv_kernels);
const rv_kernels RV_ISA_NAME(rv_kernels) = {
    .sum_rows = sum_rows,
    .add_lists = add_lists,
    .add_steps = add_steps,
    .add_leaves = add_leaves,
    .join_rows = join_rows,
    .dot_rows = dot_rows,
    .weigh_rows = weigh_rows,
    .scatter_rows = scatter_rows,
    .add = add,
    .multiply = multiply,
    .decay = decay,
    .bits_to_ids = bits_to_ids,
    .softmax = RV_ISA_NAME(rv_softmax),
    .scale = scale,
    .clip = clip,
    .sum_squares = sum_squares,
    .steps_of = RV_ISA_NAME(rv_steps_of),
    .ends_of = RV_ISA_NAME(rv_ends_of),
    .widen = RV_ISA_NAME(rv_widen),
    .sort_steps = RV_ISA_NAME(rv_sort_steps),
    .adam = RV_ISA_NAME(rv_adam),
    .sgd = RV_ISA_NAME(rv_sgd),
};
