#include "cli/callbacks_section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/callback_kinds.h"
#include "cli/path.h"
#include "cli/say.h"

typedef struct callback_kind {
    variant base;
    int (*make)(callback_scope *scope, const callback_entry *entry);
} callback_kind;

#define FIELD(name) CALLBACK_FIELD(name)
/* clang-format off */
#define KEY_ROWS_RECORDER                                                                                             \
    {"population", KEY_TEXT, FIELD(population), .required = true, .help = "which one to record"},                     \
    {"key", KEY_TEXT, FIELD(key), .help = "name of what is recorded; default: position in the list"},                 \
    {"examples", KEY_NODE, FIELD(examples), .standard = "all",                                                        \
     .help = "which ones: all, an index, a list, a slice \"0:100:2\""},                                               \
    {"neurons", KEY_NODE, FIELD(neurons), .standard = "all",                                                          \
     .help = "which ones; {axes: [...]} for one filter per axis"}
/* clang-format on */

/* ---- what kinds of callbacks need ---- */

rv_population *callback_population(const callback_scope *scope, const callback_entry *entry)
{
    return network_section_population(scope->network, node_find(scope->where, "population"), entry->population);
}

const char *callback_path(callback_scope *scope, const char *path)
{
    char *joined = path_join(scope->folder, path);
    char *kept = keep_make(&scope->list->store, strlen(joined) + 1, 1);
    strcpy(kept, joined);
    free(joined);
    return kept;
}

/* ---- recorders ---- */

/* What both recorders have: population, filters, and a key that does not depend on what else is in the list. */
static int read_recorder(callback_scope *scope, const callback_entry *entry, rv_population **population,
                         const char **key_name, rv_filter *examples, rv_filter *neurons)
{
    const node *where = scope->where;
    *population = callback_population(scope, entry);
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

/* ---- the table ---- */

#define KIND(class_name, name, help_text)                                                                             \
    {                                                                                                                 \
        {class_name, name##_keys, COUNT_OF(name##_keys), help_text}, make_##name                                      \
    }

static const callback_kind kinds[] = {
    KIND("BatchProgressBar", progress_bar, "progress, loss and metrics"),
    KIND("Checkpoint", checkpoint, "weights, and what --resume needs, in RUN/checkpoint"),
    KIND("SpikeRecorder", spike_recorder, "spikes of a population, in RUN/recorded"),
    KIND("VarRecorder", var_recorder, "a variable of a population, in RUN/recorded"),
    KIND("OptimiserParamSchedule", param_schedule, "sets a parameter of the optimiser before every epoch"),
    KIND("LearningRateSchedule", learning_rate_schedule, "likewise, by epoch or batch, with a warm-up"),
    KIND("ReduceLROnPlateau", reduce_lr_on_plateau, "lowers the learning rate when nothing becomes better"),
    KIND("EarlyStopping", early_stopping, "stops when nothing becomes better"),
    KIND("ModelCheckpoint", model_checkpoint, "weights of the best and the last epoch, in RUN/best"),
    KIND("BackupAndRestore", backup_and_restore, "everything that resuming needs, in RUN/backup, until the end"),
    KIND("CSVLogger", csv_logger, "a row per epoch"),
    KIND("TensorBoard", tensor_board, "event files with all metrics, in RUN/logs"),
    {{"TerminateOnNaN", NULL, 0, "stops when the loss is not finite"}, make_terminate_on_nan},
    {{"FiringRate", activity_keys, COUNT_OF(activity_keys), "adds POPULATION.rate to the metrics, Hz"},
     make_firing_rate},
    {{"SilentNeurons", activity_keys, COUNT_OF(activity_keys),
      "adds POPULATION.silent, the part of its neurons that never spiked in the epoch"},
     make_silent_neurons},
    KIND("Timer", timer, "where the time went, by epoch, in RUN/times.csv"),
    KIND("LambdaCallback", lambda_callback, "commands that are run when something happens"),
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
