/* RUN: the memory of the examples in flight, and the sweeps over it.
 *
 * An example lives at a position of the batch. Its tapes (the spikes of every population) and results belong to the
 * position; its state while it is swept belongs to a block, one per worker, or one per position where the whole batch
 * advances in lockstep. All of it is allocated when the engine is created, but for tapes, which grow at step
 * boundaries, outside the kernels, and keep their size for the next batch. */
#ifndef RV_ENGINE_ENGINE_H
#define RV_ENGINE_ENGINE_H

#include "compile/plan.h"

#define RV_MAX_TARGETS 8
#define RV_MAX_TARGET_METRICS 4

/* The spikes of one population in one example, in time order. */
typedef struct rv_tape {
    uint32_t *ids;    /* neuron */
    float *crossing;  /* num_crossing numbers of each, where the threshold was crossed; NULL if nobody needs them */
    uint32_t *offset; /* (T + 1) spikes of step t: offset[t] .. offset[t + 1] - 1 */
    uint32_t *negative; /* (T) negative ones of step t: negative[t] .. offset[t + 1] - 1; NULL where there never are any */
    size_t capacity;  /* spikes that ids and crossing have room for */
} rv_tape;

/* What a probe copies after every step it is about: selected numbers of one variable (taps.c). */
typedef enum rv_tap_kind {
    RV_TAP_STATE,    /* block + offset */
    RV_TAP_IN_SYN,   /* block + offset, times constant: what is left after its decay, which the next step begins with */
    RV_TAP_ISYN,     /* what the neurons integrate: sum over groups of inSyn * scale */
    RV_TAP_CONSTANT, /* a parameter */
    RV_TAP_READOUT,  /* what is made of the readout's state so far */
    RV_TAP_SOFTMAX,  /* softmax of the readout so far */
    RV_TAP_SYNAPSE,  /* of synapses: weight, delay, moment */
    RV_TAP_TRACE,    /* of synapses: e-prop's online form, offset in the block's traces */
    RV_TAP_RECORD,   /* offset in a step's record */
    RV_TAP_ADJOINT,  /* adjoint block + offset; this and what follows is known in the sweep back */
    RV_TAP_LAMBDA_I, /* offset in a step of the history */
    RV_TAP_SIGNAL,   /* e-prop's learning signal; the sweep back has it */
    RV_TAP_GRADIENT, /* of synapses: what the spikes from this step on add to the gradient */
} rv_tap_kind;

static inline bool rv_tap_is_of_sweep_back(rv_tap_kind kind)
{
    return kind >= RV_TAP_ADJOINT;
}

typedef struct rv_tap_synapse {
    size_t pair;  /* source * num_neurons + target, of the selected ones */
    size_t place; /* among the weights */
} rv_tap_synapse;

/* Synapses between selected sources and the tap's neurons, their targets. Those that are not there are NaN. */
typedef struct rv_tap_synapses {
    const rv_plan_connection *connection;
    const float *values;   /* SYNAPSE: laid out as the weights */
    bool of_delay;         /* GRADIENT: of the delays */
    float scale;           /* what a spike brings through a synapse, in weights */
    const int32_t *source; /* (n of the source) number among the selected sources, -1 = not selected */
    size_t num_sources;
    const size_t *index;   /* (num_sources, num_neurons) place among the weights, RV_NO_SYNAPSE = not there */
    const rv_tap_synapse *more; /* (num_more) further ones of a pair, where windows overlap: numbers are their sum */
    size_t num_more;
} rv_tap_synapses;

#define RV_NO_SYNAPSE SIZE_MAX

typedef struct rv_tap {
    rv_tap_kind kind;
    uint32_t population;
    size_t offset; /* STATE, ADJOINT: in the block; LAMBDA_I, RECORD: in a step of the history or record; TRACE: in traces */
    const float *constant; /* CONSTANT; IN_SYN: (n_pad) the decay */
    const rv_readout_variable *readout; /* READOUT */
    const rv_tap_synapses *synapses;    /* SYNAPSE, TRACE, GRADIENT */
    const uint32_t *neurons; /* (num_neurons) ascending */
    size_t num_neurons;
    bool contiguous;      /* neurons follow one another */
    const uint32_t *rows; /* (T) which row a timestep is, RV_NO_ROW = none; NULL = all are, in order */
    size_t row_size;      /* floats */
} rv_tap;

#define RV_NO_ROW UINT32_MAX
#define RV_ADJOINT_POINTERS (5 * RV_MAX_GROUPS) /* of a population's step back */

/* Where a tap's numbers of one example go: (rows, row_size). */
typedef struct rv_tap_target {
    const rv_tap *tap;
    float *out;
    float *sum; /* GRADIENT: (row_size) of the spikes so far */
} rv_tap_target;

/* How an output is judged. */
typedef struct rv_target {
    uint32_t population;
    rv_loss loss;
    rv_metric metrics[RV_MAX_TARGET_METRICS];
    int num_metrics;
    bool keeps_trace; /* loss or metrics may look at V in every step */
} rv_target;

/* What an output should be in one example. */
typedef struct rv_expected {
    int32_t label;        /* -1 = none */
    const float *targets; /* (n), or (T, n) if over_time; NULL = none; borrowed from the data */
    bool over_time;
    double log_loss, likelihood; /* e-prop: -ln of the label's probability, summed so far, and what is to be added */
    float *trace; /* (T, n_pad) V after each step; then, if the loss is over time, minus its derivative; or NULL */
} rv_expected;

/* Doubles that stay of an output in one example: its loss, and the numbers of its metrics. */
#define RV_SCORES (1 + RV_MAX_TARGET_METRICS * RV_MAX_METRIC_VALUES)

/* A spike that goes through a connection with far delays. */
typedef struct rv_flight {
    uint32_t next; /* who is due in the same step: its number on the tape */
    uint32_t at;   /* synapses it has been through (forward), or is yet to go back through */
    float back;    /* feedback gathered so far */
} rv_flight;

/* All of them in one example. */
typedef struct rv_flights {
    uint32_t *due;     /* (far->steps) the first spike that is due in each step, modulo their number; UINT32_MAX = none */
    rv_flight *spikes; /* (capacity, a power of two) by number on the tape, modulo it */
    size_t capacity;
} rv_flights;

/* One position of the batch. */
typedef struct rv_example {
    size_t position;
    size_t index;  /* in the data set, or, with an iterator, in its batch */
    size_t number; /* as index, but numbered on from batch to batch: randomness goes by it */
    size_t epoch;
    rv_tape *tapes; /* [populations] */
    rv_flights *flights; /* [connections] those with far delays */
    rv_tape *spare_tapes; /* [populations] the example before at this position; NULL where it does not matter */
    bool goes_on;         /* what spare_tapes hold is still on its way */
    const float **values; /* [populations] (num_frames, n) of inputs that take values; borrowed from the data */
    float *readout_state;
    float *readout;      /* (num_outputs, max_n_pad) readouts of the outputs */
    float *loss_gradient; /* as readout: minus the loss's derivative */
    float *bias;          /* (bias_size) sums over the steps of LambdaV of outputs whose biases learn */
    rv_expected *expected; /* [outputs] */
    float *errors;         /* e-prop: sums of the outputs' errors over the steps, at their places in a record */
    double *scores;        /* [outputs][RV_SCORES] loss, then metrics; part of the engine's */
    const rv_tap_target *taps; /* of this example; adjoint ones are filled by the sweep back */
    size_t num_taps;
    const rv_plan_population *overflow; /* one of its neurons spiked more than max_spikes times; NULL = none did */
    uint32_t overflow_neuron;
    int error;
} rv_example;

/* A connection as a step of the sweep forward sees it: few numbers, close together, as rows of weights keep pushing all
 * else out of the first cache. */
typedef struct rv_afferent {
    const rv_tape *tape;   /* its source's */
    uint32_t ago;          /* what arrives in step t was emitted in step t - ago */
    bool adds_rows;        /* spikes add rows, and that is all */
    const float *weight;   /* adds_rows: of a spike of neuron i, from weight + i * stride on */
    size_t stride;
} rv_afferent;

/* State of an example while it is swept forward. */
typedef struct rv_block {
    float *state;          /* (block_size) */
    rv_neuron_step *steps; /* [populations] arguments of the kernels, pointing into state */
    float **pointers;      /* storage of the arrays of pointers in steps */
    rv_afferent *afferents; /* [connections] of the example that is swept */
    uint64_t *fired; /* (block_steps, rv_fired_words(max_n_pad)) */
    float *ahead;    /* (3, block_steps, n_pad) of a population's run of steps: in_syn, crossings, V */
    float *scratch;  /* (2, max_n_pad) */
    bool begun;     /* an example has been here */
    double *seconds; /* see profile.h; NULL = nobody asks */

    /* e-prop, when learning */
    float *record;  /* (T + 1, record_size) row t + 1 is what step t left; row 0 is 0 */
    float *traces;  /* online: (trace_size) */
    float *arrived; /* online: (max_n_pad) 0; spikes of every source */
    float *spread;  /* online: (RV_MAX_COEFFS + 3, max_n_pad) what belongs to targets, for each synapse of a row */
} rv_block;

/* A connection as a step of the sweep back sees it, likewise. */
typedef struct rv_efferent {
    const rv_plan_connection *connection;
    rv_ring lambda_i, difference; /* of its targets' group */
    uint32_t reach;               /* spikes of step t meet what its targets leave of step t + reach */
    bool far;                     /* flights.c sees to it */
    bool adds;                    /* to the gradient while sweeping */
    bool backs;                   /* its source wants feedback */
} rv_efferent;

/* A worker's own memory. */
typedef struct rv_worker {
    float *adjoint;    /* (adjoint_size) */
    float *history;    /* without the rows schedule: (rv_history_steps, history_size), a ring over steps */
    uint32_t *begin;   /* examples schedule: (max_n_pad + 2) a population's spikes by neuron begin there */
    uint32_t *entries; /* (num_entries) then by step descending: the row of the history that each meets; grows */
    size_t num_entries;
    float *difference; /* (rv_ring_steps, difference_size), likewise */
    float *back;    /* [populations] (max_n_pad) feedback of the spikes of a step */
    rv_adjoint_step *steps; /* [populations] arguments of the kernels */
    float **pointers;       /* storage of the arrays of pointers in steps */
    rv_efferent *efferents; /* [connections] */
    float *drive;   /* [outputs] (rv_drive_size): base of the drive, (max_n_pad), and the drive of steps */
    float *sums;    /* (max_n_pad) of a node of the tree */
    float *row;     /* (max_n_pad) gradient of a row; scratch of the sweep */
    float *scaled;  /* (max_n_pad) what the optimiser learns from, if it is something else */
    double *seconds; /* see profile.h; NULL = nobody asks */
} rv_worker;

/* Rows schedule: the spikes of one source population over the batch, by neuron, then leaf (sort.c). */
typedef struct rv_sorted_spikes {
    uint32_t *begin;   /* (n * num_leaves + 2) see rv_sort_by_neuron; NULL = no connection needs them */
    uint32_t *entries;
    size_t capacity;
} rv_sorted_spikes;

/* What a worker does with an example: for those who ask where the time goes. */
typedef enum rv_phase { RV_PHASE_LOAD, RV_PHASE_FORWARD, RV_PHASE_BACKWARD, RV_NUM_PHASES } rv_phase;
typedef struct rv_worker_times {
    double seconds[8]; /* [RV_NUM_PHASES], in a cache line of its own */
} rv_worker_times;

typedef struct rv_engine {
    rv_compiled_network *model;
    int num_threads;
    size_t capacity; /* positions */
    bool learn;
    bool lockstep;
    bool alone;  /* this rank sweeps all examples: a simulation */
    bool begun;  /* lockstep: the examples of the batch to come are at their start already */
    bool warned; /* of more than max_spikes spikes */
    rv_target targets[RV_MAX_TARGETS];
    int num_targets;
    rv_arena *arena;
    rv_example *examples; /* [capacity] */
    double *scores;       /* (capacity, outputs, RV_SCORES) losses and metrics of all examples */
    float *readouts;      /* (capacity, outputs * max_n_pad) readouts of all examples */
    rv_block *blocks;     /* [num_threads], or [capacity] if own_blocks */
    struct rv_split *split; /* all threads through one example, see split.h; NULL = never */
    bool own_blocks;      /* each position has one: in lockstep, and where state goes on from batch to batch */
    rv_worker *workers;   /* [num_threads] */
    float *histories;     /* rows schedule: (capacity, T + 1 + max_delay, history_size); 0 from step T on */
    rv_sorted_spikes *sorted; /* rows schedule: [populations] */
    double *squares;      /* (num_rows of all connections, 2: delays, weights), then one of each population's biases: sums
                             of squared gradients; NULL where nobody asks for their norm */
    float **penalty;      /* [populations] (n_pad) regularisation at each spike; NULL = none */
    float *exchange;      /* several ranks: (RV_MAX_LEAVES + 1, exchange_size) sums of nodes, and one received */
    size_t exchange_size; /* floats of the rows of a parameter that are exchanged at once */
    uint32_t *counts;     /* (max_n_pad) scratch */
    float *zeros;         /* (max_n_pad) */
    uint32_t *every_id;   /* e-prop: (max_n_pad) 0, 1, 2, ... */

    rv_worker_times *times; /* [num_threads]; NULL = nobody asks */
    double learn_seconds;   /* of rv_gradient_learn, if somebody asks */
} rv_engine;

/* What one batch is. */
typedef struct rv_batch {
    size_t num; /* examples at positions 0 .. num - 1, their index, epoch, labels and taps set */
    /* Fills tapes or values of the inputs; called in the worker that owns the example. */
    int (*load)(void *user, rv_example *example, int worker);
    /* OPTIONAL: the sweep forward of an example has ended; called in its worker. */
    int (*finish)(void *user, rv_example *example, int worker);
    /* OPTIONAL: its sweep back begins, and has ended; called in its worker. */
    int (*turn)(void *user, rv_example *example, int worker);
    int (*done)(void *user, rv_example *example, int worker);
    /* Lockstep, OPTIONAL: called in the caller's thread before (end = false) and after every step; non-zero ends the batch. */
    int (*timestep)(void *user, uint32_t t, bool end);
    void *user;
} rv_batch;

typedef struct rv_engine_options {
    size_t capacity; /* most examples of a batch, >= 1 */
    bool learn;      /* sweep back and learn */
    bool lockstep;   /* somebody watches timesteps */
    bool alone;      /* other ranks have nothing to do with it */
    rv_target targets[RV_MAX_TARGETS];
    int num_targets;
} rv_engine_options;

int rv_engine_create(rv_engine **out, rv_compiled_network *model, const rv_engine_options *options);
void rv_engine_free(rv_engine *engine);
size_t rv_engine_memory(const rv_engine *engine);     /* bytes, without tapes */
size_t rv_engine_tape_bound(const rv_engine *engine); /* bytes tapes of hidden populations may grow to */

/* Keeps the state of all examples of a batch, which then advance in lockstep. */
int rv_engine_keep_blocks(rv_engine *engine);
/* Lockstep: the first num examples, whose epoch and number are set, go to their start before the batch is run. */
void rv_engine_begin(rv_engine *engine, size_t num);

/* The arguments of a block's kernels: memory for them; and all of them anew, after the state and the arrays of `model`. */
int rv_block_make_steps(const rv_engine *engine, rv_block *block);
void rv_block_aim(rv_block *block, const rv_compiled_network *model);

/* Measures where the time goes from now on. */
int rv_engine_measure(rv_engine *engine);

/* Runs a batch: forward, losses and metrics, and, when learning, backward and one step of the optimiser. */
int rv_engine_run(rv_engine *engine, const rv_batch *batch);

/* Whether this rank sweeps the example at a position: the one that owns its leaf does. */
bool rv_engine_owns(const rv_engine *engine, size_t position);

/* After a batch of num: readouts of all examples on all ranks. */
int rv_engine_share_readouts(rv_engine *engine, size_t num);

/* ---- parts ---- */

/* Room for `more` spikes after `used`. */
int rv_tape_reserve(const rv_engine *engine, const rv_plan_population *p, rv_tape *tape, size_t used, size_t more);

/* State before the first step: at rest, or what the example before left. Whether there is any such network. */
void rv_carry_begin(const rv_engine *engine, rv_block *block, rv_example *example);
bool rv_engine_carries(const rv_compiled_network *model);

void rv_forward_begin(const rv_engine *engine, rv_block *block, rv_example *example);
int rv_forward_step(const rv_engine *engine, rv_block *block, rv_example *example, uint32_t t);
/* All steps of an example, one after the other where somebody looks at them, else many of a population at a time. */
int rv_forward_sweep(const rv_engine *engine, rv_block *block, rv_example *example);
/* Shows an input that takes values a frame (n). The steps do it by themselves, but where example->values are NULL. */
void rv_forward_show(const rv_engine *engine, rv_block *block, uint32_t population, const float *frame);
/* Readouts, losses, metrics, limits. */
int rv_forward_end(const rv_engine *engine, rv_example *example);

/* Far delays. Memory of an example, and its end; nobody is on the way (before either sweep). Forward: room for the spikes
 * that are on their way in step t, then what arrives, added to sum (n_pad of the target). Back: the spikes that acted in
 * step t + 1 meet the adjoint of then, and those of step t receive their feedback; the rings of the connection's group,
 * `differences` NULL where nobody needs them. */
int rv_flights_make(rv_engine *engine, rv_example *example);
void rv_flights_free(const rv_engine *engine, rv_example *example);
void rv_flights_begin(const rv_engine *engine, rv_example *example);
int rv_flights_reserve(const rv_engine *engine, rv_example *example, uint32_t connection, uint32_t t);
void rv_flights_arrive(const rv_engine *engine, rv_example *example, uint32_t connection, float *sum, uint32_t t);
void rv_flights_meet(const rv_engine *engine, rv_worker *worker, const rv_example *example, uint32_t connection,
                     size_t leaf, const rv_ring *lambda_i, const rv_ring *differences, uint32_t t);

/* Outputs: before the first step; after the num steps from t on of one of them (e-prop: one at a time), which left V
 * (num, n_pad, or NULL); after the last step, when losses are known. */
void rv_outputs_begin(const rv_engine *engine, rv_example *example);
void rv_outputs_steps(const rv_engine *engine, const rv_block *block, rv_example *example, uint32_t population,
                      const float *v, uint32_t t, uint32_t num);
int rv_outputs_end(const rv_engine *engine, rv_example *example);
/* The readout of a population after num_steps steps of an example, into y (n). */
void rv_outputs_value(const rv_compiled_network *model, const rv_plan_population *p, const rv_example *example,
                      uint32_t num_steps, float *y);
/* Whether the loss of an output is the mean over the steps, of V(t), rather than one of the readout. */
bool rv_outputs_over_time(const rv_engine *engine, const rv_example *example, int output);
/* Softmax of an output as it stands after step t, (n) into p; y (n) is scratch. */
void rv_outputs_softmax(const rv_engine *engine, const rv_example *example, uint32_t population, const float *v,
                        float *y, float *p);
rv_output_shape rv_output_shape_of(const rv_compiled_network *model, const rv_plan_population *p);

/* The loss's part in the sweep back: before it; what drives an output in step t and, each `stride` floats on, the
 * num - 1 <= block_steps - 1 steps before it, NULL = nothing; what kicks the spikes of step t, onto their feedback; and
 * what LambdaV starts from where there are none (false = nothing). */
void rv_drive_begin(const rv_engine *engine, const rv_worker *worker, const rv_example *example, size_t batch_num);
const float *rv_drive_of(const rv_engine *engine, const rv_worker *worker, const rv_example *example,
                         uint32_t population, uint32_t t, uint32_t num, size_t *stride);
void rv_drive_kick(const rv_engine *engine, const rv_worker *worker, const rv_example *example, uint32_t population,
                   uint32_t t);
bool rv_drive_silent(const rv_engine *engine, const rv_worker *worker, const rv_example *example, uint32_t population,
                     float *lambda_v);

/* Whether the sweep back adds to the gradient of a parameter as it goes. */
static inline bool rv_gradient_meets(const rv_plan_parameter *p)
{
    return p->slots && !p->after_sweep;
}

/* The spikes of step t through connection c add what they met to parameter p's slots of leaf `leaf`, if it has any: row
 * t + the rule's meets + delay of `rows`, times `factor` (NULL = 1) by target. */
void rv_gradient_meet(const rv_engine *engine, const rv_worker *worker, const rv_example *example,
                      const rv_plan_connection *c, const rv_plan_parameter *p, size_t leaf, uint32_t t,
                      const rv_ring *rows, const float *factor);

/* Taps: whether any looks at a population in the sweep forward, or at anything in the sweep back; what those of a
 * population copy after its step t of the sweep forward; and all after step t of the sweep back, of which the rings hold
 * the history of LambdaI and of LambdaV - LambdaI. */
bool rv_taps_watch(const rv_example *example, uint32_t population);
bool rv_taps_watch_sweep_back(const rv_example *example);
void rv_taps_forward(const rv_engine *engine, const rv_block *block, const rv_example *example, uint32_t population,
                     uint32_t t);
void rv_taps_back(const rv_engine *engine, const rv_worker *worker, const rv_example *example, rv_ring history,
                  rv_ring difference, uint32_t t);

/* The same for parameters that are added to after the sweep, from history, whose rows are all steps: every row of their
 * slots once, in the same order. Room for it must have been made. */
int rv_gradient_make_room(const rv_engine *engine, rv_worker *worker, const rv_example *example);
void rv_gradient_sum_example(const rv_engine *engine, const rv_worker *worker, const rv_example *example, size_t leaf,
                             const float *history);

/* The sweep back of one example into leaf `leaf`, of a batch of batch_num. */
void rv_adjoint_sweep(const rv_engine *engine, rv_worker *worker, rv_example *example, size_t leaf, size_t batch_num);

/* e-prop: memory of the engine and of a block; before and after the sweeps of a batch; before an example, and before and after its steps;
 * what readouts see of an output that has taken step t; whether its loss is cross-entropy, which is then known from
 * rv_eprop_output; and the sweep back into leaf `leaf`. */
int rv_eprop_make(rv_engine *engine);
int rv_eprop_make_block(rv_engine *engine, rv_block *block);
void rv_eprop_begin_batch(rv_engine *engine, size_t batch_num);
void rv_eprop_end_batch(rv_engine *engine, size_t batch_num);
void rv_eprop_begin(const rv_engine *engine, const rv_block *block, rv_example *example);
void rv_eprop_before_step(const rv_engine *engine, rv_block *block, uint32_t t);
void rv_eprop_after_step(const rv_engine *engine, const rv_block *block, const rv_example *example, uint32_t t);
const float *rv_eprop_output(const rv_engine *engine, const rv_block *block, rv_example *example, int output,
                             uint32_t t);
bool rv_eprop_classifies(const rv_engine *engine, int output);
void rv_eprop_sweep(const rv_engine *engine, rv_worker *worker, const rv_block *block, rv_example *example,
                    size_t leaf);

/* The spikes of a population at positions first .. end - 1, of which other ranks' are left out, by neuron, then leaf, then
 * position, then step descending. Entries of neuron j and leaf l are begin[k] .. begin[k + 1] - 1, k = j * num_leaves + l:
 * position * rows_of_example + the step whose LambdaI is met. begin has (n * num_leaves + 2) numbers. */
typedef struct rv_sort {
    uint32_t population;
    size_t first, end, num_leaves, rows_of_example;
} rv_sort;
void rv_sort_by_neuron(const rv_engine *engine, const rv_sort *s, uint32_t *begin, uint32_t *entries);

/* Rows schedule: sorts a batch. */
int rv_sort_batch(rv_engine *engine, size_t batch_num);

/* Before the gradients of a batch; then each row of them, false = nothing in the batch is about it.
 * c: whose numbers these are, NULL = a population's. factor: of the targets where they are weights (see weigh in
 * connectivity/model.h), else of each number of the row. */
int rv_gradient_begin(rv_engine *engine, size_t batch_num);
bool rv_gradient_row(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c,
                     const rv_plan_parameter *p, size_t row, const float *factor, float *gradient);
/* The sum of leaves first .. first + num - 1 of a row, a node of the tree; NULL where all are empty. In the worker's memory
 * or the slots', until the worker's next one. */
const float *rv_gradient_node(const rv_engine *engine, const rv_worker *worker, const rv_plan_connection *c,
                              const rv_plan_parameter *p, size_t row, size_t first, size_t num);
/* Ranks: the sums of all leaves of all ranks into every parameter's `joined`. */
int rv_gradient_exchange(rv_engine *engine);
size_t rv_gradient_num_rows(const rv_compiled_network *model); /* of all connections */
/* What the example at a position, which this rank owns, adds to the gradient of the biases of p; by position. */
void rv_gradient_add_bias(const rv_compiled_network *model, const rv_plan_population *p, size_t position,
                          const float *sum);

/* From the batch's gradients to new numbers; and, at the end of an epoch, from what is accumulated. */
int rv_gradient_learn(rv_engine *engine, size_t batch_num);
int rv_gradient_flush(rv_engine *engine);
/* A step with what is accumulated, or else with the gradients that are kept, as they stand. */
int rv_gradient_learn_kept(rv_engine *engine);

/* Deep R: L1 onto a row of the gradient; after the row's step, whether any of its weights crossed zero; and, after the
 * steps of all rows, the rewiring. */
void rv_deep_r_add_l1(const rv_engine *engine, const rv_plan_connection *c, size_t row, float *gradient);
void rv_deep_r_note(const rv_plan_connection *c, size_t row);
int rv_deep_r_rewire(rv_engine *engine);


/* Whether examples leave a record of every step, from which e-prop learns. */
static inline bool rv_engine_learns_eprop(const rv_engine *engine)
{
    return engine->learn && engine->model->compiler == RV_COMPILER_EPROP;
}

/* Floats of an output's drive. */
static inline size_t rv_drive_size(const rv_compiled_network *model)
{
    return 2 * model->max_n_pad + model->block_floats;
}

/* Steps that a ring of the sweep back holds: a block of them, what its last ones still meet, and one before. */
static inline size_t rv_ring_steps(const rv_compiled_network *model)
{
    return (size_t)model->block_steps + 1 + model->max_delay;
}

/* Steps of LambdaI that are kept of an example: all, or those that spikes may still meet. */
static inline size_t rv_history_steps(const rv_compiled_network *model)
{
    return model->rows || model->after_sweep ? (size_t)model->num_steps + 1 + model->max_delay : rv_ring_steps(model);
}

#endif
