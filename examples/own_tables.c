/* Your own loss, metric and optimiser: tables of functions, used as the built-in ones are. Trains digits as digits.c
 * does; run it from the project's root: build/examples/own_tables */
#include <math.h>
#include <ranvier.h>
#include <stdio.h>

#define TRY(call)                                                                                                      \
    if ((call) < 0)                                                                                                    \
    return fprintf(stderr, "own_tables: %s\n", rv_last_error(ctx)), 1

/* Squared hinge: the label's output should be larger than every other by a margin. */
static const rv_param hinge_params[] = {
    {.name = "margin", .kind = RV_PARAM_SCALAR, .value = {0.2, 0.2, 0.2}, .max = HUGE_VAL, .help = "margin to win by"}};

static double hinge(const rv_output_sample *s, const float *y, const double *param, float *g)
{
    double loss = 0, pull = 0;
    for (size_t k = 0; k < s->n; k++) {
        const double over = (double)y[k] - (double)y[s->label] + param[0];
        const double error = k != (size_t)s->label && over > 0 ? over : 0;
        loss += error * error;
        pull += 2 * error;
        if (g)
            g[k] = (float)(-2 * error); /* minus the derivative by y */
    }
    if (g)
        g[s->label] = (float)pull;
    return loss;
}

static const rv_loss_model squared_hinge = {
    .name = "SquaredHinge", .params = hinge_params, .num_params = 1, .loss = hinge};

/* By how much the label's output is the largest, on average. */
static void lead(double *out, const rv_output_sample *s, const float *y, const double *param)
{
    double best = -HUGE_VAL;
    (void)param;
    for (size_t k = 0; k < s->n; k++)
        best = k != (size_t)s->label && (double)y[k] > best ? (double)y[k] : best;
    out[0] = (double)y[s->label] - best;
}

static const rv_metric_model mean_lead = {.name = "MeanLead", .report = "lead", .value = lead};

/* Lion (Chen et al. 2023): steps of one length, in the direction of a mean of gradients. */
static const rv_param lion_params[] = {
    {.name = "alpha", .kind = RV_PARAM_SCALAR, .value = {1e-4, 1e-4, 1e-4}, .max = HUGE_VAL, .help = "length of a step"},
    {.name = "beta1", .kind = RV_PARAM_SCALAR, .value = {0.9, 0.9, 0.9}, .max = 1, .help = "of the direction"},
    {.name = "beta2", .kind = RV_PARAM_SCALAR, .value = {0.99, 0.99, 0.99}, .max = 1, .help = "of what is remembered"},
};

static void lion_step(float *constant, rv_optimiser_state *state, const double *param)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        constant[i] = (float)param[i];
}

static void lion_row(const rv_optimiser_row *r)
{
    const float alpha = r->constant[0], beta1 = r->constant[1], beta2 = r->constant[2];
    for (size_t j = 0; j < r->n; j++) {
        const float m = r->moment[0][j], g = r->g[j], direction = beta1 * m + (1 - beta1) * g;
        r->w[j] -= direction > 0 ? alpha : direction < 0 ? -alpha : 0;
        r->moment[0][j] = beta2 * m + (1 - beta2) * g;
    }
}

static const rv_optimiser_model lion = {
    .name = "Lion",
    .params = lion_params,
    .num_params = 3,
    .num_moments = 1,
    .moment_name = {"M"},
    .rests = true,
    .step = lion_step,
    .row = lion_row,
};

int main(void)
{
    rv_context *ctx;
    rv_dataset digits = {0};
    rv_network *net;
    rv_layer in, hid, out;
    rv_compiled_network *model;
    rv_result *result;
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(10)});

    TRY(rv_context_create(&ctx, NULL));
    TRY(rv_read_csv(&digits, ctx, "data/optdigits/optdigits.tra", -1));
    TRY(rv_encode_linear_latency(&digits, ctx, &(rv_linear_latency){.min_time = 1, .max_time = 16, .max_value = 16}));
    TRY(rv_network_create(&net, ctx, RV_EVENTPROP_DEFAULTS));
    TRY(rv_input_layer_add(&in, net, &(rv_layer_desc){.shape = {64}, .neuron = rv_spike_input()}));
    TRY(rv_layer_add(&hid, net, &(rv_layer_desc){.shape = {128}, .synapse = synapse,
        .neuron = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)}),
        .connectivity = rv_dense(rv_normal(0.2, 0.1))}));
    TRY(rv_layer_add(&out, net, &(rv_layer_desc){.shape = {10}, .synapse = synapse,
        .neuron = rv_leaky_integrate((rv_li){.tau_mem = rv_const(20), .readout = rv_avg_var()}),
        .connectivity = rv_dense(rv_normal(0.2, 0.37))}));
    TRY(rv_compile_eventprop(&model, net, &(rv_eventprop_desc){.example_timesteps = 20, .batch_size = 32,
        .optimiser = {.model = &lion, .param = {2e-3, 0.9, 0.99}}}));
    TRY(rv_train(&result, model, &(rv_train_desc){.num_epochs = 5, .validation_split = 0.1, .data = {
        .inputs = {{.population = in.population, .spikes = digits.spikes}},
        .outputs = {{.population = out.population, .labels = digits.labels, .num_labels = digits.num_examples,
            .loss = {.model = &squared_hinge, .param = {0.2}},
            .metrics = {{.model = &mean_lead}, rv_sparse_categorical_accuracy()}}}}}));

    rv_result_free(result);
    rv_compiled_network_free(model);
    rv_network_free(net);
    rv_dataset_clear(&digits);
    rv_context_free(ctx);
    return 0;
}
