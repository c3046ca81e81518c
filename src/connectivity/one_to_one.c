/* OneToOne: source i to target i. A spike is one weight, so that the kernels are plain C, the same for every instruction
 * set. Weights lie one after the other, in the order of the neurons; a row is ROW of them, for the learning to share
 * them out. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "connectivity/wiring.h"

#define ROW 256 /* weights, a multiple of 16 */

static int target_shape(const rv_connectivity *c, const rv_ends *ends, size_t shape[RV_MAX_DIMS], int *dims)
{
    (void)c;
    memcpy(shape, ends->source_shape, RV_MAX_DIMS * sizeof *shape);
    *dims = ends->source_dims;
    return RV_OK;
}

static int wire(rv_wiring *out, const rv_connectivity *c, const rv_ends *ends, uint32_t **order)
{
    (void)c, (void)order;
    const size_t n = ends->num_source, padded = (n + 15) / 16 * 16;
    out->num_weights = n;
    out->rows.num = (n + ROW - 1) / ROW;
    out->begin = rv_alloc(ends->context, out->rows.num + 1, sizeof *out->begin, "rows of synapses");
    out->lengths = rv_alloc(ends->context, out->rows.num, sizeof *out->lengths, "rows of synapses");
    if (!out->begin || !out->lengths)
        return RV_ERR_MEMORY;
    for (size_t row = 0; row < out->rows.num; row++) {
        out->lengths[row] = (uint32_t)(n - row * ROW < ROW ? n - row * ROW : ROW);
        out->begin[row + 1] = row + 1 < out->rows.num ? (row + 1) * ROW : padded;
    }
    return RV_OK;
}

static size_t synapses(const rv_links *links, uint32_t source, uint32_t *targets, size_t *places)
{
    (void)links;
    if (targets) {
        targets[0] = source;
        places[0] = source;
    }
    return 1;
}

/* ---- kernels ---- */

static void forward(const rv_links *l, float *acc, const float *from, const float *decay, const uint32_t *ids,
                    size_t num)
{
    if (decay)
        l->kernels->multiply(acc, from, decay, l->n_pad);
    for (size_t s = 0; s < num; s++)
        acc[ids[s]] += l->weight[ids[s]];
}

static void back(const rv_links *l, float *out, const uint32_t *ids, size_t num, const float *x)
{
    for (size_t s = 0; s < num; s++)
        out[s] += l->weight[ids[s]] * x[ids[s]];
}

/* The sum of a source's weight, its row zeroed first where it holds nothing. */
static float *sum_of(const rv_links *l, float *gradient, uint8_t *touched, uint32_t id)
{
    const size_t row = id / ROW;
    if (!touched[row])
        memset(gradient + l->rows.begin[row], 0, (l->rows.begin[row + 1] - l->rows.begin[row]) * sizeof *gradient);
    touched[row] = 1;
    return gradient + id;
}

static void gradient(const rv_links *l, float *rows, uint8_t *touched, const uint32_t *ids, size_t num, const float *x)
{
    for (size_t s = 0; s < num; s++)
        *sum_of(l, rows, touched, ids[s]) += x[ids[s]];
}

static void weigh(const rv_links *l, float *out, size_t row, const float *sum, const float *factor)
{
    l->kernels->multiply(out, sum, factor + l->rows.begin[row], l->rows.begin[row + 1] - l->rows.begin[row]);
}

static void forward_delayed(const rv_links *l, const rv_ring *pending, size_t t, const uint32_t *ids, size_t num)
{
    for (size_t s = 0; s < num; s++)
        rv_ring_row(pending, t + l->delay[ids[s]])[ids[s]] += l->weight[ids[s]];
}

static void back_delayed(const rv_links *l, float *out, const uint32_t *ids, size_t num, const rv_ring *x, size_t t)
{
    for (size_t s = 0; s < num; s++)
        out[s] += l->weight[ids[s]] * rv_ring_row(x, t + l->delay[ids[s]])[ids[s]];
}

static void gradient_delayed(const rv_links *l, float *rows, uint8_t *touched, const uint32_t *ids, size_t num,
                             const rv_ring *x, size_t t)
{
    for (size_t s = 0; s < num; s++)
        *sum_of(l, rows, touched, ids[s]) += rv_ring_row(x, t + l->delay[ids[s]])[ids[s]];
}

static const rv_connectivity_ops one_to_one_ops = {
    .forward = forward,
    .back = back,
    .gradient = gradient,
    .weigh = weigh,
    .forward_delayed = forward_delayed,
    .back_delayed = back_delayed,
    .gradient_delayed = gradient_delayed,
};

static const rv_connectivity_ops *ops(rv_isa isa)
{
    (void)isa;
    return &one_to_one_ops;
}

const rv_connectivity_model rv_one_to_one_model = {
    .name = "OneToOne",
    .help = "each source to the target of the same number",
    .sparse = true,
    .target_shape = target_shape,
    .wire = wire,
    .synapses = synapses,
    .ops = ops,
};

rv_connectivity rv_one_to_one(rv_value weight)
{
    return (rv_connectivity){.model = &rv_one_to_one_model, .weight = weight};
}
