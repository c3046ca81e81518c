#include "cli/learning_section.h"

#include "cli/models.h"
#include "cli/say.h"

static const key regularisation_keys[] = {
    {"reg_lambda_upper", KEY_NUMBER, offsetof(rv_regularisation, reg_lambda_upper), .standard = "0",
     .help = "regularises neurons with more spikes than reg_nu_upper"},
    {"reg_lambda_lower", KEY_NUMBER, offsetof(rv_regularisation, reg_lambda_lower), .standard = "0",
     .help = "and those with less"},
    {"reg_nu_upper", KEY_NUMBER, offsetof(rv_regularisation, reg_nu_upper), .standard = "0",
     .help = "desired spikes of a neuron per example"},
};

int learning_read_optimiser(rv_context *context, node *where, rv_optimiser *out)
{
    return where ? model_read_optimiser(context, where, out) : STATUS_OK;
}

static int find_connection(const node *where, const char *name, const rv_network *network, const rv_connection **out)
{
    char path[NODE_PATH_SIZE];
    *out = rv_connection_by_name(network, name);
    return *out ? STATUS_OK
                : fault_at(where, "%s: the network has no connection '%s'", node_path(where->parent, path), name);
}

/* Faults if there are more than the lists have room for. */
static int check_length(const node *where, node_kind kind)
{
    char path[NODE_PATH_SIZE];
    const int status = schema_expect(where, kind);
    if (status || node_count(where) <= LEARNING_MAX_NAMED)
        return status;
    return fault_at(where, "%s must not have more than %d entries", node_path(where, path), LEARNING_MAX_NAMED);
}

int learning_find_connections(const node *where, const rv_network *network, const rv_connection **list, size_t *num)
{
    int status = where ? check_length(where, NODE_LIST) : STATUS_OK;
    *num = 0;
    for (const node *at = where ? where->first : NULL; at && !status; at = at->next) {
        const char *name;
        status = schema_text(at, &name);
        if (!status)
            status = find_connection(at, name, network, &list[(*num)++]);
    }
    return status;
}

int learning_find_optimisers(rv_context *context, node *where, const rv_network *network,
                             rv_connection_optimiser *list, size_t *num)
{
    int status = where ? check_length(where, NODE_TABLE) : STATUS_OK;
    *num = 0;
    for (node *at = where ? where->first : NULL; at && !status; at = at->next) {
        rv_connection_optimiser *entry = &list[(*num)++];
        status = find_connection(at, at->key, network, &entry->connection);
        if (!status)
            status = model_read_optimiser(context, at, &entry->optimiser);
    }
    return status;
}

int learning_find_regularisations(node *where, const rv_network *network, rv_regularisation *list, size_t *num)
{
    int status = where ? check_length(where, NODE_TABLE) : STATUS_OK;
    char path[NODE_PATH_SIZE];
    *num = 0;
    for (node *at = where ? where->first : NULL; at && !status; at = at->next) {
        rv_regularisation *entry = &list[(*num)++];
        entry->population = rv_population_by_name(network, at->key);
        status = entry->population ? schema_read(at, &KEY_PART(regularisation_keys, entry), 1)
                                   : fault_at(at, "%s: the network has no population '%s'", node_path(where, path),
                                              at->key);
    }
    return status;
}
