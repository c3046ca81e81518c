/* Which synapses a connectivity has, by brute force over every position, written from the definition and apart from the
 * library's geometry. */
#ifndef SUPPORT_DEFINITION_H
#define SUPPORT_DEFINITION_H

#include <ranvier.h>

/* A dense layer between planes of channels: (sources, targets). */
typedef struct definition {
    size_t shape[3], out[3]; /* height, width, channels */
    double *matrix;          /* freed by the caller */
} definition;

/* The matrix of a connectivity, but FixedProbability, whose source has this shape; w: its weights as users give them.
 * num_target: where it does not follow, 1 x 1 x num_target targets. */
definition definition_of(const rv_connectivity *connectivity, const size_t shape[3], size_t num_target, const float *w);

#endif
