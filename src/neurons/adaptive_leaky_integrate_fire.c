/* Adaptive leaky integrate-and-fire: description. Its equations are in adaptive_leaky_integrate_fire_step.c. */
#include "neurons/adaptive_leaky_integrate_fire.h"

#include <math.h>

#include "base/math.h"
#include "kernels/dispatch.h"
#include "neurons/fire.h"
#include "values/params.h"

enum {
    V_THRESH,
    V_RESET,
    V,
    A,
    BETA,
    TAU_MEM,
    TAU_REFRAC,
    TAU_ADAPT,
    RELATIVE_RESET,
    INTEGRATE_DURING_REFRAC,
    SCALE_I,
    NUM_PARAMS
};

static const rv_param params[NUM_PARAMS] = {
    [V_THRESH] = {"v_thresh", "Vthresh", "", RV_PARAM_VALUE, RV_SAME(1), -HUGE_VAL, HUGE_VAL, false,
                  "firing threshold at rest"},
    [V_RESET] = {"v_reset", "Vreset", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false,
                 "voltage after a spike"},
    [V] = {"v", "", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false, "voltage at the start of an example"},
    [A] = {"a", "", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false,
           "adaptation at the start of an example"},
    [BETA] = {"beta", "Beta", "", RV_PARAM_VALUE, RV_SAME(0.0174), -HUGE_VAL, HUGE_VAL, false,
              "what a unit of adaptation adds to the threshold"},
    [TAU_MEM] = {"tau_mem", "TauMem", "ms", RV_PARAM_VALUE, RV_SAME(20), 0, HUGE_VAL, true, "membrane time constant"},
    [TAU_REFRAC] = {"tau_refrac", "TauRefrac", "ms", RV_PARAM_VALUE, RV_SAME(0), 0, HUGE_VAL, false,
                    "refractory period, 0 = none"},
    [TAU_ADAPT] = {"tau_adapt", "TauAdapt", "ms", RV_PARAM_VALUE, RV_SAME(2000), 0, HUGE_VAL, true,
                   "time constant of the adaptation"},
    [RELATIVE_RESET] = {"relative_reset", "", "", RV_PARAM_FLAG, {1, 0, 1}, 0, 1, false,
                        "a spike subtracts v_thresh - v_reset instead of setting v_reset"},
    [INTEGRATE_DURING_REFRAC] = {"integrate_during_refrac", "", "", RV_PARAM_FLAG, {1, 0, 1}, 0, 1, false,
                                 "the membrane integrates while refractory"},
    [SCALE_I] = {"scale_i", "", "", RV_PARAM_FLAG, {0, 1, 0}, 0, 1, false, "input is scaled with 1 - alpha"},
};

static const rv_state_variable state[ALIF_NUM_STATE] = {
    [ALIF_V] = {"v", "V", V},
    [ALIF_A] = {"a", "A", A},
    [ALIF_REFRAC_TIME] = {"", "RefracTime", -1},
};

static void coefficients(float *const *coeff, const float *const *param, size_t n, double dt)
{
    const bool relative = param[RELATIVE_RESET][0] != 0, scale = param[SCALE_I][0] != 0;
    for (size_t j = 0; j < n; j++) {
        const double alpha = rv_exp(-dt / (double)param[TAU_MEM][j]);
        const float drop = param[V_THRESH][j] - param[V_RESET][j];
        coeff[ALIF_ALPHA][j] = (float)alpha;
        coeff[ALIF_GAIN][j] = scale ? (float)(1 - alpha) : 1.0F;
        coeff[ALIF_RHO][j] = (float)rv_exp(-dt / (double)param[TAU_ADAPT][j]);
        coeff[ALIF_V_THRESH][j] = param[V_THRESH][j];
        coeff[ALIF_BETA][j] = param[BETA][j];
        coeff[ALIF_RESET_KEEP][j] = relative ? 1.0F : 0.0F;
        coeff[ALIF_RESET_TO][j] = relative ? -drop : param[V_RESET][j];
        coeff[ALIF_TAU_REFRAC][j] = param[TAU_REFRAC][j];
        coeff[ALIF_DROP][j] = drop;
        coeff[ALIF_LIFT][j] = (float)((double)param[BETA][j] * (double)param[TAU_MEM][j] / (double)param[TAU_ADAPT][j]);
        coeff[ALIF_PSI_PEAK][j] = (float)(RV_EPROP_PEAK / (double)param[V_THRESH][j]);
        coeff[ALIF_PSI_SLOPE][j] = (float)(RV_EPROP_PEAK / ((double)param[V_THRESH][j] * (double)param[V_THRESH][j]));
    }
}

static float padding(int c)
{
    return c == ALIF_V_THRESH ? INFINITY : 0.0F;
}

static int variant(const float *const *param, size_t n, size_t num_groups)
{
    const int mode = !rv_fire_is_refractory(param[TAU_REFRAC], n) ? ALIF_FREE
                     : param[INTEGRATE_DURING_REFRAC][0] != 0.0F  ? ALIF_REFRAC_INTEGRATES
                                                                  : ALIF_REFRAC_HOLDS;
    return mode + (num_groups == 1 ? 0 : ALIF_NUM_MODES);
}

RV_ISA_TABLES(const rv_neuron_ops, rv_adaptive_leaky_integrate_fire_ops);

static const rv_neuron_ops *ops(rv_isa isa)
{
    return RV_ISA_PICK(rv_adaptive_leaky_integrate_fire_ops, isa);
}

static const char *eventprop_warning(const float *const *param, size_t n)
{
    return rv_fire_eventprop_warning(rv_fire_is_refractory(param[TAU_REFRAC], n), param[SCALE_I][0] != 0);
}

static const char *eprop_error(const float *const *param, size_t n)
{
    return rv_fire_eprop_error(param[V_THRESH], n, param[SCALE_I][0] != 0);
}

static const char *eprop_warning(const float *const *param, size_t n)
{
    return rv_fire_eprop_warning(param[RELATIVE_RESET][0] != 0, rv_fire_is_refractory(param[TAU_REFRAC], n),
                                 param[INTEGRATE_DURING_REFRAC][0] != 0);
}

const rv_neuron_model rv_adaptive_leaky_integrate_fire_model = {
    .name = "AdaptiveLeakyIntegrateFire",
    .help = "leaky integrate-and-fire whose threshold rises with its own spikes",
    .params = params,
    .num_params = NUM_PARAMS,
    .state = state,
    .num_state = ALIF_NUM_STATE,
    .num_coeffs = ALIF_NUM_COEFFS,
    .num_crossing = 2,
    .spikes = true,
    .voltage = ALIF_V,
    .tau_mem = TAU_MEM,
    .alpha_coeff = ALIF_ALPHA,
    .coefficients = coefficients,
    .padding = padding,
    .variant = variant,
    .ops = ops,
    .eventprop_warning = eventprop_warning,
    .adapts = true,
    .num_eprop_state = 2,
    .eprop_error = eprop_error,
    .eprop_warning = eprop_warning,
};

rv_neuron rv_adaptive_leaky_integrate_fire(rv_alif p)
{
    return (rv_neuron){
        .model = &rv_adaptive_leaky_integrate_fire_model,
        .value = {[V_THRESH] = p.v_thresh,
                  [V_RESET] = p.v_reset,
                  [V] = p.v,
                  [A] = p.a,
                  [BETA] = p.beta,
                  [TAU_MEM] = p.tau_mem,
                  [TAU_REFRAC] = p.tau_refrac,
                  [TAU_ADAPT] = p.tau_adapt,
                  [RELATIVE_RESET] = rv_flag_value(p.relative_reset),
                  [INTEGRATE_DURING_REFRAC] = rv_flag_value(p.integrate_during_refrac),
                  [SCALE_I] = rv_flag_value(p.scale_i)},
        .readout = p.readout,
    };
}
