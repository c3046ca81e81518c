/* PLAN: a network and a compiler's options become a compiled network, in milliseconds. */
#ifndef RANVIER_COMPILE_H
#define RANVIER_COMPILE_H

#include <ranvier/network.h>
#include <ranvier/optimise.h>
#include <ranvier/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Weights, state layout and kernels of one network; what is trained and evaluated. It is independent of the network
 * and its values from then on, except that populations and connections still name things: keep the network. */
typedef struct rv_compiled_network rv_compiled_network;

/* mlGeNN: InferenceCompiler. */
typedef struct rv_inference_desc {
    size_t example_timesteps; /* steps of one example, >= 1; required */
    double dt;                /* ms, > 0; default 1 */
    size_t batch_size;        /* examples in flight at once; results do not depend on it; default 1 */

    /* Every example starts at rest. With one of the last two off, those of a run's first batch do, and the example at a
     * position of any other batch goes on from the one at this position of the batch before: results depend on
     * batch_size and on the order of examples. Readouts always start afresh. */
    rv_flag reset_time_between_batches; /* off: recorded spike times go on from batch to batch; default on */
    rv_flag reset_vars_between_batches; /* off: the neurons' state goes on; default on */
    rv_flag reset_in_syn_between_batches; /* off: synaptic inputs go on, and spikes on their way arrive, as mlGeNN's do by
                                             default; delays must be shorter than an example; default on */
} rv_inference_desc;
RV_API int rv_compile_inference(rv_compiled_network **out, rv_network *network, const rv_inference_desc *desc);

/* How the gradient's one fixed sum is scheduled; the bits are the same. */
typedef enum rv_schedule {
    RV_SCHEDULE_AUTO = 0, /* by network and batch size */
    RV_SCHEDULE_SLOTS,    /* partial sums are filled while sweeping: memory of a few gradients */
    RV_SCHEDULE_ROWS,     /* the batch's adjoints are kept, then every row of weights is summed and learnt at once:
                             memory of batch x timesteps x neurons */
    RV_SCHEDULE_EXAMPLES, /* an example's adjoints are kept, then every row of its spikes is added to the partial sums at
                             once: memory of a few gradients, and threads x timesteps x neurons */
} rv_schedule;

/* The weights of one connection learn with an optimiser of their own. */
typedef struct rv_connection_optimiser {
    const rv_connection *connection;
    rv_optimiser optimiser;
} rv_connection_optimiser;

/* How much the neurons of one population are to spike; see the fields of the same names below. */
typedef struct rv_regularisation {
    const rv_population *population;
    double reg_lambda_upper, reg_lambda_lower, reg_nu_upper;
} rv_regularisation;

/* mlGeNN: EventPropCompiler. Exact gradients of spiking networks at spike times (Wunderlich & Pehle 2021), with
 * losses on voltages (Nowotny, Turner, Knight 2025). Every connection learns that is not frozen. */
typedef struct rv_eventprop_desc {
    size_t example_timesteps; /* steps of one example, >= 1; required */
    double dt;                /* ms, > 0; default 1 */
    size_t batch_size;        /* examples whose gradients are averaged for one step of the optimiser; default 1 */
    rv_optimiser optimiser;   /* default Adam with alpha = 0.001 */
    const rv_connection_optimiser *connection_optimisers; /* (num_connection_optimisers) instead of optimiser */
    size_t num_connection_optimisers;
    double clip_norm;  /* > 0: a gradient whose norm, over all that learns, is larger is scaled to this one; default 0 */
    double clip_value; /* > 0: then every element is cut off at -clip_value and clip_value; default 0 */
    size_t accumulate; /* batches whose examples' gradients are averaged for one step of the optimiser; what is left at
                          the end of an epoch makes a step too; default 1 */
    double reg_lambda_upper;  /* strength of the regularisation of neurons that spike more than reg_nu_upper; >= 0 */
    double reg_lambda_lower;  /* and less; >= 0 */
    double reg_nu_upper;      /* desired mean number of spikes of a hidden neuron per example; >= 0 */
    const rv_regularisation *regularisations; /* (num_regularisations) of single populations, instead of the three
                                                 above, which are for all hidden ones */
    size_t num_regularisations;
    bool train_output_bias;      /* the biases of LeakyIntegrate outputs learn too; default false */
    rv_optimiser bias_optimiser; /* of them; default as optimiser */
    const rv_connection *const *delay_learn_conns; /* (num_delay_learn_conns) connections whose delays learn too: each
                                                      synapse gets a delay of its own */
    size_t num_delay_learn_conns;
    rv_optimiser delay_optimiser; /* default Adam with alpha = 0.001 */
    size_t max_spikes;        /* spikes of one neuron in one example; default 500 */
    rv_flag strict_buffer_checking; /* on: more than max_spikes is an error (RV_ERR_TAPE); off: a warning, all spikes
                                       are learnt from, and memory grows; default on */
    double softmax_temperature; /* > 0; default 1; divides the readout inside the softmax */
    double ttfs_alpha; /* cross-entropy of first spike times: strength of what pulls the label's first spike forward, in
                          ms; default 0.01; negative = 0 */
    bool per_timestep_loss; /* losses are means over the steps of the loss of V(t), whatever the readout; default false;
                               mean square errors with targets for every step always are */
    rv_schedule schedule;       /* default auto */
    bool keep_gradients;        /* make "Gradient" of every connection readable after each batch; default false */
    const rv_connection *const *deep_r_conns; /* (num_deep_r_conns) Sparse or FixedProbability connections that Deep R
                                                 rewires after every step of the optimiser (Bellec et al. 2018) */
    size_t num_deep_r_conns;
    double deep_r_l1_strength;    /* what L1 adds to the gradient of their weights; default 0.01; negative = 0 */
    bool deep_r_record_rewirings; /* keep counts of every step for rv_rewirings_get, and sums of every epoch as quantities
                                     `rewirings` and `failed_rewirings` of the connections; default false */
} rv_eventprop_desc;
/* Errors: RV_ERR_NETWORK names the population or connection that EventProp cannot learn, and why. */
RV_API int rv_compile_eventprop(rv_compiled_network **out, rv_network *network, const rv_eventprop_desc *desc);

/* How errors of outputs reach hidden neurons. */
typedef enum rv_feedback {
    RV_FEEDBACK_SYMMETRIC = 0, /* through the weights to the outputs, as they are at the time */
    RV_FEEDBACK_RANDOM,        /* through weights that are drawn once, for every hidden neuron and every output: normal
                                  with mean 0 and sd 1 / sqrt(number of hidden neurons of the population) */
} rv_feedback;

/* mlGeNN: EPropCompiler. Eligibility of synapses times a learning signal of their target (Bellec et al. 2020), for
 * LeakyIntegrateFire and AdaptiveLeakyIntegrateFire neurons and LeakyIntegrate outputs with Delta synapses. Losses:
 * SparseCategoricalCrossentropy, in every timestep, with readouts of softmax(V), and MeanSquareError of V with targets
 * for every timestep. Every connection learns that is not frozen. It costs what EventProp costs: nothing is kept per
 * synapse. */
typedef struct rv_eprop_desc {
    size_t example_timesteps; /* steps of one example, >= 1; required */
    double dt;                /* ms, > 0; default 1 */
    size_t batch_size;        /* examples over which DeltaG is averaged for one step of the optimiser; default 1 */
    rv_optimiser optimiser;   /* default Adam with alpha = 0.001 */
    const rv_connection_optimiser *connection_optimisers; /* (num_connection_optimisers) instead of optimiser */
    size_t num_connection_optimisers;
    double clip_norm;         /* these three as EventProp's */
    double clip_value;
    size_t accumulate;
    double tau_reg;           /* ms, > 0: time constant of FAvg, a neuron's running mean of spikes; default 500 */
    double c_reg;             /* >= 0: strength with which FAvg is drawn to f_target; default 0.001 */
    double f_target;          /* Hz, >= 0; default 10 */
    bool c_reg_given;         /* makes c_reg = 0 expressible */
    bool f_target_given;      /* and f_target = 0 */
    rv_flag train_output_bias; /* the outputs' biases learn too; default on */
    rv_optimiser bias_optimiser; /* of them; default as optimiser */
    rv_feedback feedback;      /* default symmetric: every hidden population must then be connected to an output */
    rv_flag reset_time_between_batches; /* off: recorded spike times go on from batch to batch, or, with an iterator, to
                                           the end of each epoch; default on */
    bool online;               /* keep the traces of every synapse and update them in every step, as published: the same
                                  sums but for rounding, at a cost of synapses x timesteps; default false */
    rv_schedule schedule;      /* default auto; slots if online */
    bool keep_gradients;       /* make "DeltaG" of every connection and "DeltaBias" of every output readable after each
                                  batch; default false */
    const rv_connection *const *deep_r_conns; /* (num_deep_r_conns) these four as EventProp's */
    size_t num_deep_r_conns;
    double deep_r_l1_strength;
    bool deep_r_record_rewirings;
} rv_eprop_desc;
/* Errors: RV_ERR_NETWORK names the population or connection that e-prop cannot learn, and why. */
RV_API int rv_compile_eprop(rv_compiled_network **out, rv_network *network, const rv_eprop_desc *desc);

/* mlGeNN: FewSpikeCompiler. Networks of FewSpikeRelu populations behind FewSpikeReluInput ones, feed-forward, with Delta
 * synapses. Every layer takes k timesteps, one after the other; connections that skip layers are delayed to fit. An
 * example takes k x (depth of the network) timesteps, which is the compiled network's example_timesteps. */
typedef struct rv_few_spike_desc {
    size_t k;          /* timesteps of a layer, 1 .. 64; default 10 */
    double dt;         /* ms, > 0: recorded times are in it; default 1 */
    size_t batch_size; /* examples in flight at once; results do not depend on it; default 1 */
} rv_few_spike_desc;
/* Errors: RV_ERR_NETWORK names the population or connection that does not fit, and why. */
RV_API int rv_compile_few_spike(rv_compiled_network **out, rv_network *network, const rv_few_spike_desc *desc);

RV_API void rv_compiled_network_free(rv_compiled_network *model);

RV_API rv_network *rv_compiled_network_network(const rv_compiled_network *model);
RV_API rv_context *rv_compiled_network_context(const rv_compiled_network *model);
RV_API size_t rv_compiled_network_example_timesteps(const rv_compiled_network *model);
RV_API size_t rv_compiled_network_batch_size(const rv_compiled_network *model);
RV_API double rv_compiled_network_dt(const rv_compiled_network *model); /* ms */
/* Bytes held by parameters, weights, gradients and optimiser state. */
RV_API size_t rv_compiled_network_memory(const rv_compiled_network *model);

/* The plan in words, many lines: populations, groups of synapses, kernels, schedule, bytes. Freed by the caller with
 * rv_string_free. */
RV_API int rv_compiled_network_describe(char **out, const rv_compiled_network *model);
RV_API void rv_string_free(char *string);

/* ---- variables ----------------------------------------------------------------------------------------------------
 * Between batches every variable that outlives an example can be read and written. Populations: parameters by attribute
 * ("tau_mem") or internal name ("Vthresh"). Connections: "g" (or "weight"), "d" (delays
 * in timesteps; those that do not learn can be set where each synapse has one, to whole steps), "Gradient" and
 * "DelayGradient" of the last batch (with keep_gradients), the optimiser's moments "M" and "V". What lives within an example is read with probes. */

/* Names a variable: either population or connection is set. */
typedef struct rv_variable {
    const rv_population *population;
    const rv_connection *connection;
    const char *name;
} rv_variable;

/* Number of elements. Errors: RV_ERR_NAME lists the known names. */
RV_API int rv_variable_size(const rv_compiled_network *model, rv_variable variable, size_t *size);
/* Copies all elements in C order; size must be rv_variable_size. */
RV_API int rv_variable_get(const rv_compiled_network *model, rv_variable variable, float *out, size_t size);
/* Errors: RV_ERR_VALUE (not finite, out of the parameter's range), RV_ERR_STATE (cannot be set). */
RV_API int rv_variable_set(rv_compiled_network *model, rv_variable variable, const float *data, size_t size);

/* Source and target of each weight, in the order of "g": (size) ids each, size as of "g". Errors: RV_ERR_UNSUPPORTED
 * where a weight belongs to more than one synapse (convolutions and pools). */
RV_API int rv_connection_synapses(const rv_compiled_network *model, const rv_connection *connection, uint32_t *pre_ind,
                                  uint32_t *post_ind, size_t size);

/* Synapses that Deep R moved in one step of the optimiser, and those that found no free place. */
typedef struct rv_rewirings {
    uint64_t done, failed;
} rv_rewirings;
/* Of every step since the network was compiled, those before a run was resumed included, borrowed until the next one. Errors: RV_ERR_STATE if the connection is
 * not rewired or deep_r_record_rewirings is not set. */
RV_API int rv_rewirings_get(const rv_compiled_network *model, const rv_connection *connection, const rv_rewirings **out,
                            size_t *num);

/* The optimisers that something learns with, by index: "optimiser", "delay_optimiser", "bias_optimiser", then those of
 * single connections, under their names; NULL past the end. */
RV_API const char *rv_compiled_network_optimiser(const rv_compiled_network *model, size_t index);
/* Whether there is an optimiser of this name (NULL: the first) and it has this parameter. */
RV_API bool rv_named_optimiser_has(const rv_compiled_network *model, const char *optimiser, const char *param);
/* Parameters of one of them ("alpha"); NULL is the first. Errors: RV_ERR_NAME, RV_ERR_VALUE, RV_ERR_STATE. */
RV_API int rv_named_optimiser_param_get(const rv_compiled_network *model, const char *optimiser, const char *param,
                                        double *value);
RV_API int rv_named_optimiser_param_set(rv_compiled_network *model, const char *optimiser, const char *param,
                                        double value);
/* The same of "optimiser". */
RV_API int rv_optimiser_param_get(const rv_compiled_network *model, const char *param, double *value);
RV_API int rv_optimiser_param_set(rv_compiled_network *model, const char *param, double value);
/* Steps it has taken. */
RV_API int rv_optimiser_steps(const rv_compiled_network *model, uint64_t *steps);

/* ---- saving and loading ------------------------------------------------------------------------------------------- */

/* Trainable state of every connection as keys..., <connection>, "g", and "d" where delays learn, flat, under mlGeNN's
 * names; where the synapses are few of all pairs, with the source and target of each as "pre_ind" and "post_ind". */
RV_API int rv_compiled_network_save(const rv_compiled_network *model, const rv_serialiser *serialiser,
                                    const char *const *keys, size_t num_keys);
/* The synapses alone (mlGeNN: save_connectivity). */
RV_API int rv_compiled_network_save_connectivity(const rv_compiled_network *model, const rv_serialiser *serialiser,
                                                 const char *const *keys, size_t num_keys);
/* Sparse and FixedProbability connections get the synapses that were saved. Errors: RV_ERR_CHECKPOINT if an array is
 * missing or has another size; nothing is changed then. */
RV_API int rv_compiled_network_load(rv_compiled_network *model, const rv_serialiser *serialiser,
                                    const char *const *keys, size_t num_keys);
/* The same into a network that is yet to be compiled (mlGeNN: Network.load). */
RV_API int rv_network_load(rv_network *network, const rv_serialiser *serialiser, const char *const *keys,
                           size_t num_keys);

#ifdef __cplusplus
}
#endif
#endif
