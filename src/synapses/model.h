/* What a synapse model is: a linear filter of what arrives, per target neuron.
 *   Isyn += inSyn * scale;  inSyn *= beta   in every step. */
#ifndef RV_SYNAPSES_MODEL_H
#define RV_SYNAPSES_MODEL_H

#include <ranvier/neurons.h>

struct rv_synapse_model {
    const char *name; /* "Exponential" */
    const char *help;
    const rv_param *params;
    int num_params;
    int tau; /* row of the synaptic time constant, -1 = none: acts at once */
    /* Fills beta and scale (n) from parameter arrays (n). */
    void (*coefficients)(float *beta, float *scale, const float *const *param, size_t n, double dt);
};

extern const rv_synapse_model rv_delta_model;
extern const rv_synapse_model rv_exponential_model;

#endif
