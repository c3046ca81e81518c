/* SpikeInput: spikes given as data. It has no parameters, no state and no kernels: its spikes of a step are on the
 * tape before the example starts. */
#include "neurons/model.h"

const rv_neuron_model rv_spike_input_model = {
    .name = "SpikeInput",
    .help = "spikes given as data",
    .is_input = true,
    .spikes = true,
    .voltage = -1,
    .tau_mem = -1,
    .alpha_coeff = -1,
};

rv_neuron rv_spike_input(void)
{
    return (rv_neuron){.model = &rv_spike_input_model};
}
