/* EQUATIONS: who is connected to whom. */
#ifndef RANVIER_CONNECTIVITY_H
#define RANVIER_CONNECTIVITY_H

#include <ranvier/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rv_connectivity_model rv_connectivity_model;

typedef struct rv_connectivity {
    const rv_connectivity_model *model; /* NULL is an error */
    rv_value weight;                    /* required; array: [source][target] in C order */
    rv_value delay; /* timesteps, 0 .. 65535, rounded; of all synapses, or an array as the weights; default 0 */
} rv_connectivity;

/* Every source to every target (mlGeNN: Dense). */
RV_API rv_connectivity rv_dense(rv_value weight);

/* "Dense" or "dense". Errors: RV_ERR_NAME lists the known ones. */
RV_API int rv_connectivity_by_name(rv_connectivity *out, rv_context *context, const char *name);

#ifdef __cplusplus
}
#endif
#endif
