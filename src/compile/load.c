/* Trainable state from a serialiser, into a compiled network or into one that is yet to be compiled. All or nothing:
 * everything is read and checked before the first weight changes.
 *
 * Weights are keys..., <connection>, "g". Where synapses are listed they may come with them, as "pre_ind" and "post_ind";
 * then the weights are in their order, and the connection gets these synapses. Delays are keys..., <connection>, "d", and
 * biases keys..., <population>, "Bias": a checkpoint has them where they have learnt. */
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "compile/plan.h"
#include "compile/saved.h"
#include "connectivity/sparse.h"
#include "values/params.h"
#include "values/value.h"

const char **rv_saved_keys(rv_context *context, const char *const *keys, size_t num_keys, const char *object,
                           const char *variable)
{
    const char **out = rv_alloc(context, num_keys + 2, sizeof *out, "keys");
    for (size_t i = 0; out && i < num_keys; i++)
        out[i] = keys[i];
    if (out) {
        out[num_keys] = object;
        out[num_keys + 1] = variable;
    }
    return out;
}

/* Where arrays come from, and the connection they are for. */
typedef struct source {
    const rv_serialiser *serialiser;
    const char *const *keys;
    size_t num_keys;
    rv_context *context;
    const rv_connection *connection;
} source;

/* What was read for one connection. */
typedef struct loaded {
    float *weights;    /* (num) in the order of the wiring */
    float *delays;     /* (num) likewise; NULL = those that it has */
    size_t num;
    rv_wiring *wiring; /* NULL = that which it has */
} loaded;

static int read_array(const source *from, const char *object, const char *name, rv_ndarray *out)
{
    const char **names = rv_saved_keys(from->context, from->keys, from->num_keys, object, name);
    const int error = names ? from->serialiser->deserialise(from->serialiser->user, from->context, names,
                                                            from->num_keys + 2, out)
                            : RV_ERR_MEMORY;
    rv_free(names);
    return error;
}

static int to_float(const rv_ndarray *array, float *out)
{
    for (size_t i = 0; i < array->size; i++) {
        if (array->dtype == RV_FLOAT32)
            out[i] = ((const float *)array->data)[i];
        else if (array->dtype == RV_FLOAT64)
            out[i] = (float)((const double *)array->data)[i];
        else
            return RV_ERR_FORMAT;
        if (!isfinite(out[i]))
            return RV_ERR_NAN;
    }
    return RV_OK;
}

/* *out (*num) is freed with rv_free; RV_ERR_CHECKPOINT where there is no such array */
static int read_numbers(const source *from, const char *name, const char *what, float **out, size_t *num)
{
    rv_ndarray array = {0};
    int error = read_array(from, from->connection->name, name, &array);
    if (!error && !(*out = rv_alloc(from->context, array.size, sizeof **out, what)))
        error = RV_ERR_MEMORY;
    if (!error) {
        *num = array.size;
        error = to_float(&array, *out);
        if (error)
            rv_fail(from->context, error,
                    "connection '%s': %s in the checkpoint must be finite floating point numbers",
                    from->connection->name, what);
    }
    rv_ndarray_clear(&array);
    return error;
}

/* As many as there are weights. */
static int read_delays(const source *from, bool required, loaded *out)
{
    size_t num = 0;
    const int error = read_numbers(from, "d", "delays", &out->delays, &num);
    if (error == RV_ERR_CHECKPOINT && !required)
        return RV_OK;
    if (error || num == out->num)
        return error;
    return rv_fail(from->context, RV_ERR_CHECKPOINT, "connection '%s': the checkpoint holds %zu weights and %zu delays",
                   from->connection->name, out->num, num);
}

/* Element i of an array of integers, or UINT32_MAX if it is none that fits. */
static uint32_t index_at(const rv_ndarray *array, size_t i)
{
    int64_t x = -1;
    if (array->dtype == RV_UINT32)
        return ((const uint32_t *)array->data)[i];
    if (array->dtype == RV_INT32)
        x = ((const int32_t *)array->data)[i];
    else if (array->dtype == RV_INT64)
        x = ((const int64_t *)array->data)[i];
    else if (array->dtype == RV_UINT64 && ((const uint64_t *)array->data)[i] < UINT32_MAX)
        x = (int64_t)((const uint64_t *)array->data)[i];
    return x >= 0 && x < UINT32_MAX ? (uint32_t)x : UINT32_MAX;
}

/* (num) ids, freed with rv_free. RV_ERR_CHECKPOINT where there is no such array. */
static int read_indices(const source *from, const char *name, size_t num, uint32_t **out)
{
    rv_ndarray array = {0};
    int error = read_array(from, from->connection->name, name, &array);
    if (!error && array.size != num)
        error = rv_fail(from->context, RV_ERR_FORMAT, "connection '%s': the checkpoint holds %zu weights and %zu %s",
                        from->connection->name, num, array.size, name);
    if (!error && !(*out = rv_alloc(from->context, num, sizeof **out, "synapses to load")))
        error = RV_ERR_MEMORY;
    for (size_t i = 0; !error && i < num; i++)
        (*out)[i] = index_at(&array, i);
    rv_ndarray_clear(&array);
    return error;
}

/* *numbers (num) change from the order of the lists to that of the wiring. */
static int sort(const source *from, float **numbers, size_t num, const uint32_t *order)
{
    float *sorted = rv_alloc(from->context, num, sizeof *sorted, "numbers to load");
    if (!sorted)
        return RV_ERR_MEMORY;
    for (size_t k = 0; k < num; k++)
        sorted[k] = (*numbers)[order[k]];
    rv_free(*numbers);
    *numbers = sorted;
    return RV_OK;
}

/* Synapses that come with the weights. They may be missing where they do not depend on a seed. */
static int read_synapses(const source *from, loaded *out)
{
    uint32_t *pre_ind = NULL, *post_ind = NULL, *order = NULL;
    int error = read_indices(from, "pre_ind", out->num, &pre_ind);
    if (error == RV_ERR_CHECKPOINT && !from->connection->connectivity.model->random)
        return RV_OK;
    if (!error)
        error = read_indices(from, "post_ind", out->num, &post_ind);
    if (!error)
        error = rv_connection_wire(&out->wiring, from->connection, pre_ind, post_ind, out->num, &order);
    if (!error)
        error = sort(from, &out->weights, out->num, order);
    if (!error && out->delays)
        error = sort(from, &out->delays, out->num, order);
    rv_free(order);
    rv_free(pre_ind);
    rv_free(post_ind);
    return error;
}

/* c: where it is compiled already, or NULL */
static int read_connection(const source *from, const rv_compiled_network *model, const rv_plan_connection *c,
                           loaded *out)
{
    const rv_connection *connection = from->connection;
    const rv_wiring *wiring = c ? c->wiring : connection->wiring;
    const bool has_delays = c ? c->delays != NULL : connection->connectivity.delay.kind == RV_VALUE_ARRAY;
    int error = read_numbers(from, "g", "weights", &out->weights, &out->num);
    if (!error)
        error = read_delays(from, c && c->delay_parameter.value, out);
    if (!error && connection->connectivity.model->listed)
        error = read_synapses(from, out);
    if (!error && c && out->delays)
        error = rv_plan_check_delays(model, c, out->delays, out->num);
    if (error)
        return error;
    if (out->wiring && rv_sparse_same(out->wiring, wiring)) {
        rv_wiring_free(out->wiring);
        out->wiring = NULL;
    }
    if (out->wiring && has_delays && (c || !out->delays))
        return rv_fail(from->context, RV_ERR_CHECKPOINT,
                       "connection '%s': the checkpoint's synapses are others than those that have delays",
                       connection->name);
    if (!out->wiring && out->num != wiring->num_weights)
        return rv_fail(from->context, RV_ERR_CHECKPOINT, "connection '%s' has %zu weights, the checkpoint holds %zu",
                       connection->name, wiring->num_weights, out->num);
    return RV_OK;
}

/* ---- biases ----------------------------------------------------------------------------------------------------- */

/* The row of a population's biases in the table of its parameters, -1 = it has none. */
static int bias_row(const rv_population *population)
{
    const rv_neuron_model *neuron = population->neuron.model;
    return rv_param_find(neuron->params, neuron->num_params, "bias");
}

/* *out (size of the population) is freed with rv_free; NULL where there are none, and there need not be any. */
static int read_bias(const source *from, const rv_population *population, bool required, float **out)
{
    rv_ndarray array = {0};
    int error = read_array(from, population->name, "Bias", &array);
    if (error == RV_ERR_CHECKPOINT && !required)
        return RV_OK;
    if (!error && array.size != population->size)
        error = rv_fail(from->context, RV_ERR_CHECKPOINT, "population '%s' has %zu biases, the checkpoint holds %zu",
                        population->name, population->size, array.size);
    if (!error && !(*out = rv_alloc(from->context, array.size, sizeof **out, "biases to load")))
        error = RV_ERR_MEMORY;
    if (!error) {
        error = to_float(&array, *out);
        if (error)
            rv_fail(from->context, error,
                    "population '%s': biases in the checkpoint must be finite floating point numbers",
                    population->name);
    }
    rv_ndarray_clear(&array);
    return error;
}

static int set_bias(rv_compiled_network *model, rv_population *population, const float *bias)
{
    if (model)
        return rv_variable_set(model, (rv_variable){.population = population, .name = "bias"}, bias, population->size);
    rv_value *value = &population->neuron.value[bias_row(population)], copy;
    const rv_value array = rv_array(bias, population->size);
    const int error = rv_value_copy(population->network->context, &copy, &array, population->name);
    if (error)
        return error;
    rv_value_clear(value);
    *value = copy;
    return RV_OK;
}

/* ---- into what ------------------------------------------------------------------------------------------------- */

static int set_compiled(rv_compiled_network *model, rv_connection *connection, const loaded *what)
{
    rv_plan_connection *c = rv_plan_find_connection(model, connection);
    if (what->wiring)
        return rv_plan_rewire(model, c, what->wiring, what->weights);
    const int error =
        what->delays ? rv_variable_set(model, (rv_variable){.connection = connection, .name = "d"}, what->delays, what->num)
                     : RV_OK;
    return error ? error
                 : rv_variable_set(model, (rv_variable){.connection = connection, .name = "g"}, what->weights, what->num);
}

static int replace(const rv_connection *connection, rv_value *value, const float *numbers, size_t num)
{
    const rv_value array = rv_array(numbers, num);
    rv_value copy;
    const int error = rv_value_copy(connection->network->context, &copy, &array, connection->name);
    if (error)
        return error;
    rv_value_clear(value);
    *value = copy;
    return RV_OK;
}

static int set_described(rv_connection *connection, const loaded *what)
{
    int error = replace(connection, &connection->connectivity.weight, what->weights, what->num);
    if (!error && what->delays)
        error = replace(connection, &connection->connectivity.delay, what->delays, what->num);
    if (error)
        return error;
    if (what->wiring) {
        rv_wiring_free(connection->wiring);
        connection->wiring = rv_wiring_retain(what->wiring);
    }
    return RV_OK;
}

/* model NULL: into the description */
static int load_all(rv_network *network, rv_compiled_network *model, const rv_serialiser *serialiser,
                    const char *const *keys, size_t num_keys)
{
    const size_t num = network->num_connections, num_populations = network->num_populations;
    loaded *all = rv_alloc(network->context, num, sizeof *all, "weights to load");
    float **biases = rv_alloc(network->context, num_populations, sizeof *biases, "biases to load");
    int error = all && biases ? RV_OK : RV_ERR_MEMORY;
    if (!error && serialiser->verify)
        error = serialiser->verify(serialiser->user, network->context, keys, num_keys);
    for (size_t i = 0; !error && i < num; i++) {
        const rv_connection *connection = network->connections[i];
        const rv_plan_connection *c = model ? rv_plan_find_connection(model, connection) : NULL;
        const source from = {serialiser, keys, num_keys, network->context, connection};
        if (!connection->connectivity.model->fixed)
            error = read_connection(&from, model, c, &all[i]);
    }
    for (size_t i = 0; !error && i < num_populations; i++) {
        const rv_population *population = network->populations[i];
        const source from = {serialiser, keys, num_keys, network->context, NULL};
        if (bias_row(population) >= 0)
            error = read_bias(&from, population, model && model->populations[i].bias.value, &biases[i]);
    }
    for (size_t i = 0; !error && i < num_populations; i++)
        if (biases[i])
            error = set_bias(model, network->populations[i], biases[i]);
    for (size_t i = 0; !error && i < num; i++)
        if (all[i].weights)
            error = model ? set_compiled(model, network->connections[i], &all[i])
                          : set_described(network->connections[i], &all[i]);
    for (size_t i = 0; all && i < num; i++) {
        rv_free(all[i].weights);
        rv_free(all[i].delays);
        rv_wiring_free(all[i].wiring);
    }
    for (size_t i = 0; biases && i < num_populations; i++)
        rv_free(biases[i]);
    rv_free(biases);
    rv_free(all);
    return error;
}

int rv_compiled_network_load(rv_compiled_network *model, const rv_serialiser *serialiser, const char *const *keys,
                             size_t num_keys)
{
    return load_all(model->network, model, serialiser, keys, num_keys);
}

int rv_network_load(rv_network *network, const rv_serialiser *serialiser, const char *const *keys, size_t num_keys)
{
    return load_all(network, NULL, serialiser, keys, num_keys);
}
