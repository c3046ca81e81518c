#include "cli/callbacks_section.h"

#include <stdio.h>
#include <string.h>

#include "cli/say.h"
#include "cli/schedules.h"

/* What the keys of any callback are read into. */
typedef struct callback_entry {
    const char *key, *population, *var, *genn_var, *param_name;
    size_t epoch_interval;
    node *examples, *neurons, *schedule;
    rv_flag record_counts;
} callback_entry;

/* What making a callback needs to know. */
typedef struct callback_scope {
    node *where;
    const network_section *network;
    const char *folder; /* of checkpoints */
    callback_list *list;
} callback_scope;

typedef struct callback_kind {
    variant base;
    int (*make)(callback_scope *scope, const callback_entry *entry);
} callback_kind;

#define FIELD(name) offsetof(callback_entry, name)
/* clang-format off */
#define KEY_ROWS_RECORDER                                                                                             \
    {"population", KEY_TEXT, FIELD(population), .required = true, .help = "which one to record"},                     \
    {"key", KEY_TEXT, FIELD(key), .help = "name of what is recorded; default: position in the list"},                 \
    {"examples", KEY_NODE, FIELD(examples), .standard = "all",                                                        \
     .help = "which ones: all, an index, a list, a slice \"0:100:2\""},                                               \
    {"neurons", KEY_NODE, FIELD(neurons), .standard = "all",                                                          \
     .help = "which ones; {axes: [...]} for one filter per axis"}
/* clang-format on */

/* ---- the table ---- */

static int make_progress_bar(callback_scope *scope, const callback_entry *entry)
{
    (void)entry;
    if (!is_quiet())
        callback_list_add(scope->list, rv_batch_progress_bar());
    return STATUS_OK;
}

static const key checkpoint_keys[] = {
    {"epoch_interval", KEY_COUNT, FIELD(epoch_interval), .standard = "1", .min = 1,
     .help = "save after every so many epochs, and after the last one"},
};

static int make_checkpoint(callback_scope *scope, const callback_entry *entry)
{
    callback_list_add(scope->list, rv_checkpoint((rv_checkpoint_desc){.folder = scope->folder,
                                                                      .epoch_interval = entry->epoch_interval}));
    scope->list->has_checkpoint = true;
    return STATUS_OK;
}

/* What both recorders have: population, filters, and a key that does not depend on what else is in the list. */
static int read_recorder(callback_scope *scope, const callback_entry *entry, rv_population **population,
                         const char **key_name, rv_filter *examples, rv_filter *neurons)
{
    const node *where = scope->where;
    *population = network_section_population(scope->network, node_find(where, "population"), entry->population);
    int status = *population ? filter_read(entry->examples, &scope->list->store, examples) : STATUS_FAILED;
    if (!status)
        status = filter_read(entry->neurons, &scope->list->store, neurons);
    *key_name = entry->key;
    if (!entry->key) {
        char *position = keep_make(&scope->list->store, 24, 1);
        size_t index = 0;
        for (const node *other = where->parent->first; other != where; other = other->next)
            index++;
        snprintf(position, 24, "%zu", index);
        *key_name = position;
    }
    if (!status && strchr(*key_name, '/'))
        return fault_at(where, "a recorder's key is part of a file name and must not hold '/', got '%s'", *key_name);
    scope->list->recorded[scope->list->num_recorded++] = *key_name;
    return status;
}

static const key spike_recorder_keys[] = {
    KEY_ROWS_RECORDER,
    {"record_counts", KEY_FLAG, FIELD(record_counts), .standard = "false", .help = "counts instead of spikes"},
};

static int make_spike_recorder(callback_scope *scope, const callback_entry *entry)
{
    rv_spike_recorder_desc desc = {.record_counts = entry->record_counts == RV_ON};
    rv_population *population;
    const int status = read_recorder(scope, entry, &population, &desc.key, &desc.examples, &desc.neurons);
    desc.population = population;
    if (!status)
        callback_list_add(scope->list, rv_spike_recorder(desc));
    return status;
}

static const key var_recorder_keys[] = {
    KEY_ROWS_RECORDER,
    {"var", KEY_TEXT, FIELD(var), .help = "attribute, as v"},
    {"genn_var", KEY_TEXT, FIELD(genn_var), .help = "or internal name, as V or LambdaV"},
};

static int make_var_recorder(callback_scope *scope, const callback_entry *entry)
{
    rv_var_recorder_desc desc = {.var = entry->var, .genn_var = entry->genn_var};
    rv_population *population;
    const int status = read_recorder(scope, entry, &population, &desc.key, &desc.examples, &desc.neurons);
    desc.population = population;
    if (!status)
        callback_list_add(scope->list, rv_var_recorder(desc));
    return status;
}

static const key param_schedule_keys[] = {
    {"param_name", KEY_TEXT, FIELD(param_name), .required = true, .help = "parameter of the optimiser, as alpha"},
    {"schedule", KEY_NODE, FIELD(schedule), .required = true, .help = "table of type and parameters"},
};

static int make_param_schedule(callback_scope *scope, const callback_entry *entry)
{
    rv_optimiser_param_schedule_desc desc = {.param_name = entry->param_name};
    const int status = schedule_read(entry->schedule, &scope->list->store, &desc.func, &desc.user);
    if (!status)
        callback_list_add(scope->list, rv_optimiser_param_schedule(desc));
    return status;
}

static const callback_kind kinds[] = {
    {{"BatchProgressBar", NULL, 0, "progress, loss and metrics"}, make_progress_bar},
    {{"Checkpoint", checkpoint_keys, COUNT_OF(checkpoint_keys), "weights, in RUN/checkpoint"}, make_checkpoint},
    {{"SpikeRecorder", spike_recorder_keys, COUNT_OF(spike_recorder_keys), "spikes of a population, in RUN/recorded"},
     make_spike_recorder},
    {{"VarRecorder", var_recorder_keys, COUNT_OF(var_recorder_keys), "a variable of a population, in RUN/recorded"},
     make_var_recorder},
    {{"OptimiserParamSchedule", param_schedule_keys, COUNT_OF(param_schedule_keys),
      "sets a parameter of the optimiser before every epoch"},
     make_param_schedule},
};

const variant *callback_at(size_t index)
{
    return index < COUNT_OF(kinds) ? &kinds[index].base : NULL;
}

/* ---- the list ---- */

void callback_list_add(callback_list *list, rv_callback added)
{
    if (list->num < MAX_CALLBACKS) /* callback_list_read has checked it */
        list->items[list->num++] = added;
}

static int read_entry(callback_scope *scope)
{
    callback_entry entry = {0};
    const int index = schema_choose(scope->where, &kinds[0].base, sizeof kinds[0], COUNT_OF(kinds));
    int status = index < 0 ? STATUS_FAILED : schema_read_variant(scope->where, &kinds[index].base, &entry, NULL);
    if (!status)
        status = kinds[index].make(scope, &entry);
    return status;
}

int callback_list_read(callback_list *out, node *where, const network_section *network, const char *folder)
{
    callback_scope scope = {.network = network, .folder = folder, .list = out};
    memset(out, 0, sizeof *out);
    int status = schema_expect(where, NODE_LIST);
    if (!status && node_count(where) > MAX_CALLBACKS - 2) /* the program adds its own */
        status = fault_at(where, "there must not be more than %d callbacks", MAX_CALLBACKS - 2);
    for (node *child = where->first; child && !status; child = child->next) {
        scope.where = child;
        status = read_entry(&scope);
    }
    return status;
}

void callback_list_clear(callback_list *list)
{
    keep_clear(&list->store);
    memset(list, 0, sizeof *list);
}
