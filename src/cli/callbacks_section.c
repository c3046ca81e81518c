#include "cli/callbacks_section.h"

#include <stdlib.h>
#include <string.h>

#include "cli/callback_kinds.h"
#include "cli/path.h"
#include "cli/say.h"

typedef struct callback_kind {
    variant base;
    int (*make)(callback_scope *scope, const callback_entry *entry);
} callback_kind;

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

/* ---- the table ---- */

#define KIND(class_name, name, help_text)                                                                             \
    {                                                                                                                 \
        {class_name, name##_keys, COUNT_OF(name##_keys), help_text}, make_##name                                      \
    }

#define KIND_OF_UPDATE(class_name, name, when)                                                                        \
    {                                                                                                                 \
        {class_name, custom_update_keys, COUNT_OF(custom_update_keys), "triggers a group of custom updates " when},   \
            make_##name                                                                                               \
    }

static const callback_kind kinds[] = {
    KIND("BatchProgressBar", progress_bar, "progress, loss and metrics"),
    KIND("Checkpoint", checkpoint, "weights, and what --resume needs, in RUN/checkpoint"),
    KIND("SpikeRecorder", spike_recorder, "spikes of a population, in RUN/recorded"),
    KIND("VarRecorder", var_recorder, "a variable of a population, in RUN/recorded"),
    KIND("ConnVarRecorder", conn_var_recorder, "a variable of a connection's synapses, in RUN/recorded"),
    KIND_OF_UPDATE("CustomUpdateOnBatchBegin", custom_update_on_batch_begin, "before every batch"),
    KIND_OF_UPDATE("CustomUpdateOnBatchEnd", custom_update_on_batch_end, "after every batch"),
    KIND_OF_UPDATE("CustomUpdateOnTimestepBegin", custom_update_on_timestep_begin, "before every timestep"),
    KIND_OF_UPDATE("CustomUpdateOnTimestepEnd", custom_update_on_timestep_end, "after every timestep"),
    KIND_OF_UPDATE("CustomUpdateOnEpochBegin", custom_update_on_epoch_begin, "before every epoch"),
    KIND_OF_UPDATE("CustomUpdateOnEpochEnd", custom_update_on_epoch_end, "after every epoch"),
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
    KIND("PopulationTimer", population_timer, "what each population cost, in RUN/population_times.csv"),
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

int callback_list_read(callback_list *out, node *where, const network_section *network, const char *folder,
                       const char *prefix)
{
    callback_scope scope = {.network = network, .folder = folder, .list = out};
    memset(out, 0, sizeof *out);
    out->prefix = prefix;
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
