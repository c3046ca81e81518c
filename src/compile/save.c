/* Trainable state to and from a serialiser, under mlGeNN's names: keys..., <connection>, "g". */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "compile/plan.h"
#include "values/value.h"

/* keys and the two that name a connection's weights; freed with rv_free */
static const char **connection_keys(rv_context *context, const char *const *keys, size_t num_keys,
                                    const rv_connection *connection)
{
    const char **out = rv_alloc(context, num_keys + 2, sizeof *out, "keys");
    for (size_t i = 0; out && i < num_keys; i++)
        out[i] = keys[i];
    if (out) {
        out[num_keys] = connection->name;
        out[num_keys + 1] = "g";
    }
    return out;
}

static int save_connection(const rv_compiled_network *model, const rv_plan_connection *c,
                           const rv_serialiser *serialiser, const char *const *keys, size_t num_keys)
{
    const size_t size = c->connection->num_weights;
    const char **names = connection_keys(model->context, keys, num_keys, c->connection);
    float *flat = rv_alloc(model->context, size, sizeof *flat, "weights to save");
    int error = names && flat ? RV_OK : RV_ERR_MEMORY;
    if (!error)
        error = rv_variable_get(model, (rv_variable){.connection = c->connection, .name = "g"}, flat, size);
    if (!error)
        error = serialiser->serialise(serialiser->user, model->context, names, num_keys + 2,
                                      &(rv_ndarray){RV_FLOAT32, 1, {size}, size, flat});
    rv_free(names);
    rv_free(flat);
    return error;
}

/* A serialiser that hands on to another and notes what it was given, so that the checkpoint can be made valid as a
 * whole. */
typedef struct noting {
    const rv_serialiser *to;
    size_t num_keys; /* that all arrays have in common */
    char **names;    /* (num of capacity) the other keys of each, joined */
    size_t num, capacity;
} noting;

static int note(void *user, rv_context *context, const char *const *keys, size_t num_keys, const rv_ndarray *array)
{
    noting *notes = user;
    int error = rv_grow(context, &notes->names, &notes->capacity, notes->num + 1, sizeof *notes->names,
                        "names of a checkpoint's arrays");
    char *name = NULL;
    for (size_t i = notes->num_keys; !error && i < num_keys; i++) {
        char *longer = rv_format(context, "%s%s%s", name ? name : "", name ? "-" : "", keys[i]);
        rv_free(name);
        name = longer;
        error = name ? RV_OK : RV_ERR_MEMORY;
    }
    if (error) {
        rv_free(name);
        return error;
    }
    notes->names[notes->num++] = name;
    return notes->to->serialise(notes->to->user, context, keys, num_keys, array);
}

int rv_compiled_network_save(const rv_compiled_network *model, const rv_serialiser *serialiser,
                             const char *const *keys, size_t num_keys)
{
    noting notes = {.to = serialiser, .num_keys = num_keys};
    const rv_serialiser noted = {.name = serialiser->name, .user = &notes, .serialise = note};
    int error = serialiser->begin ? serialiser->begin(serialiser->user, model->context, keys, num_keys) : RV_OK;
    for (uint32_t i = 0; !error && i < model->num_connections; i++)
        error = save_connection(model, &model->connections[i], &noted, keys, num_keys);
    if (!error && serialiser->commit)
        error = serialiser->commit(serialiser->user, model->context, keys, num_keys,
                                   (const char *const *)notes.names, notes.num);
    for (size_t i = 0; i < notes.num; i++)
        rv_free(notes.names[i]);
    rv_free(notes.names);
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

/* *out (num_weights) is freed with rv_free */
static int load_connection(rv_context *context, const rv_connection *connection, const rv_serialiser *serialiser,
                           const char *const *keys, size_t num_keys, float **out)
{
    rv_ndarray array = {0};
    const char **names = connection_keys(context, keys, num_keys, connection);
    *out = rv_alloc(context, connection->num_weights, sizeof **out, "weights to load");
    int error = names && *out ? RV_OK : RV_ERR_MEMORY;
    if (!error)
        error = serialiser->deserialise(serialiser->user, context, names, num_keys + 2, &array);
    if (!error && array.size != connection->num_weights)
        error = rv_fail(context, RV_ERR_CHECKPOINT, "connection '%s' has %zu weights, the checkpoint holds %zu",
                        connection->name, connection->num_weights, array.size);
    if (!error) {
        error = to_float(&array, *out);
        if (error)
            rv_fail(context, error, "connection '%s': weights in the checkpoint must be finite floating point numbers",
                    connection->name);
    }
    rv_ndarray_clear(&array);
    rv_free(names);
    return error;
}

/* All or nothing: everything is read and checked before the first weight changes. */
static int load_all(rv_network *network, const rv_serialiser *serialiser, const char *const *keys, size_t num_keys,
                    int (*set)(void *user, rv_connection *connection, const float *weights), void *user)
{
    const size_t num = network->num_connections;
    float **weights = rv_alloc(network->context, num, sizeof *weights, "weights to load");
    int error = weights ? RV_OK : RV_ERR_MEMORY;
    if (!error && serialiser->verify)
        error = serialiser->verify(serialiser->user, network->context, keys, num_keys);
    for (size_t i = 0; !error && i < num; i++)
        error = load_connection(network->context, network->connections[i], serialiser, keys, num_keys, &weights[i]);
    for (size_t i = 0; !error && i < num; i++)
        error = set(user, network->connections[i], weights[i]);
    for (size_t i = 0; weights && i < num; i++)
        rv_free(weights[i]);
    rv_free(weights);
    return error;
}

static int set_compiled(void *user, rv_connection *connection, const float *weights)
{
    return rv_variable_set(user, (rv_variable){.connection = connection, .name = "g"}, weights,
                           connection->num_weights);
}

int rv_compiled_network_load(rv_compiled_network *model, const rv_serialiser *serialiser, const char *const *keys,
                             size_t num_keys)
{
    return load_all(model->network, serialiser, keys, num_keys, set_compiled, model);
}

static int set_described(void *user, rv_connection *connection, const float *weights)
{
    (void)user;
    const rv_value value = rv_array(weights, connection->num_weights);
    rv_value copy;
    const int error = rv_value_copy(connection->network->context, &copy, &value, connection->name);
    if (error)
        return error;
    rv_value_clear(&connection->connectivity.weight);
    connection->connectivity.weight = copy;
    return RV_OK;
}

int rv_network_load(rv_network *network, const rv_serialiser *serialiser, const char *const *keys, size_t num_keys)
{
    return load_all(network, serialiser, keys, num_keys, set_described, NULL);
}
