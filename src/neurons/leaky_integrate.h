/* Leaky integrator: what its description and its kernels share. */
#ifndef RV_NEURONS_LEAKY_INTEGRATE_H
#define RV_NEURONS_LEAKY_INTEGRATE_H

#include "neurons/model.h"

enum { LI_V, LI_NUM_STATE };

enum {
    LI_ALPHA, /* exp(-dt / tau_mem) */
    LI_GAIN,  /* 1 - alpha if scale_i, else 1 */
    LI_BIAS,
    LI_NUM_COEFFS
};

#endif
