/* The examples schedule: what a few examples add to the slots of their leaf, after their sweeps back. A spike then is one
 * row read instead of one read and written: its source's row of the slots is held in registers, and all spikes of the
 * source come one after the other, example by example, step descending, as the sweeps would have come upon them. Of
 * several examples, slots, which are larger than the near caches, come and go once. */
#include "base/alloc.h"
#include "engine/engine.h"

#define CACHED_BYTES (512U << 10) /* of histories that are walked again and again */
#define LEAST_COLUMNS 32U         /* cache lines are fetched in runs */

/* Columns of a row that are summed before the next ones: as many as keep their part of the histories in cache. */
static size_t block_size(const rv_compiled_network *model, size_t num)
{
    size_t columns = LEAST_COLUMNS;
    while (2 * columns * sizeof(float) * model->num_steps * num <= CACHED_BYTES)
        columns *= 2;
    return columns;
}

static void sum_block(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c, size_t leaf,
                      const float *history, size_t first, size_t last)
{
    const rv_plan_parameter *p = &c->weight;
    float *slots = p->slots + leaf * p->rows.size;
    const uint8_t *touched = p->touched + leaf * p->rows.num;
    for (size_t row = 0; row < p->rows.num; row++) {
        const uint32_t begin = worker->begin[row], num = worker->begin[row + 1] - begin;
        const size_t length = rv_row_padded(&p->rows, row);
        if (num && first < length)
            c->ops->row_sum(&c->links, slots + rv_row_begin(&p->rows, row), touched[row], row, first,
                            last < length ? last : length, history, engine->model->history_size,
                            worker->entries + begin, num);
    }
}

static void sum_connection(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c, size_t leaf,
                           size_t num)
{
    const rv_compiled_network *model = engine->model;
    const float *met = worker->history + model->populations[c->target].groups[c->group].history +
        c->delay * model->history_size;
    const size_t columns = block_size(model, num), num_rows = c->links.rows.num;
    uint8_t *touched = c->weight.touched + leaf * num_rows;
    for (size_t first = 0; first < c->links.n_pad; first += columns)
        sum_block(engine, worker, c, leaf, met, first, first + columns);
    for (size_t row = 0; row < num_rows; row++)
        touched[row] |= worker->begin[row] < worker->begin[row + 1];
}

static int sort(const rv_engine *engine, rv_worker *worker, const rv_sort *s)
{
    const int error = rv_grow(engine->model->context, &worker->entries, &worker->num_entries, rv_sort_count(engine, s),
                              sizeof *worker->entries, "spikes by neuron");
    if (!error)
        rv_sort_by_neuron(engine, s, worker->begin, worker->entries);
    return error;
}

int rv_gradient_sum_examples(const rv_engine *engine, rv_worker *worker, size_t first, size_t num)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        if (!model->populations[i].after_sweep)
            continue;
        const int error = sort(engine, worker,
                               &(rv_sort){.population = i,
                                          .first = first,
                                          .num = num,
                                          .stride = model->num_leaves,
                                          .num_leaves = 1,
                                          .rows_of_example = rv_history_steps(model)});
        if (error)
            return error;
        for (uint32_t k = 0; k < model->num_connections; k++)
            if (model->connections[k].source == i && model->connections[k].weight.after_sweep)
                sum_connection(engine, worker, &model->connections[k], first % model->num_leaves, num);
    }
    return RV_OK;
}
