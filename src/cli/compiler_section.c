#include "cli/compiler_section.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/models.h"
#include "cli/say.h"

typedef struct compiler_table {
    node *example_timesteps, *optimiser, *deep_r_conns;
    double deep_r_l1_strength;
    rv_eventprop_desc desc;
    rv_eprop_desc eprop;
    rv_flag online;
    size_t k;
    int feedback; /* rv_feedback */
} compiler_table;

#define MAX_DEEP_R 32

#define DESC(field) offsetof(compiler_table, desc.field)
#define EPROP_DESC(field) offsetof(compiler_table, eprop.field)

const key compiler_keys[] = {
    {"example_timesteps", KEY_NODE, offsetof(compiler_table, example_timesteps), .standard = "auto",
     .help = "steps of one example; auto: the data's latest spike, rounded up to steps, and one more"},
    {"dt", KEY_NUMBER, DESC(dt), .positive = true, .standard = "1", .help = "ms; length of a step"},
    {"batch_size", KEY_COUNT, DESC(batch_size), .standard = "1", .min = 1,
     .help = "examples whose gradients make one step of the optimiser"},
};
const size_t num_compiler_keys = COUNT_OF(compiler_keys);

static const key eventprop_keys[] = {
    {"optimiser", KEY_NODE, offsetof(compiler_table, optimiser), .standard = "adam",
     .help = "table of type and parameters"},
    {"reg_lambda_upper", KEY_NUMBER, DESC(reg_lambda_upper), .standard = "0",
     .help = "regularises neurons with more spikes than reg_nu_upper"},
    {"reg_lambda_lower", KEY_NUMBER, DESC(reg_lambda_lower), .standard = "0", .help = "and those with less"},
    {"reg_nu_upper", KEY_NUMBER, DESC(reg_nu_upper), .standard = "0",
     .help = "desired spikes of a hidden neuron per example"},
    {"max_spikes", KEY_COUNT, DESC(max_spikes), .standard = "500", .min = 1,
     .help = "spikes of a neuron in an example; more is an error"},
    {"softmax_temperature", KEY_NUMBER, DESC(softmax_temperature), .positive = true, .standard = "1",
     .help = "divides the readout inside the softmax"},
    {"deep_r_conns", KEY_NODE, offsetof(compiler_table, deep_r_conns),
     .help = "names of sparse connections that Deep R rewires: [Conn_input_hidden]"},
    {"deep_r_l1_strength", KEY_NUMBER, offsetof(compiler_table, deep_r_l1_strength), .standard = "0.01",
     .help = "what draws their weights to zero"},
};

/* in the order of rv_feedback */
static const char *const feedbacks[] = {"symmetric", "random", NULL};

static const key eprop_keys[] = {
    {"optimiser", KEY_NODE, offsetof(compiler_table, optimiser), .standard = "adam",
     .help = "table of type and parameters"},
    {"tau_reg", KEY_NUMBER, EPROP_DESC(tau_reg), .positive = true, .standard = "500",
     .help = "ms; time constant of a neuron's mean spike rate"},
    {"c_reg", KEY_NUMBER, EPROP_DESC(c_reg), .standard = "0.001", .help = "strength with which rates are regularised"},
    {"f_target", KEY_NUMBER, EPROP_DESC(f_target), .standard = "10", .help = "Hz; rate that they are drawn to"},
    {"train_output_bias", KEY_FLAG, EPROP_DESC(train_output_bias), .standard = "true",
     .help = "the outputs' biases learn too"},
    {"feedback", KEY_CHOICE, offsetof(compiler_table, feedback), .standard = "symmetric", .choices = feedbacks,
     .help = "errors come back through the weights to the outputs, or fixed random ones"},
    {"reset_time_between_batches", KEY_FLAG, EPROP_DESC(reset_time_between_batches), .standard = "true",
     .help = "false: recorded spike times go on from batch to batch"},
    {"online", KEY_FLAG, offsetof(compiler_table, online), .standard = "false",
     .help = "keeps traces of every synapse: the same gradients, a hundred times as slow"},
    {"deep_r_conns", KEY_NODE, offsetof(compiler_table, deep_r_conns),
     .help = "names of sparse connections that Deep R rewires: [Conn_input_hidden]"},
    {"deep_r_l1_strength", KEY_NUMBER, offsetof(compiler_table, deep_r_l1_strength), .standard = "0.01",
     .help = "what draws their weights to zero"},
};

static const key few_spike_keys[] = {
    {"k", KEY_COUNT, offsetof(compiler_table, k), .standard = "10", .min = 1,
     .help = "timesteps of a layer, as of its neurons; example_timesteps follows from it"},
};

enum {
    EVENTPROP = 0,
    EPROP,
    INFERENCE,
    FEW_SPIKE,
};

static const variant compilers[] = {
    [EVENTPROP] = {"eventprop", eventprop_keys, COUNT_OF(eventprop_keys), "learns by exact gradients at spike times"},
    [EPROP] = {"eprop", eprop_keys, COUNT_OF(eprop_keys), "learns by e-prop: eligibility times a learning signal"},
    [INFERENCE] = {"inference", NULL, 0, "does not learn"},
    [FEW_SPIKE] = {"few_spike", few_spike_keys, COUNT_OF(few_spike_keys), "runs networks of FewSpikeRelu neurons"},
};

const variant *compiler_at(size_t index)
{
    return index < COUNT_OF(compilers) ? &compilers[index] : NULL;
}

/* The default `type` is filled in here, because it decides which keys there are. */
static int choose(node *where)
{
    if (where->kind == NODE_TABLE && !node_find(where, "type"))
        node_append(where, "type", node_scalar(compilers[EVENTPROP].name, NULL, 0));
    return schema_choose(where, compilers, sizeof compilers[0], COUNT_OF(compilers));
}

int compiler_section_defaults(node *where, rv_defaults *out)
{
    const int index = choose(where);
    *out = index == EVENTPROP ? RV_EVENTPROP_DEFAULTS : index == EPROP ? RV_EPROP_DEFAULTS : RV_CLASS_DEFAULTS;
    return index < 0 ? STATUS_FAILED : STATUS_OK;
}

int compiler_section_read(compiler_section *out, node *where, rv_context *context)
{
    compiler_table table = {0};
    const key_part common = {.keys = compiler_keys, .num = num_compiler_keys, .out = &table};
    *out = (compiler_section){.where = where};
    const int index = choose(where);
    int status = index < 0 ? STATUS_FAILED : schema_read_variant(where, &compilers[index], &table, &common);
    if (status)
        return status;
    out->learns = index == EVENTPROP || index == EPROP;
    out->eprop = index == EPROP;
    out->few_spike = index == FEW_SPIKE;
    out->k = table.k;
    out->desc = table.desc;
    out->eprop_desc = table.eprop;
    out->deep_r_conns = table.deep_r_conns;
    /* where the file says 0, it means 0 */
    out->deep_r_l1_strength = table.deep_r_l1_strength == 0 ? -1 : table.deep_r_l1_strength;
    out->eprop_desc.c_reg_given = out->eprop_desc.f_target_given = true;
    out->eprop_desc.online = table.online == RV_ON;
    out->eprop_desc.feedback = (rv_feedback)table.feedback;
    const node *steps = table.example_timesteps;
    out->auto_steps = steps->kind == NODE_SCALAR && strcmp(steps->text, "auto") == 0;
    if (out->few_spike && !out->auto_steps)
        return fault_at(steps, "compiler.example_timesteps must be auto with few_spike: it follows from k and the depth "
                        "of the network");
    if (out->few_spike)
        out->auto_steps = false;
    else if (!out->auto_steps)
        status = schema_count(steps, 1, &out->desc.example_timesteps);
    if (!status && table.optimiser)
        status = model_read_optimiser(context, table.optimiser, &out->desc.optimiser);
    return status;
}

int compiler_section_settle(compiler_section *section, double latest_time)
{
    if (!section->auto_steps)
        return STATUS_OK;
    if (latest_time < 0)
        return fault_at(node_find(section->where, "example_timesteps"),
                        "compiler.example_timesteps must be given: the data are values, which have no latest spike");
    const node *dt = node_find(section->where, "dt");
    const double steps = ceil(latest_time / section->desc.dt) + 1;
    if (!(section->desc.dt > 0) || !(steps < 1e9))
        return fault_at(dt, "compiler.dt must be > 0 ms and fit the data, whose latest spike is at %g ms, got %s",
                        latest_time, dt->text);
    char text[32];
    section->desc.example_timesteps = (size_t)steps;
    section->auto_steps = false;
    snprintf(text, sizeof text, "%zu", section->desc.example_timesteps);
    node_put(section->where, "example_timesteps", node_scalar(text, NULL, 0));
    return STATUS_OK;
}

/* The connections that Deep R rewires, into a list of MAX_DEEP_R. */
static int find_deep_r(const compiler_section *section, const rv_network *network, const rv_connection **list,
                       size_t *num)
{
    *num = 0;
    if (!section->deep_r_conns)
        return STATUS_OK;
    int status = schema_expect(section->deep_r_conns, NODE_LIST);
    for (const node *at = status ? NULL : section->deep_r_conns->first; at && !status; at = at->next) {
        const char *name;
        status = schema_text(at, &name);
        const rv_connection *found = status ? NULL : rv_connection_by_name(network, name);
        if (!status && !found)
            return fault_at(at, "compiler.deep_r_conns: the network has no connection '%s'", name);
        if (!status && *num == MAX_DEEP_R)
            return fault_at(at, "compiler.deep_r_conns: at most %d connections can be named", MAX_DEEP_R);
        if (!status)
            list[(*num)++] = found;
    }
    return status;
}

static int compile_eventprop(rv_compiled_network **out, const compiler_section *section, rv_network *network,
                             const rv_connection *const *deep_r_conns, size_t num_deep_r_conns)
{
    rv_eventprop_desc desc = section->desc;
    desc.deep_r_conns = deep_r_conns;
    desc.num_deep_r_conns = num_deep_r_conns;
    desc.deep_r_l1_strength = section->deep_r_l1_strength;
    return rv_compile_eventprop(out, network, &desc);
}

static int compile_eprop(rv_compiled_network **out, const compiler_section *section, rv_network *network,
                         const rv_connection *const *deep_r_conns, size_t num_deep_r_conns)
{
    rv_eprop_desc desc = section->eprop_desc;
    desc.deep_r_conns = deep_r_conns;
    desc.num_deep_r_conns = num_deep_r_conns;
    desc.deep_r_l1_strength = section->deep_r_l1_strength;
    desc.example_timesteps = section->desc.example_timesteps;
    desc.dt = section->desc.dt;
    desc.batch_size = section->desc.batch_size;
    desc.optimiser = section->desc.optimiser;
    return rv_compile_eprop(out, network, &desc);
}

int compiler_section_compile(rv_compiled_network **out, const compiler_section *section, rv_network *network,
                             rv_context *context, bool learn)
{
    const rv_inference_desc inference = {
        .example_timesteps = section->desc.example_timesteps,
        .dt = section->desc.dt,
        .batch_size = section->desc.batch_size,
    };
    const rv_few_spike_desc few_spike = {.k = section->k, .dt = inference.dt, .batch_size = inference.batch_size};
    const rv_connection *rewired[MAX_DEEP_R];
    size_t num;
    const int status = find_deep_r(section, network, rewired, &num);
    if (status)
        return status;
    const int rc = section->eprop       ? compile_eprop(out, section, network, rewired, num)
                   : section->few_spike ? rv_compile_few_spike(out, network, &few_spike)
                   : learn              ? compile_eventprop(out, section, network, rewired, num)
                                        : rv_compile_inference(out, network, &inference);
    return rc < 0 ? fault_library(section->where, context, rc) : STATUS_OK;
}
