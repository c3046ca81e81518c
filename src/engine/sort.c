/* Spikes by presynaptic neuron, so that a row of the gradient finds all of its terms at once: of an example (the examples
 * schedule), or of a batch, there by leaf (rows). In a list they come by example ascending, step descending, and each is
 * the row of the history that it meets. */
#include <string.h>

#include "base/alloc.h"
#include "base/threads.h"
#include "engine/engine.h"

void rv_sort_by_neuron(const rv_engine *engine, const rv_sort *s, uint32_t *begin, uint32_t *entries)
{
    const uint32_t last = engine->model->num_steps - 1, meets = engine->model->rule->meets;
    const size_t num_leaves = s->num_leaves, num_keys = engine->model->populations[s->population].n * num_leaves;
    uint32_t *const next = begin + 1; /* of a key: counted one further on, so that it ends where the next key begins */
    memset(begin, 0, (num_keys + 2) * sizeof *begin);
    for (size_t position = s->first; position < s->end; position++) {
        const rv_tape *tape = &engine->examples[position].tapes[s->population];
        const uint32_t *ids = tape->ids, num = rv_engine_owns(engine, position) ? tape->offset[last] : 0;
        uint32_t *of_leaf = next + position % s->num_leaves + 1;
        for (uint32_t k = 0; k < num; k++)
            of_leaf[ids[k] * num_leaves]++;
    }
    uint32_t sum = 0;
    for (size_t k = 0; k < num_keys; k++)
        next[k + 1] = sum += next[k + 1];
    for (size_t position = s->first; position < s->end; position++) {
        const rv_tape *tape = &engine->examples[position].tapes[s->population];
        const uint32_t *ids = tape->ids, row = (uint32_t)(position * s->rows_of_example) + meets;
        uint32_t *of_leaf = next + position % s->num_leaves;
        for (uint32_t t = rv_engine_owns(engine, position) ? last : 0; t-- > 0;)
            for (uint32_t k = tape->offset[t], end = tape->offset[t + 1]; k < end; k++)
                entries[of_leaf[ids[k] * num_leaves]++] = row + t;
    }
}

/* ---- a batch ---- */

typedef struct sorting {
    rv_engine *engine;
    size_t batch_num;
    rv_work work; /* source populations: keys of leaves are neighbours, and would not do for several threads */
} sorting;

static void sort_worker(void *arg, int worker)
{
    sorting *s = arg;
    const rv_compiled_network *model = s->engine->model;
    size_t population;
    while (rv_work_take(&s->work, worker, &population))
        if (model->populations[population].has_rows)
            rv_sort_by_neuron(s->engine,
                              &(rv_sort){.population = (uint32_t)population,
                                         .end = s->batch_num,
                                         .num_leaves = model->num_leaves,
                                         .rows_of_example = rv_history_steps(model)},
                              s->engine->sorted[population].begin, s->engine->sorted[population].entries);
}

/* Room for the spikes of a population; those of the last step meet nothing. */
static int reserve(rv_engine *engine, uint32_t population, size_t batch_num)
{
    rv_sorted_spikes *sorted = &engine->sorted[population];
    size_t num = 0;
    for (size_t position = 0; position < batch_num; position++)
        if (rv_engine_owns(engine, position))
            num += engine->examples[position].tapes[population].offset[engine->model->num_steps - 1];
    return rv_grow(engine->model->context, &sorted->entries, &sorted->capacity, num, sizeof *sorted->entries,
                   "spikes by neuron");
}

int rv_sort_batch(rv_engine *engine, size_t batch_num)
{
    const rv_compiled_network *model = engine->model;
    sorting s = {.engine = engine, .batch_num = batch_num};
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const int error = model->populations[i].has_rows ? reserve(engine, i, batch_num) : RV_OK;
        if (error)
            return error;
    }
    rv_work_init(&s.work, model->num_populations, engine->num_threads);
    rv_parallel(model->context, sort_worker, &s);
    return RV_OK;
}
