/* Reading and writing what outlives an example, by name. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "compile/plan.h"
#include "values/params.h"

/* Where a variable lives: `rows` rows of `columns` numbers, `stride` floats apart. */
typedef struct place {
    float *data;
    size_t rows, columns, stride;
    const rv_param *param; /* its range, or NULL */
    rv_plan_population *population;
    rv_plan_connection *connection;
    bool read_only;
} place;

static int find_in_population(const rv_compiled_network *model, rv_variable variable, place *out)
{
    rv_plan_population *p = rv_plan_find_population(model, variable.population);
    if (!p)
        return rv_fail(model->context, RV_ERR_ARGUMENT, "variable '%s': population '%s' is of another network",
                       variable.name, rv_population_name(variable.population));
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
    *out = (place){p->param[row], 1, p->n, p->n, &p->model->params[row], p, NULL, read_only};
    return RV_OK;
}

static int find_in_connection(const rv_compiled_network *model, rv_variable variable, place *out)
{
    rv_plan_connection *c = rv_plan_find_connection(model, variable.connection);
    if (!c)
        return rv_fail(model->context, RV_ERR_ARGUMENT, "variable '%s': connection '%s' is of another network",
                       variable.name, rv_connection_name(variable.connection));
    *out = (place){NULL, c->links.num_rows, c->connection->num_weights / c->links.num_rows, c->links.stride, NULL,
                   NULL, c, false};
    if (!strcmp(variable.name, "g") || !strcmp(variable.name, "weight")) {
        out->data = c->weight.value;
        return RV_OK;
    }
    if (!strcmp(variable.name, "d") && c->delay_parameter.value) {
        out->data = c->delay_parameter.value;
        return RV_OK;
    }
    const bool of_delay = !strcmp(variable.name, "DelayGradient") && c->delay_parameter.value;
    if (of_delay || (!strcmp(variable.name, "Gradient") && model->compiler == RV_COMPILER_EVENTPROP)) {
        out->data = of_delay ? c->delay_parameter.gradient : c->weight.gradient;
        out->read_only = true;
        return out->data ? RV_OK
                         : rv_fail(model->context, RV_ERR_STATE,
                                   "connection '%s': %s is kept only if keep_gradients is set", c->connection->name,
                                   variable.name);
    }
    const rv_optimiser_model *optimiser = rv_optimiser_model_of(&model->learning.optimiser);
    for (int i = 0; c->weight.moment[0] && i < optimiser->num_moments; i++)
        if (!strcmp(variable.name, optimiser->moment_name[i])) {
            out->data = c->weight.moment[i];
            return RV_OK;
        }
    return rv_fail(model->context, RV_ERR_NAME, "connection '%s' has no variable '%s', expected one of: g%s%s",
                   c->connection->name, variable.name,
                   model->compiler == RV_COMPILER_EVENTPROP ? ", Gradient, M, V" : "",
                   c->delay_parameter.value ? ", d, DelayGradient" : "");
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
    if (size != out->rows * out->columns)
        return rv_fail(model->context, RV_ERR_SHAPE, "variable '%s' has %zu elements, got %zu", variable.name,
                       out->rows * out->columns, size);
    return RV_OK;
}

int rv_variable_size(const rv_compiled_network *model, rv_variable variable, size_t *size)
{
    place p;
    const int error = find(model, variable, &p);
    if (!error)
        *size = p.rows * p.columns;
    return error;
}

int rv_variable_get(const rv_compiled_network *model, rv_variable variable, float *out, size_t size)
{
    place p;
    const int error = find_sized(model, variable, size, &p);
    for (size_t i = 0; !error && i < p.rows; i++)
        memcpy(out + i * p.columns, p.data + i * p.stride, p.columns * sizeof *out);
    return error;
}

int rv_variable_set(rv_compiled_network *model, rv_variable variable, const float *data, size_t size)
{
    place p;
    const int error = find_sized(model, variable, size, &p);
    if (error)
        return error;
    if (p.read_only)
        return rv_fail(model->context, RV_ERR_STATE, "variable '%s' cannot be set", variable.name);
    for (size_t i = 0; i < size; i++) {
        if (p.param && !rv_param_in_range(p.param, (double)data[i]))
            return rv_param_fail_range(model->context, p.param, (double)data[i], p.population->population->name);
        if (!isfinite(data[i]))
            return rv_fail(model->context, RV_ERR_VALUE, "variable '%s': element %zu must be finite, got %g",
                           variable.name, i, (double)data[i]);
    }
    for (size_t i = 0; i < p.rows; i++)
        memcpy(p.data + i * p.stride, data + i * p.columns, p.columns * sizeof *data);
    if (p.population) {
        rv_plan_update_coefficients(model, p.population);
        rv_plan_update_flow(model, p.population);
    }
    if (p.connection && p.connection->weight.moving)
        memset(p.connection->weight.moving, 1, p.connection->links.num_rows);
    if (p.connection && p.data == p.connection->delay_parameter.value)
        rv_plan_round_delays(p.connection, 0, p.connection->links.num_rows);
    return RV_OK;
}

/* ---- the optimiser ---- */

static int find_optimiser_param(const rv_compiled_network *model, const char *param, int *row)
{
    if (model->compiler == RV_COMPILER_INFERENCE)
        return rv_fail(model->context, RV_ERR_STATE, "optimiser parameter '%s': an inference network has no optimiser",
                       param);
    const rv_optimiser_model *optimiser = rv_optimiser_model_of(&model->learning.optimiser);
    rv_value unused[RV_MAX_PARAMS];
    const int error = rv_param_set(model->context, optimiser->name, optimiser->params, optimiser->num_params, unused,
                                   param, rv_const(0));
    *row = error ? -1 : rv_param_find(optimiser->params, optimiser->num_params, param);
    return error;
}

int rv_optimiser_param_get(const rv_compiled_network *model, const char *param, double *value)
{
    int row;
    const int error = find_optimiser_param(model, param, &row);
    if (!error)
        *value = model->learning.optimiser.param[row];
    return error;
}

int rv_optimiser_param_set(rv_compiled_network *model, const char *param, double value)
{
    int row;
    const int error = find_optimiser_param(model, param, &row);
    return error ? error : rv_optimiser_set(&model->learning.optimiser, model->context, param, value);
}

int rv_optimiser_steps(const rv_compiled_network *model, uint64_t *steps)
{
    if (model->compiler == RV_COMPILER_INFERENCE)
        return rv_fail(model->context, RV_ERR_STATE, "an inference network has no optimiser");
    *steps = model->optimiser_state.steps;
    return RV_OK;
}
