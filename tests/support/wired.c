#include "support/wired.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

uint32_t wired_random(uint64_t *state, uint32_t below)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * 0x2545f4914f6cdd1dU) >> 33) % below;
}

float wired_uniform(uint64_t *state)
{
    return (float)wired_random(state, 2000001) / 1000000 - 1;
}

/* A third of all pairs, shuffled; some neurons have none. */
static void draw_lists(wired *w, uint64_t *random)
{
    const size_t most = w->ends.num_source * w->ends.num_target;
    size_t num = 0;
    w->pre_ind = calloc(most + 1, sizeof *w->pre_ind);
    w->post_ind = calloc(most + 1, sizeof *w->post_ind);
    for (uint32_t i = 0; i < w->ends.num_source; i++)
        for (uint32_t j = 0; j < w->ends.num_target; j++)
            if (i % 5 != 3 && wired_random(random, 3) == 0) {
                const size_t at = wired_random(random, (uint32_t)num + 1);
                w->pre_ind[num] = w->pre_ind[at];
                w->post_ind[num] = w->post_ind[at];
                w->pre_ind[at] = i;
                w->post_ind[at] = j;
                num++;
            }
    w->connectivity.pre_ind = w->pre_ind;
    w->connectivity.post_ind = w->post_ind;
    w->connectivity.num_synapses = num;
}

static void draw_options(wired *w, uint64_t *random, bool larger)
{
    rv_connectivity *c = &w->connectivity;
    rv_ends *e = &w->ends;
    c->filters = wired_random(random, larger ? 40 : 4) + 1;
    if (wired_random(random, 3) == 0)
        c->filters = 16 * (wired_random(random, 3) + 1);
    for (int i = 0; i < 2; i++) {
        e->source_shape[i] = wired_random(random, 9) + 1;
        c->conv_size[i] = wired_random(random, 5) + 1;
        c->conv_strides[i] = wired_random(random, 2) ? 1 : wired_random(random, 4) + 1;
        c->pool_size[i] = wired_random(random, 3) + 1;
        c->pool_strides[i] = wired_random(random, 4);
    }
    if (!c->pool_strides[0])
        c->pool_strides[1] = 0; /* the default */
    c->conv_padding = wired_random(random, 2) ? RV_PADDING_SAME : RV_PADDING_VALID;
    c->flatten = wired_random(random, 2);
    c->p = (double)wired_random(random, 11) / 10;
    e->source_shape[2] = wired_random(random, 4) + 1;
    e->source_dims = 3;
    e->num_source = e->source_shape[0] * e->source_shape[1] * e->source_shape[2];
    e->num_target = wired_random(random, larger ? 600 : 30) + 1;
}

static void fill(wired *w, uint64_t *random, bool delays)
{
    const rv_rows *rows = &w->links.rows;
    w->weight = aligned_alloc(64, (rows->size + 16) * sizeof *w->weight);
    w->flat = calloc(w->wiring->num_weights + 1, sizeof *w->flat);
    w->delay = delays ? calloc(rows->size + 16, sizeof *w->delay) : NULL;
    for (size_t k = 0; k < rows->size; k++)
        w->weight[k] = 0;
    for (size_t k = 0; k < w->wiring->num_weights; k++)
        w->flat[k] = wired_uniform(random);
    rv_links_pack(&w->links, w->connectivity.model, w->weight, w->flat);
    for (size_t row = 0; delays && row < rows->num; row++)
        for (size_t k = 0; k < rv_row_length(rows, row); k++)
            w->delay[rv_row_begin(rows, row) + k] = (uint16_t)wired_random(random, 7);
    w->links.weight = w->weight;
    w->links.delay = w->delay;
}

bool wired_make(wired *w, rv_context *context, int model, uint64_t *random, bool larger)
{
    uint32_t *order = NULL;
    size_t size = 1;
    *w = (wired){.connectivity.model = rv_connectivity_model_at(model),
                 .ends = {.context = context, .what = "wired", .object = wired_random(random, 100)}};
    draw_options(w, random, larger);
    const rv_connectivity_model *m = w->connectivity.model;
    if (m->listed && !m->random)
        draw_lists(w, random);
    if (m->target_shape &&
        m->target_shape(&w->connectivity, &w->ends, w->ends.target_shape, &w->ends.target_dims) < 0) {
        wired_free(w);
        return false;
    }
    for (int i = 0; i < w->ends.target_dims; i++)
        size *= w->ends.target_shape[i];
    if (w->ends.target_dims)
        w->ends.num_target = size;
    if (rv_wiring_create(&w->wiring, &w->connectivity, &w->ends, &order) < 0)
        fail_msg("%s: %s", m->name, rv_last_error(context));
    free(order);
    w->links = rv_wiring_links(w->wiring, rv_kernels_for(context->isa), w->ends.num_source, w->ends.num_target,
                               (w->ends.num_target + 15) / 16 * 16);
    fill(w, random, m->ops(context->isa)->forward_delayed != NULL);
    return true;
}

void wired_free(wired *w)
{
    rv_wiring_free(w->wiring);
    free(w->weight);
    free(w->delay);
    free(w->flat);
    free(w->pre_ind);
    free(w->post_ind);
    *w = (wired){0};
}

double *wired_matrix(const wired *w, double *delays)
{
    const size_t num_target = w->ends.num_target;
    const rv_connectivity_model *m = w->connectivity.model;
    double *matrix = calloc(w->ends.num_source * num_target + 1, sizeof *matrix);
    for (uint32_t i = 0; i < w->ends.num_source; i++) {
        const size_t num = m->synapses(&w->links, i, NULL, NULL);
        uint32_t *targets = calloc(num + 1, sizeof *targets);
        size_t *places = calloc(num + 1, sizeof *places);
        m->synapses(&w->links, i, targets, places);
        for (size_t k = 0; k < num; k++) {
            matrix[i * num_target + targets[k]] += (double)w->links.scale * (double)w->weight[places[k]];
            if (delays && w->delay)
                delays[i * num_target + targets[k]] = w->delay[places[k]];
        }
        free(targets);
        free(places);
    }
    return matrix;
}
