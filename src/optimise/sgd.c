/* Stochastic gradient descent with momentum: M <- momentum M + G, w <- w - alpha M. Without momentum M is G, and a
 * schedule of alpha acts on all of what M gathered. */
#include <math.h>

#include "kernels/kernels.h"
#include "optimise/model.h"
#include "values/params.h"

enum { ALPHA, MOMENTUM, NUM_PARAMS };

static const rv_param params[NUM_PARAMS] = {
    [ALPHA] = {"alpha", "", "", RV_PARAM_SCALAR, RV_SAME(0.01), 0, HUGE_VAL, false, "learning rate"},
    [MOMENTUM] = {"momentum", "", "", RV_PARAM_SCALAR, RV_SAME(0), 0, 1.0 - 0x1p-53, false,
                  "how much of the last step's direction stays"},
};

static void step(float *constant, rv_optimiser_state *state, const double *param)
{
    (void)state;
    constant[ALPHA] = (float)param[ALPHA];
    constant[MOMENTUM] = (float)param[MOMENTUM];
}

static void row(const rv_optimiser_row *r)
{
    rv_kernels_for((rv_isa)r->isa)->sgd(r->w, r->g, r->moment[0], r->n, r->constant[ALPHA], r->constant[MOMENTUM]);
}

const rv_optimiser_model rv_sgd_model = {
    .name = "SGD",
    .help = "gradient descent with momentum",
    .params = params,
    .num_params = NUM_PARAMS,
    .num_moments = 1,
    .moment_name = {"M"},
    .rests = true,
    .step = step,
    .row = row,
};

rv_optimiser rv_sgd(double alpha, double momentum)
{
    return (rv_optimiser){.model = &rv_sgd_model, .param = {[ALPHA] = alpha, [MOMENTUM] = momentum}};
}
