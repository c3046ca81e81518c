/* Exponential: inSyn decays with tau; beta = exp(-dt / tau), and scale_i multiplies by (tau / dt)(1 - beta), the mean
 * of the decaying current over a step. */
#include <math.h>

#include "base/math.h"
#include "values/params.h"
#include "synapses/model.h"

enum { TAU, SCALE_I, NUM_PARAMS };

static const rv_param params[NUM_PARAMS] = {
    [TAU] = {"tau", "Tau", "ms", RV_PARAM_VALUE, RV_SAME(5), 0, HUGE_VAL, true, "synaptic time constant"},
    [SCALE_I] = {"scale_i", "", "", RV_PARAM_FLAG, {0, 1, 0}, 0, 1, false,
                 "the current is scaled to its mean over a step"},
};

static void coefficients(float *beta, float *scale, const float *const *param, size_t n, double dt)
{
    for (size_t j = 0; j < n; j++) {
        const double tau = (double)param[TAU][j], b = rv_exp(-dt / tau);
        beta[j] = (float)b;
        scale[j] = param[SCALE_I][0] != 0 ? (float)(tau / dt * (1 - b)) : 1.0F;
    }
}

const rv_synapse_model rv_exponential_model = {
    .name = "Exponential",
    .help = "what arrives decays exponentially",
    .params = params,
    .num_params = NUM_PARAMS,
    .tau = TAU,
    .coefficients = coefficients,
};

rv_synapse rv_exponential(rv_exponential_params p)
{
    return (rv_synapse){
        .model = &rv_exponential_model,
        .value = {[TAU] = p.tau, [SCALE_I] = rv_flag_value(p.scale_i)},
    };
}
