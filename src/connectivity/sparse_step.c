/* Listed synapses: a spike scatters its row over the targets; back and gradient gather from them. The scatter goes one
 * synapse after the other: what bounds it is the store to each target, which vectors do not make fewer. */
#include <string.h>

#include "connectivity/sparse.h"
#include "kernels/isa.h"

static void forward(const rv_links *l, float *acc, const float *from, const float *decay, const uint32_t *ids,
                    size_t num)
{
    if (decay)
        l->kernels->multiply(acc, from, decay, l->n_pad);
    for (size_t s = 0; s < num; s++) {
        const float *w = l->weight + l->rows.begin[ids[s]];
        const uint32_t *target = rv_sparse_targets(l) + l->rows.begin[ids[s]];
        const size_t length = l->rows.lengths[ids[s]];
        size_t k = 0;
        for (; k + 4 <= length; k += 4) { /* targets of a row differ: loads need not wait for stores */
            const float a = acc[target[k]] + w[k], b = acc[target[k + 1]] + w[k + 1];
            const float c = acc[target[k + 2]] + w[k + 2], d = acc[target[k + 3]] + w[k + 3];
            acc[target[k]] = a;
            acc[target[k + 1]] = b;
            acc[target[k + 2]] = c;
            acc[target[k + 3]] = d;
        }
        for (; k < length; k++)
            acc[target[k]] += w[k];
    }
}

/* padding: weight 0, at a target that the row has anyway */
static void back(const rv_links *l, float *out, const uint32_t *ids, size_t num, const float *x)
{
    for (size_t s = 0; s < num; s++) {
        const size_t begin = l->rows.begin[ids[s]], end = begin + rv_row_padded(&l->rows, ids[s]);
        const uint32_t *target = rv_sparse_targets(l);
        rv_lanes sum = {0};
        for (size_t k = begin; k < end; k += RV_LANES)
            for (size_t i = 0; i < RV_LANES / RV_WIDTH; i++)
                sum.part[i] += rv_cat(l->weight + k)[i] * rv_gather(x, target + k + i * RV_WIDTH);
        out[s] += rv_sum_lanes(&sum);
    }
}

static void gradient(const rv_links *l, float *rows, uint8_t *touched, const uint32_t *ids, size_t num, const float *x)
{
    for (size_t s = 0; s < num; s++) {
        const size_t begin = l->rows.begin[ids[s]], end = begin + rv_row_padded(&l->rows, ids[s]);
        const uint32_t *target = rv_sparse_targets(l);
        if (!touched[ids[s]])
            memset(rows + begin, 0, (end - begin) * sizeof *rows);
        touched[ids[s]] = 1;
        for (size_t k = begin; k < end; k += RV_WIDTH)
            *rv_at(rows + k) += rv_gather(x, target + k);
    }
}

static void weigh(const rv_links *l, float *out, size_t row, const float *sum, const float *factor)
{
    const size_t begin = l->rows.begin[row], padded = rv_row_padded(&l->rows, row), length = l->rows.lengths[row];
    const uint32_t *target = rv_sparse_targets(l) + begin;
    for (size_t k = 0; k < length; k++)
        out[k] = sum[k] * factor[target[k]];
    for (size_t k = length; k < padded; k++)
        out[k] = 0;
}

static void row_sum(const rv_links *l, float *out, bool add, size_t row, size_t begin, size_t end, const float *x,
                    size_t x_stride, const uint32_t *entries, size_t num)
{
    const uint32_t *target = rv_sparse_targets(l) + l->rows.begin[row];
    for (size_t k = begin; k < end; k += RV_WIDTH) {
        rv_vec sum = {0};
        if (add)
            sum = *rv_cat(out + k);
        for (size_t e = 0; e < num; e++)
            sum += rv_gather(x + entries[e] * x_stride, target + k);
        *rv_at(out + k) = sum;
    }
}

static void row_leaves(const rv_links *l, float *out, size_t row, const float *x, size_t x_stride,
                       const uint32_t *first, const uint32_t *entries, size_t num_leaves)
{
    const uint32_t *target = rv_sparse_targets(l) + l->rows.begin[row];
    for (size_t k = 0; k < rv_row_padded(&l->rows, row); k += RV_WIDTH) {
        rv_vec waiting[RV_MAX_LEAVES], sum = {0};
        for (size_t leaf = 0; leaf < num_leaves; leaf++) {
            size_t level = 0;
            sum = (rv_vec){0};
            for (size_t e = first[leaf]; e < first[leaf + 1]; e++)
                sum += rv_gather(x + entries[e] * x_stride, target + k);
            for (; leaf >> level & 1; level++)
                sum = waiting[level] + sum;
            waiting[level] = sum;
        }
        *rv_at(out + k) = sum;
    }
}

/* ---- a delay per synapse ---- */

/* row (t + d) % num_rows of a ring, column target; t and d are below num_rows */
RV_INLINE size_t place(const rv_ring *ring, size_t t, uint16_t delay, uint32_t target)
{
    const size_t row = t + delay;
    return (row >= ring->num_rows ? row - ring->num_rows : row) * ring->stride + target;
}

static void forward_delayed(const rv_links *l, const rv_ring *pending, size_t t, const uint32_t *ids, size_t num)
{
    const size_t now = t % pending->num_rows;
    for (size_t s = 0; s < num; s++) {
        const size_t begin = l->rows.begin[ids[s]], length = l->rows.lengths[ids[s]];
        const uint32_t *target = rv_sparse_targets(l) + begin;
        for (size_t k = 0; k < length; k++)
            pending->base[place(pending, now, l->delay[begin + k], target[k])] += l->weight[begin + k];
    }
}

static void back_delayed(const rv_links *l, float *out, const uint32_t *ids, size_t num, const rv_ring *x, size_t t)
{
    const size_t now = t % x->num_rows;
    const uint32_t *target = rv_sparse_targets(l);
    for (size_t s = 0; s < num; s++) {
        const size_t begin = l->rows.begin[ids[s]], end = begin + rv_row_padded(&l->rows, ids[s]);
        rv_lanes sum = {0};
        for (size_t k = begin; k < end; k += RV_LANES)
            for (size_t i = 0; i < RV_LANES / RV_WIDTH; i++) {
                const size_t first = k + i * RV_WIDTH;
                rv_vec met = {0};
                for (size_t j = 0; j < RV_WIDTH; j++)
                    met[j] = x->base[place(x, now, l->delay[first + j], target[first + j])];
                sum.part[i] += *rv_cat(l->weight + first) * met;
            }
        out[s] += rv_sum_lanes(&sum);
    }
}

static void gradient_delayed(const rv_links *l, float *rows, uint8_t *touched, const uint32_t *ids, size_t num,
                             const rv_ring *x, size_t t)
{
    const size_t now = t % x->num_rows;
    const uint32_t *target = rv_sparse_targets(l);
    for (size_t s = 0; s < num; s++) {
        const size_t begin = l->rows.begin[ids[s]], end = begin + rv_row_padded(&l->rows, ids[s]);
        if (!touched[ids[s]])
            memset(rows + begin, 0, (end - begin) * sizeof *rows);
        touched[ids[s]] = 1;
        for (size_t k = begin; k < end; k++)
            rows[k] += x->base[place(x, now, l->delay[k], target[k])];
    }
}

extern const rv_connectivity_ops RV_ISA_NAME(rv_sparse_ops);
const rv_connectivity_ops RV_ISA_NAME(rv_sparse_ops) = {
    .forward = forward,
    .back = back,
    .gradient = gradient,
    .weigh = weigh,
    .row_sum = row_sum,
    .row_leaves = row_leaves,
    .forward_delayed = forward_delayed,
    .back_delayed = back_delayed,
    .gradient_delayed = gradient_delayed,
};
