/* The plan: everything about a compiled network that does not change from example to example. Arrays live in the
 * model's arena, 64-byte aligned, padded to 16 floats with values that keep the padding silent.
 *
 * The state of one example is a block of block_size floats, to which the offsets below refer; the engine makes as many
 * blocks as it needs. Offsets into the adjoint block likewise. */
#ifndef RV_COMPILE_PLAN_H
#define RV_COMPILE_PLAN_H

#include <ranvier/compile.h>

#include "base/arena.h"
#include "connectivity/model.h"
#include "network/network.h"
#include "neurons/model.h"
#include "optimise/model.h"
#include "outputs/model.h"
#include "synapses/model.h"

typedef struct rv_plan_variable rv_plan_variable; /* added for custom updates, see custom_update.h */
typedef struct rv_plan_update rv_plan_update;

#define RV_PAD ((size_t)16) /* arrays over neurons are padded to a multiple of this */
#define RV_NONE SIZE_MAX    /* an offset that is not there */

/* Synapses of one kind and equal parameters into one population share one inSyn. */
typedef struct rv_plan_group {
    const rv_synapse_model *model;
    float *param[RV_MAX_PARAMS]; /* (n) */
    float *beta, *scale;         /* (n_pad) see synapses/model.h */
    size_t in_syn;               /* offset in the block: (n_pad) */
    uint32_t first_connection, num_connections; /* of the population's, in the plan's order */

    /* EventProp */
    float *flow;       /* (n_pad) what of LambdaV flows into LambdaI in a step */
    float *factor;     /* (n_pad) -tau: what sums of LambdaI are multiplied with to give the gradient */
    size_t history;    /* offset in a step of the LambdaI history (n_pad) */
    size_t difference; /* offset in a step of the ring of LambdaV - LambdaI (n_pad); NONE where nobody needs it */

    /* where a delay per synapse leads into it */
    size_t pending;      /* offset in the block: what is to arrive, (num_pending, n_pad), a ring over steps */
    size_t num_pending;  /* 0 = none */

    float *worth; /* few-spike: (k) what a spike of each step of its sources is worth; NULL elsewhere */
} rv_plan_group;

/* An optimiser and where it is. */
typedef struct rv_plan_optimiser {
    const char *name; /* "optimiser", "delay_optimiser", "bias_optimiser", or that of the one connection whose it is */
    bool used;        /* something learns with it */
    rv_optimiser optimiser;
    rv_optimiser_state state;
    float constant[RV_MAX_OPTIMISER_CONSTANTS]; /* of the step that is being made */
} rv_plan_optimiser;

/* Numbers of a connection or population that learn, and what learning them takes. Arrays lie in `rows`. */
typedef struct rv_plan_parameter {
    float *value;
    rv_plan_optimiser *optimiser; /* NULL = they do not learn */
    rv_rows rows;
    float *gradient;               /* of the last batch; NULL unless gradients are kept */
    float *accumulated;            /* gradients times examples of the batches since the last step; NULL unless needed */
    float *joined;                 /* several ranks: the sum of all leaves, on all ranks; NULL with one */
    float *slots;                  /* (num_leaves) times the rows: sums of the leaves; NULL with the rows schedule */
    bool after_sweep;              /* an example adds to its slots when it has been swept back, not while it is */
    uint8_t *touched;              /* (num_leaves, rows) whether the slot's row holds anything */
    uint8_t *moving;               /* (rows) whether the row ever had a gradient; others need no step */
    float *moment[RV_MAX_MOMENTS];
} rv_plan_parameter;

/* What the online form of e-prop keeps of every synapse. */
typedef enum rv_trace { RV_TRACE_Z_FILTER, RV_TRACE_E_FILTERED, RV_TRACE_EPSILON_A, RV_TRACE_DELTA_G, RV_NUM_TRACES } rv_trace;

/* e-prop: how the errors of an output reach a hidden population. */
typedef struct rv_plan_feedback {
    uint32_t output;     /* population of the plan */
    uint32_t connection; /* whose weights these are, as they were when the batch began; UINT32_MAX = random ones */
    float *weight;       /* (n of the output, n_pad) */
} rv_plan_feedback;

/* e-prop's part of a population. A record is what the sweep forward keeps of every step for the sweep back. */
typedef struct rv_plan_eprop {
    size_t (*forward)(const rv_neuron_step *step); /* when learning; NULL = as without */
    void (*sweep)(const rv_eprop_step *step);      /* NULL = an input */
    void (*trace)(const rv_trace_step *step);      /* online */
    size_t psi, f_avg;    /* hidden: offsets in a record (n_pad) */
    size_t error;         /* output: offset in a record (n_pad); RV_NONE for hidden populations and inputs */
    size_t softmax;       /* output: offset in the block, softmax(V) (n_pad) */
    size_t signal;        /* online, hidden: offset in the block, E (n_pad); RV_NONE for all others */
    size_t state;         /* offset in the sweep back's state: num_eprop_state arrays (n_pad) */
    rv_plan_feedback *feedback;
    size_t num_feedback;
} rv_plan_eprop;

typedef struct rv_plan_population {
    const rv_population *population;
    const rv_neuron_model *model;
    size_t n, n_pad;
    float *param[RV_MAX_PARAMS]; /* (n) flags and scalars too */
    float *coeff[RV_MAX_COEFFS]; /* (n_pad) */
    size_t mask; /* what steps see of a neuron's number j in coefficients and in those of groups: see rv_neuron_step */
    rv_plan_group *groups;
    size_t num_groups;
    uint32_t first_connection, num_connections; /* incoming ones, in the plan's order */
    const uint32_t *outgoing;                   /* (num_outgoing) connections, in the plan's order */
    uint32_t num_outgoing;
    size_t state[RV_MAX_STATE];                 /* offsets in the block: (n_pad) each */
    size_t (*forward)(const rv_neuron_step *step); /* NULL where spikes are the data */
    void (*run)(rv_neuron_run *run);               /* many steps of it at once; OPTIONAL */
    bool is_signed;                                /* some of its spikes may be negative */
    uint32_t begin, end; /* timesteps in which it takes part: all, but for few-spike networks */
    uint32_t start;      /* few-spike: the first of its own k timesteps */

    /* inputs that take values */
    size_t input;       /* offset in the block: the values of the current frame (n_pad); NONE for others */
    float *input_scale; /* (n_pad) 1 */
    void (*begin_frame)(const rv_neuron_step *step); /* OPTIONAL */
    uint32_t num_frames, frame_steps;

    const rv_readout_model *readout; /* NULL = not an output */
    size_t readout_state;            /* offset in an example's readout state: num_state * n_pad */
    float *readout_weight;           /* (T), or NULL = 1 */
    float *drive_weight;             /* (T) of the readout's drive, or NULL = it is not by weights */

    /* e-prop */
    rv_plan_eprop eprop;
    rv_plan_parameter bias; /* of an output: one row; its value is the parameter itself. value NULL = it stays */
    float *bias_factor;     /* (n_pad) what sums are multiplied with to give its gradient */
    size_t bias_sum;        /* EventProp: offset in an example's sums of LambdaV (n_pad); NONE where it does not learn */

    /* EventProp */
    void (*adjoint)(const rv_adjoint_step *step);
    size_t lambda_v;   /* offset in the adjoint block: (n_pad) */
    size_t lambda_a;   /* the same, of models whose threshold adapts */
    bool has_outgoing; /* its spikes come back as feedback */
    bool has_rows;     /* a connection from it uses the rows schedule */
    bool after_sweep;  /* or adds to slots after the sweep */
    double reg_lambda_upper, reg_lambda_lower, reg_nu_upper; /* see rv_regularisation */

    rv_plan_variable *variables; /* list */
} rv_plan_population;

/* Deep R's part of a connection, whose wiring is its own. */
typedef struct rv_plan_deep_r {
    float l1_strength;
    float *sign;       /* 1 or -1, laid out as the weights; padding 0 */
    uint8_t *dormant;  /* (rows) some weights of the row crossed zero in the step that is being made */
    uint32_t capacity; /* synapses that a row has room for */
    bool no_loops;     /* no neuron is ever connected to itself */
    bool record;
    rv_rewirings *records; /* (num_records) of each step; from rv_alloc */
    size_t num_records, records_capacity;
} rv_plan_deep_r;

/* A synapse of a source, in the order of delays. */
typedef struct rv_far_synapse {
    uint32_t place; /* among the weights */
    uint32_t target;
    uint32_t delay; /* timesteps */
} rv_far_synapse;

/* Delays too far for a ring over their timesteps: see compile/far_delays.c. */
typedef struct rv_plan_far {
    uint32_t steps;           /* that a spike may be on its way: the longest delay, and one */
    /* where each synapse has a delay of its own */
    size_t *begin;            /* (n of the source + 1) first of its synapses */
    rv_far_synapse *synapses; /* by source, then delay, then place */
} rv_plan_far;

typedef struct rv_plan_connection {
    const rv_connection *connection;
    uint32_t source, target; /* populations of the plan */
    uint32_t group;          /* of the target */
    rv_wiring *wiring;       /* the connection's, unless other synapses have been loaded since */
    rv_links links;
    const rv_connectivity_ops *ops;
    bool weighed;            /* a weight mixes targets of different factors: they are applied before the sum, not after */
    rv_plan_parameter weight;
    uint32_t delay;           /* timesteps, of all synapses; unused where each has its own */
    uint16_t *delays;         /* of each synapse, laid out as the weights; NULL = all have `delay` */
    uint32_t max_delay;       /* timesteps */
    rv_plan_far *far;         /* NULL = rings serve its delays */
    size_t traces;            /* e-prop, online: offset in an example's traces: each of rv_trace, laid out as the weights */
    rv_plan_parameter delay_parameter; /* learnt delays in timesteps, not rounded; value NULL = they do not learn */
    rv_plan_deep_r *deep_r;            /* NULL = its synapses stay */
    rv_plan_variable *variables;       /* list */
} rv_plan_connection;

typedef enum rv_compiler { RV_COMPILER_INFERENCE, RV_COMPILER_EVENTPROP, RV_COMPILER_EPROP, RV_COMPILER_FEW_SPIKE } rv_compiler;

/* What differs between the rules that learn. */
typedef struct rv_rule {
    const char *name;     /* "EventProp" */
    const char *gradient; /* what it calls the gradient of a weight: "Gradient" */
    uint32_t meets;       /* a spike of step t meets the history of its targets as of step t + meets (+ its delay) */
} rv_rule;

/* Options that all of them have. */
typedef struct rv_learning {
    rv_optimiser optimiser, delay_optimiser, bias_optimiser; /* as described; in use are those of the plan */
    const rv_connection_optimiser *connection_optimisers;    /* (num_connection_optimisers) until all is planned */
    size_t num_connection_optimisers;
    double clip_value, clip_norm; /* 0 = none */
    size_t accumulate;            /* batches for a step, >= 1 */
    size_t max_spikes; /* of one neuron in one example; SIZE_MAX = no limit */
    bool lenient;      /* more are not an error */
    double softmax_temperature;
    double ttfs_alpha;
    bool per_timestep_loss;
    rv_schedule schedule;
    bool keep_gradients;
    const rv_connection *const *deep_r_conns; /* (num_deep_r_conns) until all is planned */
    size_t num_deep_r_conns;
    double deep_r_l1_strength; /* as described */
    bool deep_r_record_rewirings;
} rv_learning;

/* Populations that are swept together: order[begin] .. order[end - 1]. */
typedef struct rv_plan_part {
    uint32_t begin, end;
    bool recurrent; /* there is a way from it back to it */
} rv_plan_part;

struct rv_compiled_network {
    rv_context *context;
    rv_network *network;
    rv_arena *arena;
    const rv_kernels *kernels;
    rv_compiler compiler;
    uint32_t num_steps; /* T */
    double dt;          /* ms */
    size_t batch_size;
    bool time_runs_on; /* recorded times go on from batch to batch */
    bool keeps_vars;   /* so does the state of neurons */
    bool keeps_in_syn; /* so do synaptic inputs, and spikes on their way */
    rv_plan_update *updates; /* list, in the order of adding */
    size_t num_engines;      /* made for it and not yet freed: its blocks must not change */

    rv_plan_population *populations;
    uint32_t num_populations;
    rv_plan_connection *connections; /* by target, then group, then order of adding */
    uint32_t num_connections;
    size_t block_size;    /* floats */
    float *initial_block; /* (block_size) state at the start of an example */
    size_t readout_size;  /* floats of an example's readout state */
    size_t max_n_pad;     /* of all populations */
    uint32_t *order;      /* (num_populations) by part */
    rv_plan_part *parts;  /* (num_parts) sources before targets */
    uint32_t num_parts;
    uint32_t block_steps; /* 1 to 64: a part takes so many timesteps before the next one does */
    size_t block_floats;  /* of a number for each step of a block and each neuron, at most, of a part that is not recurrent */

    /* learning */
    const rv_rule *rule; /* NULL = nothing learns */
    rv_learning learning;
    rv_eventprop_desc eventprop; /* what is EventProp's alone */
    rv_eprop_desc eprop;         /* what is e-prop's alone, defaults filled in */
    size_t record_size;          /* e-prop: floats of a step's record */
    size_t trace_size;           /* e-prop, online: floats of an example's traces */
    rv_plan_optimiser *optimisers; /* (num_optimisers) the first learns all that none of its own is given for */
    size_t num_optimisers;
    uint64_t accumulated[2]; /* batches and examples since the last step */
    size_t adjoint_size;    /* floats of the adjoint block */
    size_t bias_size;       /* floats of an example's sums of LambdaV */
    size_t history_size;    /* floats of one step of the LambdaI history */
    size_t difference_size; /* floats of one step of the ring of LambdaV - LambdaI */
    uint32_t max_delay;     /* timesteps: how far ahead of a spike the adjoint may be met, less one, but for far delays */
    size_t num_leaves;      /* S: a power of two */
    bool rows;              /* the rows schedule, for all connections that can use it */
    bool after_sweep;       /* that of examples, likewise: slots, added to after an example's sweep */
    bool slots;             /* some use slots */
};

/* Builds all that compilers share; the model is freed by the caller on failure too. */
int rv_plan_build(rv_compiled_network **out, rv_network *network, rv_compiler compiler, size_t example_timesteps,
                  double dt, size_t batch_size);

/* Few-spike networks: what stands for the synapses of a source's connections. */
rv_synapse rv_few_spike_synapse(const rv_plan_population *source);

/* The last step: rings for what is to arrive later, once all delays are known, and the block's initial state. */
int rv_plan_pending(rv_compiled_network *model);

/* The order in which populations are swept, once all connections are there. */
int rv_plan_parts(rv_compiled_network *model);

/* Coefficients of a population and its groups from its parameters: after filling, and when a parameter is set. */
void rv_plan_update_coefficients(rv_compiled_network *model, rv_plan_population *population);

/* Checks the options that all rules have and fills in the optimisers. */
int rv_plan_learning_options(rv_compiled_network *model);

/* The last step of a compiler that learns, once it has laid out the histories: schedule and memory of the gradient. */
int rv_plan_learning(rv_compiled_network *model);

/* Whether all neurons of a population are alike: after its coefficients have changed. */
void rv_plan_update_mask(rv_plan_population *population);

/* EventProp's part of the coefficients. */
void rv_plan_update_flow(rv_compiled_network *model, rv_plan_population *population);

/* The plan's entry of a population or connection; NULL if it is of another network. */
rv_plan_population *rv_plan_find_population(const rv_compiled_network *model, const rv_population *population);
rv_plan_connection *rv_plan_find_connection(const rv_compiled_network *model, const rv_connection *connection);

/* Links, weights and delays of a connection from its wiring and its description. */
int rv_plan_wire(rv_compiled_network *model, rv_plan_connection *connection);

/* Memory of learning of one connection, whose schedule has been chosen. */
int rv_plan_connection_learning(rv_compiled_network *model, rv_plan_connection *connection);

/* Other synapses for a connection without delays per synapse, with weights in the order of the wiring, which is retained.
 * Moments start anew. */
int rv_plan_rewire(rv_compiled_network *model, rv_plan_connection *connection, rv_wiring *wiring, const float *weights);

/* A variable that outlives an example: its size, and whether it can be set. Errors: RV_ERR_NAME, RV_ERR_STATE. */
int rv_plan_variable_look(const rv_compiled_network *model, rv_variable variable, size_t *size, bool *read_only);

/* The offset in the block of a state variable, by attribute or internal name; NONE if there is none of the name. */
size_t rv_plan_find_state(const rv_plan_population *population, const char *name);
/* Deep R: wirings of their own for the connections that it is asked for, before anything is laid out after them; the
 * rest of its memory for one of them, whose weights are known; signs after weights were set; and its end. */
int rv_plan_deep_r_options(rv_compiled_network *model);
int rv_plan_deep_r_connection(rv_compiled_network *model, rv_plan_connection *connection);
int rv_plan_deep_r_wiring(rv_wiring **out, const rv_compiled_network *model, const rv_connection *connection,
                          const rv_wiring *wiring);
void rv_plan_deep_r_signs(rv_compiled_network *model, rv_plan_connection *connection);
void rv_plan_deep_r_free(rv_plan_connection *connection);

/* Whether these can become the delays of a connection, one for each synapse. */
int rv_plan_check_delays(const rv_compiled_network *model, const rv_plan_connection *connection, const float *delays,
                         size_t num);

/* Which delays are far, once all of them are known; and their order anew, after they have changed. */
int rv_plan_find_far(rv_compiled_network *model);
void rv_plan_sort_delays(rv_plan_connection *connection);

/* Rounds learnt delays to the timesteps that the kernels use. */
void rv_plan_round_delays(rv_plan_connection *connection, size_t first_row, size_t num_rows);

static inline bool rv_plan_is_regularised(const rv_plan_population *p)
{
    return p->reg_lambda_upper > 0 || p->reg_lambda_lower > 0;
}

static inline size_t rv_pad(size_t n)
{
    return (n + RV_PAD - 1) / RV_PAD * RV_PAD;
}

#endif
