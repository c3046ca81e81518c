/* PoissonInput: what its description and its kernels share. */
#ifndef RV_NEURONS_POISSON_INPUT_H
#define RV_NEURONS_POISSON_INPUT_H

#include "neurons/model.h"

enum { POISSON_SIGNED_SPIKES }; /* first row of the parameter table */

enum { POISSON_PROBABILITY, POISSON_NUM_STATE };

#endif
