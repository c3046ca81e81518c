/* PoissonInput: description. Its rule is in poisson_input_step.c. */
#include "neurons/poisson_input.h"

#include "kernels/dispatch.h"
#include "neurons/input_frames.h"

enum { SIGNED_SPIKES = POISSON_SIGNED_SPIKES, INPUT_FRAMES, INPUT_FRAME_TIMESTEPS, NUM_PARAMS };

static const rv_param params[NUM_PARAMS] = {
    [SIGNED_SPIKES] = {"signed_spikes", "", "", RV_PARAM_FLAG, RV_SAME(0), 0, 1, false,
                       "negative inputs send negative spikes"},
    [INPUT_FRAMES] = RV_INPUT_FRAMES_PARAM,
    [INPUT_FRAME_TIMESTEPS] = RV_INPUT_FRAME_TIMESTEPS_PARAM,
};

/* bits that are no numbers: nameless, so that nobody records them */
static const rv_state_variable state[POISSON_NUM_STATE] = {
    [POISSON_PROBABILITY] = {"", "", -1},
};

static bool is_signed(const float *const *param)
{
    return param[SIGNED_SPIKES][0] != 0;
}

RV_ISA_TABLES(const rv_neuron_ops, rv_poisson_input_ops);

static const rv_neuron_ops *ops(rv_isa isa)
{
    return RV_ISA_PICK(rv_poisson_input_ops, isa);
}

const rv_neuron_model rv_poisson_input_model = {
    .name = "PoissonInput",
    .help = "random spikes at the rate that the data give, in spikes per ms",
    .params = params,
    .num_params = NUM_PARAMS,
    .state = state,
    .num_state = POISSON_NUM_STATE,
    .is_input = true,
    .takes_values = true,
    .is_random = true,
    .spikes = true,
    .frames = INPUT_FRAMES,
    .voltage = -1,
    .tau_mem = -1,
    .alpha_coeff = -1,
    .is_signed = is_signed,
    .ops = ops,
};

rv_neuron rv_poisson_input(rv_flag signed_spikes, rv_input_frames frames)
{
    return (rv_neuron){
        .model = &rv_poisson_input_model,
        .value = {[SIGNED_SPIKES] = rv_flag_value(signed_spikes),
                  [INPUT_FRAMES] = rv_count_value(frames.input_frames),
                  [INPUT_FRAME_TIMESTEPS] = rv_count_value(frames.input_frame_timesteps)},
    };
}
