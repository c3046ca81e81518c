/* Integrate-and-fire: what its description and its kernels share. */
#ifndef RV_NEURONS_INTEGRATE_FIRE_H
#define RV_NEURONS_INTEGRATE_FIRE_H

#include "neurons/model.h"

enum { IF_V, IF_NUM_STATE };

enum {
    IF_V_THRESH, /* infinite in the padding */
    IF_V_RESET,
    IF_BIAS,
    IF_KEEPS, /* 1: what is above the threshold stays after a spike */
    IF_NUM_COEFFS
};

#endif
