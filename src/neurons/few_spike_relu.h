/* Few-spike ReLU: what its description, its kernels and its compiler share. */
#ifndef RV_NEURONS_FEW_SPIKE_RELU_H
#define RV_NEURONS_FEW_SPIKE_RELU_H

#include "neurons/model.h"

/* rows of both parameter tables */
enum { FS_K, FS_ALPHA };

enum { FS_V, FS_FX, FS_NUM_STATE, FS_NUM_INPUT_STATE = FS_FX };

enum {
    FS_SIZE, /* alpha; infinite in the padding */
    FS_NUM_COEFFS
};

/* What a spike of step t of the k steps is worth: alpha 2^-(t + 1), or, where odd steps are for negative spikes,
 * alpha 2^-(t / 2 + 1). */
static inline float rv_few_spike_worth(float alpha, uint32_t t, bool is_signed)
{
    for (uint32_t i = 0; i <= (is_signed ? t / 2 : t); i++)
        alpha *= 0.5F;
    return alpha;
}

#endif
