/* What all compilers that learn share: options, the schedule of the gradient's sum, and its memory. */
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "comm/communicator.h"
#include "compile/plan.h"

/* the optimisers of all learning networks; those of single connections follow */
enum { WEIGHTS, DELAYS, BIASES, NUM_COMMON };

#define ROWS_MAX_BYTES (32U << 20) /* histories of a batch that still stream well from the last-level cache */
#define EXAMPLES_MAX_BYTES (64U << 20) /* of an example, for every thread */
#define CACHED_SLOTS_BYTES (128U << 10)

static int add_optimiser(rv_compiled_network *model, const char *name, const rv_optimiser *optimiser)
{
    char what[RV_NAME_SIZE + 64];
    rv_plan_optimiser *o = &model->optimisers[model->num_optimisers++];
    o->name = name;
    o->optimiser = *optimiser;
    snprintf(what, sizeof what, "%s: %s", model->rule->name, name);
    const int error = rv_optimiser_resolve(model->context, &o->optimiser, what);
    if (!error)
        rv_optimiser_begin(&o->optimiser, &o->state);
    return error;
}

static int make_optimisers(rv_compiled_network *model)
{
    const rv_learning *l = &model->learning;
    const size_t num = NUM_COMMON + l->num_connection_optimisers;
    if (l->num_connection_optimisers && !l->connection_optimisers)
        return rv_fail(model->context, RV_ERR_ARGUMENT,
                       "%s: num_connection_optimisers is %zu, but connection_optimisers is NULL", model->rule->name,
                       l->num_connection_optimisers);
    if (!(model->optimisers = rv_arena_alloc(model->arena, num, sizeof *model->optimisers)))
        return RV_ERR_MEMORY;
    int error = add_optimiser(model, "optimiser", &l->optimiser);
    model->optimisers[WEIGHTS].used = true;
    if (!error)
        error = add_optimiser(model, "delay_optimiser", &l->delay_optimiser);
    if (!error)
        error = add_optimiser(model, "bias_optimiser", l->bias_optimiser.model ? &l->bias_optimiser : &l->optimiser);
    for (size_t i = 0; !error && i < l->num_connection_optimisers; i++) {
        const rv_connection *connection = l->connection_optimisers[i].connection;
        if (!rv_plan_find_connection(model, connection))
            return rv_fail(model->context, RV_ERR_ARGUMENT, "%s: connection_optimisers: %s", model->rule->name,
                           connection ? "a connection is of another network" : "a connection is NULL");
        for (size_t k = 0; k < i; k++)
            if (l->connection_optimisers[k].connection == connection)
                return rv_fail(model->context, RV_ERR_ARGUMENT, "%s: connection_optimisers: '%s' is given twice",
                               model->rule->name, connection->name);
        error = add_optimiser(model, connection->name, &l->connection_optimisers[i].optimiser);
    }
    return error;
}

/* What the weights of a connection learn with. */
static rv_plan_optimiser *optimiser_of(rv_compiled_network *model, const rv_connection *connection)
{
    for (size_t i = 0; i < model->learning.num_connection_optimisers; i++)
        if (model->learning.connection_optimisers[i].connection == connection)
            return &model->optimisers[NUM_COMMON + i];
    return &model->optimisers[WEIGHTS];
}

int rv_plan_learning_options(rv_compiled_network *model)
{
    rv_learning *l = &model->learning;
    rv_context *context = model->context;
    if (l->schedule > RV_SCHEDULE_EXAMPLES)
        return rv_fail(context, RV_ERR_VALUE, "%s: schedule must be one of rv_schedule, got %d", model->rule->name,
                       (int)l->schedule);
    if (!(l->clip_value >= 0 && isfinite(l->clip_value)) || !(l->clip_norm >= 0 && isfinite(l->clip_norm)))
        return rv_fail(context, RV_ERR_VALUE, "%s: clip_value and clip_norm must be >= 0, got %g and %g",
                       model->rule->name, l->clip_value, l->clip_norm);
    if (!l->accumulate)
        l->accumulate = 1;
    const int error = make_optimisers(model);
    return error ? error : rv_plan_deep_r_options(model);
}

static float *new_floats(rv_compiled_network *model, size_t n)
{
    return rv_arena_alloc(model->arena, n, sizeof(float));
}

static int plan_parameter(rv_compiled_network *model, rv_plan_parameter *p, const rv_rows *rows,
                          rv_plan_optimiser *optimiser, bool slots, const char *owner)
{
    const rv_learning *l = &model->learning;
    const size_t size = rows->size;
    size_t slots_size;
    p->rows = *rows;
    p->optimiser = optimiser;
    optimiser->used = true;
    for (int i = 0; i < optimiser->optimiser.model->num_moments; i++)
        if (!(p->moment[i] = new_floats(model, size)))
            return RV_ERR_MEMORY;
    if ((l->keep_gradients || l->clip_norm > 0 || l->accumulate > 1) && !(p->gradient = new_floats(model, size)))
        return RV_ERR_MEMORY;
    if (l->accumulate > 1 && !(p->accumulated = new_floats(model, size)))
        return RV_ERR_MEMORY;
    if (rv_comm_size(model->context) > 1 && !(p->joined = new_floats(model, size)))
        return RV_ERR_MEMORY;
    if (!(p->moving = rv_arena_alloc(model->arena, rows->num, 1)))
        return RV_ERR_MEMORY;
    if (!slots)
        return RV_OK;
    if (!rv_multiply(size, model->num_leaves, &slots_size))
        return rv_fail(model->context, RV_ERR_MEMORY, "connection '%s': too many weights", owner);
    p->slots = new_floats(model, slots_size);
    p->touched = rv_arena_alloc(model->arena, model->num_leaves * rows->num, 1);
    return p->slots && p->touched ? RV_OK : RV_ERR_MEMORY;
}

static bool learns(const rv_plan_connection *c)
{
    return !c->connection->frozen && !c->connection->connectivity.model->fixed;
}

/* Whether its gradient can be summed row by row: signs of spikes and delays of their own are not in the sorted lists, and
 * the adjoint is not kept for as long as far delays are. */
static bool can_sum_rows(const rv_compiled_network *model, const rv_plan_connection *c)
{
    return learns(c) && !c->delays && !c->far && c->ops->row_sum && !model->populations[c->source].is_signed;
}

/* Slots that stay in cache are as well added to while sweeping; and a list gathers from one row of adjoints, which does,
 * faster than from all of them. */
static bool gains_after_sweep(const rv_compiled_network *model, const rv_plan_connection *c)
{
    return can_sum_rows(model, c) && !c->links.rows.begin && c->links.rows.size * sizeof(float) > CACHED_SLOTS_BYTES;
}

/* Small ones do not pay for sorting spikes by neuron, unless they are sorted anyhow. */
static bool goes_along(const rv_compiled_network *model, const rv_plan_connection *c)
{
    bool sorted = false;
    for (uint32_t i = 0; i < model->num_connections; i++)
        sorted |= model->connections[i].source == c->source && gains_after_sweep(model, &model->connections[i]);
    return sorted && !c->links.rows.begin;
}

int rv_plan_connection_learning(rv_compiled_network *model, rv_plan_connection *c)
{
    const bool sums_rows = can_sum_rows(model, c), slots = !model->rows || !sums_rows;
    int error = RV_OK;
    c->weight.after_sweep =
        model->after_sweep && sums_rows && (model->learning.schedule == RV_SCHEDULE_EXAMPLES || goes_along(model, c));
    model->populations[c->source].after_sweep |= c->weight.after_sweep;
    model->populations[c->source].has_outgoing = true;
    model->populations[c->source].has_rows |= !slots;
    model->slots |= slots && (learns(c) || c->delay_parameter.value);
    if (learns(c))
        error = plan_parameter(model, &c->weight, &c->links.rows, optimiser_of(model, c->connection), slots,
                               c->connection->name);
    if (!error && c->deep_r)
        error = rv_plan_deep_r_connection(model, c);
    if (!error && c->delay_parameter.value)
        error = plan_parameter(model, &c->delay_parameter, &c->links.rows, &model->optimisers[DELAYS], true,
                               c->connection->name);
    return error;
}

static int plan_bias(rv_compiled_network *model, rv_plan_population *p)
{
    const rv_rows row = rv_rows_uniform(1, p->n);
    return p->bias.value
               ? plan_parameter(model, &p->bias, &row, &model->optimisers[BIASES], true, p->population->name)
               : RV_OK;
}

/* Connections whose gradient cannot be summed row by row fill slots while sweeping, beside the others. */
static void choose_schedule(rv_compiled_network *model)
{
    const rv_schedule schedule = model->learning.schedule;
    const double bytes =
        (double)model->history_size * sizeof(float) * ((double)model->num_steps + 1 + model->max_delay);
    bool any = false, gains = false;
    for (uint32_t i = 0; i < model->num_connections; i++) {
        any |= can_sum_rows(model, &model->connections[i]);
        gains |= gains_after_sweep(model, &model->connections[i]);
    }
    model->rows = any && (schedule == RV_SCHEDULE_ROWS ||
                          (schedule == RV_SCHEDULE_AUTO && bytes * (double)model->batch_size <= ROWS_MAX_BYTES));
    model->after_sweep =
        any && !model->rows &&
        (schedule == RV_SCHEDULE_EXAMPLES || (schedule == RV_SCHEDULE_AUTO && gains && bytes <= EXAMPLES_MAX_BYTES));
}

int rv_plan_learning(rv_compiled_network *model)
{
    int error = rv_plan_pending(model);
    if (error)
        return error;
    choose_schedule(model);
    for (uint32_t i = 0; !error && i < model->num_connections; i++)
        error = rv_plan_connection_learning(model, &model->connections[i]);
    for (uint32_t i = 0; !error && i < model->num_connections; i++)
        if (model->connections[i].deep_r)
            rv_plan_deep_r_signs(model, &model->connections[i]);
    for (uint32_t i = 0; !error && i < model->num_populations; i++)
        error = plan_bias(model, &model->populations[i]);
    model->learning.connection_optimisers = NULL;
    model->learning.num_connection_optimisers = 0;
    return error;
}
