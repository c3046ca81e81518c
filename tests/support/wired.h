/* Random connectivity of every model, wired and with weights, but without a network around it. */
#ifndef SUPPORT_WIRED_H
#define SUPPORT_WIRED_H

#include "base/context.h"
#include "connectivity/wiring.h"

typedef struct wired {
    rv_connectivity connectivity;
    rv_ends ends;
    rv_wiring *wiring;
    rv_links links;
    float *weight;   /* in rows */
    uint16_t *delay; /* in rows; NULL = none */
    float *flat;     /* (num_weights) the same weights as users give them */
    uint32_t *pre_ind, *post_ind;
} wired;

#define NUM_WIRED_MODELS 9

/* xorshift64*: the tests' own numbers */
uint32_t wired_random(uint64_t *state, uint32_t below);
float wired_uniform(uint64_t *state); /* -1 .. 1 */

/* Model 0 .. NUM_WIRED_MODELS - 1, everything else drawn; `larger` for what vectors of all sizes meet. False if what was
 * drawn does not fit its source; anything else that goes wrong ends the test. */
bool wired_make(wired *w, rv_context *context, int model, uint64_t *random, bool larger);
void wired_free(wired *w);

/* The dense matrix (num_source, num_target), in double, from the model's own list of synapses; delays NULL or likewise. */
double *wired_matrix(const wired *w, double *delays);

#endif
