/* Connections. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "connectivity/model.h"
#include "network/network.h"
#include "values/params.h"
#include "values/value.h"
#include "neurons/model.h"
#include "synapses/model.h"

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

static int set_connectivity(rv_connection *connection, const rv_connectivity *connectivity)
{
    rv_context *context = connection->network->context;
    char what[RV_NAME_SIZE + 32];
    snprintf(what, sizeof what, "connection '%s': weight", connection->name);
    if (!connectivity->model)
        return rv_fail(context, RV_ERR_ARGUMENT, "connection '%s': connectivity is required", connection->name);
    connection->connectivity.model = connectivity->model;
    const int error = connectivity->model->num_weights(context, connection->source->size, connection->target->size,
                                                       &connection->num_weights);
    if (error)
        return error;
    const rv_value *weight = &connectivity->weight;
    if (weight->kind == RV_VALUE_DEFAULT)
        return rv_fail(context, RV_ERR_VALUE, "%s is required", what);
    if (weight->kind == RV_VALUE_ARRAY && weight->size != connection->num_weights)
        return rv_fail(context, RV_ERR_SHAPE, "%s must have %zu x %zu = %zu elements, got an array of %zu", what,
                       connection->source->size, connection->target->size, connection->num_weights, weight->size);
    return rv_value_copy(context, &connection->connectivity.weight, weight, what);
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

static int set_delay(rv_connection *connection, const rv_connection_desc *desc)
{
    rv_context *context = connection->network->context;
    const rv_value *delay = &desc->connectivity.delay;
    char what[RV_NAME_SIZE + 32], element[40];
    snprintf(what, sizeof what, "connection '%s': delay", connection->name);
    int error = rv_value_check(context, delay, what);
    if (!error && delay->kind == RV_VALUE_CONSTANT)
        error = check_delay(connection, delay->constant, "");
    if (!error && delay->kind == RV_VALUE_ARRAY && delay->size != connection->num_weights)
        error = rv_fail(context, RV_ERR_SHAPE, "%s must have %zu elements, as the weights, got an array of %zu", what,
                        connection->num_weights, delay->size);
    for (size_t i = 0; !error && delay->kind == RV_VALUE_ARRAY && i < delay->size; i++) {
        snprintf(element, sizeof element, " of synapse %zu", i);
        error = check_delay(connection, (double)delay->array[i], element);
    }
    if (!error && desc->max_delay_steps > MAX_DELAY)
        error = rv_fail(context, RV_ERR_VALUE, "connection '%s': max_delay_steps must be <= %d, got %zu",
                        connection->name, MAX_DELAY, desc->max_delay_steps);
    connection->max_delay_steps = desc->max_delay_steps;
    return error ? error : rv_value_copy(context, &connection->connectivity.delay, delay, what);
}

static int set_synapse(rv_connection *connection, const rv_synapse *synapse)
{
    char what[RV_NAME_SIZE + 16];
    const rv_synapse_model *model = synapse->model ? synapse->model : &rv_delta_model;
    connection->synapse.model = model;
    return rv_params_copy(connection->network->context, connection->synapse.value, model->params, model->num_params,
                          synapse->value, connection->target->size, rv_connection_what(connection, what, sizeof what));
}

int rv_connection_add(rv_connection **out, rv_network *network, rv_population *source, rv_population *target,
                      const rv_connection_desc *desc)
{
    *out = NULL;
    int error = check_populations(network, source, target);
    if (error)
        return error;
    rv_connection *connection = rv_alloc(network->context, 1, sizeof *connection, "connection");
    if (!connection)
        return RV_ERR_MEMORY;
    connection->network = network;
    connection->index = (uint32_t)network->num_connections;
    connection->source = source;
    connection->target = target;
    error = set_name(connection, desc->name);
    if (!error)
        error = set_connectivity(connection, &desc->connectivity);
    if (!error)
        error = set_delay(connection, desc);
    if (!error)
        error = set_synapse(connection, &desc->synapse);
    if (!error)
        error = rv_grow(network->context, &network->connections, &network->max_connections,
                        network->num_connections + 1, sizeof *network->connections, "connections");
    if (error) {
        rv_value_clear(&connection->connectivity.weight);
        rv_value_clear(&connection->connectivity.delay);
        rv_params_clear(connection->synapse.value, RV_MAX_PARAMS);
        rv_free(connection);
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
