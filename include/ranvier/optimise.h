/* LEARN: optimisers.
 *
 * An optimiser is a table, the library's own or a user's, and one number per row of its parameters; it is described by
 * value. rv_adam and the like make one, rv_optimiser_by_name from a name, {.model = &mine} one from a table of your
 * own. */
#ifndef RANVIER_OPTIMISE_H
#define RANVIER_OPTIMISE_H

#include <ranvier/base.h>
#include <ranvier/value.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RV_MAX_OPTIMISER_PARAMS 8
#define RV_MAX_OPTIMISER_MEMORY 4
#define RV_MAX_OPTIMISER_CONSTANTS 12
#define RV_MAX_MOMENTS 2

/* What changes from step to step, apart from the moments: saved with them. */
typedef struct rv_optimiser_state {
    uint64_t steps;                         /* taken, this one included while it is made */
    double memory[RV_MAX_OPTIMISER_MEMORY]; /* the model's own */
} rv_optimiser_state;

/* Some of the numbers that learn, in one step. Arrays have n floats, n a multiple of 16, and are 64-byte aligned. Among
 * them are numbers that are not there: 0, as are their gradients and moments; they must stay 0. */
typedef struct rv_optimiser_row {
    size_t n;
    float *w;       /* weights, delays, biases: what learns */
    const float *g; /* gradient: what w should go down along */
    float *moment[RV_MAX_MOMENTS];
    const float *constant; /* (RV_MAX_OPTIMISER_CONSTANTS) of this step */
    int isa;               /* of the context: what a choice between kernels that give the same bits may go by */
} rv_optimiser_row;

/* The table of an optimiser. */
typedef struct rv_optimiser_model {
    const char *name;       /* REQUIRED: "Adam" */
    const char *help;       /* one line, or NULL */
    const rv_param *params; /* (num_params) RV_PARAM_SCALAR or RV_PARAM_FLAG; may be NULL */
    int num_params;         /* <= RV_MAX_OPTIMISER_PARAMS */
    int num_moments;        /* arrays beside the weights that it keeps, <= RV_MAX_MOMENTS; they start at 0 */
    const char *moment_name[RV_MAX_MOMENTS]; /* as variables: "M", "V" */
    /* Weights whose gradient and moments are and were 0 stay as they are: rows of weights that never had a gradient
     * need no step, and get none. */
    bool rests;
    /* OPTIONAL: state before the first step; default 0. */
    void (*begin)(rv_optimiser_state *state);
    /* OPTIONAL: changes state->memory and makes the constants of a step, once for all rows. */
    void (*step)(float constant[RV_MAX_OPTIMISER_CONSTANTS], rv_optimiser_state *state, const double *param);
    /* REQUIRED: one step of a row. Called in worker threads, at once for several rows; elements must not depend on one
     * another, nor on how they are cut into rows. */
    void (*row)(const rv_optimiser_row *row);
} rv_optimiser_model;

/* An optimiser and its parameters, in the order of its table. A zeroed struct is Adam with its defaults. */
typedef struct rv_optimiser {
    const rv_optimiser_model *model;
    double param[RV_MAX_OPTIMISER_PARAMS];
    bool clamp;                  /* what learns is kept within [clamp_min, clamp_max] by every step; default false */
    double clamp_min, clamp_max; /* clamp_min <= clamp_max; may be infinite */
} rv_optimiser;

/* Adam (Kingma & Ba 2015) with beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8; change them with rv_optimiser_set.
 *   M <- beta1 M + (1 - beta1) G;  V <- beta2 V + (1 - beta2) G^2
 *   w <- w - alpha (M / (1 - beta1^n)) / (sqrt(V / (1 - beta2^n)) + epsilon)      in step n = 1, 2, ...
 * The bias corrections are products of the betas in use at each step, so that a schedule may change them.
 * Parameters: alpha (>= 0; mlGeNN's default 0.001), beta1, beta2 (0 <= b < 1), epsilon (> 0). */
RV_API rv_optimiser rv_adam(double alpha);

/* AdamW (Loshchilov & Hutter 2019): Adam, and w <- w - alpha weight_decay w before its step.
 * Parameters: those of Adam, weight_decay (>= 0; default 0.01). */
RV_API rv_optimiser rv_adamw(double alpha, double weight_decay);

/* Stochastic gradient descent: M <- momentum M + G;  w <- w - alpha M.
 * Parameters: alpha (>= 0; default 0.01), momentum (0 <= m < 1; default 0). */
RV_API rv_optimiser rv_sgd(double alpha, double momentum);

/* "Adam" or "adam", with its default parameters. Errors: RV_ERR_NAME. */
RV_API int rv_optimiser_by_name(rv_optimiser *out, rv_context *context, const char *name);
/* A parameter of its table, or "clamp_min" or "clamp_max", the other of which is then infinite until it is set.
 * Errors: RV_ERR_NAME (lists the known ones), RV_ERR_VALUE. */
RV_API int rv_optimiser_set(rv_optimiser *optimiser, rv_context *context, const char *param, double value);
RV_API const char *rv_optimiser_name(const rv_optimiser *optimiser);
/* Name of a parameter by index, NULL past the end. */
RV_API const char *rv_optimiser_param_name(const rv_optimiser *optimiser, int index);
RV_API const rv_optimiser_model *rv_optimiser_model_at(int index); /* the registered ones; NULL past the end */

#ifdef __cplusplus
}
#endif
#endif
