/* What an optimiser is: parameters, moments per weight, and one step on a row of weights. */
#ifndef RV_OPTIMISE_MODEL_H
#define RV_OPTIMISE_MODEL_H

#include <ranvier/optimise.h>
#include <ranvier/value.h>

#include "kernels/kernels.h"

#define RV_MAX_MOMENTS 2

/* What changes from step to step, apart from the moments: saved with them. */
typedef struct rv_optimiser_state {
    uint64_t steps;     /* taken */
    double memory[2];   /* the model's own: Adam's products of the betas */
} rv_optimiser_state;

/* The constants of one step, whatever the model makes of them. */
typedef union rv_optimiser_step {
    rv_adam_step adam;
} rv_optimiser_step;

struct rv_optimiser_model {
    const char *name;
    const rv_param *params;
    int num_params;
    int num_moments;
    const char *moment_name[RV_MAX_MOMENTS]; /* "M", "V" */
    void (*begin)(rv_optimiser_state *state);
    /* Advances state by one step and fills its constants. */
    void (*step)(rv_optimiser_step *out, rv_optimiser_state *state, const double *param);
    /* w, and its moments, from gradient g (n floats, padded) */
    void (*row)(const rv_kernels *kernels, float *w, const float *g, float *const *moment, size_t n,
                const rv_optimiser_step *step);
};

/* The model of an optimiser: Adam where none is given. */
const rv_optimiser_model *rv_optimiser_model_of(const rv_optimiser *optimiser);

/* Fills in the default and checks ranges; `what` names the owner. */
int rv_optimiser_resolve(rv_context *context, rv_optimiser *optimiser, const char *what);

extern const rv_optimiser_model rv_adam_model;

#endif
