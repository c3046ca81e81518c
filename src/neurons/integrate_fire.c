/* Integrate-and-fire, driven by synapses (IntegrateFire) or by data (IntegrateFireInput): description. The equations are
 * in integrate_fire_step.c. */
#include "neurons/integrate_fire.h"

#include <math.h>

#include "kernels/dispatch.h"
#include "neurons/input_frames.h"

enum { V_THRESH, V_RESET, V, BIAS, RELATIVE_RESET, NUM_PARAMS, INPUT_FRAMES = NUM_PARAMS, INPUT_FRAME_TIMESTEPS, NUM_INPUT_PARAMS };

/* IntegrateFire has the first NUM_PARAMS rows */
static const rv_param params[NUM_INPUT_PARAMS] = {
    [V_THRESH] = {"v_thresh", "Vthresh", "", RV_PARAM_VALUE, RV_SAME(1), -HUGE_VAL, HUGE_VAL, false,
                  "firing threshold"},
    [V_RESET] = {"v_reset", "Vreset", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false,
                 "voltage after a spike"},
    [V] = {"v", "", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false, "voltage at the start of an example"},
    [BIAS] = {"bias", "Bias", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false, "added in every step"},
    [RELATIVE_RESET] = {"relative_reset", "", "", RV_PARAM_FLAG, RV_SAME(0), 0, 1, false,
                        "a spike takes v_thresh - v_reset off the voltage instead of setting it"},
    [INPUT_FRAMES] = RV_INPUT_FRAMES_PARAM,
    [INPUT_FRAME_TIMESTEPS] = RV_INPUT_FRAME_TIMESTEPS_PARAM,
};

static const rv_state_variable state[IF_NUM_STATE] = {
    [IF_V] = {"v", "V", V},
};

static void coefficients(float *const *coeff, const float *const *param, size_t n, double dt)
{
    (void)dt;
    for (size_t j = 0; j < n; j++) {
        coeff[IF_V_THRESH][j] = param[V_THRESH][j];
        coeff[IF_V_RESET][j] = param[V_RESET][j];
        coeff[IF_BIAS][j] = param[BIAS][j];
        coeff[IF_KEEPS][j] = param[RELATIVE_RESET][0];
    }
}

static float padding(int c)
{
    return c == IF_V_THRESH ? INFINITY : 0.0F;
}

static int variant(const float *const *param, size_t n, size_t num_groups)
{
    (void)param, (void)n;
    return num_groups == 1 ? 0 : 1;
}

RV_ISA_TABLES(const rv_neuron_ops, rv_integrate_fire_ops);

static const rv_neuron_ops *ops(rv_isa isa)
{
    return RV_ISA_PICK(rv_integrate_fire_ops, isa);
}

const rv_neuron_model rv_integrate_fire_model = {
    .name = "IntegrateFire",
    .help = "integrate-and-fire, without leak",
    .params = params,
    .num_params = NUM_PARAMS,
    .state = state,
    .num_state = IF_NUM_STATE,
    .num_coeffs = IF_NUM_COEFFS,
    .spikes = true,
    .voltage = IF_V,
    .tau_mem = -1,
    .alpha_coeff = -1,
    .coefficients = coefficients,
    .padding = padding,
    .variant = variant,
    .ops = ops,
};

const rv_neuron_model rv_integrate_fire_input_model = {
    .name = "IntegrateFireInput",
    .help = "integrate-and-fire neurons that the data drive",
    .params = params,
    .num_params = NUM_INPUT_PARAMS,
    .state = state,
    .num_state = IF_NUM_STATE,
    .num_coeffs = IF_NUM_COEFFS,
    .is_input = true,
    .takes_values = true,
    .spikes = true,
    .frames = INPUT_FRAMES,
    .voltage = IF_V,
    .tau_mem = -1,
    .alpha_coeff = -1,
    .coefficients = coefficients,
    .padding = padding,
    .variant = variant,
    .ops = ops,
};

rv_neuron rv_integrate_fire(rv_if p)
{
    return (rv_neuron){
        .model = &rv_integrate_fire_model,
        .value = {[V_THRESH] = p.v_thresh,
                  [V_RESET] = p.v_reset,
                  [V] = p.v,
                  [BIAS] = p.bias,
                  [RELATIVE_RESET] = rv_flag_value(p.relative_reset)},
        .readout = p.readout,
    };
}

rv_neuron rv_integrate_fire_input(rv_if p, rv_input_frames frames)
{
    rv_neuron neuron = rv_integrate_fire(p);
    neuron.model = &rv_integrate_fire_input_model;
    neuron.value[INPUT_FRAMES] = rv_count_value(frames.input_frames);
    neuron.value[INPUT_FRAME_TIMESTEPS] = rv_count_value(frames.input_frame_timesteps);
    return neuron;
}
