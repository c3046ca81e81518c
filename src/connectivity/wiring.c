#include "connectivity/wiring.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* Rows that are all alike: neither the number of the weights nor that of their floats may overflow. */
static int finish_uniform(rv_wiring *wiring, const rv_ends *ends)
{
    size_t floats;
    const rv_rows *rows = &wiring->rows;
    if (rv_multiply(rows->num, rows->length, &wiring->num_weights) && rv_multiply(rows->num, rows->stride, &floats) &&
        floats <= SIZE_MAX / sizeof(float))
        return RV_OK;
    return rv_fail(ends->context, RV_ERR_SHAPE, "%s: %zu x %zu weights are too many", ends->what, rows->num,
                   rows->length);
}

int rv_wiring_create(rv_wiring **out, const rv_connectivity *connectivity, const rv_ends *ends, uint32_t **order)
{
    rv_wiring *wiring = *out = rv_alloc(ends->context, 1, sizeof *wiring, "wiring");
    *order = NULL;
    if (!wiring)
        return RV_ERR_MEMORY;
    atomic_init(&wiring->references, 1);
    wiring->scale = 1;
    int error = connectivity->model->wire(wiring, connectivity, ends, order);
    if (!error && !wiring->begin)
        error = finish_uniform(wiring, ends);
    if (!error && wiring->begin) {
        wiring->rows.begin = wiring->begin;
        wiring->rows.lengths = wiring->lengths;
        wiring->rows.size = wiring->begin[wiring->rows.num];
    }
    if (error) {
        rv_wiring_free(wiring);
        rv_free(*order);
        *order = NULL;
        *out = NULL;
    }
    return error;
}

rv_wiring *rv_wiring_retain(rv_wiring *wiring)
{
    atomic_fetch_add(&wiring->references, 1);
    return wiring;
}

void rv_wiring_free(rv_wiring *wiring)
{
    if (!wiring || atomic_fetch_sub(&wiring->references, 1) != 1)
        return;
    rv_free(wiring->begin);
    rv_free(wiring->lengths);
    rv_free(wiring->structure);
    rv_free(wiring);
}

rv_links rv_wiring_links(const rv_wiring *wiring, const rv_kernels *kernels, size_t num_source, size_t num_target,
                         size_t n_pad)
{
    return (rv_links){
        .kernels = kernels,
        .num_source = num_source,
        .num_target = num_target,
        .n_pad = n_pad,
        .rows = wiring->rows,
        .scale = wiring->scale,
        .structure = wiring->structure,
    };
}

void rv_links_pack(const rv_links *links, const rv_connectivity_model *model, float *rows, const float *flat)
{
    if (model->pack) {
        model->pack(links, rows, flat);
        return;
    }
    for (size_t row = 0; row < links->rows.num; flat += rv_row_length(&links->rows, row++))
        memcpy(rows + rv_row_begin(&links->rows, row), flat, rv_row_length(&links->rows, row) * sizeof *flat);
}

void rv_links_unpack(const rv_links *links, const rv_connectivity_model *model, float *flat, const float *rows)
{
    if (model->unpack) {
        model->unpack(links, flat, rows);
        return;
    }
    for (size_t row = 0; row < links->rows.num; flat += rv_row_length(&links->rows, row++))
        memcpy(flat, rows + rv_row_begin(&links->rows, row), rv_row_length(&links->rows, row) * sizeof *flat);
}
