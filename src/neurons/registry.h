/* The neuron models there are, in the order of help and documentation: one line each. */
#include "neurons/model.h"

#define RV_NEURONS(X)                                                                                                  \
    X(rv_spike_input_model)                                                                                            \
    X(rv_poisson_input_model)                                                                                          \
    X(rv_binary_spike_input_model)                                                                                     \
    X(rv_integrate_fire_input_model)                                                                                   \
    X(rv_leaky_integrate_fire_input_model)                                                                             \
    X(rv_few_spike_relu_input_model)                                                                                   \
    X(rv_integrate_fire_model)                                                                                         \
    X(rv_leaky_integrate_fire_model)                                                                                   \
    X(rv_adaptive_leaky_integrate_fire_model)                                                                          \
    X(rv_leaky_integrate_model)                                                                                        \
    X(rv_few_spike_relu_model)

#define X(model) extern const rv_neuron_model model;
RV_NEURONS(X)
#undef X
