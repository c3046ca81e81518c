/* CUSTOM UPDATES: functions of your own over variables of a compiled network, in groups with names that are triggered:
 * by the callbacks CustomUpdateOn... (callbacks.h), from a callback of your own (rv_trigger_add), in a simulation, or
 * directly.
 *
 * An update is elementwise: its function is called with one array per variable that it refers to and works out
 * element j of what it writes from element j of what it reads. What it is about follows from these variables:
 *   - state of examples ("V", and variables added with per_example): all neurons of every example of the batch;
 *   - what the examples share (parameters, weights, Gradient, moments): all of its elements, once.
 * Both may be mixed; what is shared is the same in every example then. Reductions make one number of those of all
 * examples, or of all neurons.
 *
 * Updates of a group run in the order in which they were added. Results do not depend on the number of threads or ranks:
 * sums run in double precision over the examples by their position in the batch, or over the neurons by their number. */
#ifndef RANVIER_CUSTOM_UPDATE_H
#define RANVIER_CUSTOM_UPDATE_H

#include <ranvier/simulation.h>
#include <ranvier/train.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RV_MAX_REFERENCES 12 /* variables of one update */

/* What an update does with a variable that it refers to. */
typedef enum rv_access {
    RV_ACCESS_READ = 0,
    RV_ACCESS_READ_WRITE,  /* not of what examples share, in an update over examples: use a reduction */
    RV_ACCESS_SUM_BATCH,   /* the function writes each example's part; the variable, which examples share, becomes the sum
                              over the batch */
    RV_ACCESS_MAX_BATCH,   /* the same: the largest */
    RV_ACCESS_SUM_NEURONS, /* the function writes each element's part; the variable, a `single` one, becomes the sum of
                              all elements, in each example if the update is over examples */
    RV_ACCESS_MAX_NEURONS, /* the same: the largest */
} rv_access;

/* A variable that an update refers to. */
typedef struct rv_reference {
    const rv_population *population; /* whose; or */
    const rv_connection *connection; /* of a connection */
    /* Population: state ("V", "A", "RefracTime", "Input"); to read only "Isyn", what its readout is so far ("VAvg", "VMax",
     * "Scount", ...) and e-prop's "Softmax"; parameters ("Vthresh", "tau_mem"), "DeltaBias", "BiasM", "BiasV". Connection: "g", "d", "Gradient", "DeltaG", "M",
     * "V". And those added with rv_update_variable_add. NULL ends a list. */
    const char *name;
    rv_access access;
} rv_reference;

/* What the function is called with: n elements of each variable. Long arrays come in pieces, examples one by one, in
 * worker threads and several at once: the function must depend on its argument alone, and `user` must not change. */
typedef struct rv_update_step {
    size_t n;           /* elements */
    size_t first;       /* the number of the first of them */
    size_t example;     /* position in the batch; 0 where the update is not over examples */
    float dt;           /* ms */
    float *const *value; /* [references] (n) in: the variable (a single one n times); out: what is to be written, or, for
                            reductions, each element's part */
    void *user;
} rv_update_step;

typedef struct rv_custom_update_desc {
    const char *group; /* required; updates of one group are triggered together. Copied */
    rv_reference references[RV_MAX_REFERENCES]; /* at least one; arrays that are not single have one size */
    void (*update)(const rv_update_step *step); /* required */
    void *user;                                 /* handed to update */
} rv_custom_update_desc;

/* Adds an update to a compiled network. It is there for runs that are prepared later.
 * Errors: RV_ERR_NAME for an unknown variable (lists those there are), or a group of the library's own;
 * RV_ERR_SHAPE where sizes differ; RV_ERR_ARGUMENT for an access that the variable does not allow. */
RV_API int rv_custom_update_add(rv_compiled_network *model, const rv_custom_update_desc *desc);

/* A variable for updates to write, one number for each neuron or synapse. By its name it can be referred to, read and
 * set (rv_variable_get, rv_simulation_get_state) and, per example, recorded as others. */
typedef struct rv_update_variable_desc {
    const rv_population *population; /* whose; or */
    const rv_connection *connection; /* of a connection; not of one that Deep R rewires */
    const char *name;                /* required; copied */
    float initial;                   /* finite; default 0 */
    bool per_example; /* population: each example has its own, which starts at `initial`; default one for all, which starts
                         at `initial` when it is added, outlives batches and is part of checkpoints with state */
    bool single;      /* one number instead of one for each neuron or synapse: what neurons are reduced to */
} rv_update_variable_desc;

/* Errors: RV_ERR_NAME if the name is taken; RV_ERR_STATE while runs or simulations of the network are prepared. */
RV_API int rv_update_variable_add(rv_compiled_network *model, const rv_update_variable_desc *desc);

/* The groups that there are, by index, the library's own first; NULL past the end. The library's (mlGeNN's names):
 *   "Reset"               state, synaptic inputs and readouts of all examples as at their start; frames of inputs stay
 *   "ZeroOutPost"         synaptic inputs, and what is on its way to them with delays of single synapses, to 0
 *   "GradientLearn"       a step of the optimisers: with what has gathered since the last one where gradients are
 *                         accumulated over batches, else with Gradient as it stands (needs keep_gradients)
 *   "GradientBatchReduce" Gradient of the batch that has ended is reduced already: nothing to do
 *   "ZeroGradient"        Gradient (with keep_gradients) and what has gathered to 0
 *   "Softmax1", "Softmax2", "Softmax3"  e-prop: "Softmax" of the outputs from V as it stands, all of it by the third */
RV_API const char *rv_custom_update_group(const rv_compiled_network *model, size_t index);

/* Triggers a group between batches. Errors: RV_ERR_NAME lists the groups there are; RV_ERR_STATE if it is about the
 * state of examples, which there is only in batches and simulations. */
RV_API int rv_custom_update(rv_compiled_network *model, const char *group);
/* The same for the examples of a simulation (mlGeNN: custom_update between step_time). */
RV_API int rv_simulation_custom_update(rv_simulation *simulation, const char *group);

/* In set_params: a group that a callback is going to trigger. A group about the state of examples makes the batch keep
 * the state of all of them, and advance step by step. Errors: as rv_custom_update. */
typedef struct rv_trigger rv_trigger;
RV_API int rv_trigger_add(rv_trigger **out, rv_run *run, const char *group);
/* Whether it is about the state of examples: it can then be fired from on_batch_begin to on_batch_end only. */
RV_API bool rv_trigger_is_of_state(const rv_trigger *trigger);
/* Errors: RV_ERR_STATE outside of a batch; RV_ERR_VALUE if an update wrote what is not finite, or out of the variable's
 * range, into what examples share. */
RV_API int rv_trigger_fire(rv_trigger *trigger);

#ifdef __cplusplus
}
#endif
#endif
