/* Leaky integrator: description. Its equations are in leaky_integrate_step.c. */
#include "neurons/leaky_integrate.h"

#include <math.h>

#include "base/math.h"
#include "kernels/dispatch.h"
#include "values/params.h"

enum { BIAS, V, TAU_MEM, SCALE_I, NUM_PARAMS };

static const rv_param params[NUM_PARAMS] = {
    [BIAS] = {"bias", "Bias", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false, "added in every step"},
    [V] = {"v", "", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false, "voltage at the start of an example"},
    [TAU_MEM] = {"tau_mem", "TauMem", "ms", RV_PARAM_VALUE, RV_SAME(20), 0, HUGE_VAL, true, "membrane time constant"},
    [SCALE_I] = {"scale_i", "", "", RV_PARAM_FLAG, {0, 1, 0}, 0, 1, false, "input is scaled with 1 - alpha"},
};

static const rv_state_variable state[LI_NUM_STATE] = {
    [LI_V] = {"v", "V", V},
};

static void coefficients(float *const *coeff, const float *const *param, size_t n, double dt)
{
    for (size_t j = 0; j < n; j++) {
        const double alpha = rv_exp(-dt / (double)param[TAU_MEM][j]);
        coeff[LI_ALPHA][j] = (float)alpha;
        coeff[LI_GAIN][j] = param[SCALE_I][0] != 0 ? (float)(1 - alpha) : 1.0F;
        coeff[LI_BIAS][j] = param[BIAS][j];
    }
}

static int variant(const float *const *param, size_t n, size_t num_groups)
{
    (void)param, (void)n, (void)num_groups;
    return 0;
}

RV_ISA_TABLES(const rv_neuron_ops, rv_leaky_integrate_ops);

static const rv_neuron_ops *ops(rv_isa isa)
{
    return RV_ISA_PICK(rv_leaky_integrate_ops, isa);
}

static const char *eventprop_warning(const float *const *param, size_t n)
{
    (void)n;
    return param[SCALE_I][0] == 0 ? "gradients of unscaled currents are approximate (exact: scale_i on)" : NULL;
}

static const char *eprop_error(const float *const *param, size_t n)
{
    (void)n;
    return param[SCALE_I][0] != 0 ? "e-prop needs unscaled currents (scale_i off)" : NULL;
}

const rv_neuron_model rv_leaky_integrate_model = {
    .name = "LeakyIntegrate",
    .help = "leaky integrator, never spikes",
    .params = params,
    .num_params = NUM_PARAMS,
    .state = state,
    .num_state = LI_NUM_STATE,
    .num_coeffs = LI_NUM_COEFFS,
    .voltage = LI_V,
    .tau_mem = TAU_MEM,
    .alpha_coeff = LI_ALPHA,
    .coefficients = coefficients,
    .variant = variant,
    .ops = ops,
    .eventprop_warning = eventprop_warning,
    .eprop_error = eprop_error,
};

rv_neuron rv_leaky_integrate(rv_li p)
{
    return (rv_neuron){
        .model = &rv_leaky_integrate_model,
        .value = {[BIAS] = p.bias, [V] = p.v, [TAU_MEM] = p.tau_mem, [SCALE_I] = rv_flag_value(p.scale_i)},
        .readout = p.readout,
    };
}
