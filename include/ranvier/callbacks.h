/* CALLBACKS: the built-in ones, written on the hooks and probes of train.h alone. */
#ifndef RANVIER_CALLBACKS_H
#define RANVIER_CALLBACKS_H

#include <ranvier/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mlGeNN: BatchProgressBar. On a terminal one line in tqdm's look, redrawn at most every 0.1 s and cut to the
 * terminal's width:  Epoch 3:  42%|####1     | 50/120 [00:01<00:01, 41.20it/s, loss=0.1234, accuracy=0.9567]
 * An epoch leaves one line, with the metrics of its validation; the validation's own bar shows on that line meanwhile.
 * Elsewhere one plain line per epoch or test. Written to standard error. */
RV_API rv_callback rv_batch_progress_bar(void);

/* mlGeNN: Checkpoint(serialiser, epoch_interval). Saves the trainable state with key <epoch> when
 * epoch % epoch_interval == 0 and after the last epoch, also of a run that is stopped, then under the number of the
 * epoch it was stopped in. Does nothing in a test. */
typedef struct rv_checkpoint_desc {
    rv_serialiser serialiser; /* copied; default: NumPy files in folder */
    const char *folder;       /* where there is no serialiser; default "."; must outlive the run */
    size_t epoch_interval;    /* >= 1; default 1 */
} rv_checkpoint_desc;
RV_API rv_callback rv_checkpoint(rv_checkpoint_desc desc);

/* mlGeNN: SpikeRecorder(pop, key, example_filter, neuron_filter, record_counts). One entry per selected example:
 * times (ms) and flat ids, by (time, id); or values, the counts (selected). */
typedef struct rv_spike_recorder_desc {
    const rv_population *population; /* required */
    const char *key;                 /* default: the callback's index; must outlive the run */
    rv_filter examples;
    rv_filter neurons;
    bool record_counts;
} rv_spike_recorder_desc;
RV_API rv_callback rv_spike_recorder(rv_spike_recorder_desc desc);

/* mlGeNN: VarRecorder(pop, var, key, example_filter, neuron_filter, genn_var). One entry per selected example:
 * values (T, selected); row t is the state after step t. */
typedef struct rv_var_recorder_desc {
    const rv_population *population; /* required */
    const char *var;                 /* attribute, "v" */
    const char *genn_var;            /* or internal name, "V", "LambdaV"; one of the two is required, var wins */
    const char *key;                 /* default: the callback's index; must outlive the run */
    rv_filter examples;
    rv_filter neurons;
} rv_var_recorder_desc;
RV_API rv_callback rv_var_recorder(rv_var_recorder_desc desc);

/* mlGeNN: OptimiserParamSchedule(param_name, func): before every epoch the parameter becomes func(epoch, current). */
typedef struct rv_optimiser_param_schedule_desc {
    const char *param_name; /* "alpha"; must outlive the run */
    double (*func)(void *user, size_t epoch, double current);
    void *user;
} rv_optimiser_param_schedule_desc;
RV_API rv_callback rv_optimiser_param_schedule(rv_optimiser_param_schedule_desc desc);

#ifdef __cplusplus
}
#endif
#endif
