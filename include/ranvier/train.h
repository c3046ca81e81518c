/* THE LOOP: prepare, train, evaluate, predict; callbacks, probes and results. */
#ifndef RANVIER_TRAIN_H
#define RANVIER_TRAIN_H

#include <ranvier/communicate.h>
#include <ranvier/compile.h>
#include <ranvier/outputs.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RV_MAX_PORTS 8   /* inputs, and outputs, of one run */
#define RV_MAX_METRICS 4 /* metrics of one output */

/* ---- data --------------------------------------------------------------------------------------------------------- */

/* What an input population is fed: spikes, if it is a SpikeInput, else values. Borrowed until the run is freed. */
typedef struct rv_input {
    const rv_population *population; /* an input; NULL ends the list */
    const rv_spikes *spikes;         /* one train per example */
    const float *values;             /* (examples, input_frames, size of the population), finite */
    size_t num_values;               /* numbers in values */
} rv_input;

/* What an output population is held against: labels for a classification, targets for a regression, both if loss and
 * metrics differ in what they need, neither for rv_predict. Borrowed until the run is freed. */
typedef struct rv_output {
    const rv_population *population; /* has a readout; NULL ends the list */
    const int32_t *labels;           /* (num_labels) class of each example */
    size_t num_labels;
    const float *targets; /* (examples, n) for the readout, or (examples, T, n) for V after every step; finite */
    size_t num_targets;   /* numbers in targets */
    rv_loss loss;         /* default sparse categorical cross-entropy; mean square error if there are only targets */
    rv_metric metrics[RV_MAX_METRICS]; /* ends at the first zeroed one; default: sparse categorical accuracy; mean
                                          square error if the loss needs targets */
} rv_output;

/* A caller's iterator: fills the inputs' and outputs' data pointers for the next batch (populations, losses and
 * metrics stay as in rv_data), at most batch_size examples. Returns 1 with a batch, 0 at the end (it is called again
 * from the start with `batch` = 0 in the next epoch), < 0 to fail. What it points to stays valid until the next call. */
typedef int (*rv_next_batch_fn)(void *user, size_t batch, rv_input *inputs, rv_output *outputs);

typedef struct rv_data {
    rv_input inputs[RV_MAX_PORTS];
    rv_output outputs[RV_MAX_PORTS];
    rv_next_batch_fn next_batch; /* set: the data come batch by batch, what is set above is not used */
    void *next_batch_user;
} rv_data;

/* ---- filters -------------------------------------------------------------------------------------------------------- */

typedef enum rv_filter_kind {
    RV_FILTER_ALL = 0,
    RV_FILTER_INDEX,   /* one; negative counts from the end, here and below */
    RV_FILTER_INDICES, /* any order, duplicates ignored */
    RV_FILTER_MASK,    /* one bool per element, in C order */
    RV_FILTER_SLICE,   /* Python's start:stop:step, of which any part may be missing: "0::2", ":-10", "::-3" */
    RV_FILTER_AXES,    /* one filter per axis of a multi-dimensional population */
} rv_filter_kind;

/* A selection of examples or neurons; a zeroed struct selects all. Checked when the run is prepared (RV_ERR_FILTER).
 * Selected elements come in ascending order, each once, neurons as flat ids in C order; none is legal.
 *
 * Only AXES looks at the axes of a population: all other filters of a multi-dimensional one speak of flat ids. AXES
 * selects what NumPy's indexing selects: indices and masks of several axes are walked together (rv_indices of 16, 20
 * on two axes select two neurons; a single index or a list of one is repeated), slices are combined with every one of
 * them, axes at the end that are not mentioned are taken whole. Make one with the functions below. */
typedef struct rv_filter {
    rv_filter_kind kind;
    const int64_t *indices; /* INDICES; borrowed until the run is prepared, as all pointers here */
    const bool *mask;       /* MASK */
    size_t num;             /* entries of indices, mask or axes */
    const char *slice;      /* SLICE */
    const struct rv_filter *axes; /* AXES; they must not be AXES themselves */
    int64_t single;               /* INDEX */
} rv_filter;

RV_API rv_filter rv_all(void);
RV_API rv_filter rv_index(int64_t index);
RV_API rv_filter rv_indices(const int64_t *indices, size_t num);
RV_API rv_filter rv_mask(const bool *mask, size_t num);
RV_API rv_filter rv_slice(const char *slice);
RV_API rv_filter rv_axes(const rv_filter *axes, size_t num);

/* ---- callbacks ------------------------------------------------------------------------------------------------------ */

typedef struct rv_run rv_run;

/* A metric as callbacks and results see it. The loss is one, with name "loss". Validation's names start with "val_". */
typedef struct rv_metric_value {
    const char *output; /* name of the output population */
    const char *name;   /* "loss", "accuracy", "val_loss", ... */
    double value;       /* mean over the examples so far in this epoch; NaN before the first */
    const double *sums; /* (num_sums) of a metric that has many, as the confusion matrix; NULL for others */
    size_t num_sums;
    const char *label; /* what it is called where it is shown, saved and monitored: "loss", or "<output>.loss" where
                          there are several outputs; "<population>.rate" of a quantity that a callback added */
} rv_metric_value;

typedef struct rv_metrics {
    size_t num;
    const rv_metric_value *items;
} rv_metrics;

/* Finds "loss", "accuracy", "val_loss", or "<output>.<name>", which is clear also where there are several outputs.
 * Returns 0, or RV_ERR_NAME. */
RV_API int rv_metrics_get(const rv_metrics *metrics, const char *name, double *value);

#define RV_CALLBACK_CONFIG 512

typedef struct rv_entries rv_entries;

/* A callback: any of the hooks, and what they are handed. Hooks return 0 to go on, > 0 to stop the run cleanly after
 * the current batch, < 0 (an RV_ERR_*, or any negative number) to fail with that code. They are called in the
 * caller's thread, in list order, the library's own first; only those that are set cost anything. on_timestep_*
 * make the whole batch advance step by step, with the same results. */
typedef struct rv_callback {
    const char *name; /* class name, "SpikeRecorder"; callbacks of one name (by strcmp) are one class for set_first */
    void *user;       /* handed to every hook */
    /* OPTIONAL: makes *user from config when the run is prepared; built-in callbacks are described by value and
     * created here, users' own may be too. */
    int (*create)(void **user, const struct rv_callback *self, rv_context *context);
    void (*destroy)(void *user); /* OPTIONAL: when the run is freed, if create succeeded or is NULL */

    int (*set_params)(void *user, rv_run *run); /* once, when the run is prepared: look around, add probes */
    int (*set_first)(void *user);               /* after set_params, on the first callback of each class */
    int (*on_test_begin)(void *user);
    int (*on_test_end)(void *user, const rv_metrics *metrics);
    int (*on_train_begin)(void *user);
    int (*on_train_end)(void *user, const rv_metrics *metrics);
    int (*on_epoch_begin)(void *user, size_t epoch);
    int (*on_epoch_end)(void *user, size_t epoch, const rv_metrics *metrics);
    int (*on_batch_begin)(void *user, size_t batch);
    int (*on_batch_end)(void *user, size_t batch, const rv_metrics *metrics);
    int (*on_timestep_begin)(void *user, size_t timestep);
    int (*on_timestep_end)(void *user, size_t timestep);
    /* OPTIONAL: key and data for the result; *key NULL = the callback's index in the list. Asked for the key when the
     * run is prepared (two of a key are an error), and for the data at its end. Entries are borrowed by the result and
     * must stay valid until destroy, which then comes when the result is freed. */
    int (*get_data)(void *user, const char **key, const rv_entries **entries);

    /* OPTIONAL: called once when a training run is going to end early, after all callbacks have seen the event in which
     * that was decided, and before on_epoch_end where it was in the middle of an epoch. */
    int (*on_stop)(void *user);
    /* OPTIONAL: what must survive a kill, so that a resumed run goes on as if it had never stopped. save is called
     * between batches or epochs, once all callbacks have seen the last event; load when a run that resumes is prepared,
     * after set_first. on_train_begin comes after it; on_epoch_begin of an epoch that had begun does not come again,
     * but a validation in which the run stopped is repeated from its on_epoch_begin. What was written to files behind
     * the saved position is to be cut off. */
    int (*save)(void *user, rv_state *state);
    int (*load)(void *user, rv_state *state);

    union {
        uint64_t aligned[RV_CALLBACK_CONFIG / 8];
        unsigned char bytes[RV_CALLBACK_CONFIG];
    } config; /* the describing struct of a callback with create */
} rv_callback;

/* ---- what a callback may ask of a run -------------------------------------------------------------------------------- */

RV_API rv_compiled_network *rv_run_compiled_network(const rv_run *run);
RV_API rv_context *rv_run_context(const rv_run *run);
RV_API bool rv_run_is_training(const rv_run *run);   /* in the training phase's list */
RV_API bool rv_run_is_validation(const rv_run *run); /* in the validation phase's list */
RV_API size_t rv_run_num_batches(const rv_run *run); /* of an epoch; 0 = unknown (an iterator) */
RV_API size_t rv_run_num_examples(const rv_run *run); /* of the data set; 0 = unknown */
RV_API size_t rv_run_num_epochs(const rv_run *run);  /* 1 for a test */
RV_API size_t rv_run_start_epoch(const rv_run *run);
RV_API size_t rv_run_epoch(const rv_run *run);       /* the current one */
RV_API bool rv_run_is_resumed(const rv_run *run);    /* known from load and on_train_begin on, as the next */
/* Whether it was resumed within an epoch, whose on_epoch_begin was before, and how many of its batches were done. */
RV_API bool rv_run_resumes_epoch(const rv_run *run);
RV_API size_t rv_run_start_batch(const rv_run *run);
/* Examples of the current batch: how many, and the data set position of each (as given, whatever the shuffle). */
RV_API size_t rv_run_batch_count(const rv_run *run);
RV_API size_t rv_run_batch_example(const rv_run *run, size_t index);
/* The order in which the current epoch presents the examples of this run: rv_run_num_members positions in the data set
 * (fewer than num_examples where validation_split holds some back); NULL with an iterator. */
RV_API const uint32_t *rv_run_order(const rv_run *run);
RV_API size_t rv_run_num_members(const rv_run *run);
/* Rank of this process, see communicate.h: what writes files or to the terminal does so on rank 0 only. Recorded entries
 * of all examples are on rank 0; other ranks have those of the examples they swept. */
RV_API int rv_run_rank(const rv_run *run);

/* ---- checkpoints of a run -------------------------------------------------------------------------------------------- */

typedef struct rv_save_desc {
    const char *folder;       /* of checkpoints, as rv_numpy_serialiser writes them; must outlive the run */
    rv_serialiser serialiser; /* or where else they go; then without state */
    bool state;               /* with everything that is needed to resume, in <key>-state.npz */
    bool best;                /* the mark `best` is set to it, too */
    size_t keep;              /* so many checkpoints stay in the folder, and the marked ones; 0 = all */
    size_t resumable;         /* so many of them keep their state; 0 = 1 */
} rv_save_desc;
/* Asks for a checkpoint of what is trained; from any hook of a training run, or its validation. It is made once all
 * callbacks have seen the event at hand, and if that fails, so does the run. Its key is the number of the epoch; of one
 * with state that is made within an epoch "<epoch>.<number of batches>". The mark `latest` is set to it when it is
 * whole. The last moment for one with state is on_stop: what is asked for later is not made. */
RV_API int rv_run_save(rv_run *run, const rv_save_desc *desc);

/* In set_params of a training run: it goes on from the checkpoint marked `latest` in folder if there is one. */
RV_API int rv_run_resume(rv_run *run, const char *folder);

/* ---- where the time goes --------------------------------------------------------------------------------------------- */

/* Seconds. What workers do at the same time is shared out: the parts add up to the total. */
typedef struct rv_times {
    double data;      /* loading and transforming examples */
    double forward;   /* sweeps forward, readouts, losses */
    double backward;  /* sweeps back */
    double optimise;  /* from gradients to weights */
    double callbacks; /* hooks */
    double save;      /* checkpoints */
    double validation;
    double other;
    double total; /* since the run was executed */
} rv_times;
/* In set_params: this run is to be measured, which costs a few clock readings per example. */
RV_API int rv_run_measure(rv_run *run);
/* As of now; zeros unless the run is measured. */
RV_API void rv_run_times(const rv_run *run, rv_times *times);

/* Seconds that the sweeps spent on one population (mlGeNN: kernel_profiling), all threads together. */
typedef struct rv_population_times {
    double arrivals; /* spikes on their way into it */
    double neurons;  /* its neurons and its readout */
    double backward; /* EventProp: its adjoint, and its arrivals' on the way back; 0 with other compilers */
} rv_population_times;
/* In set_params: populations are to be measured, which costs two clock readings per population and timestep. */
RV_API int rv_run_measure_populations(rv_run *run);
/* As of now; zeros unless they are measured. Errors: RV_ERR_ARGUMENT for a population of another network. */
RV_API int rv_run_population_times(const rv_run *run, const rv_population *population, rv_population_times *times);

/* ---- quantities: what is monitored, shown and logged by name --------------------------------------------------------- */

/* A number that a callback adds to the metrics: "<population>.<name>", "<population>.val_<name>" from a validation's
 * list. It is NaN at the start of every epoch until it is set. In set_params only. */
typedef struct rv_quantity rv_quantity;
RV_API int rv_quantity_add(rv_quantity **out, rv_run *run, const rv_population *population, const char *name);
RV_API void rv_quantity_set(rv_quantity *quantity, double value);

/* A quantity that a callback watches, whoever makes it: "loss", "val_accuracy", "<output>.loss", "<population>.rate".
 * Asked for in set_params. A name that there is not, or that several outputs have, is an error when all callbacks are
 * set up (RV_ERR_NAME, which lists those that there are). */
typedef struct rv_monitor rv_monitor;
RV_API int rv_monitor_add(rv_monitor **out, rv_run *run, const char *name);
RV_API double rv_monitor_value(const rv_monitor *monitor); /* as of now; NaN while it is not known */

/* ---- probes: how callbacks read what happens inside ------------------------------------------------------------------ */

/* What was recorded of one example. Which pointers are set follows from what was asked for. */
typedef struct rv_entry {
    size_t epoch;
    size_t example;      /* position in the data set as given */
    size_t num;          /* spikes, or numbers in values */
    const double *times; /* (num) ms, or NULL */
    const int32_t *ids;  /* (num) flat neuron ids, or NULL */
    const float *values; /* (shape) or NULL */
    size_t shape[3];
    int num_dims;
} rv_entry;

/* What becomes of a probe's entries. A zeroed one: they are the probe's, until the next batch begins. Otherwise one of the
 * two functions is given, or both; they are called in the threads that sweep, several at once. */
typedef struct rv_probe_sink {
    void *user;
    /* Memory, aligned to 8 bytes, for the numbers of an entry, which are put there and stay; NULL, with a message by
     * rv_error_set, fails the run with RV_ERR_MEMORY. */
    void *(*room)(void *user, size_t bytes);
    /* Takes an entry as soon as it is whole; `index` is its number among the probe's entries of the batch. Its numbers are
     * gone when it returns: 0, or a negative code. With several ranks, where examples are not swept where they are
     * written, it is not called: entries are the probe's. With `room`, too, an entry's values are what it gave, and
     * taken back with the call; then neither is for runs of several ranks. */
    int (*write)(void *user, size_t index, const rv_entry *entry);
} rv_probe_sink;

/* A probe is declared in set_params and read in on_batch_end: the thread that owns an example copies just the selected
 * numbers. Nothing is copied for what is not selected. `timesteps` is a filter as any other: "::10" every tenth,
 * "100:200" a window, rv_index(-1) the last one. */
typedef struct rv_probe rv_probe;

/* Spikes of one population. */
typedef struct rv_spike_probe_desc {
    const rv_population *population;
    rv_filter examples; /* by position in the data set as given */
    rv_filter neurons;
    rv_filter timesteps;
    bool counts; /* the number of spikes per selected neuron instead of the spikes */
    rv_probe_sink sink;
} rv_spike_probe_desc;
RV_API int rv_spike_probe_add(rv_probe **out, rv_run *run, const rv_spike_probe_desc *desc);

/* A variable of one population, after every step: (timesteps, neurons). Which there are: docs/callbacks.md. */
typedef struct rv_variable_probe_desc {
    const rv_population *population;
    const char *name; /* attribute ("v") or internal name ("V", "LambdaV") */
    rv_filter examples;
    rv_filter neurons;
    rv_filter timesteps;
    rv_probe_sink sink;
} rv_variable_probe_desc;
/* Errors: RV_ERR_NAME lists the variables there are. */
RV_API int rv_variable_probe_add(rv_probe **out, rv_run *run, const rv_variable_probe_desc *desc);

/* A variable of the synapses of one connection, after every step: (timesteps, sources, targets), NaN where there is no
 * synapse. "g", "d" and the optimiser's moments "M", "V" are as the batch has them; row t of "Gradient" and
 * "DelayGradient" is what the example's spikes from step t on add to them, so that the sum of row 0 over the batch is the
 * batch's. Of e-prop's online form, row t of "ZFilter", "eFiltered", "epsilonA" and "DeltaG" is what step t left. */
typedef struct rv_connection_probe_desc {
    const rv_connection *connection;
    const char *name;
    rv_filter examples;
    rv_filter sources; /* of the population that it comes from */
    rv_filter targets; /* of the one that it leads to */
    rv_filter timesteps;
    rv_probe_sink sink;
} rv_connection_probe_desc;
RV_API int rv_connection_probe_add(rv_probe **out, rv_run *run, const rv_connection_probe_desc *desc);

struct rv_entries {
    size_t num;
    const rv_entry *items; /* by epoch, then position in the data set */
    size_t shape[3];       /* of the values of an entry, of a recorder or a probe: also where there are no entries */
    int num_dims;          /* of it; 0 = entries are spikes */
};

/* The probe's entries of the batch at hand, by example: borrowed until the next one begins. Which there will be is known
 * from on_batch_begin on; their numbers are there in on_batch_end, unless a sink has written them. */
RV_API const rv_entries *rv_probe_batch(const rv_probe *probe);
/* Number of selected neurons (of a connection: targets), and the flat id of each. */
RV_API size_t rv_probe_num_neurons(const rv_probe *probe);
RV_API const uint32_t *rv_probe_neurons(const rv_probe *probe);
/* The same of a connection's sources, and of timesteps. */
RV_API size_t rv_probe_num_sources(const rv_probe *probe);
RV_API const uint32_t *rv_probe_sources(const rv_probe *probe);
RV_API size_t rv_probe_num_timesteps(const rv_probe *probe);
RV_API const uint32_t *rv_probe_timesteps(const rv_probe *probe);

/* What a probe will yield, as far as it is known before the run. */
typedef struct rv_probe_yield {
    size_t num_entries; /* of the whole run; SIZE_MAX = unknown (an iterator) */
    size_t num_examples; /* selected ones, each of which yields an entry in every epoch; SIZE_MAX = unknown */
    size_t shape[3];    /* of an entry's values */
    int num_dims;       /* 0 = entries are spikes */
    size_t entry_bytes; /* of an entry's numbers: all have as many if they are values; at most, if they are spikes */
} rv_probe_yield;
RV_API void rv_probe_ask(const rv_probe *probe, rv_probe_yield *yield);

/* In set_params: bytes that a callback will hold, for sure, and the most they may grow to on top. */
RV_API void rv_run_announce_memory(rv_run *run, size_t fixed, size_t growth);

/* In set_params: a callback will write this file, and nobody else in this run, its training and its validation may.
 * `what` says who it is: "VarRecorder of population 'hidden'". Errors: RV_ERR_FILE, which names both callbacks. */
RV_API int rv_run_claim_file(rv_run *run, const char *path, const char *what);

/* ---- runs ------------------------------------------------------------------------------------------------------------ */

/* Augmentation: replaces the spikes of one example for one epoch. It is called in worker threads, at once for several
 * examples, and must depend on its arguments alone: `random` are 128 bits of (seed, epoch, example). *num spikes at
 * times (ms) and ids, room for `capacity`; sets *num to the new number. Returns 0 or a negative code. */
typedef int (*rv_transform_fn)(void *user, const rv_population *population, size_t epoch, size_t example,
                               const uint32_t random[4], size_t capacity, float *times, int32_t *ids, size_t *num);

typedef struct rv_train_desc {
    rv_data data;
    size_t num_epochs;  /* >= 1; required */
    size_t start_epoch; /* number of the first epoch; shuffling and callbacks go by it; default 0 */
    /* Folder of checkpoints with state: the run goes on from there, to the same bits as if it had never stopped. All else
     * here must be as it was, but for num_epochs, which may have grown. Default: none. Errors: RV_ERR_CHECKPOINT if there
     * is no such checkpoint, it is not whole, or anything differs. */
    const char *resume_from;
    const char *resume_key; /* which one; default: the one marked `latest` */
    rv_flag shuffle;    /* a new order in every epoch, from (seed, epoch); default on; never with an iterator */
    const rv_callback *callbacks; /* copied; default: one progress bar, unless num_callbacks > 0 or no_callbacks */
    size_t num_callbacks;
    bool no_callbacks;

    rv_data validation;      /* evaluated after every epoch; no inputs = none */
    double validation_split; /* [0, 1): this part of data is kept for validation instead; default 0 */
    rv_flag validation_split_shuffled; /* on: drawn at random from (seed); default off: the last part, as mlGeNN does */
    const rv_callback *validation_callbacks; /* default: one progress bar, as above */
    size_t num_validation_callbacks;
    bool no_validation_callbacks;

    rv_transform_fn transform; /* of the training data; default none */
    void *transform_user;
    size_t transform_capacity; /* spikes of one transformed example at most; default twice the data's largest */
} rv_train_desc;

typedef struct rv_evaluate_desc {
    rv_data data;
    const rv_callback *callbacks;
    size_t num_callbacks;
    bool no_callbacks;
} rv_evaluate_desc;

/* Resolves data, filters, probes, callbacks and memory. Every error in them is found here, before any work.
 * The run borrows the data and the model. */
RV_API int rv_train_prepare(rv_run **out, rv_compiled_network *model, const rv_train_desc *desc);
RV_API int rv_evaluate_prepare(rv_run **out, rv_compiled_network *model, const rv_evaluate_desc *desc);
RV_API int rv_predict_prepare(rv_run **out, rv_compiled_network *model, const rv_evaluate_desc *desc);

/* Bytes of a prepared run: the fixed part, with what recorders will keep of values, and the most that tapes and recorded
 * spikes may grow to on top. */
RV_API size_t rv_run_memory_fixed(const rv_run *run);
RV_API size_t rv_run_memory_tape_bound(const rv_run *run);

typedef struct rv_result rv_result;

/* Runs a prepared run, once. *out is set also when a run is stopped by a callback (then 0 is returned) and when it
 * fails (what was recorded until then); NULL only if out of memory. */
RV_API int rv_run_execute(rv_result **out, rv_run *run);
/* Legal before and after execute. */
RV_API void rv_run_free(rv_run *run);

/* Asks a run to stop after the current batch, as a callback would; safe in a signal handler and other threads. */
RV_API void rv_run_stop(rv_run *run);

/* Prepare, execute and free in one call. */
RV_API int rv_train(rv_result **out, rv_compiled_network *model, const rv_train_desc *desc);
RV_API int rv_evaluate(rv_result **out, rv_compiled_network *model, const rv_evaluate_desc *desc);
/* As evaluate, but the data's outputs need no labels, and the result holds the readouts. */
RV_API int rv_predict(rv_result **out, rv_compiled_network *model, const rv_evaluate_desc *desc);

/* ---- results ----------------------------------------------------------------------------------------------------------- */

RV_API void rv_result_free(rv_result *result);
/* Finished ones, not one in which the run was stopped; 1 for a test. */
RV_API size_t rv_result_num_epochs(const rv_result *result);
/* Metrics of an epoch (0 = the first of the run), val_* included; after the finished ones that in which the run was
 * stopped; NULL past the end. */
RV_API const rv_metrics *rv_result_history(const rv_result *result, size_t epoch);
/* Metrics of the last epoch, or of the test. */
RV_API const rv_metrics *rv_result_metrics(const rv_result *result);
RV_API bool rv_result_stopped(const rv_result *result); /* by a callback or rv_run_stop */

/* What a callback recorded, by its key, or "0", "1", ... its index in the list; NULL if there is none. Entries of the
 * validation callbacks are a set of their own. */
RV_API const rv_entries *rv_result_data(const rv_result *result, const char *key);
RV_API const rv_entries *rv_result_validation_data(const rv_result *result, const char *key);
/* Keys by index; NULL past the end. */
RV_API const char *rv_result_key(const rv_result *result, size_t index);

/* Readouts of rv_predict, (num_examples, size of the population), in the order of the data; NULL if not an output. */
RV_API const float *rv_result_prediction(const rv_result *result, const rv_population *output, size_t *num_examples);

#ifdef __cplusplus
}
#endif
#endif
