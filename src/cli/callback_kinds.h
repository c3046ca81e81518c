/* What the files that read callbacks share: a kind is a table of keys, and a function that makes the callback of an
 * entry. The registry is in callbacks_section.c. */
#ifndef RV_CLI_CALLBACK_KINDS_H
#define RV_CLI_CALLBACK_KINDS_H

#include "cli/callbacks_section.h"

/* What the keys of any callback are read into. */
typedef struct callback_entry {
    const char *name, *key, *population, *connection, *var, *genn_var, *param_name, *optimiser, *monitor, *path, *folder;
    const char *commands[6]; /* of a LambdaCallback, by event */
    size_t epoch_interval, batch_interval, resumable, keep, budget, patience, start_from_epoch, every, length, warm_up, cooldown;
    double interval, min_delta, baseline, factor, from, to, min_lr;
    int mode, decay, stream, serialiser; /* indices into their choices */
    node *examples, *neurons, *src_neurons, *trg_neurons, *timesteps, *schedule, *filter;
    rv_flag record_counts, save_last, delete_checkpoint, restore_best_weights, per_batch, append;
} callback_entry;

/* What making a callback needs to know. */
typedef struct callback_scope {
    node *where;
    const network_section *network;
    const char *folder; /* of the run */
    callback_list *list;
} callback_scope;

#define CALLBACK_FIELD(name) offsetof(callback_entry, name)

/* The population that an entry's key of that name means; NULL after a fault. */
rv_population *callback_population(const callback_scope *scope, const callback_entry *entry);
/* path in the run folder; lives as long as the list. */
const char *callback_path(callback_scope *scope, const char *path);

#define CALLBACK_KIND(name, num_keys)                                                                                 \
    extern const key name##_keys[num_keys];                                                                           \
    int make_##name(callback_scope *scope, const callback_entry *entry)

CALLBACK_KIND(progress_bar, 2);
CALLBACK_KIND(spike_recorder, 8);
CALLBACK_KIND(var_recorder, 9);
CALLBACK_KIND(conn_var_recorder, 9);
CALLBACK_KIND(checkpoint, 5);
CALLBACK_KIND(model_checkpoint, 5);
CALLBACK_KIND(backup_and_restore, 2);
CALLBACK_KIND(csv_logger, 2);
CALLBACK_KIND(tensor_board, 2);
CALLBACK_KIND(timer, 1);
CALLBACK_KIND(population_timer, 1);
CALLBACK_KIND(early_stopping, 7);
CALLBACK_KIND(param_schedule, 4);
CALLBACK_KIND(learning_rate_schedule, 10);
CALLBACK_KIND(reduce_lr_on_plateau, 9);
extern const key activity_keys[1];
CALLBACK_KIND(lambda_callback, 6);
extern const key custom_update_keys[2];
int make_custom_update_on_batch_begin(callback_scope *scope, const callback_entry *entry);
int make_custom_update_on_batch_end(callback_scope *scope, const callback_entry *entry);
int make_custom_update_on_timestep_begin(callback_scope *scope, const callback_entry *entry);
int make_custom_update_on_timestep_end(callback_scope *scope, const callback_entry *entry);
int make_custom_update_on_epoch_begin(callback_scope *scope, const callback_entry *entry);
int make_custom_update_on_epoch_end(callback_scope *scope, const callback_entry *entry);
int make_firing_rate(callback_scope *scope, const callback_entry *entry);
int make_silent_neurons(callback_scope *scope, const callback_entry *entry);
int make_terminate_on_nan(callback_scope *scope, const callback_entry *entry);

#endif
