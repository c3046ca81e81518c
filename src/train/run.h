/* A prepared run, and its parts. The validation of a training run is a run of its own, its child. */
#ifndef RV_TRAIN_RUN_H
#define RV_TRAIN_RUN_H

#include <stdatomic.h>

#include <ranvier/custom_update.h>

#include "engine/engine.h"
#include "train/bin.h"

/* ---- feed: where examples come from ------------------------------------------------------------------------------ */

typedef struct rv_feed_input {
    const rv_population *population;
    const rv_spikes *spikes; /* NULL where it takes values */
    const float *values;     /* (num_examples, example_size) */
    size_t num_values;
    size_t example_size; /* numbers of one example: input_frames * n; 0 where it takes spikes */
} rv_feed_input;

/* What an input is given, not yet checked; its faults by itself; examples of what has none. */
int rv_feed_input_make(rv_feed_input *out, const rv_compiled_network *model, const rv_input *input);
int rv_feed_input_check(const rv_feed_input *input, rv_context *context);
size_t rv_feed_input_examples(const rv_feed_input *input);

typedef struct rv_feed_output {
    const rv_population *population;
    rv_loss loss;
    rv_metric metrics[RV_MAX_METRICS];
    int num_metrics;
    const int32_t *labels;
    size_t num_labels;
    const float *targets; /* (num_examples, n) or (num_examples, T, n) */
    size_t num_targets;
} rv_feed_output;

typedef struct rv_feed {
    rv_binner *binners; /* [threads] */
    rv_compiled_network *model;
    bool learns;
    rv_feed_input inputs[RV_MAX_PORTS];
    int num_inputs;
    rv_feed_output outputs[RV_MAX_PORTS];
    int num_outputs;
    size_t num_examples; /* of the data set, or, with an iterator, of the current batch */
    rv_next_batch_fn next_batch;
    void *next_batch_user;
    rv_transform_fn transform;
    void *transform_user;
    size_t transform_capacity;
} rv_feed;

/* Checks the data against the network. labels_required: and targets, where losses and metrics need them. */
int rv_feed_create(rv_feed **out, rv_compiled_network *model, const rv_data *data, bool learns, bool labels_required);
void rv_feed_free(rv_feed *feed);
/* The iterator's next batch: 1, 0 at the end, negative on failure. */
int rv_feed_next(rv_feed *feed, size_t batch, size_t batch_size, bool labels_required);
/* Fills the tapes, or points to the values, of all inputs with example->index. Thread-safe. */
int rv_feed_load(const rv_feed *feed, const rv_engine *engine, rv_example *example, int worker);

/* An example that will be loaded soon, or has been: data that are not in memory come while others are swept, and go. */
void rv_feed_announce(const rv_feed *feed, size_t index);
void rv_feed_release(const rv_feed *feed, size_t index);

/* What outputs are held against: adding one, checking its data, telling the engine, and of each example. */
int rv_feed_add_output(rv_feed *feed, const rv_output *output);
int rv_feed_check_output(const rv_feed *feed, const rv_feed_output *output, bool required);
void rv_feed_set_targets(const rv_feed *feed, rv_engine_options *options);
void rv_feed_expect(const rv_feed *feed, rv_example *example);

/* ---- hooks ---------------------------------------------------------------------------------------------------------- */

typedef struct rv_hooks {
    rv_callback *callbacks;
    bool *created; /* [num] whether destroy is due */
    size_t num;
} rv_hooks;

/* Copies, creates, and calls set_params and set_first. */
int rv_hooks_create(rv_hooks *hooks, rv_run *run, const rv_callback *callbacks, size_t num);
void rv_hooks_clear(rv_hooks *hooks);
bool rv_hooks_watch_timesteps(const rv_callback *callbacks, size_t num);

/* One event for all callbacks in order: < 0 the first failure, which ends the calls; > 0 somebody wants to stop. */
typedef enum rv_event {
    RV_ON_TEST_BEGIN,
    RV_ON_TEST_END,
    RV_ON_TRAIN_BEGIN,
    RV_ON_TRAIN_END,
    RV_ON_EPOCH_BEGIN,
    RV_ON_EPOCH_END,
    RV_ON_BATCH_BEGIN,
    RV_ON_BATCH_END,
    RV_ON_TIMESTEP_BEGIN,
    RV_ON_TIMESTEP_END,
    RV_ON_STOP,
} rv_event;
int rv_hooks_call(rv_run *run, rv_event event, size_t number);

const char *rv_callback_name(const rv_callback *callback);
/* A code that a hook of a callback returned, with a line of its own where it is negative and nothing was said since
 * rv_error_clear. */
int rv_callback_explain(rv_run *run, const rv_callback *callback, const char *hook, int code);

/* All ranks go on, stop or fail together. A stop that was asked for at any time counts from here on. */
int rv_run_agree(rv_run *run, int error);
/* Before a run: an error on all ranks where they are not about to do the same. */
int rv_run_check_alike(const rv_run *run);

/* ---- probes --------------------------------------------------------------------------------------------------------- */

/* Numbers of an entry. Where the sink gave room for them, they are the sink's. */
typedef struct rv_probe_storage {
    float *values;
    double *times;
    int32_t *ids;
    size_t room; /* spikes that times and ids have room for */
    size_t num;  /* spikes */
} rv_probe_storage;

struct rv_probe {
    rv_run *run;
    rv_tap tap;               /* values */
    rv_tap_synapses synapses; /* of a connection */
    bool spikes, counts;      /* spikes, or their counts */
    uint32_t *neurons;        /* (num_neurons) ascending; of a connection: the targets */
    uint32_t *sources;        /* (num_sources) of a connection */
    uint32_t *timesteps;      /* (num_timesteps) */
    size_t num_neurons, num_sources, num_timesteps;
    uint8_t *selected;        /* (num_examples) of the data set, NULL = all */
    size_t num_selected;      /* examples of this run; SIZE_MAX = unknown */
    uint32_t *rows;           /* (T) of tap, or NULL */
    int32_t *column;          /* spikes: (n) index among the selected neurons, -1 = not selected; NULL = all are.
                                 connection: the same of the sources, never NULL */
    size_t *index;            /* of synapses */
    rv_tap_synapse *more;     /* of synapses */
    size_t max_more;          /* that there is room for */
    float *delays;            /* of synapses, where they are whole numbers otherwise */
    size_t shape[3];          /* of an entry's values */
    int num_dims;             /* 0 = spikes */
    size_t size;              /* numbers in an entry's values */
    size_t max_spikes;        /* in an entry */

    /* of the batch at hand */
    rv_probe_sink sink;
    uint32_t *slot;     /* (capacity) number of the entry of each position, RV_NO_SLOT = not selected */
    rv_entry *entries;  /* (num_slots) by example */
    size_t num_slots;   /* entries that a batch can have */
    rv_probe_storage *storage; /* (num_storage) of each entry; or, where the sink takes them, buffers */
    size_t num_storage;
    float **sums;       /* (num_sums) of each worker: (row_size) of a gradient */
    size_t num_sums;
    rv_entries batch;
    rv_probe *next;
};

#define RV_NO_SLOT UINT32_MAX

/* What a variable's name means to a tap. Errors: RV_ERR_NAME lists what there is. */
int rv_probe_find_variable(rv_run *run, const rv_plan_population *p, const char *name, rv_tap *tap);
/* What all kinds of probes have. Checks that probes may be added; takes a finished probe over, or frees it on error. */
int rv_probe_check(rv_run *run, const rv_network *network, const char *what, const char *name);
int rv_probe_add(rv_probe **out, rv_run *run, rv_probe *probe, const rv_filter *examples, const rv_filter *timesteps);
int rv_probe_select_neurons(rv_run *run, const rv_population *population, const rv_filter *filter, const char *which,
                            uint32_t **ids, size_t *num);
/* (n) the place of each element among the selected ones, -1 = not selected; NULL if out of memory. */
int32_t *rv_probe_columns(rv_run *run, size_t n, const uint32_t *ids, size_t num);
void rv_probe_free(rv_probe *probe);
void rv_probe_free_storage(rv_probe *probe);
void rv_probes_free(rv_run *run);

/* Makes room for the batches' numbers, once all probes are known. */
int rv_probes_allocate(rv_run *run);
/* Before a batch: its entries, and what each example's taps are. Before and after the sweep of an example, forward or
 * back: where the numbers go that are made in it; spikes, after the sweep forward. After the batch: entries are whole. */
void rv_probes_begin(rv_run *run);
int rv_probes_enter(rv_run *run, const rv_example *example, int worker, bool back);
int rv_probes_leave(rv_run *run, const rv_example *example, int worker, bool back);
int rv_probes_end(rv_run *run);
/* Room for num spikes; and for values, which only sinks give. */
int rv_probe_make_room(rv_probe *probe, rv_probe_storage *storage, size_t num);
int rv_probe_make_room_for_values(rv_probe *probe, rv_probe_storage *storage);
int rv_probe_copy_spikes(rv_probe *probe, const rv_tape *tape, rv_probe_storage *storage);
void rv_probe_count_spikes(const rv_probe *probe, const rv_tape *tape, float *counts);
/* Ranks: what others recorded to rank 0; whether what was recorded of an example is here. */
int rv_probes_gather(rv_run *run);
bool rv_probes_have(const rv_run *run, size_t position);
/* Bytes: for sure, and the most that recorded spikes may grow to. */
size_t rv_probes_memory(const rv_run *run);
size_t rv_probes_growth(const rv_run *run);

/* ---- metrics -------------------------------------------------------------------------------------------------------- */

typedef struct rv_scores {
    rv_metric_value *items; /* own ones, then the validation's, then those that callbacks added */
    double *sums;           /* (num_sums) of the own ones, in order */
    size_t num_own, num_added, num_all, num_sums;
    size_t count; /* examples in the sums */
    char *names;  /* storage of "val_..." */
    char *labels; /* storage of labels; NULL until all callbacks are set up */
} rv_scores;

int rv_scores_create(rv_run *run);
void rv_scores_clear(rv_scores *scores);
void rv_scores_reset(rv_scores *scores);
/* Adds a batch, by position, and updates the values. */
void rv_scores_add(rv_run *run);

#define RV_LABEL_SIZE (RV_NAME_SIZE + 80) /* bytes of a metric's label with its 0 */

/* Once all callbacks are set up: what they added joins the scores, labels are given, monitors find what they watch. */
int rv_quantities_settle(rv_run *run);
void rv_quantities_free(rv_run *run);
/* Ranks: rank 0 knows what was recorded; the others get its quantities. */
int rv_quantities_share(rv_run *run);
/* As rv_quantity_add, of anything that has a name, which must outlive the run. */
int rv_quantity_add_of(rv_quantity **out, rv_run *run, const char *owner, const char *name);

/* ---- what Deep R did, where it is recorded ----------------------------------------------------------------------- */

typedef struct rv_rewiring_list rv_rewiring_list;

int rv_rewirings_create(rv_run *run); /* before callbacks are set up */
void rv_rewirings_free(rv_run *run);
void rv_rewirings_begin_epoch(rv_run *run);
void rv_rewirings_note(rv_run *run); /* after steps of the optimiser */
int rv_rewirings_put(const rv_run *run, rv_state *state);
int rv_rewirings_get_state(rv_run *run, rv_state *state);

/* ---- history: the metrics of every finished epoch --------------------------------------------------------------------- */

typedef struct rv_history {
    rv_context *context;
    rv_metrics *epochs; /* (num_epochs) */
    size_t num_epochs, max_epochs;
    size_t num_finished; /* of them: the last one may not be */
    size_t num_metrics, num_sums; /* of an epoch */
    rv_metric_value *items;       /* (num_metrics) names and sizes, as all epochs have them */
    char (*names)[RV_LABEL_SIZE]; /* (2 * num_metrics) name and label of each */
} rv_history;

int rv_history_create(rv_history *history, rv_run *run);
void rv_history_clear(rv_history *history);
/* finished: not of an epoch in which the run was stopped. */
int rv_history_add(rv_history *history, const rv_scores *scores, bool finished);
int rv_history_put(const rv_history *history, rv_state *state);
int rv_history_get(rv_history *history, rv_state *state);

void rv_triggers_free(rv_run *run);
void rv_claims_free(rv_run *run);

/* ---- runs ----------------------------------------------------------------------------------------------------------- */

/* Where a training run stands. */
typedef struct rv_position {
    size_t epoch, batch; /* batches of this epoch that are done */
    bool begun;          /* on_epoch_begin was called */
} rv_position;

/* Clocks when the current batch began, s. */
typedef struct rv_batch_start {
    double clock, callbacks, learn, phases[RV_NUM_PHASES];
} rv_batch_start;

typedef struct rv_claim rv_claim;

typedef struct rv_save rv_save; /* a checkpoint that was asked for */

typedef enum rv_run_kind { RV_RUN_TRAIN, RV_RUN_VALIDATE, RV_RUN_EVALUATE, RV_RUN_PREDICT } rv_run_kind;

struct rv_run {
    rv_run_kind kind;
    rv_context *context;
    rv_compiled_network *model;
    rv_engine *engine;
    rv_feed *feed;
    bool owns_feed;
    rv_run *validation; /* child, or NULL */
    rv_run *parent;     /* of a validation */
    rv_hooks hooks;
    rv_probe *probes; /* list */
    size_t num_probes;
    rv_tap_target *taps; /* (capacity, num_probes) */
    size_t announced_fixed, announced_growth; /* bytes that callbacks hold */
    rv_scores scores;
    rv_history history;
    rv_quantity *quantities; /* list */
    rv_monitor *monitors;    /* list */
    rv_rewiring_list *rewirings; /* NULL = none are recorded */
    rv_trigger *triggers;    /* list */
    rv_claim *claims;        /* list, with the validation's: files that callbacks write */
    const char *setting_up;  /* name of the callback whose set_params is running, */
    size_t setting_up_index; /* its place in the list */
    bool executed;

    uint32_t *members; /* (num_members) examples of the data set that this run uses; NULL with an iterator */
    uint32_t *order;   /* (num_members) as the current epoch presents them */
    size_t num_members;
    size_t num_epochs, start_epoch, epoch;
    bool shuffle;
    atomic_bool stop; /* asked for */
    bool stopping;    /* agreed on by all ranks, between hooks */
    bool told_stop;   /* on_stop was called */

    rv_position position;      /* what a checkpoint says: between batches and epochs */
    rv_save *saves;            /* list of checkpoints that are asked for */
    const char *resume_folder; /* NULL = the run begins at its beginning */
    const char *resume_key;    /* NULL = `latest` */
    bool resumed;
    rv_position start; /* where it begins, or was resumed */

    bool measured;
    double started; /* s on the clock, when the run was executed */
    rv_times times;
    rv_batch_start batch_start;

    size_t batch;       /* number of the current one */
    size_t batch_count; /* examples in it */
    size_t batch_first; /* number of its first example, as presented */
    bool in_batch;       /* from on_batch_begin to on_batch_end: examples have state */
    bool at_batch_begin; /* on_batch_begin: what they have is that of the batch before */
    bool failed_hook;   /* a timestep hook failed or stopped in this batch */

    float **predictions; /* [outputs] (num, n), or NULL */
    size_t max_predictions[RV_MAX_PORTS]; /* floats there is room for */
    size_t num_predictions;
};

/* What rv_train_prepare and rv_evaluate_prepare do, with the default callbacks filled in. */
int rv_run_create_training(rv_run **out, rv_compiled_network *model, const rv_train_desc *desc);
int rv_run_create_test(rv_run **out, rv_compiled_network *model, const rv_evaluate_desc *desc, rv_run_kind kind);

/* ---- times ------------------------------------------------------------------------------------------------------------- */

/* Around the sweeps of a batch; they do nothing unless the run is measured. */
void rv_times_begin_batch(rv_run *run);
void rv_times_end_batch(rv_run *run);

/* ---- checkpoints ------------------------------------------------------------------------------------------------------- */

/* Makes the checkpoints that were asked for, or forgets them. */
int rv_run_make_saves(rv_run *run);
void rv_run_forget_saves(rv_run *run);

/* All that a run needs to go on, into a state and back. Going back checks everything before it changes anything of the
 * network. */
int rv_run_put_state(rv_run *run, rv_state *state);
int rv_run_get_state(rv_run *run, rv_state *state);
/* The last step of preparing: the state of the checkpoint that the run resumes from, if it does. */
int rv_run_load(rv_run *run);

/* ---- results -------------------------------------------------------------------------------------------------------- */

int rv_result_create(rv_result **out, rv_run *run);
/* Takes the history, the callbacks and predictions over, and asks the callbacks for their data. */
int rv_result_finish(rv_result *result, rv_run *run);

#endif
