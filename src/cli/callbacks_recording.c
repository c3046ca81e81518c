/* Recorders. What they keep in memory the program writes at the end (recorded.c); what they stream goes to files of the
 * same names while they run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/callback_kinds.h"
#include "cli/memory.h"
#include "cli/say.h"

#define FIELD(name) CALLBACK_FIELD(name)

enum {
    STREAM_OFF,
    STREAM_NPY,
    STREAM_H5
};
static const char *const streams[] = {[STREAM_OFF] = "off", [STREAM_NPY] = "npy", [STREAM_H5] = "h5", NULL};

/* clang-format off */
#define KEY_ROWS_RECORDER                                                                                             \
    {"key", KEY_TEXT, FIELD(key), .help = "name of what is recorded; default: position in the list"},                 \
    {"examples", KEY_NODE, FIELD(examples), .standard = "all",                                                        \
     .help = "which ones: all, an index, a list, a slice \"0:100:2\"", .mlgenn = "example_filter"},                   \
    {"timesteps", KEY_NODE, FIELD(timesteps), .standard = "all",                                                      \
     .help = "which ones: \"::10\" every tenth, \"100:200\" a window, -1 the last"},                                  \
    {"budget", KEY_COUNT, FIELD(budget), .standard = "0",                                                             \
     .help = "bytes of memory that it may take; 0 = what the machine has"},                                           \
    {"stream", KEY_CHOICE, FIELD(stream), .standard = "off", .choices = streams,                                      \
     .help = "npy, h5: write to files while it runs, instead of keeping it in memory"}

#define KEY_ROWS_OF_POPULATION                                                                                        \
    {"population", KEY_TEXT, FIELD(population), .required = true, .help = "which one to record", .mlgenn = "pop"},    \
    {"neurons", KEY_NODE, FIELD(neurons), .standard = "all",                                                          \
     .help = "which ones; {axes: [...]} for one filter per axis", .mlgenn = "neuron_filter"}
/* clang-format on */

/* ---- what all recorders have ---- */

/* A key that does not depend on what else is in the list. */
static const char *key_of(callback_scope *scope, const callback_entry *entry)
{
    size_t index = 0;
    if (entry->key)
        return entry->key;
    for (const node *other = scope->where->parent->first; other != scope->where; other = other->next)
        index++;
    char *position = keep_make(&scope->list->store, 24, 1);
    snprintf(position, 24, "%zu", index);
    return position;
}

static const char *stream_path(callback_scope *scope, const char *key_name, int stream)
{
    char *name = format_text("recorded/%s%s%s", scope->list->prefix, key_name, stream == STREAM_H5 ? ".h5" : "");
    const char *path = callback_path(scope, name);
    free(name);
    return path;
}

static int read_recorder(callback_scope *scope, const callback_entry *entry, const char **key_name,
                         rv_filter *examples, rv_filter *timesteps, rv_recording *to)
{
    callback_list *list = scope->list;
    int status = filter_read(entry->examples, &list->store, examples);
    if (!status)
        status = filter_read(entry->timesteps, &list->store, timesteps);
    if (status)
        return status;
    *key_name = key_of(scope, entry);
    if (strchr(*key_name, '/'))
        return fault_at(scope->where, "a recorder's key is part of a file name and must not hold '/', got '%s'",
                        *key_name);
    to->budget = entry->budget;
    if (entry->stream == STREAM_OFF) {
        list->recorded[list->num_recorded++] = *key_name;
    } else {
        to->stream = stream_path(scope, *key_name, entry->stream);
        list->streams = true;
    }
    return STATUS_OK;
}

/* ---- of populations ---- */

const key spike_recorder_keys[] = {
    KEY_ROWS_OF_POPULATION,
    KEY_ROWS_RECORDER,
    {"record_counts", KEY_FLAG, FIELD(record_counts), .standard = "false", .help = "counts instead of spikes"},
};

int make_spike_recorder(callback_scope *scope, const callback_entry *entry)
{
    rv_spike_recorder_desc desc = {.record_counts = entry->record_counts == RV_ON};
    if (!(desc.population = callback_population(scope, entry)))
        return STATUS_FAILED;
    int status = filter_read(entry->neurons, &scope->list->store, &desc.neurons);
    if (!status)
        status = read_recorder(scope, entry, &desc.key, &desc.examples, &desc.timesteps, &desc.keep);
    if (!status)
        callback_list_add(scope->list, rv_spike_recorder(desc));
    return status;
}

const key var_recorder_keys[] = {
    KEY_ROWS_OF_POPULATION,
    KEY_ROWS_RECORDER,
    {"var", KEY_TEXT, FIELD(var), .help = "attribute, as v"},
    {"genn_var", KEY_TEXT, FIELD(genn_var), .help = "or internal name, as V or LambdaV"},
};

int make_var_recorder(callback_scope *scope, const callback_entry *entry)
{
    rv_var_recorder_desc desc = {.var = entry->var, .genn_var = entry->genn_var};
    if (!(desc.population = callback_population(scope, entry)))
        return STATUS_FAILED;
    int status = filter_read(entry->neurons, &scope->list->store, &desc.neurons);
    if (!status)
        status = read_recorder(scope, entry, &desc.key, &desc.examples, &desc.timesteps, &desc.keep);
    if (!status)
        callback_list_add(scope->list, rv_var_recorder(desc));
    return status;
}

/* ---- of connections ---- */

const key conn_var_recorder_keys[] = {
    {"connection", KEY_TEXT, FIELD(connection), .required = true,
     .help = "by its name, by default Conn_SOURCE_TARGET", .mlgenn = "conn"},
    {"genn_var", KEY_TEXT, FIELD(genn_var), .required = true, .help = "g, d, Gradient, DelayGradient, M, V, ..."},
    {"src_neurons", KEY_NODE, FIELD(src_neurons), .standard = "all", .help = "which ones of its source",
     .mlgenn = "src_neuron_filter"},
    {"trg_neurons", KEY_NODE, FIELD(trg_neurons), .standard = "all", .help = "which ones of its target",
     .mlgenn = "trg_neuron_filter"},
    KEY_ROWS_RECORDER,
};

int make_conn_var_recorder(callback_scope *scope, const callback_entry *entry)
{
    rv_conn_var_recorder_desc desc = {.genn_var = entry->genn_var};
    desc.connection =
        network_section_connection(scope->network, node_find(scope->where, "connection"), entry->connection);
    if (!desc.connection)
        return STATUS_FAILED;
    int status = filter_read(entry->src_neurons, &scope->list->store, &desc.src_neurons);
    if (!status)
        status = filter_read(entry->trg_neurons, &scope->list->store, &desc.trg_neurons);
    if (!status)
        status = read_recorder(scope, entry, &desc.key, &desc.examples, &desc.timesteps, &desc.keep);
    if (!status)
        callback_list_add(scope->list, rv_conn_var_recorder(desc));
    return status;
}
