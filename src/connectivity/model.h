/* What a connectivity model is: how many weights there are, and who is connected to whom. */
#ifndef RV_CONNECTIVITY_MODEL_H
#define RV_CONNECTIVITY_MODEL_H

#include <ranvier/connectivity.h>

struct rv_connectivity_model {
    const char *name; /* "Dense" */
    const char *help;
    /* Number of weights, given the sizes of source and target. Errors: the sizes do not fit. */
    int (*num_weights)(rv_context *context, size_t num_source, size_t num_target, size_t *num);
};

extern const rv_connectivity_model rv_dense_model;

#endif
