/* State that goes on from batch to batch: of an inference network that is told not to reset all of it, the example at a
 * position of the batch begins as the one before it at this position ended. */
#include <string.h>

#include "engine/engine.h"

bool rv_engine_carries(const rv_compiled_network *model)
{
    return model->keeps_vars || model->keeps_in_syn;
}

static void reset(const rv_compiled_network *model, float *state, size_t offset, size_t n)
{
    memcpy(state + offset, model->initial_block + offset, n * sizeof *state);
}

static void swap_rows(float *a, float *b, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        const float x = a[j];
        a[j] = b[j];
        b[j] = x;
    }
}

static void reverse_rows(float *rows, size_t begin, size_t end, size_t n)
{
    for (; begin + 1 < end; begin++, end--)
        swap_rows(rows + begin * n, rows + (end - 1) * n, n);
}

/* What is due in step T of the example before is due in step 0 of this one. */
static void turn_ring(float *ring, size_t num, size_t n, uint32_t num_steps)
{
    const size_t by = num_steps % num;
    reverse_rows(ring, 0, by, n);
    reverse_rows(ring, by, num, n);
    reverse_rows(ring, 0, num, n);
}

static void begin_population(const rv_compiled_network *model, const rv_plan_population *p, float *state)
{
    for (int k = 0; k < p->model->num_state && !model->keeps_vars; k++)
        reset(model, state, p->state[k], p->n_pad);
    for (size_t i = 0; i < p->num_groups; i++) {
        const rv_plan_group *g = &p->groups[i];
        if (!model->keeps_in_syn) {
            reset(model, state, g->in_syn, p->n_pad);
            reset(model, state, g->pending, g->num_pending * p->n_pad);
        } else if (g->num_pending) {
            turn_ring(state + g->pending, g->num_pending, p->n_pad, model->num_steps);
        }
    }
}

void rv_carry_begin(const rv_engine *engine, rv_block *block, rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    const bool goes_on = block->begun && rv_engine_carries(model);
    for (uint32_t i = 0; i < model->num_populations && goes_on; i++)
        begin_population(model, &model->populations[i], block->state);
    if (!goes_on)
        reset(model, block->state, 0, model->block_size);
    block->begun = true;
    if (!model->keeps_in_syn)
        return;
    rv_tape *ended = example->tapes;
    example->tapes = example->spare_tapes;
    example->spare_tapes = ended;
    example->goes_on = goes_on;
}
