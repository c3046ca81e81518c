/* BinarySpikeInput: description. Its rule is in binary_spike_input_step.c. */
#include "kernels/dispatch.h"
#include "neurons/input_frames.h"
#include "neurons/model.h"

enum { SIGNED_SPIKES, INPUT_FRAMES, INPUT_FRAME_TIMESTEPS, NUM_PARAMS };

static const rv_param params[NUM_PARAMS] = {
    [SIGNED_SPIKES] = {"signed_spikes", "", "", RV_PARAM_FLAG, RV_SAME(0), 0, 1, false,
                       "negative inputs send negative spikes"},
    [INPUT_FRAMES] = RV_INPUT_FRAMES_PARAM,
    [INPUT_FRAME_TIMESTEPS] = RV_INPUT_FRAME_TIMESTEPS_PARAM,
};

static bool is_signed(const float *const *param)
{
    return param[SIGNED_SPIKES][0] != 0;
}

static int variant(const float *const *param, size_t n, size_t num_groups)
{
    (void)n, (void)num_groups;
    return is_signed(param);
}

RV_ISA_TABLES(const rv_neuron_ops, rv_binary_spike_input_ops);

static const rv_neuron_ops *ops(rv_isa isa)
{
    return RV_ISA_PICK(rv_binary_spike_input_ops, isa);
}

const rv_neuron_model rv_binary_spike_input_model = {
    .name = "BinarySpikeInput",
    .help = "spikes in every step in which the input is > 0",
    .params = params,
    .num_params = NUM_PARAMS,
    .is_input = true,
    .takes_values = true,
    .spikes = true,
    .frames = INPUT_FRAMES,
    .voltage = -1,
    .tau_mem = -1,
    .alpha_coeff = -1,
    .is_signed = is_signed,
    .variant = variant,
    .ops = ops,
};

rv_neuron rv_binary_spike_input(rv_flag signed_spikes, rv_input_frames frames)
{
    return (rv_neuron){
        .model = &rv_binary_spike_input_model,
        .value = {[SIGNED_SPIKES] = rv_flag_value(signed_spikes),
                  [INPUT_FRAMES] = rv_count_value(frames.input_frames),
                  [INPUT_FRAME_TIMESTEPS] = rv_count_value(frames.input_frame_timesteps)},
    };
}
