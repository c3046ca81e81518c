/* Delta: what arrives acts once, in the step it arrives. */
#include "synapses/model.h"

static void coefficients(float *beta, float *scale, const float *const *param, size_t n, double dt)
{
    (void)param, (void)dt;
    for (size_t j = 0; j < n; j++) {
        beta[j] = 0;
        scale[j] = 1;
    }
}

const rv_synapse_model rv_delta_model = {
    .name = "Delta",
    .help = "what arrives acts once",
    .tau = -1,
    .coefficients = coefficients,
};

rv_synapse rv_delta(void)
{
    return (rv_synapse){.model = &rv_delta_model};
}
