/* Sequential networks: layers are populations, each connected from the one before. */
#include "base/error.h"
#include "network/network.h"

static int add_population(rv_layer *out, rv_network *network, const rv_layer_desc *desc)
{
    rv_population_desc population = {.name = desc->name, .neuron = desc->neuron};
    for (int i = 0; i < RV_MAX_DIMS; i++)
        population.shape[i] = desc->shape[i];
    return rv_population_add(&out->population, network, &population);
}

int rv_input_layer_add(rv_layer *out, rv_network *network, const rv_layer_desc *desc)
{
    *out = (rv_layer){0};
    if (network->last_layer)
        return rv_fail(network->context, RV_ERR_STATE, "input layer: the network has layers already");
    const int error = add_population(out, network, desc);
    if (!error)
        network->last_layer = out->population;
    return error;
}

int rv_layer_add(rv_layer *out, rv_network *network, const rv_layer_desc *desc)
{
    *out = (rv_layer){0};
    if (!network->last_layer)
        return rv_fail(network->context, RV_ERR_STATE, "layer: an input layer is required first");
    int error = add_population(out, network, desc);
    if (error)
        return error;
    error = rv_connection_add(&out->connection, network, network->last_layer, out->population,
                              &(rv_connection_desc){.connectivity = desc->connectivity,
                                                    .synapse = desc->synapse,
                                                    .max_delay_steps = desc->max_delay_steps,
                                                    .frozen = desc->frozen});
    if (!error)
        network->last_layer = out->population;
    return error;
}
