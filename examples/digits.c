/* Trains a spiking network on 8 x 8 handwritten digits (data/optdigits) and tests it on other writers' digits. Run it
 * from the project's root: build/examples/digits */
#include <ranvier.h>
#include <stdio.h>

#define TRY(call)                                                                                                      \
    if ((call) < 0)                                                                                                    \
    return fprintf(stderr, "digits: %s\n", rv_last_error(ctx)), 1

int main(void)
{
    rv_context *ctx;
    rv_dataset train = {0}, test = {0};
    rv_network *net;
    rv_layer in, hid, out;
    rv_compiled_network *model;
    rv_result *result;
    double accuracy;
    const rv_linear_latency code = {.min_time = 1, .max_time = 16, .threshold_given = true, .max_value = 16};

    TRY(rv_context_create(&ctx, NULL));
    TRY(rv_read_csv(&train, ctx, "data/optdigits/optdigits.tra", -1));
    TRY(rv_read_csv(&test, ctx, "data/optdigits/optdigits.tes", -1));
    TRY(rv_encode_linear_latency(&train, ctx, &code)); /* the darker a pixel, the earlier its spike */
    TRY(rv_encode_linear_latency(&test, ctx, &code));

    TRY(rv_network_create(&net, ctx, RV_EVENTPROP_DEFAULTS));
    TRY(rv_input_layer_add(&in, net, &(rv_layer_desc){.shape = {64}, .neuron = rv_spike_input()}));
    TRY(rv_layer_add(&hid, net, &(rv_layer_desc){.shape = {256},
        .neuron = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)}),
        .connectivity = rv_dense(rv_normal(0.2, 0.1)),
        .synapse = rv_exponential((rv_exponential_params){.tau = rv_const(10)})}));
    TRY(rv_layer_add(&out, net, &(rv_layer_desc){.shape = {10},
        .neuron = rv_leaky_integrate((rv_li){.tau_mem = rv_const(20), .readout = rv_avg_var()}),
        .connectivity = rv_dense(rv_normal(0.2, 0.37)),
        .synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)})}));
    TRY(rv_compile_eventprop(&model, net, &(rv_eventprop_desc){
        .example_timesteps = 20, .batch_size = 32, .optimiser = rv_adam(0.01)}));

    TRY(rv_train(&result, model, &(rv_train_desc){.num_epochs = 10, .data = {
        .inputs = {{.population = in.population, .spikes = train.spikes}},
        .outputs = {{.population = out.population, .labels = train.labels, .num_labels = train.num_examples}}}}));
    rv_result_free(result);
    TRY(rv_evaluate(&result, model, &(rv_evaluate_desc){.data = {
        .inputs = {{.population = in.population, .spikes = test.spikes}},
        .outputs = {{.population = out.population, .labels = test.labels, .num_labels = test.num_examples}}}}));
    TRY(rv_metrics_get(rv_result_metrics(result), "accuracy", &accuracy));
    printf("test accuracy: %.4f\n", accuracy);

    rv_result_free(result);
    rv_compiled_network_free(model);
    rv_network_free(net);
    rv_dataset_clear(&train);
    rv_dataset_clear(&test);
    rv_context_free(ctx);
    return 0;
}
