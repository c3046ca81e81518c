/* Leaky integrate-and-fire: what its description and its kernels share. */
#ifndef RV_NEURONS_LEAKY_INTEGRATE_FIRE_H
#define RV_NEURONS_LEAKY_INTEGRATE_FIRE_H

#include "neurons/model.h"

enum { LIF_V, LIF_REFRAC_TIME, LIF_NUM_STATE };

enum {
    LIF_ALPHA,      /* exp(-dt / tau_mem) */
    LIF_GAIN,       /* 1 - alpha if scale_i, else 1 */
    LIF_V_THRESH,   /* infinite in the padding */
    LIF_RESET_KEEP, /* V after a spike = keep * V + to: 1, v_reset - v_thresh (relative) or 0, v_reset */
    LIF_RESET_TO,
    LIF_TAU_REFRAC, /* ms */
    LIF_JUMP,       /* v_thresh - v_reset: what multiplies LambdaV at a spike */
    LIF_PSI_PEAK,   /* e-prop's pseudo-derivative: 0.3 / v_thresh */
    LIF_PSI_SLOPE,  /* and 0.3 / v_thresh^2 */
    LIF_NUM_COEFFS
};

/* forward kernels: refractoriness, times one synapse group or any number */
enum { LIF_FREE, LIF_REFRAC_HOLDS, LIF_REFRAC_INTEGRATES, LIF_NUM_MODES, LIF_NUM_VARIANTS = 2 * LIF_NUM_MODES };

#endif
