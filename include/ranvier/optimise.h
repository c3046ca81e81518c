/* LEARN: optimisers. */
#ifndef RANVIER_OPTIMISE_H
#define RANVIER_OPTIMISE_H

#include <ranvier/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RV_MAX_OPTIMISER_PARAMS 8

typedef struct rv_optimiser_model rv_optimiser_model;

/* An optimiser and its parameters, in the order of its table. A zeroed struct is Adam with its defaults. */
typedef struct rv_optimiser {
    const rv_optimiser_model *model;
    double param[RV_MAX_OPTIMISER_PARAMS];
} rv_optimiser;

/* Adam (Kingma & Ba 2015) with beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8; change them with rv_optimiser_set.
 *   M <- beta1 M + (1 - beta1) G;  V <- beta2 V + (1 - beta2) G^2
 *   w <- w - alpha (M / (1 - beta1^n)) / (sqrt(V / (1 - beta2^n)) + epsilon)      in step n = 1, 2, ...
 * The bias corrections are products of the betas in use at each step, so that a schedule may change them.
 * Parameters: alpha (> 0; mlGeNN's default 0.001), beta1, beta2 (0 <= b < 1), epsilon (> 0). */
RV_API rv_optimiser rv_adam(double alpha);

/* "Adam" or "adam", with its default parameters. Errors: RV_ERR_NAME. */
RV_API int rv_optimiser_by_name(rv_optimiser *out, rv_context *context, const char *name);
/* Errors: RV_ERR_NAME (lists the known ones), RV_ERR_VALUE. */
RV_API int rv_optimiser_set(rv_optimiser *optimiser, rv_context *context, const char *param, double value);
RV_API const char *rv_optimiser_name(const rv_optimiser *optimiser);
/* Name of a parameter by index, NULL past the end. */
RV_API const char *rv_optimiser_param_name(const rv_optimiser *optimiser, int index);

#ifdef __cplusplus
}
#endif
#endif
