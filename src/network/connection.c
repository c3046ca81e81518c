/* Connections. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "connectivity/wiring.h"
#include "network/network.h"
#include "neurons/model.h"
#include "synapses/model.h"
#include "values/params.h"
#include "values/value.h"

static int check_populations(rv_network *network, const rv_population *source, const rv_population *target)
{
    if (!source || !target)
        return rv_fail(network->context, RV_ERR_ARGUMENT, "connection: source and target are required");
    const rv_population *ends[] = {source, target};
    for (int i = 0; i < 2; i++)
        if (ends[i]->network != network)
            return rv_fail(network->context, RV_ERR_ARGUMENT, "connection: population '%s' is of another network",
                           ends[i]->name);
    if (target->neuron.model->is_input)
        return rv_fail(network->context, RV_ERR_NETWORK, "connection from '%s': target '%s' is an input (%s)",
                       source->name, target->name, target->neuron.model->name);
    if (!source->neuron.model->spikes)
        return rv_fail(network->context, RV_ERR_NETWORK, "connection to '%s': source '%s' never spikes (%s)",
                       target->name, source->name, source->neuron.model->name);
    if (!source->num_dims)
        return rv_fail(network->context, RV_ERR_SHAPE,
                       "connection to '%s': source '%s' has no shape yet, expected one, or a connection to it first",
                       target->name, source->name);
    return RV_OK;
}

static int set_name(rv_connection *connection, const char *name)
{
    rv_network *network = connection->network;
    const bool given = name && name[0];
    const int length = given ? snprintf(connection->name, sizeof connection->name, "%s", name)
                             : snprintf(connection->name, sizeof connection->name, "Conn_%s_%s",
                                        connection->source->name, connection->target->name);
    if (length >= RV_NAME_SIZE)
        return rv_fail(network->context, RV_ERR_NAME, "connection name '%.40s...' must have fewer than %d bytes",
                       connection->name, RV_NAME_SIZE);
    if (rv_connection_by_name(network, connection->name))
        return rv_fail(network->context, RV_ERR_NAME, "connection '%s': the network has one of this name already%s",
                       connection->name, given ? "" : ", give this one a name");
    return RV_OK;
}

/* ---- shapes ---------------------------------------------------------------------------------------------------- */

rv_ends rv_connection_ends(const rv_connection *connection, const char *what)
{
    const rv_population *source = connection->source, *target = connection->target;
    rv_ends ends = {
        .context = connection->network->context,
        .what = what,
        .object = rv_connection_object(connection),
        .recurrent = source == target,
        .num_source = source->size,
        .num_target = target->size,
        .source_dims = source->num_dims,
        .target_dims = target->num_dims,
    };
    memcpy(ends.source_shape, source->shape, sizeof ends.source_shape);
    memcpy(ends.target_shape, target->shape, sizeof ends.target_shape);
    return ends;
}

/* "4 x 4 x 3" */
static const char *shape_text(char text[96], const size_t *shape, int dims)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < dims && used < 96; i++)
        used += (size_t)snprintf(text + used, 96 - used, "%s%zu", i ? " x " : "", shape[i]);
    return text;
}

/* Where the connectivity implies the target's shape, gives it to a target that has none, or holds its own against it. */
static int fit_target(const rv_connection *connection, const rv_connectivity *connectivity)
{
    rv_context *context = connection->network->context;
    const rv_connectivity_model *model = connectivity->model;
    rv_population *target = connection->target;
    size_t shape[RV_MAX_DIMS] = {0};
    int dims = 0;
    char what[RV_NAME_SIZE + 16], implied[96], has[96];
    const rv_ends ends = rv_connection_ends(connection, rv_connection_what(connection, what, sizeof what));
    const int error = model->target_shape ? model->target_shape(connectivity, &ends, shape, &dims) : RV_OK;
    if (error)
        return error;
    if (!target->num_dims && !dims)
        return rv_fail(context, RV_ERR_SHAPE, "%s: target '%s' has no shape, and %s implies none", what, target->name,
                       model->name);
    if (!target->num_dims)
        return rv_population_set_shape(target, shape, dims);
    if (dims && (dims != target->num_dims || memcmp(shape, target->shape, sizeof target->shape) != 0))
        return rv_fail(context, RV_ERR_SHAPE, "%s: target '%s' must have the shape %s, as %s implies, got %s", what,
                       target->name, shape_text(implied, shape, dims), model->name,
                       shape_text(has, target->shape, target->num_dims));
    return RV_OK;
}

/* ---- weights and delays ----------------------------------------------------------------------------------------- */

/* A copy of a value; an array of one per weight changes from the order of the lists to that of the wiring. */
static int copy_value(const rv_connection *connection, rv_value *out, const rv_value *value, const uint32_t *order,
                      const char *what)
{
    const size_t num = connection->wiring->num_weights;
    const int error = rv_value_copy(connection->network->context, out, value, what);
    if (error || value->kind != RV_VALUE_ARRAY || !order)
        return error;
    float *copy = (float *)(uintptr_t)out->array; /* ours, from rv_value_copy */
    for (size_t k = 0; k < num; k++)
        copy[k] = value->array[order[k]];
    return RV_OK;
}

static int set_weight(rv_connection *connection, const rv_connectivity *connectivity, const uint32_t *order)
{
    rv_context *context = connection->network->context;
    const rv_connectivity_model *model = connectivity->model;
    char what[RV_NAME_SIZE + 32];
    snprintf(what, sizeof what, "connection '%s': weight", connection->name);
    rv_value weight = connectivity->weight;
    if (weight.kind == RV_VALUE_DEFAULT && !model->fixed)
        return rv_fail(context, RV_ERR_VALUE, "%s is required", what);
    if (weight.kind == RV_VALUE_DEFAULT)
        weight = rv_const(model->weight(connectivity));
    if (weight.kind == RV_VALUE_ARRAY && weight.size != connection->wiring->num_weights)
        return rv_fail(context, RV_ERR_SHAPE, "%s must have %zu elements, got an array of %zu", what,
                       connection->wiring->num_weights, weight.size);
    return copy_value(connection, &connection->connectivity.weight, &weight, order, what);
}

#define MAX_DELAY UINT16_MAX /* timesteps */

static int check_delay(const rv_connection *connection, double delay, const char *element)
{
    if (delay >= 0 && delay <= MAX_DELAY)
        return RV_OK;
    return rv_fail(connection->network->context, RV_ERR_VALUE,
                   "connection '%s': delay%s must be >= 0 and <= %d timesteps, got %g", connection->name, element,
                   MAX_DELAY, delay);
}

static int set_delay(rv_connection *connection, const rv_connection_desc *desc, const uint32_t *order)
{
    rv_context *context = connection->network->context;
    const rv_value *delay = &desc->connectivity.delay;
    const size_t num = connection->wiring->num_weights;
    char what[RV_NAME_SIZE + 32], element[40];
    snprintf(what, sizeof what, "connection '%s': delay", connection->name);
    int error = rv_value_check(context, delay, what);
    if (!error && delay->kind == RV_VALUE_CONSTANT)
        error = check_delay(connection, delay->constant, "");
    if (!error && delay->kind == RV_VALUE_ARRAY && delay->size != num)
        error = rv_fail(context, RV_ERR_SHAPE, "%s must have %zu elements, as the weights, got an array of %zu", what,
                        num, delay->size);
    for (size_t i = 0; !error && delay->kind == RV_VALUE_ARRAY && i < delay->size; i++) {
        snprintf(element, sizeof element, " of synapse %zu", i);
        error = check_delay(connection, (double)delay->array[i], element);
    }
    if (!error && desc->max_delay_steps > MAX_DELAY)
        error = rv_fail(context, RV_ERR_VALUE, "connection '%s': max_delay_steps must be <= %d, got %zu",
                        connection->name, MAX_DELAY, desc->max_delay_steps);
    connection->max_delay_steps = desc->max_delay_steps;
    return error ? error : copy_value(connection, &connection->connectivity.delay, delay, order, what);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

/* Model and options; lists are only borrowed until the wiring is made. */
static void set_options(rv_connection *connection, const rv_connectivity *given)
{
    connection->connectivity = *given;
    connection->connectivity.weight = connection->connectivity.delay = (rv_value){0};
    connection->connectivity.pre_ind = connection->connectivity.post_ind = NULL;
}

static int set_connectivity(rv_connection *connection, const rv_connection_desc *desc)
{
    rv_context *context = connection->network->context;
    const rv_connectivity *given = &desc->connectivity;
    char what[RV_NAME_SIZE + 16];
    uint32_t *order = NULL;
    if (!given->model)
        return rv_fail(context, RV_ERR_ARGUMENT, "connection '%s': connectivity is required", connection->name);
    set_options(connection, given);
    int error = fit_target(connection, given);
    if (error)
        return error;
    const rv_ends ends = rv_connection_ends(connection, rv_connection_what(connection, what, sizeof what));
    error = rv_wiring_create(&connection->wiring, given, &ends, &order);
    if (!error)
        error = set_weight(connection, given, order);
    if (!error)
        error = set_delay(connection, desc, order);
    rv_free(order);
    return error;
}

int rv_connection_wire(rv_wiring **out, const rv_connection *connection, const uint32_t *pre_ind,
                       const uint32_t *post_ind, size_t num, uint32_t **order)
{
    char what[RV_NAME_SIZE + 16];
    const rv_connectivity lists =
        rv_sparse((rv_sparse_desc){.pre_ind = pre_ind, .post_ind = post_ind, .num_synapses = num});
    const rv_ends ends = rv_connection_ends(connection, rv_connection_what(connection, what, sizeof what));
    return rv_wiring_create(out, &lists, &ends, order);
}

static int set_synapse(rv_connection *connection, const rv_synapse *synapse)
{
    char what[RV_NAME_SIZE + 16];
    rv_context *context = connection->network->context;
    const rv_synapse_model *model = synapse->model ? synapse->model : &rv_delta_model;
    connection->synapse.model = model;
    const int error = rv_params_copy(context, connection->synapse.value, model->params, model->num_params,
                                     synapse->value, rv_connection_what(connection, what, sizeof what));
    return error ? error
                 : rv_params_check_size(context, model->params, model->num_params, connection->synapse.value,
                                        connection->target->size, what);
}

void rv_connection_free(rv_connection *connection)
{
    rv_value_clear(&connection->connectivity.weight);
    rv_value_clear(&connection->connectivity.delay);
    rv_params_clear(connection->synapse.value, RV_MAX_PARAMS);
    rv_wiring_free(connection->wiring);
    rv_free(connection);
}

int rv_connection_add(rv_connection **out, rv_network *network, rv_population *source, rv_population *target,
                      const rv_connection_desc *desc)
{
    *out = NULL;
    int error = check_populations(network, source, target);
    if (error)
        return error;
    const bool had_shape = target->num_dims > 0;
    rv_connection *connection = rv_alloc(network->context, 1, sizeof *connection, "connection");
    if (!connection)
        return RV_ERR_MEMORY;
    connection->network = network;
    connection->index = (uint32_t)network->num_connections;
    connection->source = source;
    connection->target = target;
    connection->frozen = desc->frozen;
    error = set_name(connection, desc->name);
    if (!error)
        error = set_connectivity(connection, desc);
    if (!error)
        error = set_synapse(connection, &desc->synapse);
    if (!error)
        error = rv_grow(network->context, &network->connections, &network->max_connections,
                        network->num_connections + 1, sizeof *network->connections, "connections");
    if (error) {
        if (!had_shape)
            rv_population_set_shape(target, NULL, 0);
        rv_connection_free(connection);
        return error;
    }
    network->connections[network->num_connections++] = connection;
    *out = connection;
    return RV_OK;
}

const char *rv_connection_name(const rv_connection *connection)
{
    return connection->name;
}

rv_population *rv_connection_source(const rv_connection *connection)
{
    return connection->source;
}

rv_population *rv_connection_target(const rv_connection *connection)
{
    return connection->target;
}
