/* A recurrent network that draws three sinusoids, with e-prop or with EventProp: pattern_generation [eprop|eventprop].
 *
 * 20 inputs are a clock: four at a time spike every 10 ms, each group for a fifth of a second. 256 hidden neurons and
 * three leaky integrators have a second to follow them. The network sees this one example 1,000 times (Bellec et al.
 * 2020, pattern generation). Prints the mean square error of each output. */
#include <math.h>
#include <ranvier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 20, GROUPS = 5, HIDDEN = 256, OUTPUTS = 3, STEPS = 1000, EPOCHS = 1000 };

#define TRY(call)                                                                                                      \
    if ((call) < 0)                                                                                                    \
    return fprintf(stderr, "pattern_generation: %s\n", rv_last_error(ctx)), 1

static float targets[STEPS * OUTPUTS];

static int make_data(rv_spikes **out, rv_context *ctx)
{
    static double times[INPUTS * STEPS / GROUPS / 10];
    static int32_t ids[INPUTS * STEPS / GROUPS / 10];
    size_t num = 0;
    for (int32_t i = 0; i < INPUTS; i++)
        for (int t = 0; t < STEPS / GROUPS; t += 10) {
            times[num] = i / (INPUTS / GROUPS) * (STEPS / GROUPS) + t;
            ids[num++] = i;
        }
    for (int t = 0; t < STEPS; t++)
        for (int k = 0; k < OUTPUTS; k++)
            targets[t * OUTPUTS + k] = (float)sin(2 * 3.141592653589793 * (k + 1) * t / STEPS);
    const int code = rv_spikes_create(out, ctx, INPUTS);
    return code < 0 ? code : rv_spikes_append(*out, times, ids, num);
}

/* The learning rate falls to a tenth. */
static double decay(void *user, size_t epoch, double current)
{
    (void)user;
    return epoch == 0 ? current : current * pow(0.1, 1.0 / EPOCHS);
}

int main(int argc, char **argv)
{
    const bool eventprop = argc > 1 && strcmp(argv[1], "eventprop") == 0;
    rv_context *ctx;
    rv_spikes *spikes;
    rv_network *net;
    rv_population *in, *hid, *out;
    rv_connection *unused;
    rv_compiled_network *model;
    rv_result *result;

    TRY(rv_context_create(&ctx, NULL));
    TRY(make_data(&spikes, ctx));
    TRY(rv_network_create(&net, ctx, eventprop ? RV_EVENTPROP_DEFAULTS : RV_EPROP_DEFAULTS));
    const rv_synapse synapse = eventprop ? rv_exponential((rv_exponential_params){.tau = rv_const(20)}) : rv_delta();
    const rv_lif lif = {.v_thresh = rv_const(0.61), .tau_mem = rv_const(20), .tau_refrac = rv_const(eventprop ? 0 : 5)};
    const double sd_in = eventprop ? 2.5 : 1, sd_rec = eventprop ? 0.5 : 1, sd_out = eventprop ? 1.5 : 0.3;
    TRY(rv_population_add(&in, net, &(rv_population_desc){.shape = {INPUTS}, .neuron = rv_spike_input()}));
    TRY(rv_population_add(&hid, net, &(rv_population_desc){.shape = {HIDDEN}, .neuron = rv_leaky_integrate_fire(lif)}));
    TRY(rv_population_add(&out, net, &(rv_population_desc){.shape = {OUTPUTS},
        .neuron = rv_leaky_integrate((rv_li){.tau_mem = rv_const(20), .readout = rv_var()})}));
    TRY(rv_connection_add(&unused, net, in, hid, &(rv_connection_desc){.synapse = synapse,
        .connectivity = rv_dense(rv_normal(0, sd_in / sqrt(INPUTS)))}));
    TRY(rv_connection_add(&unused, net, hid, hid, &(rv_connection_desc){.synapse = synapse,
        .connectivity = rv_dense(rv_normal(0, sd_rec / sqrt(HIDDEN)))}));
    TRY(rv_connection_add(&unused, net, hid, out, &(rv_connection_desc){.synapse = synapse,
        .connectivity = rv_dense(rv_normal(0, sd_out / sqrt(HIDDEN)))}));
    TRY(eventprop ? rv_compile_eventprop(&model, net, &(rv_eventprop_desc){
                        .example_timesteps = STEPS, .optimiser = rv_adam(0.01),
                        .reg_lambda_upper = 1e-6, .reg_lambda_lower = 1e-6, .reg_nu_upper = 14})
                  : rv_compile_eprop(&model, net, &(rv_eprop_desc){
                        .example_timesteps = STEPS, .optimiser = rv_adam(0.003)}));

    const rv_data data = {
        .inputs = {{.population = in, .spikes = spikes}},
        .outputs = {{.population = out, .loss = rv_mean_square_error(), .metrics = {rv_mean_square_error_metric()},
                     .targets = targets, .num_targets = STEPS * OUTPUTS}}};
    const rv_callback train_callbacks[] = {rv_optimiser_param_schedule((rv_optimiser_param_schedule_desc){
        .param_name = "alpha", .func = decay})};
    TRY(rv_train(&result, model, &(rv_train_desc){
        .data = data, .num_epochs = EPOCHS, .callbacks = train_callbacks, .num_callbacks = 1}));
    for (size_t epoch = 0; epoch < EPOCHS; epoch = epoch ? 2 * epoch : 1) {
        double mse;
        TRY(rv_metrics_get(rv_result_history(result, epoch), "mean_square_error", &mse));
        printf("epoch %4zu: mean square error %.4f\n", epoch, mse);
    }
    rv_result_free(result);

    const rv_callback recorder = rv_var_recorder((rv_var_recorder_desc){.population = out, .var = "v", .key = "v"});
    TRY(rv_evaluate(&result, model, &(rv_evaluate_desc){.data = data, .callbacks = &recorder, .num_callbacks = 1}));
    const float *v = rv_result_data(result, "v")->items[0].values;
    for (int k = 0; k < OUTPUTS; k++) {
        double sum = 0;
        for (int t = 0; t < STEPS; t++)
            sum += pow((double)(v[t * OUTPUTS + k] - targets[t * OUTPUTS + k]), 2) / STEPS;
        printf("output %d, %d Hz: mean square error %.4f\n", k, k + 1, sum);
    }

    rv_result_free(result);
    rv_compiled_network_free(model);
    rv_network_free(net);
    rv_spikes_free(spikes);
    rv_context_free(ctx);
    return 0;
}
