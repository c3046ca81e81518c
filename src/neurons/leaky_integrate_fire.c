/* Leaky integrate-and-fire, driven by synapses (LeakyIntegrateFire) or by data (LeakyIntegrateFireInput): description.
 * The equations are in leaky_integrate_fire_step.c. */
#include "neurons/leaky_integrate_fire.h"

#include <math.h>

#include "base/math.h"
#include "kernels/dispatch.h"
#include "neurons/fire.h"
#include "neurons/input_frames.h"

enum {
    V_THRESH,
    V_RESET,
    V,
    TAU_MEM,
    TAU_REFRAC,
    RELATIVE_RESET,
    INTEGRATE_DURING_REFRAC,
    SCALE_I,
    NUM_PARAMS,
    INPUT_FRAMES = NUM_PARAMS,
    INPUT_FRAME_TIMESTEPS,
    NUM_INPUT_PARAMS
};

/* LeakyIntegrateFire has the first NUM_PARAMS rows */
static const rv_param params[NUM_INPUT_PARAMS] = {
    [V_THRESH] = {"v_thresh", "Vthresh", "", RV_PARAM_VALUE, RV_SAME(1), -HUGE_VAL, HUGE_VAL, false,
                  "firing threshold"},
    [V_RESET] = {"v_reset", "Vreset", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false,
                 "voltage after a spike"},
    [V] = {"v", "", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false, "voltage at the start of an example"},
    [TAU_MEM] = {"tau_mem", "TauMem", "ms", RV_PARAM_VALUE, RV_SAME(20), 0, HUGE_VAL, true, "membrane time constant"},
    [TAU_REFRAC] = {"tau_refrac", "TauRefrac", "ms", RV_PARAM_VALUE, RV_SAME(0), 0, HUGE_VAL, false,
                    "refractory period, 0 = none"},
    [RELATIVE_RESET] = {"relative_reset", "", "", RV_PARAM_FLAG, {1, 0, 1}, 0, 1, false,
                        "a spike subtracts v_thresh - v_reset instead of setting v_reset"},
    [INTEGRATE_DURING_REFRAC] = {"integrate_during_refrac", "", "", RV_PARAM_FLAG, {1, 0, 1}, 0, 1, false,
                                 "the membrane integrates while refractory"},
    [SCALE_I] = {"scale_i", "", "", RV_PARAM_FLAG, {0, 1, 0}, 0, 1, false, "input is scaled with 1 - alpha"},
    [INPUT_FRAMES] = RV_INPUT_FRAMES_PARAM,
    [INPUT_FRAME_TIMESTEPS] = RV_INPUT_FRAME_TIMESTEPS_PARAM,
};

static const rv_state_variable state[LIF_NUM_STATE] = {
    [LIF_V] = {"v", "V", V},
    [LIF_REFRAC_TIME] = {"", "RefracTime", -1},
};

static void coefficients(float *const *coeff, const float *const *param, size_t n, double dt)
{
    const bool relative = param[RELATIVE_RESET][0] != 0, scale = param[SCALE_I][0] != 0;
    for (size_t j = 0; j < n; j++) {
        const double alpha = rv_exp(-dt / (double)param[TAU_MEM][j]);
        const float drop = param[V_THRESH][j] - param[V_RESET][j];
        coeff[LIF_ALPHA][j] = (float)alpha;
        coeff[LIF_GAIN][j] = scale ? (float)(1 - alpha) : 1.0F;
        coeff[LIF_V_THRESH][j] = param[V_THRESH][j];
        coeff[LIF_RESET_KEEP][j] = relative ? 1.0F : 0.0F;
        coeff[LIF_RESET_TO][j] = relative ? -drop : param[V_RESET][j];
        coeff[LIF_TAU_REFRAC][j] = param[TAU_REFRAC][j];
        coeff[LIF_JUMP][j] = drop;
        coeff[LIF_PSI_PEAK][j] = (float)(RV_EPROP_PEAK / (double)param[V_THRESH][j]);
        coeff[LIF_PSI_SLOPE][j] = (float)(RV_EPROP_PEAK / ((double)param[V_THRESH][j] * (double)param[V_THRESH][j]));
    }
}

static float padding(int c)
{
    return c == LIF_V_THRESH ? INFINITY : 0.0F;
}

static int variant(const float *const *param, size_t n, size_t num_groups)
{
    const int mode = !rv_fire_is_refractory(param[TAU_REFRAC], n) ? LIF_FREE
                     : param[INTEGRATE_DURING_REFRAC][0] != 0.0F  ? LIF_REFRAC_INTEGRATES
                                                                  : LIF_REFRAC_HOLDS;
    return mode + (num_groups == 1 ? 0 : LIF_NUM_MODES);
}

RV_ISA_TABLES(const rv_neuron_ops, rv_leaky_integrate_fire_ops);

static const rv_neuron_ops *ops(rv_isa isa)
{
    return RV_ISA_PICK(rv_leaky_integrate_fire_ops, isa);
}

static const char *eventprop_warning(const float *const *param, size_t n)
{
    if (param[RELATIVE_RESET][0] != 0)
        return "gradients through a relative reset are approximate (exact: relative_reset off)";
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

const rv_neuron_model rv_leaky_integrate_fire_model = {
    .name = "LeakyIntegrateFire",
    .help = "leaky integrate-and-fire",
    .params = params,
    .num_params = NUM_PARAMS,
    .state = state,
    .num_state = LIF_NUM_STATE,
    .num_coeffs = LIF_NUM_COEFFS,
    .num_crossing = 1,
    .spikes = true,
    .voltage = LIF_V,
    .tau_mem = TAU_MEM,
    .alpha_coeff = LIF_ALPHA,
    .coefficients = coefficients,
    .padding = padding,
    .variant = variant,
    .ops = ops,
    .eventprop_warning = eventprop_warning,
    .num_eprop_state = 1,
    .eprop_error = eprop_error,
    .eprop_warning = eprop_warning,
};

const rv_neuron_model rv_leaky_integrate_fire_input_model = {
    .name = "LeakyIntegrateFireInput",
    .help = "leaky integrate-and-fire neurons that the data drive",
    .params = params,
    .num_params = NUM_INPUT_PARAMS,
    .state = state,
    .num_state = LIF_NUM_STATE,
    .num_coeffs = LIF_NUM_COEFFS,
    .is_input = true,
    .takes_values = true,
    .spikes = true,
    .frames = INPUT_FRAMES,
    .voltage = LIF_V,
    .tau_mem = TAU_MEM,
    .alpha_coeff = LIF_ALPHA,
    .coefficients = coefficients,
    .padding = padding,
    .variant = variant,
    .ops = ops,
};

rv_neuron rv_leaky_integrate_fire_input(rv_lif p, rv_input_frames frames)
{
    rv_neuron neuron = rv_leaky_integrate_fire(p);
    neuron.model = &rv_leaky_integrate_fire_input_model;
    neuron.value[INPUT_FRAMES] = rv_count_value(frames.input_frames);
    neuron.value[INPUT_FRAME_TIMESTEPS] = rv_count_value(frames.input_frame_timesteps);
    return neuron;
}

rv_neuron rv_leaky_integrate_fire(rv_lif p)
{
    return (rv_neuron){
        .model = &rv_leaky_integrate_fire_model,
        .value = {[V_THRESH] = p.v_thresh,
                  [V_RESET] = p.v_reset,
                  [V] = p.v,
                  [TAU_MEM] = p.tau_mem,
                  [TAU_REFRAC] = p.tau_refrac,
                  [RELATIVE_RESET] = rv_flag_value(p.relative_reset),
                  [INTEGRATE_DURING_REFRAC] = rv_flag_value(p.integrate_during_refrac),
                  [SCALE_I] = rv_flag_value(p.scale_i)},
        .readout = p.readout,
    };
}
