/* From the batch's spikes and adjoints to gradients and new weights: one fixed sum, whoever computes it.
 *
 * A leaf is the examples whose position is congruent modulo num_leaves. In a leaf, a weight's terms are summed by
 * example ascending, step descending, list order; leaves join in one binary tree; -tau_syn comes last. The slots
 * schedule has filled the leaves while sweeping; the rows schedule finds the terms of each row of weights here, through
 * spikes sorted by presynaptic neuron. Both then take a row through the tree and the optimiser while it is in cache. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/threads.h"
#include "engine/engine.h"

#define ROWS_AT_ONCE 8 /* rows of weights a worker takes at a time */

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
    const uint32_t num_steps = engine->model->num_steps;
    rv_sorted_spikes *sorted = &engine->sorted[population];
    for (size_t position = leaf; rv_engine_owns(engine, leaf) && position < s->batch_num; position += num_leaves) {
        const rv_tape *tape = &engine->examples[position].tapes[population];
        if (!s->place) {
            const uint32_t end = tape->offset[num_steps - 1];
            for (uint32_t k = 0; k < end; k++)
                sorted->next[tape->ids[k] * num_leaves + leaf]++;
            continue;
        }
        const uint32_t first_row = (uint32_t)(position * rv_history_steps(engine->model));
        for (uint32_t t = num_steps - 1; t-- > 0;)
            for (uint32_t k = tape->offset[t]; k < tape->offset[t + 1]; k++)
                sorted->entries[sorted->next[tape->ids[k] * num_leaves + leaf]++] = first_row + t + 1;
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

/* ---- both: a row from its leaves to its weights ---- */

typedef struct learning {
    rv_engine *engine;
    const rv_optimiser_model *optimiser, *delay_optimiser;
    rv_optimiser_step step, delay_step;
    rv_work work; /* rows of all connections, one after the other */
} learning;

/* The sums of a slot row's leaves; NULL where a leaf is empty. Returns whether there is any. */
static bool slot_sums(const learning *l, const rv_plan_connection *c, const rv_plan_parameter *p, size_t row,
                      float **sum)
{
    bool any = false;
    for (size_t leaf = 0; leaf < l->engine->model->num_leaves; leaf++) {
        const size_t slot = leaf * c->links.num_rows + row;
        sum[leaf] = p->touched[slot] ? p->slots + slot * c->links.stride : NULL;
        p->touched[slot] = 0;
        any |= sum[leaf] != NULL;
    }
    return any;
}

/* The same with the rows schedule: the sums are made here. */
static bool row_sums(const learning *l, const rv_worker *worker, const rv_plan_connection *c, size_t row, float **sum)
{
    const rv_engine *engine = l->engine;
    const rv_compiled_network *model = engine->model;
    const rv_sorted_spikes *sorted = &engine->sorted[c->source];
    const float *lambda_i = engine->histories + model->populations[c->target].groups[c->group].history +
                            c->delay * model->history_size;
    bool any = false;
    for (size_t leaf = 0; leaf < model->num_leaves; leaf++) {
        const uint32_t *begin = &sorted->begin[row * model->num_leaves + leaf];
        sum[leaf] = NULL;
        if (begin[0] == begin[1])
            continue;
        sum[leaf] = worker->sums + leaf * model->max_n_pad;
        c->ops->row_sum(&c->links, sum[leaf], row, lambda_i, model->history_size, sorted->entries + begin[0],
                        begin[1] - begin[0]);
        any = true;
    }
    return any;
}

/* The tree: halves join halves. An empty leaf is +0, which changes nothing: sums never are -0. */
static float *join(const learning *l, float **sum, size_t num_leaves, size_t n)
{
    if (num_leaves == 1)
        return sum[0];
    float *a = join(l, sum, num_leaves / 2, n), *b = join(l, sum + num_leaves / 2, num_leaves / 2, n);
    if (a && b)
        l->engine->model->kernels->add(a, a, b, n);
    return a ? a : b;
}

/* The gradient of a row is the sum of its leaves times `factor`; then the optimiser's step. */
static void learn_parameter(const learning *l, const rv_worker *worker, const rv_plan_connection *c,
                            rv_plan_parameter *p, size_t row, const float *factor,
                            const rv_optimiser_model *optimiser, const rv_optimiser_step *step)
{
    const rv_compiled_network *model = l->engine->model;
    const size_t n = c->links.stride;
    float *sum[RV_MAX_LEAVES], *gradient = p->gradient ? p->gradient + row * n : worker->row;
    if (p->slots ? slot_sums(l, c, p, row, sum) : row_sums(l, worker, c, row, sum)) {
        model->kernels->multiply(gradient, join(l, sum, model->num_leaves, n), factor, n);
        p->moving[row] = 1;
    } else {
        memset(gradient, 0, n * sizeof(float));
        if (!p->moving[row])
            return; /* gradient and moments are and were 0: the numbers stay */
    }
    float *moment[RV_MAX_MOMENTS] = {NULL};
    for (int i = 0; i < optimiser->num_moments; i++)
        moment[i] = p->moment[i] + row * n;
    optimiser->row(model->kernels, p->value + row * n, gradient, moment, n, step);
}

/* Delays come first: their gradient is weighed with the weights that were in use. */
static void learn_row(const learning *l, const rv_worker *worker, rv_plan_connection *c, size_t row)
{
    const rv_plan_group *group = &l->engine->model->populations[c->target].groups[c->group];
    if (c->delay_parameter.value) {
        float *delay = c->delay_parameter.value + row * c->links.stride;
        learn_parameter(l, worker, c, &c->delay_parameter, row, c->weight.value + row * c->links.stride,
                        l->delay_optimiser, &l->delay_step);
        for (size_t j = 0; j < c->links.stride; j++)
            delay[j] = delay[j] < 0 ? 0 : delay[j] > (float)c->max_delay ? (float)c->max_delay : delay[j];
        rv_plan_round_delays(c, row, 1);
    }
    learn_parameter(l, worker, c, &c->weight, row, group->factor, l->optimiser, &l->step);
}

static void learn_worker(void *arg, int worker)
{
    learning *l = arg;
    rv_compiled_network *model = l->engine->model;
    size_t begin, end;
    while (rv_work_take_range(&l->work, ROWS_AT_ONCE, &begin, &end)) {
        size_t first = 0;
        for (uint32_t i = 0; i < model->num_connections; i++) {
            rv_plan_connection *c = &model->connections[i];
            for (size_t row = begin > first ? begin : first; row < end && row < first + c->links.num_rows; row++)
                learn_row(l, &l->engine->workers[worker], c, row - first);
            first += c->links.num_rows;
        }
    }
}

int rv_gradient_learn(rv_engine *engine, size_t batch_num)
{
    rv_compiled_network *model = engine->model;
    const rv_learning *d = &model->learning;
    learning l = {
        .engine = engine,
        .optimiser = rv_optimiser_model_of(&d->optimiser),
        .delay_optimiser = rv_optimiser_model_of(&d->delay_optimiser),
    };
    if (model->rows) {
        const int error = sort_spikes(engine, batch_num);
        if (error)
            return error;
    }
    l.optimiser->step(&l.step, &model->optimiser_state, d->optimiser.param);
    l.delay_optimiser->step(&l.delay_step, &model->delay_optimiser_state, d->delay_optimiser.param);
    size_t num_rows = 0;
    for (uint32_t i = 0; i < model->num_connections; i++)
        num_rows += model->connections[i].links.num_rows;
    rv_work_init(&l.work, num_rows);
    rv_parallel(engine->model->context, learn_worker, &l);
    return RV_OK;
}
