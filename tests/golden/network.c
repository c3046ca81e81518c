#include "golden/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SIZE 100000000 /* neurons of a population */
#define LEARNT_MAX_DELAY 32 /* timesteps; where delays were learnt, the cases were recorded with it */
#define MAX_NAME 120
#define MAX_LISTS 2 /* of ids, pre_ind and post_ind */

/* A model with settable parameters: what neurons and synapses have in common. */
typedef struct golden_model {
    const char *kind;  /* "neuron" */
    const char *type;  /* "LeakyIntegrateFire" */
    const char *owner; /* "population hid" */
    rv_neuron *neuron; /* this or synapse */
    rv_synapse *synapse;
} golden_model;

static int set_param(const golden_model *model, rv_context *context, const char *key, rv_value value)
{
    return model->neuron ? rv_neuron_set(model->neuron, context, key, value)
                         : rv_synapse_set(model->synapse, context, key, value);
}

/* A value as case.json gives it; false after golden_fail. */
static bool read_value(rv_value *out, const golden_case *c, const json_t *value, const char *where,
                       golden_report *report)
{
    if (json_is_number(value)) {
        *out = rv_const(json_number_value(value));
        return true;
    }
    if (json_is_boolean(value)) {
        *out = rv_const(json_is_true(value) ? 1 : 0);
        return true;
    }
    golden_array *const array = golden_array_of(c, value, where, report);
    const float *const floats = array ? golden_array_floats(array, report) : NULL;
    if (floats)
        *out = rv_array(floats, array->size);
    return floats != NULL;
}

static void set_params(const golden_model *model, const golden_case *c, json_t *params, golden_report *report)
{
    const char *key;
    json_t *value;
    json_object_foreach(params, key, value)
    {
        char where[MAX_NAME * 3];
        rv_value number;
        snprintf(where, sizeof where, "%s: %s", model->owner, key);
        /* null is "none", which is every parameter's default where it is allowed */
        if (strcmp(key, "type") == 0 || json_is_null(value) || !read_value(&number, c, value, where, report))
            continue;
        const int result = set_param(model, c->context, key, number);
        if (result == RV_ERR_NAME)
            golden_miss(report, "parameter %s of %s %s", key, model->kind, model->type);
        else if (result < 0)
            golden_fail(report, "%s: %s", where, rv_last_error(c->context));
    }
}

static bool name_fits(const char *name, golden_report *report)
{
    if (name && strlen(name) > MAX_NAME)
        golden_fail(report, "case.json: a name is longer than %d characters", MAX_NAME);
    return name && strlen(name) <= MAX_NAME;
}

/* An object under a key and the type it names; NULL after golden_fail. */
static json_t *typed_object(const json_t *owner, const char *key, const char **type, golden_report *report)
{
    json_t *const object = json_object_get(owner, key);
    *type = json_is_object(object) ? golden_get_string(object, "type", report) : NULL;
    if (!json_is_object(object))
        golden_fail(report, "case.json: %s must be an object with a type", key);
    return name_fits(*type, report) ? object : NULL;
}

static void miss_other_keys(json_t *object, const char *const *known, const char *of, golden_report *report)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        bool found = false;
        for (size_t i = 0; known[i]; i++)
            found = found || strcmp(key, known[i]) == 0;
        if (!found)
            golden_miss(report, "parameter %s of %s", key, of);
    }
}

/* ---- populations ------------------------------------------------------------------------------------------------ */

static void read_shape(rv_population_desc *desc, size_t *size, const json_t *shape, golden_report *report)
{
    const size_t num = json_array_size(shape);
    *size = 1;
    if (num < 1 || num > RV_MAX_DIMS)
        golden_fail(report, "case.json: the shape of %s must have 1 to %d dimensions", desc->name, RV_MAX_DIMS);
    for (size_t d = 0; d < num && d < RV_MAX_DIMS; d++) {
        const json_int_t n = json_integer_value(json_array_get(shape, d));
        if (n < 1 || n > MAX_SIZE || *size > MAX_SIZE / (size_t)n) {
            golden_fail(report, "case.json: the shape of %s is no shape", desc->name);
            return;
        }
        desc->shape[d] = (size_t)n;
        *size *= (size_t)n;
    }
}

static void read_readout(golden_population *p, const json_t *readout, golden_report *report)
{
    if (!readout || json_is_null(readout))
        return;
    const char *const name = json_string_value(readout);
    if (!name) {
        golden_fail(report, "case.json: the readout of %s must be a name or null", p->name);
        return;
    }
    p->readout = rv_readout_by_name(name);
    if (!p->readout)
        golden_miss(report, "readout %s", name);
}

static void add_population(golden_network *network, const golden_case *c, json_t *json, golden_report *report)
{
    static const char *const known[] = {"name", "shape", "neuron", "readout", NULL};
    golden_population *const p = &network->populations[network->num_populations++];
    p->name = golden_get_string(json, "name", report);
    json_t *neuron = typed_object(json, "neuron", &p->type, report);
    if (!name_fits(p->name, report) || !neuron)
        return;
    char owner[MAX_NAME + 20];
    snprintf(owner, sizeof owner, "population %s", p->name);
    rv_population_desc desc = {.name = p->name};
    miss_other_keys(json, known, owner, report);
    read_shape(&desc, &p->size, json_object_get(json, "shape"), report);
    read_readout(p, json_object_get(json, "readout"), report);
    network->num_outputs += p->readout != NULL;
    if (rv_neuron_by_name(&desc.neuron, c->context, p->type) < 0) {
        golden_miss(report, "neuron %s", p->type);
        return;
    }
    p->fed = rv_neuron_model_fed(desc.neuron.model);
    network->num_inputs += p->fed != RV_FED_BY_CONNECTIONS;
    set_params(&(golden_model){"neuron", p->type, owner, &desc.neuron, NULL}, c, neuron, report);
    desc.neuron.readout = p->readout;
    if (!golden_stopped(report) && rv_population_add(&p->handle, network->handle, &desc) < 0)
        golden_fail(report, "%s", rv_last_error(c->context));
}

static const golden_population *population_of(const golden_network *network, const json_t *connection, const char *key,
                                              golden_report *report)
{
    const char *const name = golden_get_string(connection, key, report);
    for (size_t i = 0; name && i < network->num_populations; i++)
        if (network->populations[i].name && strcmp(network->populations[i].name, name) == 0)
            return &network->populations[i];
    golden_fail(report, "case.json: the %s of a connection is no population", key);
    return NULL;
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

/* Ids of neurons from an array; NULL after golden_fail. The connectivity borrows them: freed by the caller. */
static uint32_t *read_ids(const golden_case *c, const json_t *value, const char *where, size_t *num,
                          golden_report *report)
{
    const golden_array *const array = golden_array_of(c, value, where, report);
    uint32_t *const ids = array ? calloc(array->size + 1, sizeof *ids) : NULL;
    if (array && !ids)
        golden_fail(report, "out of memory");
    for (size_t i = 0; ids && i < array->size; i++) {
        if (array->data[i] < 0 || array->data[i] > MAX_SIZE)
            golden_fail(report, "%s: %g is no neuron", where, array->data[i]);
        else
            ids[i] = (uint32_t)array->data[i];
    }
    *num = array ? array->size : 0;
    return ids;
}

/* One option of the connectivity; *ids, if it is a list of them, is freed by the caller once the connection is there. */
static void read_option(rv_connectivity *out, const golden_case *c, const char *key, const json_t *value,
                        const char *owner, uint32_t **ids, golden_report *report)
{
    char where[MAX_NAME * 3];
    double numbers[3];
    size_t num = 0;
    int result;
    snprintf(where, sizeof where, "%s: %s", owner, key);
    if (json_is_object(value)) {
        *ids = read_ids(c, value, where, &num, report);
        result = *ids ? rv_connectivity_set_indices(out, c->context, key, *ids, num) : 0;
    } else if (json_is_string(value)) {
        result = rv_connectivity_set_text(out, c->context, key, json_string_value(value));
    } else {
        if (json_is_array(value))
            for (; num < json_array_size(value) && num < 3; num++)
                numbers[num] = json_number_value(json_array_get(value, num));
        else
            numbers[num++] = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
        result = rv_connectivity_set(out, c->context, key, numbers, num);
    }
    if (result == RV_ERR_NAME)
        golden_miss(report, "%s", rv_last_error(c->context));
    else if (result < 0)
        golden_fail(report, "%s: %s", where, rv_last_error(c->context));
}

/* ids (MAX_LISTS) are freed by the caller once the connection is there. */
static void read_connectivity(rv_connectivity *out, const golden_case *c, json_t *json, const char *type,
                              const char *owner, uint32_t *ids[MAX_LISTS], golden_report *report)
{
    const char *key;
    json_t *value;
    size_t num_ids = 0;
    if (rv_connectivity_by_name(out, c->context, type) < 0) {
        golden_miss(report, "connectivity %s", type);
        return;
    }
    json_object_foreach(json, key, value)
    {
        char where[MAX_NAME * 3];
        snprintf(where, sizeof where, "%s: %s", owner, key);
        if (strcmp(key, "weight") == 0)
            read_value(&out->weight, c, value, where, report);
        else if (strcmp(key, "delay") == 0)
            read_value(&out->delay, c, value, where, report);
        else if (strcmp(key, "type") != 0 && num_ids < MAX_LISTS) {
            read_option(out, c, key, value, owner, &ids[num_ids], report);
            num_ids += ids[num_ids] != NULL;
        }
    }
}

/* Whether params' learn_delays names a connection. */
static bool learns_delays(const golden_case *c, const char *connection)
{
    const json_t *const names = json_object_get(c->params, "learn_delays");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *const name = json_string_value(json_array_get(names, i));
        if (name && strcmp(name, connection) == 0)
            return true;
    }
    return false;
}

static void add_connection(golden_network *network, const golden_case *c, json_t *json, golden_report *report)
{
    static const char *const known[] = {"source", "target", "connectivity", "synapse", NULL};
    const char *connectivity_type, *synapse_type;
    const golden_population *const source = population_of(network, json, "source", report);
    const golden_population *const target = population_of(network, json, "target", report);
    json_t *connectivity = typed_object(json, "connectivity", &connectivity_type, report);
    json_t *synapse = typed_object(json, "synapse", &synapse_type, report);
    if (!source || !target || !connectivity || !synapse)
        return;
    golden_connection *const connection = &network->connections[network->num_connections++];
    char owner[2 * MAX_NAME + 30];
    snprintf(connection->name, sizeof connection->name, "%s_%s", source->name, target->name);
    snprintf(owner, sizeof owner, "connection %s", connection->name);
    connection->learns_delays = learns_delays(c, connection->name);
    uint32_t *ids[MAX_LISTS] = {NULL};
    rv_connection_desc desc = {.name = connection->name,
                               .max_delay_steps = connection->learns_delays ? LEARNT_MAX_DELAY : 0};
    miss_other_keys(json, known, owner, report);
    read_connectivity(&desc.connectivity, c, connectivity, connectivity_type, owner, ids, report);
    if (rv_synapse_by_name(&desc.synapse, c->context, synapse_type) < 0)
        golden_miss(report, "synapse %s", synapse_type);
    else
        set_params(&(golden_model){"synapse", synapse_type, owner, NULL, &desc.synapse}, c, synapse, report);
    if (!golden_stopped(report) &&
        rv_connection_add(&connection->handle, network->handle, source->handle, target->handle, &desc) < 0)
        golden_fail(report, "%s", rv_last_error(c->context));
    for (size_t i = 0; i < MAX_LISTS; i++)
        free(ids[i]);
}

void golden_network_build(golden_network *network, const golden_case *c, golden_report *report)
{
    *network = (golden_network){0};
    network->populations = calloc(json_array_size(c->populations) + 1, sizeof *network->populations);
    network->connections = calloc(json_array_size(c->connections) + 1, sizeof *network->connections);
    if (!network->populations || !network->connections) {
        golden_fail(report, "out of memory");
        return;
    }
    if (rv_network_create(&network->handle, c->context, RV_CLASS_DEFAULTS) < 0) {
        golden_fail(report, "%s", rv_last_error(c->context));
        return;
    }
    size_t i;
    json_t *json;
    json_array_foreach(c->populations, i, json)
    {
        add_population(network, c, json, report);
    }
    json_array_foreach(c->connections, i, json)
    {
        add_connection(network, c, json, report);
    }
}

void golden_network_free(golden_network *network)
{
    rv_network_free(network->handle);
    for (size_t i = 0; i < network->num_connections; i++)
    {
        free(network->connections[i].weights);
        free(network->connections[i].delays);
    }
    free(network->populations);
    free(network->connections);
    *network = (golden_network){0};
}
