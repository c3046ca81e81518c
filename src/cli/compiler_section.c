#include "cli/compiler_section.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/say.h"

typedef struct compiler_table {
    node *example_timesteps, *delay_optimiser, *delay_learn_conns, *regularisations;
    learning_keys learning;
    rv_eventprop_desc desc;
    rv_eprop_desc eprop;
    rv_inference_desc inference;
    rv_flag online, per_timestep_loss, train_output_bias;
    size_t k;
    int feedback; /* rv_feedback */
} compiler_table;

/* What lists of names stand for in the network. */
typedef struct named_parts {
    rv_connection_optimiser optimisers[LEARNING_MAX_NAMED];
    rv_regularisation regularisations[LEARNING_MAX_NAMED];
    const rv_connection *delays[LEARNING_MAX_NAMED], *deep_r[LEARNING_MAX_NAMED];
    size_t num_optimisers, num_regularisations, num_delays, num_deep_r;
} named_parts;

#define DESC(field) offsetof(compiler_table, desc.field)
#define INFERENCE_DESC(field) offsetof(compiler_table, inference.field)
#define EPROP_DESC(field) offsetof(compiler_table, eprop.field)

const key compiler_keys[] = {
    {"example_timesteps", KEY_NODE, offsetof(compiler_table, example_timesteps), .standard = "auto",
     .help = "steps of one example; auto: the data's latest spike, rounded up to steps, and one more; or as many as "
             "there are targets"},
    {"dt", KEY_NUMBER, DESC(dt), .positive = true, .standard = "1", .help = "ms; length of a step"},
    {"batch_size", KEY_COUNT, DESC(batch_size), .standard = "1", .min = 1,
     .help = "examples whose gradients make one step of the optimiser"},
};
const size_t num_compiler_keys = COUNT_OF(compiler_keys);

static const key eventprop_keys[] = {
    LEARNING_KEY_ROWS(compiler_table),
    {"delay_learn_conns", KEY_NODE, offsetof(compiler_table, delay_learn_conns),
     .help = "names of connections whose delays learn too: [Conn_input_hidden]"},
    {"delay_optimiser", KEY_NODE, offsetof(compiler_table, delay_optimiser), .help = "of delays; default adam"},
    {"train_output_bias", KEY_FLAG, offsetof(compiler_table, train_output_bias), .standard = "false",
     .help = "the outputs' biases learn too"},
    {"reg_lambda_upper", KEY_NUMBER, DESC(reg_lambda_upper), .standard = "0",
     .help = "regularises neurons with more spikes than reg_nu_upper"},
    {"reg_lambda_lower", KEY_NUMBER, DESC(reg_lambda_lower), .standard = "0", .help = "and those with less"},
    {"reg_nu_upper", KEY_NUMBER, DESC(reg_nu_upper), .standard = "0",
     .help = "desired spikes of a hidden neuron per example"},
    {"regularisations", KEY_NODE, offsetof(compiler_table, regularisations),
     .help = "table by name of population: these three for it alone"},
    {"max_spikes", KEY_COUNT, DESC(max_spikes), .standard = "500", .min = 1,
     .help = "spikes of a neuron in an example; more is an error"},
    {"strict_buffer_checking", KEY_FLAG, DESC(strict_buffer_checking), .standard = "true",
     .help = "false: more is a warning, and all of them are learnt from"},
    {"softmax_temperature", KEY_NUMBER, DESC(softmax_temperature), .positive = true, .standard = "1",
     .help = "divides the readout inside the softmax"},
    {"ttfs_alpha", KEY_NUMBER, DESC(ttfs_alpha), .standard = "0.01",
     .help = "ms; what pulls first spikes of the label's neuron forward"},
    {"per_timestep_loss", KEY_FLAG, offsetof(compiler_table, per_timestep_loss), .standard = "false",
     .help = "losses are means over the steps of the loss of V(t)"},
};

/* in the order of rv_feedback */
static const char *const feedbacks[] = {"symmetric", "random", NULL};

static const key eprop_keys[] = {
    LEARNING_KEY_ROWS(compiler_table),
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
};

static const key inference_keys[] = {
    {"reset_time_between_batches", KEY_FLAG, INFERENCE_DESC(reset_time_between_batches), .standard = "true",
     .help = "false: recorded spike times go on from batch to batch"},
    {"reset_vars_between_batches", KEY_FLAG, INFERENCE_DESC(reset_vars_between_batches), .standard = "true",
     .help = "false: neurons go on from the example at their position of the batch before"},
    {"reset_in_syn_between_batches", KEY_FLAG, INFERENCE_DESC(reset_in_syn_between_batches), .standard = "true",
     .help = "false: so do synaptic inputs, and spikes on their way arrive (mlGeNN's default)"},
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
    [INFERENCE] = {"inference", inference_keys, COUNT_OF(inference_keys), "does not learn"},
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

/* Where the file says 0, it means 0; to the library that is the default. */
static double or_none(double x)
{
    return x == 0 ? -1 : x;
}

static void set_eventprop(rv_eventprop_desc *desc, const compiler_table *table)
{
    *desc = table->desc;
    desc->ttfs_alpha = or_none(desc->ttfs_alpha);
    desc->per_timestep_loss = table->per_timestep_loss == RV_ON;
    desc->train_output_bias = table->train_output_bias == RV_ON;
    desc->clip_norm = table->learning.clip_norm;
    desc->clip_value = table->learning.clip_value;
    desc->accumulate = table->learning.accumulate;
    desc->keep_gradients = table->learning.keep_gradients == RV_ON;
    desc->deep_r_l1_strength = or_none(table->learning.deep_r_l1_strength);
    desc->deep_r_record_rewirings = table->learning.deep_r_record_rewirings == RV_ON;
}

static void set_eprop(rv_eprop_desc *desc, const compiler_table *table)
{
    *desc = table->eprop;
    desc->dt = table->desc.dt;
    desc->batch_size = table->desc.batch_size;
    desc->c_reg_given = desc->f_target_given = true;
    desc->online = table->online == RV_ON;
    desc->feedback = (rv_feedback)table->feedback;
    desc->clip_norm = table->learning.clip_norm;
    desc->clip_value = table->learning.clip_value;
    desc->accumulate = table->learning.accumulate;
    desc->keep_gradients = table->learning.keep_gradients == RV_ON;
    desc->deep_r_l1_strength = or_none(table->learning.deep_r_l1_strength);
    desc->deep_r_record_rewirings = table->learning.deep_r_record_rewirings == RV_ON;
}

static int read_optimisers(compiler_section *out, const compiler_table *table, rv_context *context)
{
    int status = learning_read_optimiser(context, table->learning.optimiser, &out->desc.optimiser);
    if (!status)
        status = learning_read_optimiser(context, table->learning.bias_optimiser, &out->desc.bias_optimiser);
    if (!status)
        status = learning_read_optimiser(context, table->delay_optimiser, &out->desc.delay_optimiser);
    out->eprop_desc.optimiser = out->desc.optimiser;
    out->eprop_desc.bias_optimiser = out->desc.bias_optimiser;
    return status;
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
    out->inference_desc = table.inference;
    out->learning = table.learning;
    out->regularisations = table.regularisations;
    out->delay_learn_conns = table.delay_learn_conns;
    set_eventprop(&out->desc, &table);
    set_eprop(&out->eprop_desc, &table);
    const node *steps = table.example_timesteps;
    out->auto_steps = steps->kind == NODE_SCALAR && strcmp(steps->text, "auto") == 0;
    if (out->few_spike && !out->auto_steps)
        return fault_at(steps, "compiler.example_timesteps must be auto with few_spike: it follows from k and the depth "
                        "of the network");
    if (out->few_spike)
        out->auto_steps = false;
    else if (!out->auto_steps)
        status = schema_count(steps, 1, &out->desc.example_timesteps);
    return status ? status : read_optimisers(out, &table, context);
}

int compiler_section_settle(compiler_section *section, double latest_time, size_t target_steps)
{
    if (!section->auto_steps)
        return STATUS_OK;
    if (latest_time < 0)
        return fault_at(node_find(section->where, "example_timesteps"),
                        "compiler.example_timesteps must be given: the data are values, which have no latest spike");
    const node *dt = node_find(section->where, "dt");
    const double steps = target_steps ? (double)target_steps : ceil(latest_time / section->desc.dt) + 1;
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

static int compile_eventprop(rv_compiled_network **out, const compiler_section *section, rv_network *network,
                             const named_parts *parts)
{
    rv_eventprop_desc desc = section->desc;
    desc.connection_optimisers = parts->optimisers;
    desc.num_connection_optimisers = parts->num_optimisers;
    desc.regularisations = parts->regularisations;
    desc.num_regularisations = parts->num_regularisations;
    desc.delay_learn_conns = parts->delays;
    desc.num_delay_learn_conns = parts->num_delays;
    desc.deep_r_conns = parts->deep_r;
    desc.num_deep_r_conns = parts->num_deep_r;
    return rv_compile_eventprop(out, network, &desc);
}

static int compile_eprop(rv_compiled_network **out, const compiler_section *section, rv_network *network,
                         const named_parts *parts)
{
    rv_eprop_desc desc = section->eprop_desc;
    desc.connection_optimisers = parts->optimisers;
    desc.num_connection_optimisers = parts->num_optimisers;
    desc.deep_r_conns = parts->deep_r;
    desc.num_deep_r_conns = parts->num_deep_r;
    desc.example_timesteps = section->desc.example_timesteps;
    return rv_compile_eprop(out, network, &desc);
}

static int find_parts(const compiler_section *section, const rv_network *network, rv_context *context,
                      named_parts *out)
{
    *out = (named_parts){0};
    int status = learning_find_optimisers(context, section->learning.connection_optimisers, network, out->optimisers,
                                          &out->num_optimisers);
    if (!status)
        status = learning_find_regularisations(section->regularisations, network, out->regularisations,
                                               &out->num_regularisations);
    if (!status)
        status = learning_find_connections(section->delay_learn_conns, network, out->delays, &out->num_delays);
    return status ? status
                  : learning_find_connections(section->learning.deep_r_conns, network, out->deep_r, &out->num_deep_r);
}

int compiler_section_compile(rv_compiled_network **out, const compiler_section *section, rv_network *network,
                             rv_context *context, bool learn)
{
    rv_inference_desc inference = section->inference_desc;
    inference.example_timesteps = section->desc.example_timesteps;
    inference.dt = section->desc.dt;
    inference.batch_size = section->desc.batch_size;
    const rv_few_spike_desc few_spike = {.k = section->k, .dt = inference.dt, .batch_size = inference.batch_size};
    named_parts parts;
    const int status = find_parts(section, network, context, &parts);
    if (status)
        return status;
    const int rc = section->eprop       ? compile_eprop(out, section, network, &parts)
                   : section->few_spike ? rv_compile_few_spike(out, network, &few_spike)
                   : learn              ? compile_eventprop(out, section, network, &parts)
                                        : rv_compile_inference(out, network, &inference);
    return rc < 0 ? fault_library(section->where, context, rc) : STATUS_OK;
}
