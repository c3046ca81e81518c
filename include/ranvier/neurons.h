/* EQUATIONS: neuron and synapse models. Units: ms, and the membrane's own scale for voltages.
 *
 * A model is described by value. `rv_neuron` is the general form, a model and one value per parameter of its table;
 * the functions below make one from a plain struct, rv_neuron_by_name from a name, as experiment files do.
 */
#ifndef RANVIER_NEURONS_H
#define RANVIER_NEURONS_H

#include <ranvier/outputs.h>
#include <ranvier/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- neurons -------------------------------------------------------------------------------------------------- */

typedef struct rv_neuron_model rv_neuron_model;
typedef struct rv_custom_neuron rv_custom_neuron; /* custom.h */

typedef struct rv_neuron {
    const rv_neuron_model *model; /* NULL is an error where a neuron is needed */
    const rv_custom_neuron *custom; /* a user's own model instead; NULL = none */
    rv_value value[RV_MAX_PARAMS]; /* in the order of the model's table; zero = default */
    rv_readout readout;            /* of an output population; NULL = none */
} rv_neuron;

/* Spikes given as data (mlGeNN: SpikeInput). */
RV_API rv_neuron rv_spike_input(void);

/* All other inputs are given values, `input_frames` numbers per neuron and example. In timestep t they are shown frame
 * min(floor(t / input_frame_timesteps), input_frames - 1); one frame is a static input. */
typedef struct rv_input_frames {
    size_t input_frames;          /* >= 1; default 1 */
    size_t input_frame_timesteps; /* timesteps of each frame, >= 1; default 1 */
} rv_input_frames;

/* Random spikes (mlGeNN: PoissonInput): where the value x, in spikes per ms, is > 0, a neuron fires in each step with
 * probability 1 - exp(-x dt). signed_spikes (default off): where x is < 0, negatively, with probability 1 - exp(x dt);
 * negative spikes send minus the weight. Random numbers belong to seed, population, epoch, example, step and neuron. */
RV_API rv_neuron rv_poisson_input(rv_flag signed_spikes, rv_input_frames frames);

/* A spike in every step in which the value is > 0 (mlGeNN: BinarySpikeInput); signed_spikes (default off): a negative
 * one where it is < 0. */
RV_API rv_neuron rv_binary_spike_input(rv_flag signed_spikes, rv_input_frames frames);

/* Integrate-and-fire (mlGeNN: IntegrateFire): V <- V + Isyn + bias; spike where V >= v_thresh, then V <- v_reset, or
 * V - (v_thresh - v_reset) (relative_reset). The last two are for converted networks, and not in mlGeNN. */
typedef struct rv_if {
    rv_value v_thresh;  /* firing threshold; default 1 */
    rv_value v_reset;   /* reset voltage; default 0 */
    rv_value v;         /* voltage at the start of every example; default 0 */
    rv_value bias;      /* added in every step; default 0 */
    rv_flag relative_reset; /* default off */
    rv_readout readout; /* of an output population; default none */
} rv_if;
RV_API rv_neuron rv_integrate_fire(rv_if p);
/* The same with the frame's values in place of Isyn (mlGeNN: IntegrateFireInput). */
RV_API rv_neuron rv_integrate_fire_input(rv_if p, rv_input_frames frames);

/* Leaky integrate-and-fire (mlGeNN: LeakyIntegrateFire):
 *   V <- alpha V + (1 - alpha) Isyn  (scale_i), else alpha V + Isyn;  alpha = exp(-dt / tau_mem)
 *   spike where V >= v_thresh and not refractory; then V <- v_reset, or V - (v_thresh - v_reset) (relative_reset). */
typedef struct rv_lif {
    rv_value v_thresh;   /* firing threshold; default 1 */
    rv_value v_reset;    /* reset voltage; default 0 */
    rv_value v;          /* voltage at the start of every example; default 0 */
    rv_value tau_mem;    /* ms, > 0; default 20 */
    rv_value tau_refrac; /* ms, >= 0; default 0 = none */
    rv_flag relative_reset;          /* default on; EventProp's defaults: off */
    rv_flag integrate_during_refrac; /* default on; EventProp's defaults: off */
    rv_flag scale_i;                 /* default off; EventProp's defaults: on */
    rv_readout readout;              /* of an output population; default none */
} rv_lif;
RV_API rv_neuron rv_leaky_integrate_fire(rv_lif p);
/* The same with the frame's values in place of Isyn (mlGeNN: LeakyIntegrateFireInput). */
RV_API rv_neuron rv_leaky_integrate_fire_input(rv_lif p, rv_input_frames frames);

/* Adaptive leaky integrate-and-fire (mlGeNN: AdaptiveLeakyIntegrateFire): as LeakyIntegrateFire without scale_i, and with
 * the threshold v_thresh + beta A;  A <- A exp(-dt / tau_adapt) before the test, A <- A + 1 on a spike. */
typedef struct rv_alif {
    rv_value v_thresh;   /* firing threshold at rest; default 1 */
    rv_value v_reset;    /* reset voltage; default 0 */
    rv_value v;          /* voltage at the start of every example; default 0 */
    rv_value a;          /* adaptation at the start of every example; default 0 */
    rv_value beta;       /* what a unit of adaptation adds to the threshold; default 0.0174 */
    rv_value tau_mem;    /* ms, > 0; default 20 */
    rv_value tau_refrac; /* ms, >= 0; default 0 = none */
    rv_value tau_adapt;  /* ms, > 0; default 2000 */
    rv_flag relative_reset;          /* default on; EventProp's defaults: off */
    rv_flag integrate_during_refrac; /* default on; EventProp's defaults: off */
    rv_flag scale_i;                 /* input is scaled with 1 - alpha; default off; EventProp's defaults: on */
    rv_readout readout;              /* of an output population; default none */
} rv_alif;
RV_API rv_neuron rv_adaptive_leaky_integrate_fire(rv_alif p);

/* Leaky integrator (mlGeNN: LeakyIntegrate): V <- alpha V + [(1 - alpha)] Isyn + bias. Never spikes. */
typedef struct rv_li {
    rv_value bias;      /* added in every step; default 0 */
    rv_value v;         /* voltage at the start of every example; default 0 */
    rv_value tau_mem;   /* ms, > 0; default 20 */
    rv_flag scale_i;    /* default off; EventProp's defaults: on */
    rv_readout readout; /* default none */
} rv_li;
RV_API rv_neuron rv_leaky_integrate(rv_li p);

/* ReLU of a converted network (Stoeckl & Maass 2021; mlGeNN: FewSpikeRelu), for rv_compile_few_spike only: over k steps
 * t = 0 .. k-1 a spike where V >= h, h = alpha 2^-(t + 1), then V <- V - h; V starts at bias + the sum of weight times h
 * over the sources' spikes. Outputs are read with rv_var(): what has arrived. */
typedef struct rv_few_spike {
    size_t k;           /* timesteps, 1 .. 64; default 10; as the compiler's */
    rv_value alpha;     /* > 0, one number: k spikes stand for up to alpha (1 - 2^-k); default 25 */
    rv_value bias;      /* default 0 */
    rv_readout readout; /* of an output population; default none */
} rv_few_spike;
RV_API rv_neuron rv_few_spike_relu(rv_few_spike p);

/* The same with V starting at the value (mlGeNN: FewSpikeReluInput). With signed_input, h = alpha 2^-(t / 2 + 1) in whole
 * numbers; even steps spike where V >= h, odd ones negatively where V < -h. */
typedef struct rv_few_spike_input {
    size_t k;             /* timesteps, 1 .. 64, even with signed_input; default 10 */
    rv_value alpha;       /* > 0, one number; default 25 */
    rv_flag signed_input; /* default off */
    rv_input_frames frames; /* accepted as in mlGeNN; more than one frame is an error */
} rv_few_spike_input;
RV_API rv_neuron rv_few_spike_relu_input(rv_few_spike_input p);

/* ---- synapses ------------------------------------------------------------------------------------------------- */

typedef struct rv_synapse_model rv_synapse_model;

typedef struct rv_synapse {
    const rv_synapse_model *model; /* NULL = Delta, as in mlGeNN */
    rv_value value[RV_MAX_PARAMS];
} rv_synapse;

/* What arrives acts once, in the step it arrives (mlGeNN: Delta). */
RV_API rv_synapse rv_delta(void);

/* What arrives decays: Isyn += inSyn * s; inSyn *= exp(-dt / tau), s = (tau / dt)(1 - exp(-dt / tau)) if scale_i,
 * else 1 (mlGeNN: Exponential). */
typedef struct rv_exponential_params {
    rv_value tau;    /* ms, > 0; default 5 */
    rv_flag scale_i; /* default off; EventProp's defaults: on */
} rv_exponential_params;
RV_API rv_synapse rv_exponential(rv_exponential_params p);

/* ---- by name -------------------------------------------------------------------------------------------------- */

/* A neuron with default parameters by class name: "LeakyIntegrateFire" or "leaky_integrate_fire".
 * Errors: RV_ERR_NAME lists the known ones. */
RV_API int rv_neuron_by_name(rv_neuron *out, rv_context *context, const char *name);
RV_API int rv_synapse_by_name(rv_synapse *out, rv_context *context, const char *name);
/* Sets a parameter by attribute name. A flag is rv_const(1) or rv_const(0). Errors: RV_ERR_NAME. */
RV_API int rv_neuron_set(rv_neuron *neuron, rv_context *context, const char *param, rv_value value);
RV_API int rv_synapse_set(rv_synapse *synapse, rv_context *context, const char *param, rv_value value);

/* For help and documentation: the registered models in order; NULL past the end. */
RV_API const rv_neuron_model *rv_neuron_model_at(int index);
RV_API const rv_synapse_model *rv_synapse_model_at(int index);
RV_API const char *rv_neuron_model_name(const rv_neuron_model *model);
RV_API const char *rv_synapse_model_name(const rv_synapse_model *model);
/* What a population of the model is driven by: connections, or data, and then of which kind. */
typedef enum rv_fed {
    RV_FED_BY_CONNECTIONS = 0,
    RV_FED_SPIKES,
    RV_FED_VALUES,
} rv_fed;
RV_API rv_fed rv_neuron_model_fed(const rv_neuron_model *model);
/* The parameter table; *num rows. */
RV_API const rv_param *rv_neuron_model_params(const rv_neuron_model *model, int *num);
RV_API const rv_param *rv_synapse_model_params(const rv_synapse_model *model, int *num);

#ifdef __cplusplus
}
#endif
#endif
