/* Networks: creation, ownership, look-up. */
#include "network/network.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "neurons/custom.h"
#include "values/params.h"

int rv_network_create(rv_network **out, rv_context *context, rv_defaults defaults)
{
    *out = NULL;
    if ((int)defaults < 0 || defaults >= RV_NUM_DEFAULTS)
        return rv_fail(context, RV_ERR_ARGUMENT, "network: defaults must be one of rv_defaults, got %d",
                       (int)defaults);
    rv_network *network = rv_alloc(context, 1, sizeof *network, "network");
    if (!network)
        return RV_ERR_MEMORY;
    network->context = context;
    network->defaults = defaults;
    atomic_init(&network->references, 1);
    *out = network;
    return RV_OK;
}

rv_network *rv_network_retain(rv_network *network)
{
    atomic_fetch_add(&network->references, 1);
    return network;
}

static void population_free(rv_population *population)
{
    rv_params_clear(population->neuron.value, RV_MAX_PARAMS);
    rv_custom_model_free(population->own_model);
    rv_free(population);
}

void rv_network_free(rv_network *network)
{
    if (!network || atomic_fetch_sub(&network->references, 1) != 1)
        return;
    for (size_t i = 0; i < network->num_populations; i++)
        population_free(network->populations[i]);
    for (size_t i = 0; i < network->num_connections; i++)
        rv_connection_free(network->connections[i]);
    rv_free(network->populations);
    rv_free(network->connections);
    rv_free(network);
}

size_t rv_network_num_populations(const rv_network *network)
{
    return network->num_populations;
}

rv_population *rv_network_population(const rv_network *network, size_t index)
{
    return index < network->num_populations ? network->populations[index] : NULL;
}

rv_population *rv_population_by_name(const rv_network *network, const char *name)
{
    for (size_t i = 0; i < network->num_populations; i++)
        if (!strcmp(network->populations[i]->name, name))
            return network->populations[i];
    return NULL;
}

size_t rv_network_num_connections(const rv_network *network)
{
    return network->num_connections;
}

rv_connection *rv_network_connection(const rv_network *network, size_t index)
{
    return index < network->num_connections ? network->connections[index] : NULL;
}

rv_connection *rv_connection_by_name(const rv_network *network, const char *name)
{
    for (size_t i = 0; i < network->num_connections; i++)
        if (!strcmp(network->connections[i]->name, name))
            return network->connections[i];
    return NULL;
}

const char *rv_population_what(const rv_population *population, char *text, size_t size)
{
    snprintf(text, size, "population '%s'", population->name);
    return text;
}

const char *rv_connection_what(const rv_connection *connection, char *text, size_t size)
{
    snprintf(text, size, "connection '%s'", connection->name);
    return text;
}

uint32_t rv_population_object(const rv_population *population)
{
    return population->index * 2;
}

uint32_t rv_connection_object(const rv_connection *connection)
{
    return connection->index * 2 + 1;
}
