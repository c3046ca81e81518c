#include "cli/network_section.h"

#include <stdlib.h>

#include "cli/memory.h"
#include "cli/say.h"
#include "cli/suggest.h"

typedef struct network_table {
    node *populations, *layers, *connections;
} network_table;

/* The keys of a population, a connection or a layer, which is both. */
typedef struct object_table {
    const char *name, *source, *target;
    node *shape, *neuron, *connectivity, *synapse;
    size_t max_delay_steps;
    rv_flag frozen;
} object_table;

const key network_keys[] = {
    {"layers", KEY_NODE, offsetof(network_table, layers),
     .help = "list of layers, each connected to the one before: a sequential network"},
    {"populations", KEY_NODE, offsetof(network_table, populations), .help = "table of populations by name"},
    {"connections", KEY_NODE, offsetof(network_table, connections), .help = "list of connections"},
};
const size_t num_network_keys = COUNT_OF(network_keys);

#define KEY_ROW_SHAPE                                                                                                 \
    {                                                                                                                 \
        "shape", KEY_NODE, offsetof(object_table, shape),                                                             \
            .help = "number of neurons, or a list: [28, 28]; default: what the connectivity implies"                  \
    }
#define KEY_ROW_NEURON                                                                                                \
    {                                                                                                                 \
        "neuron", KEY_NODE, offsetof(object_table, neuron),                                                           \
            .required = true, .help = "table of type, parameters and readout; 'ranvier info --models' lists them"     \
    }
#define KEY_ROW_SYNAPSE                                                                                               \
    {                                                                                                                 \
        "synapse", KEY_NODE, offsetof(object_table, synapse), .standard = "delta",                                    \
                                                              .help = "table of type and parameters"                  \
    }

#define KEY_ROWS_LEARNING                                                                                             \
    {"frozen", KEY_FLAG, offsetof(object_table, frozen), .standard = "false",                                         \
     .help = "weights stay as they are while the rest learns"},                                                       \
    {                                                                                                                 \
        "max_delay_steps", KEY_COUNT, offsetof(object_table, max_delay_steps), .standard = "0",                       \
                                                                               .help = "bound of delays that learn; " \
                                                                                       "0: the largest delay"         \
    }

const key population_keys[] = {
    KEY_ROW_SHAPE,
    KEY_ROW_NEURON,
};
const size_t num_population_keys = COUNT_OF(population_keys);

const key connection_keys[] = {
    {"name", KEY_TEXT, offsetof(object_table, name), .help = "default Conn_<source>_<target>"},
    {"source", KEY_TEXT, offsetof(object_table, source), .required = true, .help = "name of a population"},
    {"target", KEY_TEXT, offsetof(object_table, target), .required = true, .help = "name of a population"},
    {"connectivity", KEY_NODE, offsetof(object_table, connectivity), .required = true,
     .help = "table of type and weight"},
    KEY_ROW_SYNAPSE,
    KEY_ROWS_LEARNING,
};
const size_t num_connection_keys = COUNT_OF(connection_keys);

static const key input_layer_keys[] = {
    {"name", KEY_TEXT, offsetof(object_table, name), .help = "of the population; default Pop0, Pop1, ..."},
    {"shape", KEY_NODE, offsetof(object_table, shape), .required = true,
     .help = "number of neurons, or a list: [28, 28]"},
    KEY_ROW_NEURON,
};

const key layer_keys[] = {
    {"name", KEY_TEXT, offsetof(object_table, name), .help = "of the population; default Pop0, Pop1, ..."},
    KEY_ROW_SHAPE,
    KEY_ROW_NEURON,
    {"connectivity", KEY_NODE, offsetof(object_table, connectivity), .required = true,
     .help = "from the layer before (not in the first): table of type and weight"},
    KEY_ROW_SYNAPSE,
    KEY_ROWS_LEARNING,
};
const size_t num_layer_keys = COUNT_OF(layer_keys);

/* ---- objects ---- */

static int read_shape(const node *where, size_t shape[RV_MAX_DIMS])
{
    char path[NODE_PATH_SIZE];
    int status = STATUS_OK;
    if (!where)
        return STATUS_OK;
    if (where->kind == NODE_SCALAR)
        return schema_count(where, 1, &shape[0]);
    if (where->kind == NODE_LIST && where->first && node_count(where) <= RV_MAX_DIMS) {
        size_t dim = 0;
        for (const node *child = where->first; child && !status; child = child->next)
            status = schema_count(child, 1, &shape[dim++]);
        return status;
    }
    return fault_at(where, "%s must be a number or a list of 1 to %d numbers", node_path(where, path), RV_MAX_DIMS);
}

static int read_population(value_scope *scope, network_section *out, node *where)
{
    object_table table = {0};
    rv_population_desc desc = {.name = where->key};
    rv_population *added;
    int status = schema_read(where, &KEY_PART(population_keys, &table), 1);
    if (!status)
        status = read_shape(table.shape, desc.shape);
    if (!status)
        status = model_read_neuron(scope, table.neuron, &desc.neuron);
    if (status)
        return status;
    const int rc = rv_population_add(&added, out->network, &desc);
    return rc < 0 ? fault_library(where, scope->context, rc) : STATUS_OK;
}

static int read_connection(value_scope *scope, network_section *out, node *where)
{
    object_table table = {0};
    rv_connection_desc desc = {0};
    rv_connection *added;
    int status = schema_read(where, &KEY_PART(connection_keys, &table), 1);
    if (status)
        return status;
    rv_population *source = network_section_population(out, node_find(where, "source"), table.source);
    rv_population *target = source ? network_section_population(out, node_find(where, "target"), table.target) : NULL;
    if (!source || !target)
        return STATUS_FAILED;
    desc.name = table.name;
    desc.max_delay_steps = table.max_delay_steps;
    desc.frozen = table.frozen == RV_ON;
    status = model_read_connectivity(scope, table.connectivity, &desc.connectivity);
    if (!status)
        status = model_read_synapse(scope, table.synapse, &desc.synapse);
    if (status)
        return status;
    const int rc = rv_connection_add(&added, out->network, source, target, &desc);
    return rc < 0 ? fault_library(where, scope->context, rc) : STATUS_OK;
}

static int read_layer(value_scope *scope, network_section *out, node *where)
{
    const bool first = where == where->parent->first;
    object_table table = {0};
    rv_layer_desc desc = {0};
    rv_layer added;
    const key_part part = first ? KEY_PART(input_layer_keys, &table) : KEY_PART(layer_keys, &table);
    int status = schema_read(where, &part, 1);
    desc.name = table.name;
    desc.max_delay_steps = table.max_delay_steps;
    desc.frozen = table.frozen == RV_ON;
    if (!status)
        status = read_shape(table.shape, desc.shape);
    if (!status)
        status = model_read_neuron(scope, table.neuron, &desc.neuron);
    if (!status && !first)
        status = model_read_connectivity(scope, table.connectivity, &desc.connectivity);
    if (!status && !first)
        status = model_read_synapse(scope, table.synapse, &desc.synapse);
    if (status)
        return status;
    const int rc = first ? rv_input_layer_add(&added, out->network, &desc) : rv_layer_add(&added, out->network, &desc);
    if (rc < 0)
        return fault_library(where, scope->context, rc);
    if (!table.name)
        node_append(where, "name", node_scalar(rv_population_name(added.population), NULL, 0));
    return STATUS_OK;
}

/* ---- the section ---- */

/* Reads each child of a list or table. */
static int read_each(node *parent, node_kind kind, value_scope *scope, network_section *out,
                     int (*read)(value_scope *, network_section *, node *))
{
    int status = parent ? schema_expect(parent, kind) : STATUS_OK;
    for (node *child = parent ? parent->first : NULL; child && !status; child = child->next)
        status = read(scope, out, child);
    return status;
}

int network_section_read(network_section *out, node *where, rv_context *context, rv_defaults defaults,
                         const char *folder)
{
    value_scope scope = {.context = context, .defaults = defaults, .folder = folder};
    network_table table = {0};
    *out = (network_section){.where = where};
    int status = schema_read(where, &KEY_PART(network_keys, &table), 1);
    const int rc = status ? 0 : rv_network_create(&out->network, context, defaults);
    if (rc < 0)
        status = fault_library(where, context, rc);
    if (!status && !table.layers && !table.populations)
        status = fault_at(where, "network needs layers, or populations and connections");
    if (!status)
        status = read_each(table.layers, NODE_LIST, &scope, out, read_layer);
    if (!status)
        status = read_each(table.populations, NODE_TABLE, &scope, out, read_population);
    if (!status)
        status = read_each(table.connections, NODE_LIST, &scope, out, read_connection);
    value_scope_clear(&scope);
    return status;
}

void network_section_clear(network_section *section)
{
    rv_network_free(section->network);
    *section = (network_section){0};
}

rv_population *network_section_population(const network_section *section, const node *where, const char *name)
{
    rv_population *found = rv_population_by_name(section->network, name);
    if (found)
        return found;
    const size_t num = rv_network_num_populations(section->network);
    const char **names = make(num, sizeof *names);
    for (size_t i = 0; i < num; i++)
        names[i] = rv_population_name(rv_network_population(section->network, i));
    fault_unknown(where, "population", name, NULL, names, num);
    free(names);
    return NULL;
}

rv_connection *network_section_connection(const network_section *section, const node *where, const char *name)
{
    rv_connection *found = rv_connection_by_name(section->network, name);
    if (found)
        return found;
    const size_t num = rv_network_num_connections(section->network);
    const char **names = make(num, sizeof *names);
    for (size_t i = 0; i < num; i++)
        names[i] = rv_connection_name(rv_network_connection(section->network, i));
    fault_unknown(where, "connection", name, NULL, names, num);
    free(names);
    return NULL;
}
