#include <ranvier.h>
#include <stdio.h>

int main(void)
{
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)}); /* ms */
    rv_context *ctx;
    rv_dataset digits = {0};
    rv_network *net;
    rv_layer in, hid, out;
    rv_compiled_network *model;
    rv_result *result;
    int ok = rv_context_create(&ctx, NULL) >= 0 &&
        rv_read_csv(&digits, ctx, "data/optdigits/optdigits.tra", -1) >= 0 &&
        rv_encode_linear_latency(&digits, ctx, &(rv_linear_latency){.max_time = 16, .max_value = 16}) >= 0 &&
        rv_network_create(&net, ctx, RV_EVENTPROP_DEFAULTS) >= 0 &&
        rv_input_layer_add(&in, net, &(rv_layer_desc){.shape = {64}, .neuron = rv_spike_input()}) >= 0 &&
        rv_layer_add(&hid, net, &(rv_layer_desc){.shape = {128}, .synapse = synapse,
            .neuron = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)}),
            .connectivity = rv_dense(rv_normal(0.2, 0.1))}) >= 0 &&
        rv_layer_add(&out, net, &(rv_layer_desc){.shape = {10}, .synapse = synapse,
            .neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()}),
            .connectivity = rv_dense(rv_normal(0.2, 0.4))}) >= 0 &&
        rv_compile_eventprop(&model, net, &(rv_eventprop_desc){
            .example_timesteps = 20, .batch_size = 32, .optimiser = rv_adam(0.01)}) >= 0 &&
        rv_train(&result, model, &(rv_train_desc){.num_epochs = 5, .validation_split = 0.1, .data = {
            .inputs = {{.population = in.population, .spikes = digits.spikes}},
            .outputs = {{.population = out.population, .labels = digits.labels, .num_labels = digits.num_examples}}}}) >= 0;
    if (!ok)
        fprintf(stderr, "%s\n", rv_last_error(ctx));
    return !ok;
}
