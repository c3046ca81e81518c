/* Populations. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "network/network.h"
#include "values/params.h"
#include "neurons/custom.h"
#include "neurons/model.h"
#include "outputs/model.h"

static int set_name(rv_population *population, const char *name)
{
    rv_network *network = population->network;
    if (!name || !name[0])
        snprintf(population->name, sizeof population->name, "Pop%u", population->index);
    else if (strlen(name) >= sizeof population->name)
        return rv_fail(network->context, RV_ERR_NAME, "population name '%.40s...' must have fewer than %d bytes",
                       name, RV_NAME_SIZE);
    else
        strcpy(population->name, name);
    if (rv_population_by_name(network, population->name))
        return rv_fail(network->context, RV_ERR_NAME, "population '%s': the network has one of this name already",
                       population->name);
    return RV_OK;
}

int rv_population_set_shape(rv_population *population, const size_t *shape, int dims)
{
    char what[RV_NAME_SIZE + 16];
    rv_context *context = population->network->context;
    size_t size = dims ? 1 : 0;
    rv_population_what(population, what, sizeof what);
    for (int i = 0; i < dims; i++)
        if (!rv_multiply(size, shape[i], &size) || size > INT32_MAX)
            return rv_fail(context, RV_ERR_SHAPE, "%s: shape must have at most 2147483647 neurons", what);
    memset(population->shape, 0, sizeof population->shape);
    for (int i = 0; i < dims; i++)
        population->shape[i] = shape[i];
    population->num_dims = dims;
    population->size = size;
    if (!dims)
        return RV_OK;
    return rv_params_check_size(context, population->neuron.model->params, population->neuron.model->num_params,
                                population->neuron.value, size, what);
}

/* A shape that is left out is what the first incoming connection implies. */
static int set_shape(rv_population *population, const size_t *shape)
{
    int dims = 0;
    while (dims < RV_MAX_DIMS && shape[dims])
        dims++;
    if (!dims && population->neuron.model->is_input)
        return rv_fail(population->network->context, RV_ERR_SHAPE, "population '%s': shape is required",
                       population->name);
    return dims ? rv_population_set_shape(population, shape, dims) : RV_OK;
}

static int set_neuron(rv_population *population, const rv_neuron *neuron)
{
    rv_context *context = population->network->context;
    char what[RV_NAME_SIZE + 16];
    rv_population_what(population, what, sizeof what);
    if (neuron->custom) {
        const int error = rv_custom_model_create(&population->own_model, context, neuron->custom, what);
        if (error)
            return error;
    }
    const rv_neuron_model *model = neuron->custom ? population->own_model : neuron->model;
    if (!model)
        return rv_fail(context, RV_ERR_ARGUMENT, "%s: neuron is required", what);
    population->neuron.model = model;
    population->neuron.readout = neuron->readout;
    const int error = neuron->readout ? rv_readout_check(context, neuron->readout, what) : RV_OK;
    if (error)
        return error;
    if (neuron->readout && (neuron->readout->needs_spikes ? !model->spikes : model->voltage < 0))
        return rv_fail(context, RV_ERR_NETWORK, "%s: readout %s needs %s, which %s has not", what,
                       neuron->readout->name, neuron->readout->needs_spikes ? "spikes" : "a voltage", model->name);
    return rv_params_copy(context, population->neuron.value, model->params, model->num_params, neuron->value, what);
}

int rv_population_add(rv_population **out, rv_network *network, const rv_population_desc *desc)
{
    *out = NULL;
    rv_population *population = rv_alloc(network->context, 1, sizeof *population, "population");
    if (!population)
        return RV_ERR_MEMORY;
    population->network = network;
    population->index = (uint32_t)network->num_populations;
    int error = set_name(population, desc->name);
    if (!error)
        error = set_neuron(population, &desc->neuron);
    if (!error)
        error = set_shape(population, desc->shape);
    if (!error)
        error = rv_grow(network->context, &network->populations, &network->max_populations,
                        network->num_populations + 1, sizeof *network->populations, "populations");
    if (error) {
        rv_params_clear(population->neuron.value, RV_MAX_PARAMS);
        rv_custom_model_free(population->own_model);
        rv_free(population);
        return error;
    }
    network->populations[network->num_populations++] = population;
    *out = population;
    return RV_OK;
}

const char *rv_population_name(const rv_population *population)
{
    return population->name;
}

size_t rv_population_size(const rv_population *population)
{
    return population->size;
}

int rv_population_shape(const rv_population *population, size_t shape[RV_MAX_DIMS])
{
    memcpy(shape, population->shape, sizeof population->shape);
    return population->num_dims;
}

const rv_neuron *rv_population_neuron(const rv_population *population)
{
    return &population->neuron;
}
