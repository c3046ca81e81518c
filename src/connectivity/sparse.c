/* Sparse: the synapses that the user lists. */
#include "connectivity/sparse.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "connectivity/options.h"
#include "kernels/dispatch.h"

#define LANES 16 /* rows are padded to this */

int rv_sparse_wire(rv_wiring *out, const rv_ends *ends, uint32_t *lengths, const uint32_t *targets)
{
    const size_t num_rows = ends->num_source;
    out->rows.num = num_rows;
    out->lengths = lengths;
    if (!(out->begin = rv_alloc(ends->context, num_rows + 1, sizeof *out->begin, "rows of synapses")))
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < num_rows; i++) {
        out->begin[i + 1] = out->begin[i] + ((size_t)lengths[i] + LANES - 1) / LANES * LANES;
        out->num_weights += lengths[i];
    }
    uint32_t *padded = out->structure = rv_alloc(ends->context, out->begin[num_rows], sizeof *padded, "synapses");
    if (!padded)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < num_rows; targets += lengths[i++]) {
        uint32_t *row = padded + out->begin[i];
        for (size_t k = 0; k < out->begin[i + 1] - out->begin[i]; k++)
            row[k] = targets[k < lengths[i] ? k : lengths[i] - 1];
    }
    return RV_OK;
}

int rv_sparse_spread(rv_wiring **out, rv_context *context, const rv_wiring *wiring, size_t capacity)
{
    const size_t num_rows = wiring->rows.num, stride = (capacity + LANES - 1) / LANES * LANES;
    size_t size;
    *out = NULL;
    if (!rv_multiply(num_rows, stride, &size))
        return rv_fail(context, RV_ERR_MEMORY, "%zu rows with room for %zu synapses each are too many", num_rows,
                       capacity);
    rv_wiring *copy = rv_alloc(context, 1, sizeof *copy, "wiring");
    if (!copy)
        return RV_ERR_MEMORY;
    atomic_init(&copy->references, 1);
    copy->num_weights = wiring->num_weights;
    copy->scale = wiring->scale;
    copy->begin = rv_alloc(context, num_rows + 1, sizeof *copy->begin, "rows of synapses");
    copy->lengths = rv_alloc(context, num_rows, sizeof *copy->lengths, "rows of synapses");
    uint32_t *targets = copy->structure = rv_alloc(context, size, sizeof *targets, "synapses");
    if (!copy->begin || !copy->lengths || !targets) {
        rv_free(copy->begin);
        rv_free(copy->lengths);
        rv_free(targets);
        rv_free(copy);
        return RV_ERR_MEMORY;
    }
    memcpy(copy->lengths, wiring->lengths, num_rows * sizeof *copy->lengths);
    for (size_t i = 0; i < num_rows; i++) {
        memcpy(targets + i * stride, (const uint32_t *)wiring->structure + wiring->begin[i],
               rv_row_padded(&wiring->rows, i) * sizeof *targets);
        copy->begin[i + 1] = (i + 1) * stride;
    }
    copy->rows = (rv_rows){.num = num_rows, .size = size, .begin = copy->begin, .lengths = copy->lengths};
    *out = copy;
    return RV_OK;
}

bool rv_sparse_same(const rv_wiring *a, const rv_wiring *b)
{
    const uint32_t *x = a->structure, *y = b->structure;
    bool same = a->rows.num == b->rows.num && !memcmp(a->lengths, b->lengths, a->rows.num * sizeof *a->lengths);
    for (size_t i = 0; same && i < a->rows.num; i++)
        same = !memcmp(x + a->begin[i], y + b->begin[i], a->lengths[i] * sizeof *x);
    return same;
}

size_t rv_sparse_synapses(const rv_links *links, uint32_t source, uint32_t *targets, size_t *places)
{
    const size_t begin = rv_row_begin(&links->rows, source), num = rv_row_length(&links->rows, source);
    for (size_t k = 0; targets && k < num; k++) {
        targets[k] = rv_sparse_targets(links)[begin + k];
        places[k] = begin + k;
    }
    return num;
}

/* ---- from lists ------------------------------------------------------------------------------------------------ */

static int check_list(const rv_connectivity *c, const rv_ends *ends)
{
    if (c->num_synapses > UINT32_MAX)
        return rv_fail(ends->context, RV_ERR_SHAPE, "%s: at most 4294967295 synapses can be listed, got %zu", ends->what,
                       c->num_synapses);
    if (c->num_synapses && (!c->pre_ind || !c->post_ind))
        return rv_fail(ends->context, RV_ERR_ARGUMENT, "%s: pre_ind and post_ind are required", ends->what);
    for (size_t k = 0; k < c->num_synapses; k++) {
        const bool bad_source = c->pre_ind[k] >= ends->num_source;
        if (bad_source || c->post_ind[k] >= ends->num_target)
            return rv_fail(ends->context, RV_ERR_VALUE, "%s: %s of synapse %zu must be < %zu, got %u", ends->what,
                           bad_source ? "pre_ind" : "post_ind", k, bad_source ? ends->num_source : ends->num_target,
                           bad_source ? c->pre_ind[k] : c->post_ind[k]);
    }
    return RV_OK;
}

/* One pass of a radix sort: the positions `in` (NULL = 0, 1, ...) into `out`, by ids, in their order where ids are equal.
 * count (num_ids + 1) is scratch. */
static void sort_by(uint32_t *out, const uint32_t *in, size_t num, const uint32_t *ids, size_t num_ids,
                    uint32_t *count)
{
    memset(count, 0, (num_ids + 1) * sizeof *count);
    for (size_t k = 0; k < num; k++)
        count[ids[k] + 1]++;
    for (size_t i = 0; i < num_ids; i++)
        count[i + 1] += count[i];
    for (size_t k = 0; k < num; k++) {
        const uint32_t position = in ? in[k] : (uint32_t)k;
        out[count[ids[position]]++] = position;
    }
}

static int fail_twice(const rv_connectivity *c, const rv_ends *ends, uint32_t first, uint32_t second)
{
    return rv_fail(ends->context, RV_ERR_VALUE, "%s: synapses %u and %u both lead from %u to %u", ends->what, first,
                   second, c->pre_ind[first], c->post_ind[first]);
}

static int wire(rv_wiring *out, const rv_connectivity *c, const rv_ends *ends, uint32_t **order)
{
    const size_t num = c->num_synapses;
    const size_t num_ids = ends->num_source > ends->num_target ? ends->num_source : ends->num_target;
    int error = check_list(c, ends);
    if (error)
        return error;
    uint32_t *count = rv_alloc(ends->context, num_ids + 1, sizeof *count, "sorting of synapses");
    uint32_t *by_target = rv_alloc(ends->context, num, sizeof *by_target, "sorting of synapses");
    uint32_t *lengths = rv_alloc(ends->context, ends->num_source, sizeof *lengths, "rows of synapses");
    *order = rv_alloc(ends->context, num, sizeof **order, "order of synapses");
    if (!count || !by_target || !lengths || !*order) {
        error = RV_ERR_MEMORY;
        rv_free(lengths);
        goto out;
    }
    sort_by(by_target, NULL, num, c->post_ind, ends->num_target, count);
    sort_by(*order, by_target, num, c->pre_ind, ends->num_source, count);
    uint32_t *targets = by_target; /* no longer needed for sorting */
    for (size_t k = 0; k < num; k++) {
        const uint32_t position = (*order)[k];
        targets[k] = c->post_ind[position];
        if (k && targets[k - 1] == targets[k] && c->pre_ind[(*order)[k - 1]] == c->pre_ind[position])
            error = fail_twice(c, ends, (*order)[k - 1], position);
        lengths[c->pre_ind[position]]++;
    }
    if (error)
        rv_free(lengths);
    else
        error = rv_sparse_wire(out, ends, lengths, targets);
out:
    rv_free(count);
    rv_free(by_target);
    return error;
}

/* ---- the model ------------------------------------------------------------------------------------------------- */

RV_ISA_TABLES(const rv_connectivity_ops, rv_sparse_ops);

const rv_connectivity_ops *rv_sparse_ops_of(rv_isa isa)
{
    return RV_ISA_PICK(rv_sparse_ops, isa);
}

static const rv_option options[] = {RV_OPTION_PRE_IND, RV_OPTION_POST_IND};

const rv_connectivity_model rv_sparse_model = {
    .name = "Sparse",
    .help = "the synapses that are listed",
    .options = options,
    .num_options = sizeof options / sizeof options[0],
    .sparse = true,
    .listed = true,
    .wire = wire,
    .synapses = rv_sparse_synapses,
    .ops = rv_sparse_ops_of,
};

rv_connectivity rv_sparse(rv_sparse_desc desc)
{
    return (rv_connectivity){
        .model = &rv_sparse_model,
        .weight = desc.weight,
        .delay = desc.delay,
        .pre_ind = desc.pre_ind,
        .post_ind = desc.post_ind,
        .num_synapses = desc.num_synapses,
    };
}
