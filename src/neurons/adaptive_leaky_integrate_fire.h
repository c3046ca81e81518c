/* Adaptive leaky integrate-and-fire: what its description and its kernels share. */
#ifndef RV_NEURONS_ADAPTIVE_LEAKY_INTEGRATE_FIRE_H
#define RV_NEURONS_ADAPTIVE_LEAKY_INTEGRATE_FIRE_H

#include "neurons/model.h"

enum { ALIF_V, ALIF_A, ALIF_REFRAC_TIME, ALIF_NUM_STATE };

enum {
    ALIF_ALPHA,      /* exp(-dt / tau_mem) */
    ALIF_GAIN,       /* of Isyn: 1 - alpha (scale_i) or 1 */
    ALIF_RHO,        /* exp(-dt / tau_adapt) */
    ALIF_V_THRESH,   /* infinite in the padding */
    ALIF_BETA,
    ALIF_RESET_KEEP, /* V after a spike = keep * V + to: 1, v_reset - v_thresh (relative) or 0, v_reset */
    ALIF_RESET_TO,
    ALIF_TAU_REFRAC, /* ms */
    ALIF_DROP,       /* adjoint: v_thresh - v_reset */
    ALIF_LIFT,       /* adjoint: beta tau_mem / tau_adapt */
    ALIF_PSI_PEAK,   /* e-prop's pseudo-derivative: 0.3 / v_thresh */
    ALIF_PSI_SLOPE,  /* and 0.3 / v_thresh^2 */
    ALIF_NUM_COEFFS
};

/* forward kernels: refractoriness, times one synapse group or any number */
enum { ALIF_FREE, ALIF_REFRAC_HOLDS, ALIF_REFRAC_INTEGRATES, ALIF_NUM_MODES, ALIF_NUM_VARIANTS = 2 * ALIF_NUM_MODES };

#endif
