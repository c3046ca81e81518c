/* The examples schedule: what one example adds to the slots of its leaf, after its sweep back. A spike then is one row
 * read instead of one read and written: its source's row of the slots is held in registers, and all spikes of the source
 * come one after the other, step descending, as the sweep would have come upon them. */
#include "base/alloc.h"
#include "engine/engine.h"

#define ROWS_AHEAD 4U             /* of the slots, fetched from the last cache while others are summed */
#define CACHED_BYTES (384U << 10) /* of a history that is walked again and again */
#define LEAST_COLUMNS 64U         /* cache lines are fetched in runs */

int rv_gradient_make_room(const rv_engine *engine, rv_worker *worker, const rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    int error = RV_OK;
    for (uint32_t i = 0; !error && i < model->num_populations; i++)
        if (model->populations[i].after_sweep)
            error = rv_grow(model->context, &worker->entries, &worker->num_entries,
                            example->tapes[i].offset[model->num_steps], sizeof *worker->entries, "spikes by neuron");
    return error;
}

/* Columns of a row that are summed before the next ones: as many as keep their part of the history in cache. */
static size_t block_size(const rv_compiled_network *model)
{
    const size_t columns = CACHED_BYTES / sizeof(float) / model->num_steps / LEAST_COLUMNS * LEAST_COLUMNS;
    return columns > LEAST_COLUMNS ? columns : LEAST_COLUMNS;
}

static inline void fetch(const float *x, size_t first, size_t last)
{
    for (size_t j = first; j < last; j += 16)
        __builtin_prefetch(x + j, 1);
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
        if (row + ROWS_AHEAD < p->rows.num)
            fetch(slots + rv_row_begin(&p->rows, row + ROWS_AHEAD), first, last < length ? last : length);
        if (num && first < length)
            c->ops->row_sum(&c->links, slots + rv_row_begin(&p->rows, row), touched[row], row, first,
                            last < length ? last : length, history, engine->model->history_size,
                            worker->entries + begin, num);
    }
}

static void sum_connection(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c, size_t leaf,
                           const float *history)
{
    const rv_compiled_network *model = engine->model;
    const float *met =
        history + model->populations[c->target].groups[c->group].history + c->delay * model->history_size;
    const size_t columns = block_size(model), num_rows = c->links.rows.num;
    uint8_t *touched = c->weight.touched + leaf * num_rows;
    for (size_t first = 0; first < c->links.n_pad; first += columns)
        sum_block(engine, worker, c, leaf, met, first, first + columns);
    for (size_t row = 0; row < num_rows; row++)
        touched[row] |= worker->begin[row] < worker->begin[row + 1];
}

void rv_gradient_sum_example(const rv_engine *engine, const rv_worker *worker, const rv_example *example, size_t leaf,
                             const float *history)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        if (!model->populations[i].after_sweep)
            continue;
        const rv_sort all = {
            .population = i, .first = example->position, .end = example->position + 1, .num_leaves = 1};
        rv_sort_by_neuron(engine, &all, worker->begin, worker->entries);
        for (uint32_t k = 0; k < model->num_connections; k++)
            if (model->connections[k].source == i && model->connections[k].weight.after_sweep)
                sum_connection(engine, worker, &model->connections[k], leaf, history);
    }
}
