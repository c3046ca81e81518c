/* Adam (Kingma & Ba 2015). The bias corrections are 1 - (product of the betas of all steps so far), which is
 * 1 - beta^n while beta is constant, and stays right when a schedule changes it. */
#include <math.h>

#include "values/params.h"
#include "optimise/model.h"

enum { ALPHA, BETA1, BETA2, EPSILON, NUM_PARAMS };

#define BELOW_ONE (1.0 - 0x1p-53)

static const rv_param params[NUM_PARAMS] = {
    [ALPHA] = {"alpha", "", "", RV_PARAM_SCALAR, RV_SAME(0.001), 0, INFINITY, false, "learning rate"},
    [BETA1] = {"beta1", "", "", RV_PARAM_SCALAR, RV_SAME(0.9), 0, BELOW_ONE, false, "decay of the first moment"},
    [BETA2] = {"beta2", "", "", RV_PARAM_SCALAR, RV_SAME(0.999), 0, BELOW_ONE, false, "decay of the second moment"},
    [EPSILON] = {"epsilon", "", "", RV_PARAM_SCALAR, RV_SAME(1e-8), 0, INFINITY, true, "keeps the division finite"},
};

static void begin(rv_optimiser_state *state)
{
    *state = (rv_optimiser_state){.memory = {1, 1}};
}

static void step(rv_optimiser_step *out, rv_optimiser_state *state, const double *param)
{
    state->steps++;
    state->memory[0] *= param[BETA1];
    state->memory[1] *= param[BETA2];
    out->adam = (rv_adam_step){
        .alpha = (float)param[ALPHA],
        .beta1 = (float)param[BETA1],
        .one_minus_beta1 = (float)(1 - param[BETA1]),
        .beta2 = (float)param[BETA2],
        .one_minus_beta2 = (float)(1 - param[BETA2]),
        .epsilon = (float)param[EPSILON],
        .scale_m = (float)(1 / (1 - state->memory[0])),
        .scale_v = (float)(1 / (1 - state->memory[1])),
    };
}

static void row(const rv_kernels *kernels, float *w, const float *g, float *const *moment, size_t n,
                const rv_optimiser_step *constants)
{
    kernels->adam(w, g, moment[0], moment[1], n, &constants->adam);
}

const rv_optimiser_model rv_adam_model = {
    .name = "Adam",
    .params = params,
    .num_params = NUM_PARAMS,
    .num_moments = 2,
    .moment_name = {"M", "V"},
    .begin = begin,
    .step = step,
    .row = row,
};

rv_optimiser rv_adam(double alpha)
{
    rv_optimiser out = {.model = &rv_adam_model};
    for (int i = 0; i < NUM_PARAMS; i++)
        out.param[i] = params[i].value[RV_CLASS_DEFAULTS];
    out.param[ALPHA] = alpha;
    return out;
}
