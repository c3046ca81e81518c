/* Few-spike ReLU, driven by synapses (FewSpikeRelu) or by data (FewSpikeReluInput): descriptions. The equations are in
 * few_spike_relu_step.c; how layers follow one another is in compile/few_spike.c. */
#include "neurons/few_spike_relu.h"

#include <math.h>

#include "kernels/dispatch.h"
#include "neurons/input_frames.h"

#define MAX_K 64 /* timesteps; 2^-64 is far below the precision of float32 */

#define K_PARAM                                                                                                        \
    {                                                                                                                  \
        "k", "", "", RV_PARAM_COUNT, RV_SAME(10), 1, MAX_K, false, "timesteps, the same in the whole network"          \
    }
#define ALPHA_PARAM                                                                                                    \
    {                                                                                                                  \
        "alpha", "", "", RV_PARAM_SCALAR, RV_SAME(25), 0, HUGE_VAL, true, "size of what k spikes can stand for"        \
    }

enum { BIAS = FS_ALPHA + 1, NUM_PARAMS };

static const rv_param params[NUM_PARAMS] = {
    [FS_K] = K_PARAM,
    [FS_ALPHA] = ALPHA_PARAM,
    [BIAS] = {"bias", "Bias", "", RV_PARAM_VALUE, RV_SAME(0), -HUGE_VAL, HUGE_VAL, false, "added to the activation"},
};

enum { SIGNED_INPUT = FS_ALPHA + 1, INPUT_FRAMES, INPUT_FRAME_TIMESTEPS, NUM_INPUT_PARAMS };

static const rv_param input_params[NUM_INPUT_PARAMS] = {
    [FS_K] = K_PARAM,
    [FS_ALPHA] = ALPHA_PARAM,
    [SIGNED_INPUT] = {"signed_input", "", "", RV_PARAM_FLAG, RV_SAME(0), 0, 1, false,
                      "values may be negative; k must be even then"},
    [INPUT_FRAMES] = RV_INPUT_FRAMES_PARAM,
    [INPUT_FRAME_TIMESTEPS] = RV_INPUT_FRAME_TIMESTEPS_PARAM,
};

static const rv_state_variable state[FS_NUM_STATE] = {
    [FS_V] = {"", "V", -1},
    [FS_FX] = {"", "Fx", BIAS},
};

static void coefficients(float *const *coeff, const float *const *param, size_t n, double dt)
{
    (void)dt;
    for (size_t j = 0; j < n; j++)
        coeff[FS_SIZE][j] = param[FS_ALPHA][j];
}

static float padding(int c)
{
    (void)c;
    return INFINITY;
}

RV_ISA_TABLES(const rv_neuron_ops, rv_few_spike_relu_ops);
RV_ISA_TABLES(const rv_neuron_ops, rv_few_spike_relu_input_ops);

static const rv_neuron_ops *ops(rv_isa isa)
{
    return RV_ISA_PICK(rv_few_spike_relu_ops, isa);
}

const rv_neuron_model rv_few_spike_relu_model = {
    .name = "FewSpikeRelu",
    .help = "ReLU of a converted network, its activation written in k binary spikes",
    .params = params,
    .num_params = NUM_PARAMS,
    .state = state,
    .num_state = FS_NUM_STATE,
    .num_coeffs = FS_NUM_COEFFS,
    .is_few_spike = true,
    .spikes = true,
    .voltage = FS_FX,
    .tau_mem = -1,
    .alpha_coeff = -1,
    .coefficients = coefficients,
    .padding = padding,
    .ops = ops,
};

static bool is_signed(const float *const *param)
{
    return param[SIGNED_INPUT][0] != 0;
}

static int input_variant(const float *const *param, size_t n, size_t num_groups)
{
    (void)n, (void)num_groups;
    return is_signed(param);
}

static const rv_neuron_ops *input_ops(rv_isa isa)
{
    return RV_ISA_PICK(rv_few_spike_relu_input_ops, isa);
}

const rv_neuron_model rv_few_spike_relu_input_model = {
    .name = "FewSpikeReluInput",
    .help = "values written in k binary spikes",
    .params = input_params,
    .num_params = NUM_INPUT_PARAMS,
    .state = state,
    .num_state = FS_NUM_INPUT_STATE,
    .num_coeffs = FS_NUM_COEFFS,
    .is_input = true,
    .takes_values = true,
    .is_few_spike = true,
    .spikes = true,
    .frames = INPUT_FRAMES,
    .voltage = FS_V,
    .tau_mem = -1,
    .alpha_coeff = -1,
    .is_signed = is_signed,
    .coefficients = coefficients,
    .padding = padding,
    .variant = input_variant,
    .ops = input_ops,
};

rv_neuron rv_few_spike_relu(rv_few_spike p)
{
    return (rv_neuron){
        .model = &rv_few_spike_relu_model,
        .value = {[FS_K] = rv_count_value(p.k), [FS_ALPHA] = p.alpha, [BIAS] = p.bias},
        .readout = p.readout,
    };
}

rv_neuron rv_few_spike_relu_input(rv_few_spike_input p)
{
    return (rv_neuron){
        .model = &rv_few_spike_relu_input_model,
        .value = {[FS_K] = rv_count_value(p.k),
                  [FS_ALPHA] = p.alpha,
                  [SIGNED_INPUT] = rv_flag_value(p.signed_input),
                  [INPUT_FRAMES] = rv_count_value(p.frames.input_frames),
                  [INPUT_FRAME_TIMESTEPS] = rv_count_value(p.frames.input_frame_timesteps)},
    };
}
