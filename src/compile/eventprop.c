/* The EventProp compiler: which networks the rule covers, its coefficients, and the memory of learning.
 *
 * Per step, with c = tau_mem / (tau_mem - tau_syn) (alpha - beta), or its limit (dt / tau) alpha where the two are
 * equal, LambdaI <- c LambdaV + beta LambdaI (Wunderlich & Pehle 2021; Nowotny, Turner, Knight 2025). */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/math.h"
#include "compile/plan.h"

#define DEFAULT_MAX_SPIKES 500
#define MAX_LEAVES 8
#define ROWS_MAX_BYTES (32U << 20) /* adjoints of a batch that still stream well from the last-level cache */

/* (exp(x) - 1) / x */
static double expm1_over(double x)
{
    if (fabs(x) < 1e-2) /* the series to x^5: error below 1e-13 */
        return 1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6))));
    return (rv_exp(x) - 1) / x;
}

void rv_plan_update_flow(rv_compiled_network *model, rv_plan_population *p)
{
    const double dt = model->dt;
    for (uint32_t g = 0; g < p->num_groups; g++) {
        rv_plan_group *group = &p->groups[g];
        if (!group->flow)
            continue;
        for (size_t j = 0; j < p->n; j++) {
            const double tau_mem = (double)p->param[p->model->tau_mem][j];
            const double tau_syn = (double)group->param[group->model->tau][j];
            /* c = beta (dt / tau_syn) (exp(x) - 1) / x, x = dt (1 / tau_syn - 1 / tau_mem): no cancellation */
            const double x = dt * (tau_mem - tau_syn) / (tau_mem * tau_syn);
            group->flow[j] = (float)(rv_exp(-dt / tau_syn) * (dt / tau_syn) * expm1_over(x));
            group->factor[j] = (float)-tau_syn;
        }
    }
}

static int check_population(rv_compiled_network *model, const rv_plan_population *p)
{
    const char *name = p->population->name;
    const rv_neuron_model *neuron = p->model;
    if (neuron->is_input)
        return RV_OK;
    if (!neuron->ops(model->context->isa)->adjoint)
        return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': EventProp cannot train %s neurons", name,
                       neuron->name);
    if (p->readout && neuron->spikes)
        return rv_fail(model->context, RV_ERR_NETWORK,
                       "population '%s': EventProp needs an output that does not spike (LeakyIntegrate), got %s", name,
                       neuron->name);
    if (p->readout && !p->readout->constant_drive && !p->readout->drive)
        return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': EventProp has no rule for readout %s", name,
                       p->readout->name);
    for (uint32_t g = 0; g < p->num_groups; g++)
        if (p->groups[g].model->tau < 0)
            return rv_fail(model->context, RV_ERR_NETWORK,
                           "population '%s': EventProp needs Exponential synapses, got %s", name,
                           p->groups[g].model->name);
    const char *warning =
        neuron->eventprop_warning ? neuron->eventprop_warning((const float *const *)p->param, p->n) : NULL;
    if (warning)
        rv_log(model->context, RV_LOG_WARNING, "population '%s': %s", name, warning);
    return RV_OK;
}

static int check_network(rv_compiled_network *model)
{
    bool has_output = false;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        has_output |= model->populations[i].readout != NULL;
        const int error = check_population(model, &model->populations[i]);
        if (error)
            return error;
    }
    return has_output ? RV_OK
                      : rv_fail(model->context, RV_ERR_NETWORK, "EventProp needs an output: no population has a readout");
}

static int check_number(rv_context *context, const char *name, double x, bool open)
{
    if (isfinite(x) && (open ? x > 0 : x >= 0))
        return RV_OK;
    return rv_fail(context, RV_ERR_VALUE, "EventProp: %s must be %s 0, got %g", name, open ? ">" : ">=", x);
}

static int check_options(rv_compiled_network *model)
{
    rv_eventprop_desc *d = &model->eventprop;
    rv_context *context = model->context;
    if (d->softmax_temperature == 0)
        d->softmax_temperature = 1;
    if (!d->max_spikes)
        d->max_spikes = DEFAULT_MAX_SPIKES;
    int error = check_number(context, "reg_lambda_upper", d->reg_lambda_upper, false);
    if (!error)
        error = check_number(context, "reg_lambda_lower", d->reg_lambda_lower, false);
    if (!error)
        error = check_number(context, "reg_nu_upper", d->reg_nu_upper, false);
    if (!error)
        error = check_number(context, "softmax_temperature", d->softmax_temperature, true);
    if (!error && d->schedule > RV_SCHEDULE_ROWS)
        error = rv_fail(context, RV_ERR_VALUE, "EventProp: schedule must be one of rv_schedule, got %d",
                        (int)d->schedule);
    return error ? error : rv_optimiser_resolve(context, &d->optimiser, "EventProp: optimiser");
}

/* ---- memory of learning ---- */

static float *new_floats(rv_compiled_network *model, size_t n)
{
    return rv_arena_alloc(model->arena, n, sizeof(float));
}

/* Adjoint state of a population, and which groups need what. */
static int plan_population(rv_compiled_network *model, rv_plan_population *p)
{
    if (p->model->is_input)
        return RV_OK;
    p->lambda_v = model->adjoint_size;
    model->adjoint_size += p->n_pad;
    p->adjoint = p->model->ops(model->context->isa)->adjoint;
    for (uint32_t g = 0; g < p->num_groups; g++) {
        rv_plan_group *group = &p->groups[g];
        group->flow = new_floats(model, p->n_pad);
        group->factor = new_floats(model, p->n_pad);
        if (!group->flow || !group->factor)
            return RV_ERR_MEMORY;
        group->history = model->num_histories;
        model->history_offset[model->num_histories++] = model->history_size;
        model->history_size += p->n_pad;
        for (uint32_t c = p->first_connection; c < p->first_connection + p->num_connections; c++)
            if (model->connections[c].group == g && !model->populations[model->connections[c].source].model->is_input &&
                group->difference == RV_NONE) {
                group->difference = model->adjoint_size;
                model->adjoint_size += p->n_pad;
            }
    }
    rv_plan_update_flow(model, p);
    return RV_OK;
}

static int plan_connection(rv_compiled_network *model, rv_plan_connection *c)
{
    const rv_optimiser_model *optimiser = rv_optimiser_model_of(&model->eventprop.optimiser);
    const size_t size = c->num_rows * c->stride;
    size_t slots;
    model->populations[c->source].has_outgoing = true;
    for (int i = 0; i < optimiser->num_moments; i++)
        if (!(c->moment[i] = new_floats(model, size)))
            return RV_ERR_MEMORY;
    if (model->eventprop.keep_gradients && !(c->gradient = new_floats(model, size)))
        return RV_ERR_MEMORY;
    if (!(c->moving = rv_arena_alloc(model->arena, c->num_rows, 1)))
        return RV_ERR_MEMORY;
    if (model->rows)
        return RV_OK;
    if (!rv_multiply(size, model->num_leaves, &slots))
        return rv_fail(model->context, RV_ERR_MEMORY, "connection '%s': too many weights", c->connection->name);
    c->slots = new_floats(model, slots);
    c->touched = rv_arena_alloc(model->arena, model->num_leaves * c->num_rows, 1);
    return c->slots && c->touched ? RV_OK : RV_ERR_MEMORY;
}

/* The sum's leaves: a power of two that depends on the batch alone. */
static size_t count_leaves(size_t batch_size)
{
    size_t leaves = 1;
    while (leaves * 2 <= MAX_LEAVES && leaves * 2 <= batch_size)
        leaves *= 2;
    return leaves;
}

static bool choose_rows(const rv_compiled_network *model)
{
    if (model->eventprop.schedule != RV_SCHEDULE_AUTO)
        return model->eventprop.schedule == RV_SCHEDULE_ROWS;
    const double bytes =
        (double)model->history_size * sizeof(float) * ((double)model->num_steps + 1) * (double)model->batch_size;
    return bytes <= ROWS_MAX_BYTES;
}

static int plan_learning(rv_compiled_network *model)
{
    size_t num_groups = 0;
    for (uint32_t i = 0; i < model->num_populations; i++)
        num_groups += model->populations[i].num_groups;
    model->history_offset = rv_arena_alloc(model->arena, num_groups, sizeof *model->history_offset);
    if (!model->history_offset)
        return RV_ERR_MEMORY;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const int error = plan_population(model, &model->populations[i]);
        if (error)
            return error;
    }
    model->num_leaves = count_leaves(model->batch_size);
    model->rows = choose_rows(model);
    for (uint32_t i = 0; i < model->num_connections; i++) {
        const int error = plan_connection(model, &model->connections[i]);
        if (error)
            return error;
    }
    rv_optimiser_model_of(&model->eventprop.optimiser)->begin(&model->optimiser_state);
    return RV_OK;
}

int rv_compile_eventprop(rv_compiled_network **out, rv_network *network, const rv_eventprop_desc *desc)
{
    int error = rv_plan_build(out, network, RV_COMPILER_EVENTPROP, desc->example_timesteps,
                              desc->dt == 0 ? 1 : desc->dt, desc->batch_size ? desc->batch_size : 1);
    if (!error) {
        (*out)->eventprop = *desc;
        error = check_options(*out);
    }
    if (!error)
        error = check_network(*out);
    if (!error)
        error = plan_learning(*out);
    if (error) {
        rv_compiled_network_free(*out);
        *out = NULL;
    }
    return error;
}
