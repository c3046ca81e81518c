#include "cli/outputs_section.h"

#include "cli/objectives.h"
#include "cli/say.h"

typedef struct output_table {
    node *loss, *metrics;
} output_table;

const key output_keys[] = {
    {"loss", KEY_NODE, offsetof(output_table, loss), .standard = "sparse_categorical_crossentropy",
     .help = "what learning makes small: a name, or a table of type and parameters"},
    {"metrics", KEY_NODE, offsetof(output_table, metrics), .standard = "[sparse_categorical_accuracy]",
     .help = "list of what is reported, each written like a loss"},
};
const size_t num_output_keys = COUNT_OF(output_keys);

static void fill_outputs(node *where, const network_section *network)
{
    for (size_t i = 0; i < rv_network_num_populations(network->network); i++) {
        const rv_population *population = rv_network_population(network->network, i);
        if (rv_population_neuron(population)->readout)
            node_append(where, rv_population_name(population), node_create(NODE_TABLE, NULL, 0));
    }
}

static int read_metrics(node *list, rv_metric metrics[RV_MAX_METRICS], rv_context *context)
{
    size_t num = 0;
    int status = schema_expect(list, NODE_LIST);
    for (node *child = list->first; child && !status; child = child->next) {
        if (num == RV_MAX_METRICS)
            return fault_at(child, "an output must not have more than %d metrics", RV_MAX_METRICS);
        status = objective_read_metric(context, child, &metrics[num++]);
    }
    return status;
}

static int read_output(rv_output *out, node *where, const network_section *network, rv_context *context)
{
    output_table table = {0};
    int status = schema_read(where, &KEY_PART(output_keys, &table), 1);
    if (status)
        return status;
    out->population = network_section_population(network, where, where->key);
    if (!out->population)
        return STATUS_FAILED;
    if (!rv_population_neuron(out->population)->readout)
        return fault_at(where, "population '%s' is an output, so its neuron needs a readout", where->key);
    status = objective_read_loss(context, table.loss, &out->loss);
    return status ? status : read_metrics(table.metrics, out->metrics, context);
}

int outputs_section_read(outputs_section *out, node *where, const network_section *network, rv_context *context)
{
    *out = (outputs_section){0};
    int status = schema_expect(where, NODE_TABLE);
    if (!status && !where->first)
        fill_outputs(where, network);
    if (!status && !where->first)
        return fault_at(where, "the network has no output: give a population's neuron a readout");
    for (node *child = where->first; child && !status; child = child->next) {
        if (out->num == RV_MAX_PORTS)
            return fault_at(child, "there must not be more than %d outputs", RV_MAX_PORTS);
        status = read_output(&out->items[out->num++], child, network, context);
    }
    return status;
}
