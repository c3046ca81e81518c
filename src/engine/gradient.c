/* From the batch's spikes and adjoints to gradients: one fixed sum, whoever computes it.
 *
 * A leaf is the examples whose position is congruent modulo num_leaves. In a leaf, a weight's terms are summed by
 * example ascending, step descending, list order; leaves join in one binary tree; -tau_syn comes last. The slots
 * schedule has filled the leaves while sweeping; the rows schedule finds the terms of each row of weights here, through
 * spikes sorted by presynaptic neuron. Both then take a row through the tree. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/threads.h"
#include "engine/engine.h"

/* ---- rows: sorting spikes by presynaptic neuron ---- */

typedef struct sorting {
    rv_engine *engine;
    size_t batch_num;
    rv_work work; /* (source population, leaf) pairs */
    bool place;   /* second pass: counts are known */
} sorting;

/* Spikes of one population in one leaf: counted, or put in their places. Spikes of the last step met nothing. */
static void sort_leaf(const sorting *s, uint32_t population, size_t leaf)
{
    const rv_engine *engine = s->engine;
    const size_t num_leaves = engine->model->num_leaves;
    const uint32_t num_steps = engine->model->num_steps, meets = engine->model->rule->meets;
    uint32_t *const next = engine->sorted[population].next, *const entries = engine->sorted[population].entries;
    for (size_t position = leaf; rv_engine_owns(engine, leaf) && position < s->batch_num; position += num_leaves) {
        const rv_tape *tape = &engine->examples[position].tapes[population];
        if (!s->place) {
            const uint32_t end = tape->offset[num_steps - 1];
            for (uint32_t k = 0; k < end; k++)
                next[tape->ids[k] * num_leaves + leaf]++;
            continue;
        }
        const uint32_t first_row = (uint32_t)(position * rv_history_steps(engine->model));
        for (uint32_t t = num_steps - 1; t-- > 0;)
            for (uint32_t k = tape->offset[t], end = tape->offset[t + 1]; k < end; k++)
                entries[next[tape->ids[k] * num_leaves + leaf]++] = first_row + t + meets;
    }
}

static void sort_worker(void *arg, int worker)
{
    (void)worker;
    sorting *s = arg;
    size_t item;
    while (rv_work_take(&s->work, &item)) {
        const uint32_t population = (uint32_t)(item / s->engine->model->num_leaves);
        if (s->engine->sorted[population].begin)
            sort_leaf(s, population, item % s->engine->model->num_leaves);
    }
}

static int counts_to_places(rv_engine *engine, uint32_t population)
{
    rv_sorted_spikes *sorted = &engine->sorted[population];
    const size_t num_keys = engine->model->populations[population].n * engine->model->num_leaves;
    uint32_t sum = 0;
    for (size_t k = 0; k < num_keys; k++) {
        const uint32_t count = sorted->next[k];
        sorted->begin[k] = sorted->next[k] = sum;
        sum += count;
    }
    sorted->begin[num_keys] = sum;
    return rv_grow(engine->model->context, &sorted->entries, &sorted->capacity, sum, sizeof *sorted->entries,
                   "spikes by neuron");
}

static int sort_spikes(rv_engine *engine, size_t batch_num)
{
    const rv_compiled_network *model = engine->model;
    sorting s = {.engine = engine, .batch_num = batch_num};
    for (uint32_t i = 0; i < model->num_populations; i++)
        if (engine->sorted[i].begin)
            memset(engine->sorted[i].next, 0, model->populations[i].n * model->num_leaves * sizeof(uint32_t));
    rv_work_init(&s.work, model->num_populations * model->num_leaves);
    rv_parallel(engine->model->context, sort_worker, &s);
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const int error = engine->sorted[i].begin ? counts_to_places(engine, i) : RV_OK;
        if (error)
            return error;
    }
    s.place = true;
    rv_work_init(&s.work, model->num_populations * model->num_leaves);
    rv_parallel(engine->model->context, sort_worker, &s);
    return RV_OK;
}

/* ---- slots: the sums of leaves have been filled ---- */

/* The sums of a slot row's leaves; NULL where a leaf is empty. Returns whether there is any. */
static bool slot_sums(const rv_engine *engine, const rv_plan_parameter *p, size_t row, float **sum)
{
    bool any = false;
    for (size_t leaf = 0; leaf < engine->model->num_leaves; leaf++) {
        uint8_t *touched = &p->touched[leaf * p->rows.num + row];
        sum[leaf] = *touched ? p->slots + leaf * p->rows.size + rv_row_begin(&p->rows, row) : NULL;
        *touched = 0;
        any |= sum[leaf] != NULL;
    }
    return any;
}

/* ---- rows: the same, made here ---- */

/* What entries of sorted spikes count rows of, for the targets of a connection. */
static const float *met_by(const rv_engine *engine, const rv_plan_connection *c)
{
    const rv_compiled_network *model = engine->model;
    return engine->histories + model->populations[c->target].groups[c->group].history + c->delay * model->history_size;
}

static const uint32_t *entries_of(const rv_engine *engine, const rv_plan_connection *c, size_t row)
{
    return &engine->sorted[c->source].begin[row * engine->model->num_leaves];
}

static bool row_sums(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c, size_t row,
                     float **sum)
{
    const rv_compiled_network *model = engine->model;
    const uint32_t *begin = entries_of(engine, c, row);
    bool any = false;
    for (size_t leaf = 0; leaf < model->num_leaves; leaf++) {
        sum[leaf] = NULL;
        if (begin[leaf] == begin[leaf + 1])
            continue;
        sum[leaf] = worker->sums + leaf * model->max_n_pad;
        c->ops->row_sum(&c->links, sum[leaf], false, row, 0, rv_row_padded(&c->links.rows, row), met_by(engine, c),
                        model->history_size, engine->sorted[c->source].entries + begin[leaf],
                        begin[leaf + 1] - begin[leaf]);
        any = true;
    }
    return any;
}

/* All leaves at once; NULL = all are empty. */
static float *row_total(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c, size_t row)
{
    const size_t num_leaves = engine->model->num_leaves;
    const uint32_t *begin = entries_of(engine, c, row);
    if (begin[0] == begin[num_leaves])
        return NULL;
    c->ops->row_leaves(&c->links, worker->sums, row, met_by(engine, c), engine->model->history_size, begin,
                       engine->sorted[c->source].entries, num_leaves);
    return worker->sums;
}

/* ---- all: a row of the gradient ---- */

/* The tree: halves join halves. An empty leaf is +0, which changes nothing: sums never are -0. */
float *rv_gradient_join(const rv_engine *engine, float **sum, size_t num_leaves, size_t n)
{
    if (num_leaves == 1)
        return sum[0];
    float *a = rv_gradient_join(engine, sum, num_leaves / 2, n);
    float *b = rv_gradient_join(engine, sum + num_leaves / 2, num_leaves / 2, n);
    if (a && b)
        engine->model->kernels->add(a, a, b, n);
    return a ? a : b;
}

bool rv_gradient_leaves(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c,
                        const rv_plan_parameter *p, size_t row, float **sum)
{
    return p->slots ? slot_sums(engine, p, row, sum) : row_sums(engine, worker, c, row, sum);
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
    float *sum[RV_MAX_LEAVES], *all = NULL;
    if (p->joined)
        all = p->joined + rv_row_begin(&p->rows, row);
    else if (!p->slots)
        all = row_total(engine, worker, c, row);
    else if (slot_sums(engine, p, row, sum))
        all = rv_gradient_join(engine, sum, model->num_leaves, n);
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
    const int error = model->rows ? sort_spikes(engine, batch_num) : RV_OK;
    return error ? error : rv_gradient_exchange(engine);
}

size_t rv_gradient_num_rows(const rv_compiled_network *model)
{
    size_t num_rows = 0;
    for (uint32_t i = 0; i < model->num_connections; i++)
        num_rows += model->connections[i].links.rows.num;
    return num_rows;
}
