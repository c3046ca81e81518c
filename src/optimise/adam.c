/* Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019). The bias corrections are 1 - (product of the betas of
 * all steps so far), which is 1 - beta^n while beta is constant, and stays right when a schedule changes it. */
#include <math.h>

#include "kernels/kernels.h"
#include "optimise/model.h"
#include "values/numbers.h"
#include "values/params.h"

enum { ALPHA, BETA1, BETA2, EPSILON, NUM_ADAM, WEIGHT_DECAY = NUM_ADAM, NUM_ADAMW };

#define BELOW_ONE (1.0 - 0x1p-53)

#define ADAM_PARAMS                                                                                                   \
    [ALPHA] = {"alpha", "", "", RV_PARAM_SCALAR, RV_SAME(0.001), 0, HUGE_VAL, false, "learning rate"},                \
    [BETA1] = {"beta1", "", "", RV_PARAM_SCALAR, RV_SAME(0.9), 0, BELOW_ONE, false, "decay of the first moment"},     \
    [BETA2] = {"beta2", "", "", RV_PARAM_SCALAR, RV_SAME(0.999), 0, BELOW_ONE, false, "decay of the second moment"},  \
    [EPSILON] = {"epsilon", "", "", RV_PARAM_SCALAR, RV_SAME(1e-8), 0, HUGE_VAL, true, "keeps the division finite"}

static const rv_param adam_params[NUM_ADAM] = {ADAM_PARAMS};
static const rv_param adamw_params[NUM_ADAMW] = {
    ADAM_PARAMS,
    [WEIGHT_DECAY] = {"weight_decay", "", "", RV_PARAM_SCALAR, RV_SAME(0.01), 0, HUGE_VAL, false,
                      "what part of a weight goes, times alpha, in a step"},
};

/* constants of a step */
enum { C_ALPHA, C_BETA1, C_ONE_MINUS_BETA1, C_BETA2, C_ONE_MINUS_BETA2, C_EPSILON, C_SCALE_M, C_SCALE_V, C_KEEP };

static void begin(rv_optimiser_state *state)
{
    state->memory[0] = state->memory[1] = 1;
}

static void adam_step(float *constant, rv_optimiser_state *state, const double *param)
{
    state->memory[0] *= param[BETA1];
    state->memory[1] *= param[BETA2];
    constant[C_ALPHA] = (float)param[ALPHA];
    constant[C_BETA1] = (float)param[BETA1];
    constant[C_ONE_MINUS_BETA1] = (float)(1 - param[BETA1]);
    constant[C_BETA2] = (float)param[BETA2];
    constant[C_ONE_MINUS_BETA2] = (float)(1 - param[BETA2]);
    constant[C_EPSILON] = (float)param[EPSILON];
    constant[C_SCALE_M] = (float)(1 / (1 - state->memory[0]));
    constant[C_SCALE_V] = (float)(1 / (1 - state->memory[1]));
}

static void adamw_step(float *constant, rv_optimiser_state *state, const double *param)
{
    adam_step(constant, state, param);
    constant[C_KEEP] = (float)(1 - param[ALPHA] * param[WEIGHT_DECAY]);
}

static rv_adam_step constants_of(const float *constant)
{
    return (rv_adam_step){
        .alpha = constant[C_ALPHA],
        .beta1 = constant[C_BETA1],
        .one_minus_beta1 = constant[C_ONE_MINUS_BETA1],
        .beta2 = constant[C_BETA2],
        .one_minus_beta2 = constant[C_ONE_MINUS_BETA2],
        .epsilon = constant[C_EPSILON],
        .scale_m = constant[C_SCALE_M],
        .scale_v = constant[C_SCALE_V],
    };
}

static void adam_row(const rv_optimiser_row *r)
{
    const rv_adam_step step = constants_of(r->constant);
    rv_kernels_for((rv_isa)r->isa)->adam(r->w, r->g, r->moment[0], r->moment[1], r->n, &step);
}

static void adamw_row(const rv_optimiser_row *r)
{
    const rv_kernels *kernels = rv_kernels_for((rv_isa)r->isa);
    const rv_adam_step step = constants_of(r->constant);
    kernels->scale(r->w, r->w, r->constant[C_KEEP], r->n);
    kernels->adam(r->w, r->g, r->moment[0], r->moment[1], r->n, &step);
}

const rv_optimiser_model rv_adam_model = {
    .name = "Adam",
    .help = "adaptive moments",
    .params = adam_params,
    .num_params = NUM_ADAM,
    .num_moments = 2,
    .moment_name = {"M", "V"},
    .rests = true,
    .begin = begin,
    .step = adam_step,
    .row = adam_row,
};

const rv_optimiser_model rv_adamw_model = {
    .name = "AdamW",
    .help = "adaptive moments, and weights that decay",
    .params = adamw_params,
    .num_params = NUM_ADAMW,
    .num_moments = 2,
    .moment_name = {"M", "V"},
    .begin = begin,
    .step = adamw_step,
    .row = adamw_row,
};

rv_optimiser rv_adam(double alpha)
{
    rv_optimiser out = {.model = &rv_adam_model};
    rv_numbers_default(adam_params, NUM_ADAM, out.param);
    out.param[ALPHA] = alpha;
    return out;
}

rv_optimiser rv_adamw(double alpha, double weight_decay)
{
    rv_optimiser out = {.model = &rv_adamw_model};
    rv_numbers_default(adamw_params, NUM_ADAMW, out.param);
    out.param[ALPHA] = alpha;
    out.param[WEIGHT_DECAY] = weight_decay;
    return out;
}
