#include "cli/models.h"

#include "cli/say.h"
#include "cli/suggest.h"

/* A model's entry in the tree, read: the texts and nodes of its keys. */
typedef struct model_entry {
    const char *type;
    const char *readout;
    node *param[RV_MAX_PARAMS]; /* in the order of the model's table; NULL = not given */
} model_entry;

static const key neuron_keys[] = {
    {"type", KEY_TEXT, offsetof(model_entry, type), .required = true, .help = "the model"},
    {"readout", KEY_TEXT, offsetof(model_entry, readout), .help = "what is read of an output population"},
};
static const key synapse_keys[] = {
    {"type", KEY_TEXT, offsetof(model_entry, type), .required = true, .help = "the model"},
};

#define MAX_CONNECTIVITY_OPTIONS 8

typedef struct connectivity_entry {
    const char *type;
    node *weight, *delay;
    node *option[MAX_CONNECTIVITY_OPTIONS]; /* of the model, in the order of its table */
} connectivity_entry;

static const key connectivity_keys[] = {
    {"type", KEY_TEXT, offsetof(connectivity_entry, type), .required = true, .help = "which synapses there are"},
    {"weight", KEY_NODE, offsetof(connectivity_entry, weight),
     .help = "a number, {normal: {mean: 0, sd: 1}}, ...; pools have their own"},
    {"delay", KEY_NODE, offsetof(connectivity_entry, delay), .help = "timesteps, written as weight; default 0"},
};

typedef struct optimiser_entry {
    const char *type;
    node *clamp_min, *clamp_max;
    double param[RV_MAX_OPTIMISER_PARAMS];
} optimiser_entry;

static const key clamp_keys[] = {
    {"clamp_min", KEY_NODE, offsetof(optimiser_entry, clamp_min), .help = "what learns stays at or above it"},
    {"clamp_max", KEY_NODE, offsetof(optimiser_entry, clamp_max), .help = "and at or below this"},
};

static int read_clamp(rv_context *context, const node *where, const char *name, rv_optimiser *out)
{
    double bound;
    const int status = where ? schema_number(where, &bound) : STATUS_OK;
    const int rc = where && !status ? rv_optimiser_set(out, context, name, bound) : 0;
    return rc < 0 ? fault_library(where, context, rc) : status;
}

/* Reads a model's table with the keys of its place and those of the model's parameters. */
static int read_entry(node *where, const key *keys, size_t num_keys, const rv_param *params, int num_params,
                      model_entry *out)
{
    key rows[RV_MAX_PARAMS] = {{0}};
    for (int i = 0; i < num_params; i++)
        rows[i] = (key){.name = params[i].name,
                        .kind = KEY_NODE,
                        .help = params[i].help,
                        .offset = offsetof(model_entry, param) + (size_t)i * sizeof out->param[0]};
    const key_part parts[] = {
        {.keys = keys, .num = num_keys, .out = out},
        {.keys = rows, .num = (size_t)num_params, .out = out},
    };
    *out = (model_entry){0};
    return schema_read(where, parts, 2);
}

/* The value of one parameter; where it is not given, its default is filled into the tree and *out stays "default". */
static int read_param(value_scope *scope, node *where, const rv_param *param, node *given, rv_value *out)
{
    bool on = false;
    int status;
    if (param->kind == RV_PARAM_FLAG && given) {
        status = schema_flag(given, &on);
        *out = rv_const(on);
        return status;
    }
    if (given)
        return value_read(scope, given, out);
    if (param->kind == RV_PARAM_FLAG)
        value_fill_flag(where, param->name, param->value[scope->defaults] != 0);
    else
        value_fill_number(where, param->name, param->value[scope->defaults]);
    return STATUS_OK;
}

static int read_readout(const node *where, const char *name, rv_readout *out)
{
    const char *names[32];
    size_t num = 0;
    *out = name ? rv_readout_by_name(name) : NULL;
    if (!name || *out)
        return STATUS_OK;
    for (rv_readout r; num < COUNT_OF(names) && (r = rv_readout_at((int)num)); num++)
        names[num] = rv_readout_name(r);
    return fault_unknown(node_find(where, "readout"), "readout", name, NULL, names, num);
}

int model_read_neuron(value_scope *scope, node *where, rv_neuron *out)
{
    const node *type = schema_type(where);
    if (!type)
        return STATUS_FAILED;
    const int rc = rv_neuron_by_name(out, scope->context, type->text);
    if (rc < 0)
        return fault_library(type, scope->context, rc);
    int num = 0;
    const rv_param *params = rv_neuron_model_params(out->model, &num);
    model_entry entry;
    int status = read_entry(where, neuron_keys, COUNT_OF(neuron_keys), params, num, &entry);
    for (int i = 0; i < num && !status; i++)
        status = read_param(scope, where, &params[i], entry.param[i], &out->value[i]);
    return status ? status : read_readout(where, entry.readout, &out->readout);
}

int model_read_synapse(value_scope *scope, node *where, rv_synapse *out)
{
    const node *type = schema_type(where);
    if (!type)
        return STATUS_FAILED;
    const int rc = rv_synapse_by_name(out, scope->context, type->text);
    if (rc < 0)
        return fault_library(type, scope->context, rc);
    int num = 0;
    const rv_param *params = rv_synapse_model_params(out->model, &num);
    model_entry entry;
    int status = read_entry(where, synapse_keys, COUNT_OF(synapse_keys), params, num, &entry);
    for (int i = 0; i < num && !status; i++)
        status = read_param(scope, where, &params[i], entry.param[i], &out->value[i]);
    return status;
}

/* The ids of an option, a list or {npy: FILE}. */
static int read_ids(value_scope *scope, const rv_option *option, node *given, rv_connectivity *out)
{
    const uint32_t *ids;
    size_t num;
    const int status = value_read_ids(scope, given, &ids, &num);
    const int rc = status ? 0 : rv_connectivity_set_indices(out, scope->context, option->name, ids, num);
    return rc < 0 ? fault_library(given, scope->context, rc) : status;
}

/* An option of one number or two, a flag or a word. */
static int read_option(value_scope *scope, const rv_option *option, const node *given, rv_connectivity *out)
{
    double number[2] = {0};
    const bool pair = option->kind == RV_OPTION_PAIR && given->kind == NODE_LIST && node_count(given) == 2;
    bool on = false;
    int status = STATUS_OK, rc = 0;
    if (option->kind == RV_OPTION_PADDING)
        status = schema_expect(given, NODE_SCALAR);
    else if (option->kind == RV_OPTION_FLAG)
        status = schema_flag(given, &on);
    else
        status = schema_number(pair ? node_at(given, 0) : given, &number[0]);
    if (!status && pair)
        status = schema_number(node_at(given, 1), &number[1]);
    if (status)
        return status;
    if (option->kind == RV_OPTION_FLAG)
        number[0] = on;
    rc = option->kind == RV_OPTION_PADDING
             ? rv_connectivity_set_text(out, scope->context, option->name, given->text)
             : rv_connectivity_set(out, scope->context, option->name, number, pair ? 2 : 1);
    return rc < 0 ? fault_library(given, scope->context, rc) : STATUS_OK;
}

int model_read_connectivity(value_scope *scope, node *where, rv_connectivity *out)
{
    const node *type = schema_type(where);
    if (!type)
        return STATUS_FAILED;
    const int rc = rv_connectivity_by_name(out, scope->context, type->text);
    if (rc < 0)
        return fault_library(type, scope->context, rc);
    connectivity_entry entry = {0};
    key rows[MAX_CONNECTIVITY_OPTIONS] = {{0}};
    int num = 0;
    const rv_option *options = rv_connectivity_model_options(out->model, &num);
    for (int i = 0; i < num; i++)
        rows[i] = (key){.name = options[i].name,
                        .kind = KEY_NODE,
                        .required = options[i].required,
                        .help = options[i].help,
                        .offset = offsetof(connectivity_entry, option) + (size_t)i * sizeof entry.option[0]};
    const key_part parts[] = {
        KEY_PART(connectivity_keys, &entry),
        {.keys = rows, .num = (size_t)num, .out = &entry},
    };
    int status = schema_read(where, parts, 2);
    for (int i = 0; i < num && !status; i++)
        if (entry.option[i])
            status = options[i].kind == RV_OPTION_INDICES ? read_ids(scope, &options[i], entry.option[i], out)
                                                          : read_option(scope, &options[i], entry.option[i], out);
    if (!status && !entry.weight && rv_connectivity_model_needs_weight(out->model))
        return fault_at(where, "a connectivity of type %s needs a weight", type->text);
    if (!status && entry.weight)
        status = value_read(scope, entry.weight, &out->weight);
    return status || !entry.delay ? status : value_read(scope, entry.delay, &out->delay);
}

int model_read_optimiser(rv_context *context, node *where, rv_optimiser *out)
{
    optimiser_entry entry = {0};
    key keys[RV_MAX_OPTIMISER_PARAMS + 1] = {
        {"type", KEY_TEXT, offsetof(optimiser_entry, type), .required = true, .help = "the optimiser"}};
    const node *type = schema_type(where);
    if (!type)
        return STATUS_FAILED;
    int rc = rv_optimiser_by_name(out, context, type->text);
    if (rc < 0)
        return fault_library(type, context, rc);
    size_t num = 0;
    for (const char *name; (name = rv_optimiser_param_name(out, (int)num)); num++) {
        entry.param[num] = out->param[num];
        keys[num + 1] = (key){.name = name,
                              .kind = KEY_NUMBER,
                              .help = "a parameter of the optimiser",
                              .offset = offsetof(optimiser_entry, param) + num * sizeof entry.param[0]};
    }
    const key_part parts[] = {{.keys = keys, .num = num + 1, .out = &entry}, KEY_PART(clamp_keys, &entry)};
    int status = schema_read(where, parts, 2);
    for (size_t i = 0; i < num && !status; i++) {
        value_fill_number(where, keys[i + 1].name, entry.param[i]);
        rc = rv_optimiser_set(out, context, keys[i + 1].name, entry.param[i]);
        if (rc < 0)
            status = fault_library(where, context, rc);
    }
    if (!status)
        status = read_clamp(context, entry.clamp_min, "clamp_min", out);
    return status ? status : read_clamp(context, entry.clamp_max, "clamp_max", out);
}
