/* Trainable state and synapses to a serialiser, under mlGeNN's names: keys..., <connection>, "g" (pre_ind, post_ind), "d"
 * where delays learn, and keys..., <population>, "Bias" where biases do. */
#include "base/alloc.h"
#include "compile/plan.h"
#include "compile/saved.h"

/* One array under keys..., <connection>, name. */
static int save_array(const rv_compiled_network *model, const rv_plan_connection *c, const rv_serialiser *serialiser,
                      const char *const *keys, size_t num_keys, const char *name, rv_dtype dtype, void *data)
{
    const size_t size = c->wiring->num_weights;
    const char **names = rv_saved_keys(model->context, keys, num_keys, c->connection->name, name);
    const int error = names ? serialiser->serialise(serialiser->user, model->context, names, num_keys + 2,
                                                    &(rv_ndarray){dtype, 1, {size}, size, data})
                            : RV_ERR_MEMORY;
    rv_free(names);
    return error;
}

/* A variable with a number for each weight. */
static int save_numbers(const rv_compiled_network *model, const rv_plan_connection *c, const rv_serialiser *serialiser,
                        const char *const *keys, size_t num_keys, const char *name)
{
    const size_t size = c->wiring->num_weights;
    float *flat = rv_alloc(model->context, size, sizeof *flat, "numbers to save");
    int error = flat ? RV_OK : RV_ERR_MEMORY;
    if (!error)
        error = rv_variable_get(model, (rv_variable){.connection = c->connection, .name = name}, flat, size);
    if (!error)
        error = save_array(model, c, serialiser, keys, num_keys, name, RV_FLOAT32, flat);
    rv_free(flat);
    return error;
}

static int save_bias(const rv_compiled_network *model, const rv_plan_population *p, const rv_serialiser *serialiser,
                     const char *const *keys, size_t num_keys)
{
    const char **names = rv_saved_keys(model->context, keys, num_keys, p->population->name, "Bias");
    const int error = names ? serialiser->serialise(serialiser->user, model->context, names, num_keys + 2,
                                                    &(rv_ndarray){RV_FLOAT32, 1, {p->n}, p->n, p->bias.value})
                            : RV_ERR_MEMORY;
    rv_free(names);
    return error;
}

/* Where the model lists them; the others follow from the network's description. */
static int save_synapses(const rv_compiled_network *model, const rv_plan_connection *c, const rv_serialiser *serialiser,
                         const char *const *keys, size_t num_keys)
{
    const size_t size = c->wiring->num_weights;
    if (!c->connection->connectivity.model->sparse)
        return RV_OK;
    uint32_t *pre_ind = rv_alloc(model->context, size, sizeof *pre_ind, "synapses to save");
    uint32_t *post_ind = rv_alloc(model->context, size, sizeof *post_ind, "synapses to save");
    int error = pre_ind && post_ind ? RV_OK : RV_ERR_MEMORY;
    if (!error)
        error = rv_connection_synapses(model, c->connection, pre_ind, post_ind, size);
    if (!error)
        error = save_array(model, c, serialiser, keys, num_keys, "pre_ind", RV_UINT32, pre_ind);
    if (!error)
        error = save_array(model, c, serialiser, keys, num_keys, "post_ind", RV_UINT32, post_ind);
    rv_free(pre_ind);
    rv_free(post_ind);
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
    for (uint32_t i = 0; !error && i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        if (!c->connection->connectivity.model->fixed)
            error = save_numbers(model, c, &noted, keys, num_keys, "g");
        if (!error && c->delay_parameter.value)
            error = save_numbers(model, c, &noted, keys, num_keys, "d");
        if (!error)
            error = save_synapses(model, c, &noted, keys, num_keys);
    }
    for (uint32_t i = 0; !error && i < model->num_populations; i++)
        if (model->populations[i].bias.value)
            error = save_bias(model, &model->populations[i], &noted, keys, num_keys);
    if (!error && serialiser->commit)
        error = serialiser->commit(serialiser->user, model->context, keys, num_keys,
                                   (const char *const *)notes.names, notes.num);
    for (size_t i = 0; i < notes.num; i++)
        rv_free(notes.names[i]);
    rv_free(notes.names);
    return error;
}

int rv_compiled_network_save_connectivity(const rv_compiled_network *model, const rv_serialiser *serialiser,
                                          const char *const *keys, size_t num_keys)
{
    int error = RV_OK;
    for (uint32_t i = 0; !error && i < model->num_connections; i++)
        error = save_synapses(model, &model->connections[i], serialiser, keys, num_keys);
    return error;
}
