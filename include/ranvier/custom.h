/* EQUATIONS OF YOUR OWN: neuron models that a program brings along.
 *
 * A model is a table: parameters as the built-in models have them, state variables, and a function that takes all
 * neurons of a population through one timestep. Parameters may be constants, arrays or initializers, and parameters and
 * variables are recorded by name, as everywhere. Such a model runs in inference; as an input it may feed networks that
 * learn. The table must outlive the networks it is used in. */
#ifndef RANVIER_CUSTOM_H
#define RANVIER_CUSTOM_H

#include <ranvier/neurons.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RV_MAX_CUSTOM_VARIABLES 6
#define RV_MAX_CUSTOM_PARAMS 14
#define RV_MAX_CUSTOM_COEFFICIENTS 8

/* A state variable: one float for each neuron. */
typedef struct rv_custom_variable {
    const char *name;  /* "U" */
    const char *param; /* the parameter that it equals at the start of every example; NULL = 0 */
} rv_custom_variable;

/* One timestep of one population in one example. All arrays have n elements, one for each neuron. */
typedef struct rv_custom_step {
    const rv_custom_neuron *model;
    size_t n;
    uint32_t timestep;
    float dt;                        /* ms */
    float *const *variable;          /* [num_variables] in: after the step before; out: after this one */
    const float *const *param;       /* [num_params] */
    const float *const *coefficient; /* [num_coefficients] */
    const float *input;              /* Isyn; of an input, the values of its frame */
    bool *spiked;                    /* out, false before: who spikes in this step */
    uint64_t random;                 /* for rv_custom_random */
} rv_custom_step;

struct rv_custom_neuron {
    const char *name;                    /* REQUIRED: "Izhikevich" */
    const rv_param *params;              /* (num_params) strings may be NULL, but for the name */
    size_t num_params;                   /* at most RV_MAX_CUSTOM_PARAMS */
    const rv_custom_variable *variables; /* (num_variables) */
    size_t num_variables;                /* at most RV_MAX_CUSTOM_VARIABLES */
    const char *voltage;                 /* the variable that readouts look at; NULL = none */
    bool never_spikes;
    bool is_input;          /* driven by values of the data instead of connections */
    rv_input_frames frames; /* of an input */

    /* REQUIRED. Called in worker threads, at once for several examples: it must depend on its argument alone. */
    void (*step)(const rv_custom_step *step);
    /* OPTIONAL: after step, where somebody spiked: their reset. neurons: (num) ascending. */
    void (*reset)(const rv_custom_step *step, const uint32_t *neurons, size_t num);
    /* OPTIONAL: numbers that follow from parameters, such as exp(-dt / tau), worked out once. All arrays: (n). */
    void (*coefficients)(float *const *coefficient, const float *const *param, size_t n, double dt);
    size_t num_coefficients; /* at most RV_MAX_CUSTOM_COEFFICIENTS */
    void *user;              /* yours: step->model->user */
};

/* A neuron of such a model with default parameters; rv_neuron_set sets them by name, or its `value` in the table's
 * order. What is wrong with the table is found by rv_population_add. */
RV_API rv_neuron rv_custom(const rv_custom_neuron *model, rv_readout readout);

/* 128 random bits that belong to seed, population, epoch, example, timestep and neuron, whoever asks and whenever. */
RV_API void rv_custom_random(const rv_custom_step *step, size_t neuron, uint32_t random[4]);

#ifdef __cplusplus
}
#endif
#endif
