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

#define RV_NONE SIZE_MAX /* an offset that is not there */
#define RV_MAX_LEAVES 8  /* of the gradient's sum: threads x ranks that share a batch without waiting */

/* Synapses of one kind and equal parameters into one population share one inSyn. */
typedef struct rv_plan_group {
    const rv_synapse_model *model;
    float *param[RV_MAX_PARAMS]; /* (n) */
    float *beta, *scale;         /* (n_pad) see synapses/model.h */
    size_t in_syn;               /* offset in the block: (n_pad) */

    /* EventProp */
    float *flow;       /* (n_pad) what of LambdaV flows into LambdaI in a step */
    float *factor;     /* (n_pad) -tau: what sums of LambdaI are multiplied with to give the gradient */
    size_t history;    /* offset in a step of the LambdaI history (n_pad) */
    size_t difference; /* offset in a step of the ring of LambdaV - LambdaI (n_pad); NONE where nobody needs it */

    /* where a delay per synapse leads into it */
    size_t pending;      /* offset in the block: what is to arrive, (num_pending, n_pad), a ring over steps */
    size_t num_pending;  /* 0 = none */
} rv_plan_group;

/* Numbers of a connection that learn, and what learning them takes. Arrays are (num_rows, stride). */
typedef struct rv_plan_parameter {
    float *value;
    float *gradient;               /* of the last batch; NULL unless gradients are kept */
    float *slots;                  /* (num_leaves, num_rows, stride) sums of the leaves; NULL with the rows schedule */
    uint8_t *touched;              /* (num_leaves, num_rows) whether the slot's row holds anything */
    uint8_t *moving;               /* (num_rows) whether the row ever had a gradient; others need no step */
    float *moment[RV_MAX_MOMENTS];
} rv_plan_parameter;

typedef struct rv_plan_population {
    const rv_population *population;
    const rv_neuron_model *model;
    size_t n, n_pad;
    float *param[RV_MAX_PARAMS]; /* (n) flags and scalars too */
    float *coeff[RV_MAX_COEFFS]; /* (n_pad) */
    rv_plan_group *groups;
    size_t num_groups;
    uint32_t first_connection, num_connections; /* incoming ones, in the plan's order */
    size_t state[RV_MAX_STATE];                 /* offsets in the block: (n_pad) each */
    size_t (*forward)(const rv_neuron_step *step);

    const rv_readout_model *readout; /* NULL = not an output */
    size_t readout_state;            /* offset in an example's readout state: num_state * n_pad */
    float *readout_weight;           /* (T), or NULL = 1 */

    /* EventProp */
    void (*adjoint)(const rv_adjoint_step *step);
    size_t lambda_v;   /* offset in the adjoint block: (n_pad) */
    bool has_outgoing; /* its spikes come back as feedback */
} rv_plan_population;

typedef struct rv_plan_connection {
    const rv_connection *connection;
    uint32_t source, target; /* populations of the plan */
    uint32_t group;          /* of the target */
    rv_links links;
    const rv_connectivity_ops *ops;
    rv_plan_parameter weight;
    uint32_t delay;           /* timesteps, of all synapses; unused where each has its own */
    uint16_t *delays;         /* of each synapse, laid out as the weights; NULL = all have `delay` */
    uint32_t max_delay;       /* timesteps */
    rv_plan_parameter delay_parameter; /* learnt delays in timesteps, not rounded; value NULL = they do not learn */
} rv_plan_connection;

typedef enum rv_compiler { RV_COMPILER_INFERENCE, RV_COMPILER_EVENTPROP } rv_compiler;

struct rv_compiled_network {
    rv_context *context;
    rv_network *network;
    rv_arena *arena;
    const rv_kernels *kernels;
    rv_compiler compiler;
    uint32_t num_steps; /* T */
    double dt;          /* ms */
    size_t batch_size;

    rv_plan_population *populations;
    uint32_t num_populations;
    rv_plan_connection *connections; /* by target, then group, then order of adding */
    uint32_t num_connections;
    size_t block_size;    /* floats */
    float *initial_block; /* (block_size) state at the start of an example */
    size_t readout_size;  /* floats of an example's readout state */
    size_t max_n_pad;     /* of all populations */

    /* EventProp */
    rv_eventprop_desc eventprop;
    rv_optimiser_state optimiser_state;
    rv_optimiser_state delay_optimiser_state;
    size_t adjoint_size;    /* floats of the adjoint block */
    size_t history_size;    /* floats of one step of the LambdaI history */
    size_t difference_size; /* floats of one step of the ring of LambdaV - LambdaI */
    uint32_t max_delay;     /* timesteps: how far ahead of a spike the adjoint may be met, less one */
    size_t num_leaves;      /* S: a power of two */
    bool rows;              /* the rows schedule */
};

/* Builds all that compilers share; the model is freed by the caller on failure too. */
int rv_plan_build(rv_compiled_network **out, rv_network *network, rv_compiler compiler, size_t example_timesteps,
                  double dt, size_t batch_size);

/* The last step: rings for what is to arrive later, once all delays are known, and the block's initial state. */
int rv_plan_pending(rv_compiled_network *model);

/* Coefficients of a population and its groups from its parameters: after filling, and when a parameter is set. */
void rv_plan_update_coefficients(rv_compiled_network *model, rv_plan_population *population);

/* EventProp's part of the coefficients. */
void rv_plan_update_flow(rv_compiled_network *model, rv_plan_population *population);

/* The plan's entry of a population or connection; NULL if it is of another network. */
rv_plan_population *rv_plan_find_population(const rv_compiled_network *model, const rv_population *population);
rv_plan_connection *rv_plan_find_connection(const rv_compiled_network *model, const rv_connection *connection);

/* Rounds learnt delays to the timesteps that the kernels use. */
void rv_plan_round_delays(rv_plan_connection *connection, size_t first_row, size_t num_rows);

static inline size_t rv_pad(size_t n)
{
    return (n + 15) / 16 * 16;
}

#endif
