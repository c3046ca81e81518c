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
#include "values/params.h"

#define DEFAULT_MAX_SPIKES 500
#define DEFAULT_TTFS_ALPHA 0.01

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
    for (size_t j = 0; p->bias_factor && p->bias_sum != RV_NONE && j < p->n; j++)
        p->bias_factor[j] = (float)(-dt / (1 - rv_exp(-dt / (double)p->param[p->model->tau_mem][j])));
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
    rv_plan_update_mask(p);
    for (uint32_t i = p->first_connection; i < p->first_connection + p->num_connections; i++) {
        rv_plan_connection *c = &model->connections[i];
        const float *factor = p->groups[c->group].factor;
        c->weighed = false;
        for (size_t j = 1; factor && c->connection->connectivity.model->mixes_targets && j < p->n; j++)
            c->weighed |= factor[j] != factor[0];
    }
}

static bool has_rule(rv_readout readout, bool spikes)
{
    return spikes ? readout->kick != NULL : readout->constant_drive || readout->drive_weight || readout->drive;
}

static int check_population(rv_compiled_network *model, const rv_plan_population *p)
{
    const char *name = p->population->name;
    const rv_neuron_model *neuron = p->model;
    if (neuron->is_input && p->readout)
        return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': EventProp cannot learn from an input's readout",
                       name);
    if (neuron->is_input)
        return RV_OK;
    if (!neuron->ops(model->context->isa)->adjoint)
        return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': EventProp cannot train %s neurons", name,
                       neuron->name);
    if (p->readout && !has_rule(p->readout, neuron->spikes))
        return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': EventProp has no rule for readout %s of %s",
                       name, p->readout->name, neuron->name);
    if (p->readout && neuron->spikes && model->learning.per_timestep_loss)
        return rv_fail(model->context, RV_ERR_NETWORK,
                       "population '%s': per_timestep_loss needs an output that does not spike (LeakyIntegrate), got %s",
                       name, neuron->name);
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
    rv_context *context = model->context;
    int error = check_number(context, "softmax_temperature", model->learning.softmax_temperature, true);
    if (!error)
        error = check_number(context, "ttfs_alpha", model->learning.ttfs_alpha, false);
    return error ? error : rv_plan_learning_options(model);
}

/* ---- regularisation ---- */

static int set_regularisation(rv_compiled_network *model, rv_plan_population *p, const rv_regularisation *r)
{
    rv_context *context = model->context;
    int error = check_number(context, "reg_lambda_upper", r->reg_lambda_upper, false);
    if (!error)
        error = check_number(context, "reg_lambda_lower", r->reg_lambda_lower, false);
    if (!error)
        error = check_number(context, "reg_nu_upper", r->reg_nu_upper, false);
    if (!error && p) {
        p->reg_lambda_upper = r->reg_lambda_upper;
        p->reg_lambda_lower = r->reg_lambda_lower;
        p->reg_nu_upper = r->reg_nu_upper;
    }
    return error;
}

/* First all hidden populations, then those that have numbers of their own. */
static int plan_regularisation(rv_compiled_network *model)
{
    rv_eventprop_desc *d = &model->eventprop;
    const rv_regularisation all = {NULL, d->reg_lambda_upper, d->reg_lambda_lower, d->reg_nu_upper};
    if (d->num_regularisations && !d->regularisations)
        return rv_fail(model->context, RV_ERR_ARGUMENT,
                       "EventProp: num_regularisations is %zu, but regularisations is NULL", d->num_regularisations);
    int error = set_regularisation(model, NULL, &all);
    for (uint32_t i = 0; !error && i < model->num_populations; i++) {
        rv_plan_population *p = &model->populations[i];
        if (!p->model->is_input && p->model->spikes && !p->readout)
            error = set_regularisation(model, p, &all);
    }
    for (size_t i = 0; !error && i < d->num_regularisations; i++) {
        const rv_population *population = d->regularisations[i].population;
        rv_plan_population *p = rv_plan_find_population(model, population);
        if (!p || p->model->is_input || !p->model->spikes)
            return rv_fail(model->context, RV_ERR_ARGUMENT, "EventProp: regularisations: %s%s%s",
                           p ? "population '" : "", p ? population->name : "a population is of another network",
                           p ? "' has no spikes that learning could change" : "");
        error = set_regularisation(model, p, &d->regularisations[i]);
    }
    d->regularisations = NULL;
    return error;
}

/* ---- memory of learning ---- */

static float *new_floats(rv_compiled_network *model, size_t n)
{
    return rv_arena_alloc(model->arena, n, sizeof(float));
}

/* Whether somebody needs LambdaV - LambdaI of a group: spikes that come back, or delays that learn. */
static bool needs_difference(const rv_compiled_network *model, const rv_plan_population *p, uint32_t group)
{
    for (uint32_t i = p->first_connection; i < p->first_connection + p->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        if (c->group == group && (!model->populations[c->source].model->is_input || c->delay_parameter.value))
            return true;
    }
    return false;
}

/* V <- alpha V + (1 - alpha) Isyn + bias: minus dt / (1 - alpha) times the sum of LambdaV over the steps is the
 * gradient of a bias, in the units of Gradient. */
static int plan_bias(rv_compiled_network *model, rv_plan_population *p)
{
    const int bias = rv_param_find(p->model->params, p->model->num_params, "bias");
    if (!model->eventprop.train_output_bias || !p->readout || p->model->spikes || bias < 0)
        return RV_OK;
    p->bias.value = p->param[bias];
    p->bias_sum = model->bias_size;
    model->bias_size += p->n_pad;
    return (p->bias_factor = new_floats(model, p->n_pad)) ? RV_OK : RV_ERR_MEMORY;
}

/* Adjoint state of a population, and which groups need what. */
static int plan_population(rv_compiled_network *model, rv_plan_population *p)
{
    if (p->model->is_input)
        return RV_OK;
    p->lambda_v = model->adjoint_size;
    p->lambda_a = p->lambda_v + p->n_pad;
    model->adjoint_size += (p->model->adapts ? 2 : 1) * p->n_pad;
    p->adjoint = p->model->ops(model->context->isa)->adjoint;
    for (uint32_t g = 0; g < p->num_groups; g++) {
        rv_plan_group *group = &p->groups[g];
        group->flow = new_floats(model, p->n_pad);
        group->factor = new_floats(model, p->n_pad);
        if (!group->flow || !group->factor)
            return RV_ERR_MEMORY;
        group->history = model->history_size;
        model->history_size += p->n_pad;
        if (needs_difference(model, p, g)) {
            group->difference = model->difference_size;
            model->difference_size += p->n_pad;
        }
    }
    const int error = plan_bias(model, p);
    if (!error)
        rv_plan_update_flow(model, p);
    return error;
}

/* ---- learnt delays ---- */

/* Every synapse gets a delay of its own, even where all start alike. */
static int learn_delays(rv_compiled_network *model, const rv_connection *connection)
{
    rv_context *context = model->context;
    rv_plan_connection *c = rv_plan_find_connection(model, connection);
    if (!c)
        return rv_fail(context, RV_ERR_ARGUMENT, "EventProp: delay_learn_conns: connection '%s' is of another network",
                       connection->name);
    if (!c->ops->gradient_delayed)
        return rv_fail(context, RV_ERR_UNSUPPORTED, "connection '%s': EventProp cannot learn delays of %s",
                       connection->name, connection->connectivity.model->name);
    if (c->deep_r)
        return rv_fail(context, RV_ERR_UNSUPPORTED, "connection '%s': Deep R cannot rewire synapses with a delay each",
                       connection->name);
    const size_t size = c->links.rows.size;
    const size_t max = connection->max_delay_steps ? connection->max_delay_steps : c->max_delay;
    if (max < c->max_delay)
        return rv_fail(context, RV_ERR_VALUE, "connection '%s': max_delay_steps must be >= the largest delay, %u, got "
                       "%zu", connection->name, c->max_delay, max);
    if (!max)
        return rv_fail(context, RV_ERR_VALUE, "connection '%s': max_delay_steps must be >= 1 where delays learn that are "
                       "all 0, got 0", connection->name);
    c->delay_parameter.value = new_floats(model, size);
    if (!c->delays)
        c->delays = rv_arena_alloc(model->arena, size, sizeof *c->delays);
    if (!c->delay_parameter.value || !c->delays)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < c->links.rows.num; i++)
        for (size_t j = 0; j < rv_row_length(&c->links.rows, i); j++) {
            const size_t k = rv_row_begin(&c->links.rows, i) + j;
            c->delay_parameter.value[k] = (float)(c->links.delay ? c->delays[k] : c->delay);
        }
    c->links.delay = c->delays;
    c->max_delay = (uint32_t)max;
    rv_plan_round_delays(c, 0, c->links.rows.num);
    return RV_OK;
}

static int plan_delays(rv_compiled_network *model)
{
    const rv_eventprop_desc *d = &model->eventprop;
    for (size_t i = 0; i < d->num_delay_learn_conns; i++) {
        const int error = learn_delays(model, d->delay_learn_conns[i]);
        if (error)
            return error;
    }
    model->eventprop.delay_learn_conns = NULL;
    return RV_OK;
}

static int plan_learning(rv_compiled_network *model)
{
    int error = plan_delays(model);
    if (!error)
        error = plan_regularisation(model);
    for (uint32_t i = 0; !error && i < model->num_populations; i++)
        error = plan_population(model, &model->populations[i]);
    return error ? error : rv_plan_learning(model);
}

static const rv_rule rule = {.name = "EventProp", .gradient = "Gradient", .meets = 1};

int rv_compile_eventprop(rv_compiled_network **out, rv_network *network, const rv_eventprop_desc *desc)
{
    int error = rv_plan_build(out, network, RV_COMPILER_EVENTPROP, desc->example_timesteps,
                              desc->dt == 0 ? 1 : desc->dt, desc->batch_size ? desc->batch_size : 1);
    if (!error) {
        (*out)->rule = &rule;
        (*out)->eventprop = *desc;
        (*out)->learning = (rv_learning){
            .optimiser = desc->optimiser,
            .delay_optimiser = desc->delay_optimiser,
            .bias_optimiser = desc->bias_optimiser,
            .connection_optimisers = desc->connection_optimisers,
            .num_connection_optimisers = desc->num_connection_optimisers,
            .clip_value = desc->clip_value,
            .clip_norm = desc->clip_norm,
            .accumulate = desc->accumulate,
            .max_spikes = desc->max_spikes ? desc->max_spikes : DEFAULT_MAX_SPIKES,
            .lenient = desc->strict_buffer_checking == RV_OFF,
            .softmax_temperature = desc->softmax_temperature == 0 ? 1 : desc->softmax_temperature,
            .ttfs_alpha = desc->ttfs_alpha == 0 ? DEFAULT_TTFS_ALPHA : desc->ttfs_alpha < 0 ? 0 : desc->ttfs_alpha,
            .per_timestep_loss = desc->per_timestep_loss,
            .schedule = desc->schedule,
            .keep_gradients = desc->keep_gradients,
            .deep_r_conns = desc->deep_r_conns,
            .num_deep_r_conns = desc->num_deep_r_conns,
            .deep_r_l1_strength = desc->deep_r_l1_strength,
            .deep_r_record_rewirings = desc->deep_r_record_rewirings,
        };
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
