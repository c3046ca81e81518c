/* CALLBACKS: the built-in ones, written on the hooks and probes of train.h alone. */
#ifndef RANVIER_CALLBACKS_H
#define RANVIER_CALLBACKS_H

#include <ranvier/custom_update.h>
#include <ranvier/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mlGeNN: BatchProgressBar. On a terminal one line in tqdm's look, redrawn at most every 0.1 s and cut to the
 * terminal's width:  Epoch 3:  42%|####1     | 50/120 [00:01<00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]
 * An epoch leaves one line, with the metrics of its validation; the validation's own bar shows on that line meanwhile.
 * Elsewhere one plain line per epoch or test. Written to standard error. */
RV_API rv_callback rv_batch_progress_bar(void);

/* How progress is shown. */
typedef enum rv_progress_mode {
    RV_PROGRESS_AUTO = 0, /* a bar on a terminal, else a line per epoch */
    RV_PROGRESS_LINES,    /* a line per epoch or test */
    RV_PROGRESS_JSON,     /* a JSON object per line, for programs: begin, batch, epoch, test, end */
    RV_PROGRESS_QUIET,    /* nothing */
} rv_progress_mode;

/* The same in another mode. */
typedef struct rv_progress_desc {
    rv_progress_mode mode;
    double interval; /* s, > 0: at most one redraw or JSON line of batches in this time; default 0.1, of JSON 1 */
} rv_progress_desc;
RV_API rv_callback rv_progress(rv_progress_desc desc);

/* mlGeNN: Checkpoint(serialiser, epoch_interval). Saves the trainable state with key <epoch> when
 * epoch % epoch_interval == 0 and after the last epoch, also of a run that is stopped, then under the number of the
 * epoch it was stopped in. Does nothing in a test. Everything is saved once all callbacks have seen the end of the
 * epoch. */
typedef struct rv_checkpoint_desc {
    rv_serialiser serialiser; /* copied; default: NumPy files in folder */
    const char *folder;       /* where there is no serialiser; default "."; must outlive the run */
    size_t epoch_interval;    /* >= 1; default 1 */
    /* with a folder: */
    size_t resumable;      /* so many of the newest ones hold everything needed to resume (rv_train_desc.resume_from);
                              default 0 */
    size_t batch_interval; /* with resumable: one after every so many batches too; default 0 = none */
    size_t keep;           /* so many are kept; default 0 = all */
} rv_checkpoint_desc;
RV_API rv_callback rv_checkpoint(rv_checkpoint_desc desc);

/* Whether smaller or larger is better. */
typedef enum rv_mode {
    RV_MODE_AUTO = 0, /* larger of what is called ...accuracy, else smaller */
    RV_MODE_MIN,
    RV_MODE_MAX,
} rv_mode;

/* Keras: ModelCheckpoint. Saves the best epoch by a monitored quantity, marked `best`, and the last one, marked
 * `latest`. */
typedef struct rv_model_checkpoint_desc {
    const char *folder;  /* default "."; must outlive the run */
    const char *monitor; /* quantity, see rv_monitor_add; default "val_loss" */
    rv_mode mode;
    double min_delta;  /* better is what is better by more than this; >= 0; default 0 */
    rv_flag save_last; /* every epoch, not only the best; default on */
    size_t keep;       /* so many of the last are kept beside the best; default 1 */
    bool resumable;    /* the last one holds everything needed to resume; default false */
} rv_model_checkpoint_desc;
RV_API rv_callback rv_model_checkpoint(rv_model_checkpoint_desc desc);

/* Keras: BackupAndRestore. Saves everything after every epoch, or more often, and goes on from there when the program is
 * started again: to the same bits as if it had never stopped. A run that comes to its end removes its backup. */
typedef struct rv_backup_and_restore_desc {
    const char *folder;        /* default "backup"; for this run alone; must outlive the run */
    size_t batch_interval;     /* save after every so many batches too; default 0 = at the end of epochs only */
    rv_flag delete_checkpoint; /* default on; off: the backup stays when the run has come to its end */
} rv_backup_and_restore_desc;
RV_API rv_callback rv_backup_and_restore(rv_backup_and_restore_desc desc);

/* Keras: EarlyStopping. Stops when a monitored quantity has not become better for `patience` epochs. */
typedef struct rv_early_stopping_desc {
    const char *monitor; /* quantity; default "val_loss" */
    rv_mode mode;
    double min_delta;          /* better is what is better by more than this; >= 0; default 0 */
    size_t patience;           /* epochs without becoming better after which the run stops; default 0 */
    bool has_baseline;         /* waiting goes on until the quantity is better than */
    double baseline;           /* this */
    bool restore_best_weights; /* when the run stops, or ends, weights are those of the best epoch; default false */
    size_t start_from_epoch;   /* epochs before are not looked at; default 0 */
} rv_early_stopping_desc;
RV_API rv_callback rv_early_stopping(rv_early_stopping_desc desc);

/* Keras: CSVLogger. One row per finished epoch: epoch, loss, accuracy, val_loss, ... A resumed run cuts off what was
 * written behind its checkpoint and goes on. */
typedef struct rv_csv_logger_desc {
    const char *path; /* default "history.csv"; must outlive the run */
    char separator;   /* default ',' */
    bool append;      /* add to a file that is there, whose header must be the same; default: replace it */
} rv_csv_logger_desc;
RV_API rv_callback rv_csv_logger(rv_csv_logger_desc desc);

/* Keras: TensorBoard, scalars only: every quantity and the optimiser's first parameter (its learning rate). */
typedef struct rv_tensor_board_desc {
    const char *folder;    /* default "logs"; the file is folder/events.out.tfevents.<time>.<process>; outlives the run */
    size_t batch_interval; /* also after every so many batches, as batch_loss, ...; default 0 = epochs only */
} rv_tensor_board_desc;
RV_API rv_callback rv_tensor_board(rv_tensor_board_desc desc);

/* What a learning rate goes through. n counts epochs (or batches) from 0; after a warm-up it counts from its end. */
typedef enum rv_decay {
    RV_DECAY_CONSTANT = 0,
    RV_DECAY_STEP,        /* from * factor^floor(n / every) */
    RV_DECAY_EXPONENTIAL, /* from * factor^n */
    RV_DECAY_LINEAR,      /* from `from` to `to` over `length`, then constant */
    RV_DECAY_COSINE,      /* to + (from - to) (1 + cos(pi n / length)) / 2, then `to` (Loshchilov & Hutter 2017) */
} rv_decay;

/* Keras: LearningRateScheduler with schedules of its own, on top of OptimiserParamSchedule. */
typedef struct rv_learning_rate_schedule_desc {
    const char *param_name; /* default "alpha"; must outlive the run */
    rv_decay decay;
    double from;    /* default: the optimiser's value when the run is prepared */
    double to;      /* LINEAR, COSINE; default 0 */
    double factor;  /* STEP, EXPONENTIAL: > 0; required */
    size_t every;   /* STEP: >= 1; default 1 */
    size_t length;  /* LINEAR, COSINE: epochs (batches); default: to the end of the run */
    size_t warm_up; /* so many epochs (batches) first: from * (n + 1) / (warm_up + 1); default 0 */
    bool per_batch; /* n counts batches; default epochs */
    const char *optimiser; /* see rv_compiled_network_optimiser; must outlive the run; default "optimiser" */
} rv_learning_rate_schedule_desc;
RV_API rv_callback rv_learning_rate_schedule(rv_learning_rate_schedule_desc desc);

/* Keras: ReduceLROnPlateau. Multiplies the learning rate with `factor` when a monitored quantity has not become better for
 * `patience` epochs. */
typedef struct rv_reduce_lr_on_plateau_desc {
    const char *monitor; /* quantity; default "val_loss" */
    rv_mode mode;
    double factor;          /* > 0, < 1; default 0.1 */
    size_t patience;        /* epochs; default 10 */
    double min_delta;       /* >= 0; default 1e-4; DBL_MIN = none */
    size_t cooldown;        /* epochs after a reduction in which nothing is counted; default 0 */
    double min_lr;          /* >= 0; default 0 */
    const char *param_name; /* default "alpha"; must outlive the run */
    const char *optimiser;  /* see rv_compiled_network_optimiser; must outlive the run; default "optimiser" */
} rv_reduce_lr_on_plateau_desc;
RV_API rv_callback rv_reduce_lr_on_plateau(rv_reduce_lr_on_plateau_desc desc);

/* Keras: TerminateOnNaN. Stops when the loss of a batch is not finite. */
RV_API rv_callback rv_terminate_on_nan(void);

/* Keras: LambdaCallback. Functions, any of which may be NULL, without the rest of an rv_callback. */
typedef struct rv_lambda_callback_desc {
    void *user; /* handed to all of them */
    int (*on_train_begin)(void *user);
    int (*on_train_end)(void *user, const rv_metrics *metrics);
    int (*on_epoch_begin)(void *user, size_t epoch);
    int (*on_epoch_end)(void *user, size_t epoch, const rv_metrics *metrics);
    int (*on_batch_begin)(void *user, size_t batch);
    int (*on_batch_end)(void *user, size_t batch, const rv_metrics *metrics);
} rv_lambda_callback_desc;
RV_API rv_callback rv_lambda_callback(rv_lambda_callback_desc desc);

/* Lightning: Timer. Where did the time go? */
typedef struct rv_timer_desc {
    rv_times *times;  /* OPTIONAL: written at the end of every epoch and of the run; must outlive the run */
    const char *path; /* OPTIONAL: a CSV file, one row per epoch with the seconds of that epoch; must outlive the run */
} rv_timer_desc;
RV_API rv_callback rv_timer(rv_timer_desc desc);

/* What each population cost (mlGeNN: kernel_profiling): a CSV file, written when the run ends, with a row for each
 * population: the seconds of rv_population_times. */
typedef struct rv_population_timer_desc {
    const char *path; /* required; must outlive the run */
} rv_population_timer_desc;
RV_API rv_callback rv_population_timer(rv_population_timer_desc desc);

/* Adds "<population>.rate": the mean firing rate of its neurons in the epoch's examples so far, Hz. */
typedef struct rv_firing_rate_desc {
    const rv_population *population; /* required */
} rv_firing_rate_desc;
RV_API rv_callback rv_firing_rate(rv_firing_rate_desc desc);

/* Adds "<population>.silent": the part of its neurons, 0 to 1, that spiked in none of the epoch's examples so far. */
typedef struct rv_silent_neurons_desc {
    const rv_population *population; /* required */
} rv_silent_neurons_desc;
RV_API rv_callback rv_silent_neurons(rv_silent_neurons_desc desc);

/* Where a recorder keeps its entries. */
typedef struct rv_recording {
    size_t budget; /* bytes of memory; values that do not fit are an error when the run is prepared, spikes when they do
                      not fit any more; default: the machine's memory */
    /* Write entries to files, batch by batch in the order in which they come, instead of keeping them: "runs/x/v" makes
     * runs/x/v-values.npy (entries, ...), or -times.npy, -ids.npy and -offsets.npy (entry i is offsets[i] .. offsets[i +
     * 1]), and -epochs.npy, -examples.npy (entries). NumPy can read them while they grow. If it ends in .h5 or .hdf5, it
     * is one HDF5 file with these datasets. Default NULL: memory. Must outlive the run. */
    const char *stream;
} rv_recording;

/* mlGeNN: SpikeRecorder(pop, key, example_filter, neuron_filter, record_counts). One entry per selected example:
 * times (ms) and flat ids, by (time, id); or values, the counts (selected). */
typedef struct rv_spike_recorder_desc {
    const rv_population *population; /* required */
    const char *key;                 /* default: the callback's index; must outlive the run */
    rv_filter examples;
    rv_filter neurons;
    rv_filter timesteps;
    bool record_counts;
    rv_recording keep;
} rv_spike_recorder_desc;
RV_API rv_callback rv_spike_recorder(rv_spike_recorder_desc desc);

/* mlGeNN: VarRecorder(pop, var, key, example_filter, neuron_filter, genn_var). One entry per selected example:
 * values (timesteps, neurons) of what is selected; row t is the state after step t. */
typedef struct rv_var_recorder_desc {
    const rv_population *population; /* required */
    const char *var;                 /* attribute, "v" */
    const char *genn_var;            /* or internal name, "V", "LambdaV"; one of the two is required, var wins */
    const char *key;                 /* default: the callback's index; must outlive the run */
    rv_filter examples;
    rv_filter neurons;
    rv_filter timesteps;
    rv_recording keep;
} rv_var_recorder_desc;
RV_API rv_callback rv_var_recorder(rv_var_recorder_desc desc);

/* mlGeNN: ConnVarRecorder(conn, genn_var, key, example_filter, src_neuron_filter, trg_neuron_filter). One entry per
 * selected example: values (timesteps, sources, targets) of what is selected, NaN where there is no synapse. Row t of a
 * gradient is what the example's spikes from step t on add to it. */
typedef struct rv_conn_var_recorder_desc {
    const rv_connection *connection; /* required */
    const char *genn_var;            /* required: "g", "d", "Gradient", "DelayGradient", "M", "V"; with e-prop's online form
                                        "ZFilter", "eFiltered", "epsilonA", "DeltaG" */
    const char *key;                 /* default: the callback's index; must outlive the run */
    rv_filter examples;
    rv_filter src_neurons;
    rv_filter trg_neurons;
    rv_filter timesteps;
    rv_recording keep;
} rv_conn_var_recorder_desc;
RV_API rv_callback rv_conn_var_recorder(rv_conn_var_recorder_desc desc);

/* mlGeNN: OptimiserParamSchedule(param_name, func): before every epoch the parameter becomes func(epoch, current). */
typedef struct rv_optimiser_param_schedule_desc {
    const char *param_name; /* "alpha"; must outlive the run */
    double (*func)(void *user, size_t epoch, double current);
    void *user;
    bool per_batch; /* before every batch instead, and func is given the number of batches so far; default false */
    const char *optimiser; /* see rv_compiled_network_optimiser; must outlive the run; default: all that have it, each
                              with its own current value */
} rv_optimiser_param_schedule_desc;
RV_API rv_callback rv_optimiser_param_schedule(rv_optimiser_param_schedule_desc desc);

/* mlGeNN: CustomUpdateOnBatchBegin(name, filter_fn), ...: trigger a group of custom updates (custom_update.h). */
typedef struct rv_custom_update_on_desc {
    const char *name; /* of the group; required */
    /* OPTIONAL: whether to trigger it at the batch, timestep or epoch of this number; default always */
    bool (*filter_fn)(void *user, size_t number);
    void *user; /* handed to filter_fn */
} rv_custom_update_on_desc;
/* Before the first timestep of a batch, its examples at their start; after the optimiser has learnt from it. */
RV_API rv_callback rv_custom_update_on_batch_begin(rv_custom_update_on_desc desc);
RV_API rv_callback rv_custom_update_on_batch_end(rv_custom_update_on_desc desc);
/* These two make the whole batch advance step by step, as any hook on timesteps. */
RV_API rv_callback rv_custom_update_on_timestep_begin(rv_custom_update_on_desc desc);
RV_API rv_callback rv_custom_update_on_timestep_end(rv_custom_update_on_desc desc);
/* Not for groups that are about the state of examples: there is none between batches (RV_ERR_ARGUMENT). */
RV_API rv_callback rv_custom_update_on_epoch_begin(rv_custom_update_on_desc desc);
RV_API rv_callback rv_custom_update_on_epoch_end(rv_custom_update_on_desc desc);

#ifdef __cplusplus
}
#endif
#endif
