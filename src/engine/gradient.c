/* From the batch's spikes and adjoints to gradients: one fixed sum, whoever computes it.
 *
 * A leaf is the examples whose position is congruent modulo num_leaves. In a leaf, a weight's terms are summed by
 * example ascending, step descending, list order; leaves join in one binary tree; -tau_syn comes last. The slots
 * schedule has filled the leaves while sweeping; the rows schedule finds the terms of each row of weights here, through
 * spikes sorted by presynaptic neuron. Both then take a row through the tree. */
#include <string.h>

#include "engine/engine.h"

/* ---- slots: the sums of leaves have been filled ---- */

/* An empty leaf is +0, which changes nothing: sums never are -0. */
static float *slot_node(const rv_engine *engine, const rv_worker *worker, const rv_plan_parameter *p, size_t row,
                        size_t first, size_t num)
{
    const float *sums[RV_MAX_LEAVES];
    bool any = false;
    for (size_t k = 0; k < num; k++) {
        uint8_t *touched = &p->touched[(first + k) * p->rows.num + row];
        sums[k] = *touched ? p->slots + (first + k) * p->rows.size + rv_row_begin(&p->rows, row) : engine->zeros;
        any |= *touched;
        *touched = 0;
    }
    if (any)
        engine->model->kernels->join_rows(worker->sums, sums, num, rv_row_padded(&p->rows, row));
    return any ? worker->sums : NULL;
}

/* ---- rows: the same, made here ---- */

/* What sorted entries count rows of, for the targets of a connection. */
static const float *met_by(const rv_engine *engine, const rv_plan_connection *c)
{
    const rv_compiled_network *model = engine->model;
    return engine->histories + model->populations[c->target].groups[c->group].history + c->delay * model->history_size;
}

/* All leaves of the node at once. */
static float *row_node(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c, size_t row,
                       size_t first, size_t num)
{
    const rv_sorted_spikes *sorted = &engine->sorted[c->source];
    const uint32_t *begin = &sorted->begin[row * engine->model->num_leaves + first];
    if (begin[0] == begin[num])
        return NULL;
    c->ops->row_leaves(&c->links, worker->sums, row, met_by(engine, c), engine->model->history_size, begin,
                       sorted->entries, num);
    return worker->sums;
}

/* ---- all: a row of the gradient ---- */

const float *rv_gradient_node(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c,
                              const rv_plan_parameter *p, size_t row, size_t first, size_t num)
{
    return p->slots ? slot_node(engine, worker, p, row, first, num) : row_node(engine, worker, c, row, first, num);
}

static bool is_zero(const float *x, size_t n)
{
    for (size_t j = 0; j < n; j++)
        if (x[j] != 0)
            return false;
    return true;
}

bool rv_gradient_row(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c,
                     const rv_plan_parameter *p, size_t row, const float *factor, float *gradient)
{
    const rv_compiled_network *model = engine->model;
    const size_t n = rv_row_padded(&p->rows, row);
    const float *all = p->joined ? p->joined + rv_row_begin(&p->rows, row)
                                 : rv_gradient_node(engine, worker, c, p, row, 0, model->num_leaves);
    if (!all || is_zero(all, n)) /* what came from other ranks does not tell a sum of nothing from 0: nobody does */
        return false;
    if (c && p == &c->weight)
        c->ops->weigh(&c->links, gradient, row, all, factor);
    else
        model->kernels->multiply(gradient, all, factor, n);
    return true;
}

void rv_gradient_add_bias(const rv_compiled_network *model, const rv_plan_population *p, size_t position,
                          const float *sum)
{
    const size_t leaf = position % model->num_leaves;
    float *slot = p->bias.slots + leaf * p->n_pad;
    for (size_t j = 0; j < p->n_pad; j++)
        slot[j] = (p->bias.touched[leaf] ? slot[j] : 0.0F) + sum[j];
    p->bias.touched[leaf] = 1;
}

int rv_gradient_begin(rv_engine *engine, size_t batch_num)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        for (size_t e = 0; p->bias.slots && p->bias_sum != RV_NONE && e < batch_num; e++)
            if (rv_engine_owns(engine, e))
                rv_gradient_add_bias(model, p, e, engine->examples[e].bias + p->bias_sum);
    }
    const int error = model->rows ? rv_sort_batch(engine, batch_num) : RV_OK;
    return error ? error : rv_gradient_exchange(engine);
}

size_t rv_gradient_num_rows(const rv_compiled_network *model)
{
    size_t num_rows = 0;
    for (uint32_t i = 0; i < model->num_connections; i++)
        num_rows += model->connections[i].links.rows.num;
    return num_rows;
}
