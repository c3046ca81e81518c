/* What all compilers that learn share: options, the schedule of the gradient's sum, and its memory. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "compile/plan.h"

#define ROWS_MAX_BYTES (32U << 20) /* histories of a batch that still stream well from the last-level cache */

int rv_plan_learning_options(rv_compiled_network *model)
{
    rv_learning *l = &model->learning;
    rv_context *context = model->context;
    char what[64];
    if (l->schedule > RV_SCHEDULE_ROWS)
        return rv_fail(context, RV_ERR_VALUE, "%s: schedule must be one of rv_schedule, got %d", model->rule->name,
                       (int)l->schedule);
    snprintf(what, sizeof what, "%s: optimiser", model->rule->name);
    const int error = rv_optimiser_resolve(context, &l->optimiser, what);
    if (error)
        return error;
    snprintf(what, sizeof what, "%s: delay_optimiser", model->rule->name);
    return rv_optimiser_resolve(context, &l->delay_optimiser, what);
}

static float *new_floats(rv_compiled_network *model, size_t n)
{
    return rv_arena_alloc(model->arena, n, sizeof(float));
}

/* num_rows * stride numbers: that they fit was seen when they were made. */
static int plan_parameter(rv_compiled_network *model, rv_plan_parameter *p, size_t num_rows, size_t stride,
                          const rv_optimiser *optimiser, bool slots, const char *owner)
{
    const size_t size = num_rows * stride;
    size_t slots_size;
    for (int i = 0; i < rv_optimiser_model_of(optimiser)->num_moments; i++)
        if (!(p->moment[i] = new_floats(model, size)))
            return RV_ERR_MEMORY;
    if (model->learning.keep_gradients && !(p->gradient = new_floats(model, size)))
        return RV_ERR_MEMORY;
    if (!(p->moving = rv_arena_alloc(model->arena, num_rows, 1)))
        return RV_ERR_MEMORY;
    if (!slots)
        return RV_OK;
    if (!rv_multiply(size, model->num_leaves, &slots_size))
        return rv_fail(model->context, RV_ERR_MEMORY, "connection '%s': too many weights", owner);
    p->slots = new_floats(model, slots_size);
    p->touched = rv_arena_alloc(model->arena, model->num_leaves * num_rows, 1);
    return p->slots && p->touched ? RV_OK : RV_ERR_MEMORY;
}

static int plan_connection(rv_compiled_network *model, rv_plan_connection *c)
{
    model->populations[c->source].has_outgoing = true;
    int error = plan_parameter(model, &c->weight, c->links.num_rows, c->links.stride, &model->learning.optimiser,
                               !model->rows, c->connection->name);
    if (!error && c->delay_parameter.value)
        error = plan_parameter(model, &c->delay_parameter, c->links.num_rows, c->links.stride,
                               &model->learning.delay_optimiser, true, c->connection->name);
    return error;
}

static int plan_bias(rv_compiled_network *model, rv_plan_population *p)
{
    return p->bias.value ? plan_parameter(model, &p->bias, 1, p->n_pad, &model->learning.optimiser, true,
                                          p->population->name)
                         : RV_OK;
}

/* Signs of spikes and delays of their own are not in the sorted lists. */
static bool can_use_rows(const rv_compiled_network *model)
{
    for (uint32_t i = 0; i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        if (c->delays || !c->ops->row_sum || model->populations[c->source].is_signed)
            return false;
    }
    return true;
}

static bool choose_rows(const rv_compiled_network *model)
{
    if (!can_use_rows(model))
        return false;
    if (model->learning.schedule != RV_SCHEDULE_AUTO)
        return model->learning.schedule == RV_SCHEDULE_ROWS;
    const double bytes =
        (double)model->history_size * sizeof(float) * ((double)model->num_steps + 1 + model->max_delay) *
                         (double)model->batch_size;
    return bytes <= ROWS_MAX_BYTES;
}

int rv_plan_learning(rv_compiled_network *model)
{
    for (uint32_t i = 0; i < model->num_connections; i++)
        if (model->connections[i].max_delay > model->max_delay)
            model->max_delay = model->connections[i].max_delay;
    if (model->max_delay > model->num_steps)
        model->max_delay = model->num_steps;
    int error = rv_plan_pending(model);
    if (error)
        return error;
    model->rows = choose_rows(model);
    for (uint32_t i = 0; !error && i < model->num_connections; i++)
        error = plan_connection(model, &model->connections[i]);
    for (uint32_t i = 0; !error && i < model->num_populations; i++)
        error = plan_bias(model, &model->populations[i]);
    if (error)
        return error;
    rv_optimiser_model_of(&model->learning.optimiser)->begin(&model->optimiser_state);
    rv_optimiser_model_of(&model->learning.delay_optimiser)->begin(&model->delay_optimiser_state);
    return RV_OK;
}
