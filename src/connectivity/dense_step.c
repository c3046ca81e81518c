/* Dense connections: a spike is a row. Without delays the row kernels do it all; with a delay per synapse a row is
 * scattered over, or gathered from, the rows of a ring. */
#include "connectivity/model.h"
#include "kernels/isa.h"

static void forward(const rv_links *l, float *acc, const float *from, const float *decay, const uint32_t *ids,
                    size_t num)
{
    const rv_spike_rows list = {l->weight, l->rows.stride, ids, num};
    l->kernels->add_lists(acc, from, decay, &list, 1, l->n_pad);
}

static void back(const rv_links *l, float *out, const uint32_t *ids, size_t num, const float *x)
{
    l->kernels->dot_rows(out, l->weight, l->rows.stride, ids, num, x, l->n_pad);
}

static void gradient(const rv_links *l, float *gradient_rows, uint8_t *touched, const uint32_t *ids, size_t num,
                     const float *x)
{
    l->kernels->scatter_rows(gradient_rows, l->rows.stride, ids, num, x, l->n_pad, touched);
}

static void weigh(const rv_links *l, float *out, size_t row, const float *sum, const float *factor)
{
    (void)row;
    l->kernels->multiply(out, sum, factor, l->rows.stride);
}

static void row_sum(const rv_links *l, float *out, bool add, size_t row, size_t begin, size_t end, const float *x,
                    size_t x_stride, const uint32_t *entries, size_t num)
{
    (void)row;
    l->kernels->sum_rows(out, add, x, x_stride, entries, num, begin, end);
}

static void row_leaves(const rv_links *l, float *out, size_t row, const float *x, size_t x_stride,
                       const uint32_t *first, const uint32_t *entries, size_t num_leaves)
{
    (void)row;
    l->kernels->add_leaves(out, x, x_stride, first, entries, num_leaves, l->rows.stride);
}

static void slice(rv_links *l, size_t begin, size_t end)
{
    l->weight += begin;
    l->n_pad = end - begin;
}

/* ---- a delay per synapse ---- */

/* offsets (in floats) of 16 synapses' places in a ring: row (t + d) % num_rows, column j; t is below num_rows, and so
 * is d, so that one subtraction is the remainder */
RV_INLINE void places(uint32_t *place, const rv_ring *ring, uint32_t t, const uint16_t *delay, size_t j)
{
    const uint32_t num_rows = (uint32_t)ring->num_rows, stride = (uint32_t)ring->stride;
    for (uint32_t k = 0; k < RV_LANES; k++) {
        uint32_t row = t + delay[j + k];
        row = row >= num_rows ? row - num_rows : row;
        place[k] = row * stride + (uint32_t)j + k;
    }
}

static void forward_delayed(const rv_links *l, const rv_ring *pending, size_t t, const uint32_t *ids, size_t num)
{
    const uint32_t now = (uint32_t)(t % pending->num_rows);
    uint32_t place[RV_LANES];
    for (size_t s = 0; s < num; s++) {
        const float *w = l->weight + ids[s] * l->rows.stride;
        const uint16_t *delay = l->delay + ids[s] * l->rows.stride;
        for (size_t j = 0; j < l->n_pad; j += RV_LANES) {
            places(place, pending, now, delay, j);
            for (size_t k = 0; k < RV_LANES; k++)
                pending->base[place[k]] += w[j + k];
        }
    }
}

static void back_delayed(const rv_links *l, float *out, const uint32_t *ids, size_t num, const rv_ring *x, size_t t)
{
    const uint32_t now = (uint32_t)(t % x->num_rows);
    uint32_t place[RV_LANES];
    for (size_t s = 0; s < num; s++) {
        const float *w = l->weight + ids[s] * l->rows.stride;
        const uint16_t *delay = l->delay + ids[s] * l->rows.stride;
        for (size_t block = 0; block < l->n_pad; block += RV_DOT_BLOCK) {
            const size_t end = block + RV_DOT_BLOCK < l->n_pad ? block + RV_DOT_BLOCK : l->n_pad;
            float lane[RV_LANES] __attribute__((aligned(64))) = {0};
            for (size_t j = block; j < end; j += RV_LANES) {
                places(place, x, now, delay, j);
                for (size_t k = 0; k < RV_LANES; k++)
                    lane[k] += w[j + k] * x->base[place[k]];
            }
            rv_lanes sum;
            for (int i = 0; i < RV_LANES / RV_WIDTH; i++)
                sum.part[i] = rv_cat(lane)[i];
            out[s] += rv_sum_lanes(&sum);
        }
    }
}

static void gradient_delayed(const rv_links *l, float *gradient_rows, uint8_t *touched, const uint32_t *ids,
                             size_t num, const rv_ring *x, size_t t)
{
    const uint32_t now = (uint32_t)(t % x->num_rows);
    uint32_t place[RV_LANES];
    for (size_t s = 0; s < num; s++) {
        float *row = gradient_rows + ids[s] * l->rows.stride;
        const uint16_t *delay = l->delay + ids[s] * l->rows.stride;
        const bool fresh = !touched[ids[s]];
        touched[ids[s]] = 1;
        for (size_t j = 0; j < l->n_pad; j += RV_LANES) {
            places(place, x, now, delay, j);
            for (size_t k = 0; k < RV_LANES; k++)
                row[j + k] = (fresh ? 0.0F : row[j + k]) + x->base[place[k]];
        }
    }
}

extern const rv_connectivity_ops RV_ISA_NAME(rv_dense_ops);
const rv_connectivity_ops RV_ISA_NAME(rv_dense_ops) = {
    .forward = forward,
    .adds_rows = true,
    .back = back,
    .gradient = gradient,
    .weigh = weigh,
    .row_sum = row_sum,
    .row_leaves = row_leaves,
    .slice = slice,
    .forward_delayed = forward_delayed,
    .back_delayed = back_delayed,
    .gradient_delayed = gradient_delayed,
};
