/* Reading and writing what outlives an example, by name. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "compile/custom_update.h"
#include "compile/plan.h"
#include "values/params.h"

/* Where a variable lives: an array of a population, or one laid out as the weights of a connection. */
typedef struct place {
    float *data;
    size_t size;
    const rv_param *param; /* its range, or NULL */
    rv_plan_population *population;
    rv_plan_connection *connection;
    bool read_only;
    bool is_delay; /* the connection's delays, which do not learn; data is NULL */
} place;

/* Variables that were added for custom updates. */
static const rv_plan_variable *find_added(const rv_plan_variable *list, const char *name)
{
    while (list && (list->state != RV_NONE || strcmp(list->name, name)))
        list = list->next;
    return list;
}

/* The gradient of an output's biases and the moments of their optimiser: DeltaBias, BiasM, BiasV. */
static bool find_bias(const rv_plan_population *p, const char *name, place *out)
{
    const rv_optimiser_model *optimiser = p->bias.optimiser ? p->bias.optimiser->optimiser.model : NULL;
    *out = (place){.size = p->n};
    if (!optimiser || (strncmp(name, "Bias", 4) && strcmp(name, "DeltaBias")))
        return false;
    out->data = name[0] == 'D' ? p->bias.gradient : NULL;
    for (int i = 0; i < optimiser->num_moments; i++)
        if (optimiser->moment_name[i] && !strcmp(name + 4, optimiser->moment_name[i]))
            out->data = p->bias.moment[i];
    return name[0] == 'D' || out->data;
}

static int find_in_population(const rv_compiled_network *model, rv_variable variable, place *out)
{
    rv_plan_population *p = rv_plan_find_population(model, variable.population);
    if (!p)
        return rv_fail(model->context, RV_ERR_ARGUMENT, "variable '%s': population '%s' is of another network",
                       variable.name, rv_population_name(variable.population));
    if (find_bias(p, variable.name, out))
        return out->data ? RV_OK
                         : rv_fail(model->context, RV_ERR_STATE,
                                   "population '%s': %s is kept only if keep_gradients is set", p->population->name,
                                   variable.name);
    const rv_plan_variable *added = find_added(p->variables, variable.name);
    if (added) {
        *out = (place){.data = added->data, .size = added->single ? 1 : p->n, .population = p};
        return RV_OK;
    }
    const int row = rv_param_find(p->model->params, p->model->num_params, variable.name);
    if (row < 0) {
        rv_value unused[RV_MAX_PARAMS];
        char what[RV_NAME_SIZE + 64];
        snprintf(what, sizeof what, "population '%s'", p->population->name);
        return rv_param_set(model->context, what, p->model->params, p->model->num_params, unused, variable.name,
                            rv_const(0));
    }
    /* flags and numbers for all have shaped the plan */
    const bool read_only = p->model->params[row].kind != RV_PARAM_VALUE;
    *out = (place){p->param[row], p->n, &p->model->params[row], p, NULL, read_only, false};
    return RV_OK;
}

static int find_in_connection(const rv_compiled_network *model, rv_variable variable, place *out)
{
    rv_plan_connection *c = rv_plan_find_connection(model, variable.connection);
    if (!c)
        return rv_fail(model->context, RV_ERR_ARGUMENT, "variable '%s': connection '%s' is of another network",
                       variable.name, rv_connection_name(variable.connection));
    const rv_plan_variable *added = find_added(c->variables, variable.name);
    *out = (place){NULL, c->wiring->num_weights, NULL, NULL, c, false, false};
    if (added) {
        out->data = added->data;
        out->size = added->single ? 1 : out->size;
        out->connection = added->single ? NULL : c;
        return RV_OK;
    }
    if (!strcmp(variable.name, "g") || !strcmp(variable.name, "weight")) {
        out->data = c->weight.value;
        return RV_OK;
    }
    if (!strcmp(variable.name, "d") || !strcmp(variable.name, "delay")) {
        out->data = c->delay_parameter.value;
        out->is_delay = !out->data;
        return RV_OK;
    }
    const bool of_delay = !strcmp(variable.name, "DelayGradient") && c->delay_parameter.value;
    if (of_delay || (model->rule && c->weight.optimiser && !strcmp(variable.name, model->rule->gradient))) {
        out->data = of_delay ? c->delay_parameter.gradient : c->weight.gradient;
        return out->data ? RV_OK
                         : rv_fail(model->context, RV_ERR_STATE,
                                   "connection '%s': %s is kept only if keep_gradients is set", c->connection->name,
                                   variable.name);
    }
    const rv_optimiser_model *optimiser = c->weight.optimiser ? c->weight.optimiser->optimiser.model : NULL;
    for (int i = 0; optimiser && i < optimiser->num_moments; i++)
        if (optimiser->moment_name[i] && !strcmp(variable.name, optimiser->moment_name[i])) {
            out->data = c->weight.moment[i];
            return RV_OK;
        }
    return rv_fail(model->context, RV_ERR_NAME, "connection '%s' has no variable '%s', expected one of: g, d%s%s%s%s",
                   c->connection->name, variable.name, c->weight.optimiser ? ", " : "",
                   c->weight.optimiser ? model->rule->gradient : "", c->weight.optimiser ? ", M, V" : "",
                   c->delay_parameter.value ? ", DelayGradient" : "");
}

static int find(const rv_compiled_network *model, rv_variable variable, place *out)
{
    if (!variable.name || !variable.population == !variable.connection)
        return rv_fail(model->context, RV_ERR_ARGUMENT,
                       "variable '%s': either a population or a connection is required, and a name",
                       variable.name ? variable.name : "(null)");
    return variable.population ? find_in_population(model, variable, out) : find_in_connection(model, variable, out);
}

static int find_sized(const rv_compiled_network *model, rv_variable variable, size_t size, place *out)
{
    const int error = find(model, variable, out);
    if (error)
        return error;
    if (size != out->size)
        return rv_fail(model->context, RV_ERR_SHAPE, "variable '%s' has %zu elements, got %zu", variable.name,
                       out->size, size);
    return RV_OK;
}

size_t rv_plan_find_state(const rv_plan_population *p, const char *name)
{
    if (p->input != RV_NONE && !strcmp(name, "Input"))
        return p->input;
    for (int i = 0; i < p->model->num_state; i++) {
        const rv_state_variable *v = &p->model->state[i];
        if (v->internal[0] && (!strcmp(name, v->internal) || !strcmp(name, v->name)))
            return p->state[i];
    }
    for (const rv_plan_variable *v = p->variables; v; v = v->next)
        if (v->state != RV_NONE && !v->single && !strcmp(name, v->name))
            return v->state;
    return RV_NONE;
}

int rv_plan_variable_look(const rv_compiled_network *model, rv_variable variable, size_t *size, bool *read_only)
{
    place p;
    const int error = find(model, variable, &p);
    if (!error) {
        *size = p.size;
        *read_only = p.read_only;
    }
    return error;
}

int rv_variable_size(const rv_compiled_network *model, rv_variable variable, size_t *size)
{
    place p;
    const int error = find(model, variable, &p);
    if (!error)
        *size = p.size;
    return error;
}

/* Delays that do not learn are whole numbers: as floats, laid out as the weights. */
static int get_delays(const rv_compiled_network *model, const rv_plan_connection *c, float *out)
{
    const size_t size = c->links.rows.size;
    float *rows = rv_alloc(model->context, size, sizeof *rows, "delays");
    for (size_t i = 0; rows && i < size; i++)
        rows[i] = (float)(c->delays ? c->delays[i] : c->delay);
    if (rows)
        rv_links_unpack(&c->links, c->connection->connectivity.model, out, rows);
    rv_free(rows);
    return rows ? RV_OK : RV_ERR_MEMORY;
}

int rv_plan_check_delays(const rv_compiled_network *model, const rv_plan_connection *c, const float *delays, size_t num)
{
    const uint32_t most = c->max_delay < model->num_steps ? c->max_delay : UINT16_MAX; /* beyond the end is never */
    for (size_t i = 0; c->delays && i < num; i++)
        if (!(delays[i] >= 0 && rintf(delays[i]) <= (float)most))
            return rv_fail(model->context, RV_ERR_VALUE,
                           "connection '%s': delays must be >= 0 and <= %u timesteps (max_delay_steps), got %g",
                           c->connection->name, most, (double)delays[i]);
    return c->delays ? RV_OK
                     : rv_fail(model->context, RV_ERR_STATE, "connection '%s' has one delay for all synapses",
                               c->connection->name);
}

static int set_delays(rv_compiled_network *model, rv_plan_connection *c, const float *data, size_t num)
{
    const size_t size = c->links.rows.size;
    const int error = rv_plan_check_delays(model, c, data, num);
    if (error)
        return error;
    float *rows = rv_alloc(model->context, size, sizeof *rows, "delays");
    if (!rows)
        return RV_ERR_MEMORY;
    rv_links_pack(&c->links, c->connection->connectivity.model, rows, data);
    for (size_t i = 0; i < size; i++)
        c->delays[i] = (uint16_t)fminf(rintf(rows[i]), (float)c->max_delay);
    rv_plan_sort_delays(c);
    rv_free(rows);
    return RV_OK;
}

int rv_variable_get(const rv_compiled_network *model, rv_variable variable, float *out, size_t size)
{
    place p;
    const int error = find_sized(model, variable, size, &p);
    if (!error && p.is_delay)
        return get_delays(model, p.connection, out);
    if (!error && p.connection)
        rv_links_unpack(&p.connection->links, p.connection->connection->connectivity.model, out, p.data);
    else if (!error)
        memcpy(out, p.data, size * sizeof *out);
    return error;
}

int rv_variable_set(rv_compiled_network *model, rv_variable variable, const float *data, size_t size)
{
    place p;
    const int error = find_sized(model, variable, size, &p);
    if (error)
        return error;
    if (p.is_delay)
        return set_delays(model, p.connection, data, size);
    if (p.read_only)
        return rv_fail(model->context, RV_ERR_STATE, "variable '%s' cannot be set", variable.name);
    for (size_t i = 0; i < size; i++) {
        if (p.param && !rv_param_in_range(p.param, (double)data[i]))
            return rv_param_fail_range(model->context, p.param, (double)data[i], p.population->population->name);
        if (!isfinite(data[i]))
            return rv_fail(model->context, RV_ERR_VALUE, "variable '%s': element %zu must be finite, got %g",
                           variable.name, i, (double)data[i]);
    }
    if (p.connection)
        rv_links_pack(&p.connection->links, p.connection->connection->connectivity.model, p.data, data);
    else
        memcpy(p.data, data, size * sizeof *data);
    if (p.population) {
        rv_plan_update_coefficients(model, p.population);
        rv_plan_update_flow(model, p.population);
    }
    if (p.connection && p.connection->weight.moving)
        memset(p.connection->weight.moving, 1, p.connection->links.rows.num);
    if (p.connection && p.connection->deep_r && p.data == p.connection->weight.value)
        rv_plan_deep_r_signs(model, p.connection);
    if (p.connection && p.data == p.connection->delay_parameter.value)
        rv_plan_round_delays(p.connection, 0, p.connection->links.rows.num);
    return RV_OK;
}
