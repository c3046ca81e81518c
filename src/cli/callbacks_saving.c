/* Callbacks that show and write: progress, checkpoints, logs. */
#include <string.h>

#include "cli/callback_kinds.h"
#include "cli/progress.h"
#include "cli/say.h"

#define FIELD(name) CALLBACK_FIELD(name)

static const char *const modes[] = {"auto", "min", "max", NULL};

const key progress_bar_keys[] = {
    {"mode", KEY_CHOICE, FIELD(mode), .standard = "auto", .choices = progress_modes,
     .help = "auto: a bar on a terminal, else lines; lines: one per epoch; json: objects for programs; quiet"},
    {"interval", KEY_NUMBER, FIELD(interval), .positive = true,
     .help = "seconds between two redraws, default 0.1, or JSON lines of batches, default 1"},
};

int make_progress_bar(callback_scope *scope, const callback_entry *entry)
{
    callback_list_add(scope->list, progress_callback((rv_progress_mode)entry->mode, entry->interval));
    scope->list->has_progress = true;
    return STATUS_OK;
}

static const char *const serialisers[] = {"numpy", NULL};

const key checkpoint_keys[] = {
    {"serialiser", KEY_CHOICE, FIELD(serialiser), .standard = "numpy", .choices = serialisers,
     .help = "NumPy files under mlGeNN's names"},
    {"epoch_interval", KEY_COUNT, FIELD(epoch_interval), .standard = "1", .min = 1,
     .help = "save after every so many epochs, and after the last one"},
    {"batch_interval", KEY_COUNT, FIELD(batch_interval), .standard = "0",
     .help = "and everything after every so many batches; 0 = not within epochs"},
    {"resumable", KEY_COUNT, FIELD(resumable), .standard = "1",
     .help = "so many of the newest hold everything that train --resume needs"},
    {"keep", KEY_COUNT, FIELD(keep), .standard = "0", .help = "so many are kept; 0 = all"},
};

int make_checkpoint(callback_scope *scope, const callback_entry *entry)
{
    if (entry->batch_interval && !entry->resumable)
        return fault_at(scope->where, "Checkpoint: batch_interval needs resumable >= 1");
    callback_list_add(scope->list, rv_checkpoint((rv_checkpoint_desc){
                                       .folder = callback_path(scope, "checkpoint"),
                                       .epoch_interval = entry->epoch_interval,
                                       .batch_interval = entry->batch_interval,
                                       .resumable = entry->resumable,
                                       .keep = entry->keep,
                                   }));
    scope->list->has_checkpoint = true;
    return STATUS_OK;
}

const key model_checkpoint_keys[] = {
    {"monitor", KEY_TEXT, FIELD(monitor), .standard = "val_loss", .help = "quantity whose best epoch is kept"},
    {"mode", KEY_CHOICE, FIELD(mode), .standard = "auto", .choices = modes,
     .help = "auto: larger is better for an accuracy, else smaller"},
    {"min_delta", KEY_NUMBER, FIELD(min_delta), .standard = "0", .help = "better is better by more than this"},
    {"save_last", KEY_FLAG, FIELD(save_last), .standard = "true", .help = "keep the last epoch too"},
    {"keep", KEY_COUNT, FIELD(keep), .standard = "1", .min = 1, .help = "so many of the last are kept"},
};

int make_model_checkpoint(callback_scope *scope, const callback_entry *entry)
{
    callback_list_add(scope->list, rv_model_checkpoint((rv_model_checkpoint_desc){
                                       .folder = callback_path(scope, "best"),
                                       .monitor = entry->monitor,
                                       .mode = (rv_mode)entry->mode,
                                       .min_delta = entry->min_delta,
                                       .save_last = entry->save_last,
                                       .keep = entry->keep,
                                   }));
    return STATUS_OK;
}

const key backup_and_restore_keys[] = {
    {"batch_interval", KEY_COUNT, FIELD(batch_interval), .standard = "0",
     .help = "save after every so many batches too; 0 = at the end of epochs only"},
    {"delete_checkpoint", KEY_FLAG, FIELD(delete_checkpoint), .standard = "true",
     .help = "remove the backup when the run has come to its end"},
};

int make_backup_and_restore(callback_scope *scope, const callback_entry *entry)
{
    callback_list_add(scope->list, rv_backup_and_restore((rv_backup_and_restore_desc){
                                       .folder = callback_path(scope, "backup"),
                                       .batch_interval = entry->batch_interval,
                                       .delete_checkpoint = entry->delete_checkpoint,
                                   }));
    return STATUS_OK;
}

const key csv_logger_keys[] = {
    {"file", KEY_FILE, FIELD(path), .required = true,
     .help = "in the run folder; its history.csv is written in any case"},
    {"append", KEY_FLAG, FIELD(append), .standard = "false", .help = "add to a file that is there"},
};

int make_csv_logger(callback_scope *scope, const callback_entry *entry)
{
    const char *path = callback_path(scope, entry->path);
    if (strcmp(entry->path, "history.csv") == 0)
        return fault_at(scope->where, "CSVLogger: history.csv is written in any case; file must name another one");
    callback_list_add(scope->list,
                      rv_csv_logger((rv_csv_logger_desc){.path = path, .append = entry->append == RV_ON}));
    return STATUS_OK;
}

const key tensor_board_keys[] = {
    {"folder", KEY_TEXT, FIELD(folder), .standard = "logs", .help = "in the run folder"},
    {"batch_interval", KEY_COUNT, FIELD(batch_interval), .standard = "0",
     .help = "write after every so many batches too; 0 = after epochs only"},
};

int make_tensor_board(callback_scope *scope, const callback_entry *entry)
{
    callback_list_add(scope->list, rv_tensor_board((rv_tensor_board_desc){
                                       .folder = callback_path(scope, entry->folder),
                                       .batch_interval = entry->batch_interval,
                                   }));
    return STATUS_OK;
}

const key population_timer_keys[] = {
    {"file", KEY_FILE, FIELD(path), .standard = "population_times.csv", .help = "in the run folder, a row per population"},
};

int make_population_timer(callback_scope *scope, const callback_entry *entry)
{
    callback_list_add(scope->list, rv_population_timer(
                                       (rv_population_timer_desc){.path = callback_path(scope, entry->path)}));
    return STATUS_OK;
}

const key timer_keys[] = {
    {"file", KEY_FILE, FIELD(path), .standard = "times.csv", .help = "in the run folder, a row per epoch"},
};

int make_timer(callback_scope *scope, const callback_entry *entry)
{
    callback_list_add(scope->list, rv_timer((rv_timer_desc){.path = callback_path(scope, entry->path)}));
    return STATUS_OK;
}
