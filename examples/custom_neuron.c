/* A neuron model of one's own: Izhikevich's (2003), which the library does not have. Random spikes drive 100 regular
 * spiking and 100 fast spiking neurons for two seconds; their rates are printed. */
#include <ranvier.h>
#include <stdio.h>

#define TRY(call)                                                                                                      \
    if ((call) < 0)                                                                                                    \
    return fprintf(stderr, "custom_neuron: %s\n", rv_last_error(ctx)), 1

#define INPUTS 50
#define NEURONS 100
#define TIMESTEPS 4000 /* of 0.5 ms */

enum { A, B, C, D, START, NUM_PARAMS };
enum { V, U, NUM_VARIABLES };

static const rv_param params[NUM_PARAMS] = {
    [A] = {.name = "a", .unit = "1/ms", .value = {0.02, 0.02, 0.02}, .min = 0, .max = 10, .help = "recovery rate"},
    [B] = {.name = "b", .value = {0.2, 0.2, 0.2}, .min = -10, .max = 10, .help = "sensitivity of recovery to V"},
    [C] = {.name = "c", .unit = "mV", .value = {-65, -65, -65}, .min = -100, .max = 30, .help = "V after a spike"},
    [D] = {.name = "d", .value = {8, 8, 8}, .min = -100, .max = 100, .help = "what a spike adds to U"},
    [START] = {.name = "v", .unit = "mV", .value = {-65, -65, -65}, .min = -100, .max = 30, .help = "V at the start"},
};

static const rv_custom_variable variables[NUM_VARIABLES] = {[V] = {"V", "v"}, [U] = {"U", NULL}};

static void step(const rv_custom_step *s)
{
    float *v = s->variable[V], *u = s->variable[U];
    for (size_t j = 0; j < s->n; j++) {
        v[j] += s->dt * ((0.04F * v[j] + 5) * v[j] + 140 - u[j] + s->input[j]);
        u[j] += s->dt * s->param[A][j] * (s->param[B][j] * v[j] - u[j]);
        s->spiked[j] = v[j] >= 30;
    }
}

static void reset(const rv_custom_step *s, const uint32_t *neurons, size_t num)
{
    for (size_t k = 0; k < num; k++) {
        s->variable[V][neurons[k]] = s->param[C][neurons[k]];
        s->variable[U][neurons[k]] += s->param[D][neurons[k]];
    }
}

static const rv_custom_neuron izhikevich = {
    .name = "Izhikevich",
    .params = params,
    .num_params = NUM_PARAMS,
    .variables = variables,
    .num_variables = NUM_VARIABLES,
    .voltage = "V",
    .step = step,
    .reset = reset,
};

int main(void)
{
    rv_context *ctx;
    rv_network *net;
    rv_population *in, *populations[2];
    rv_connection *connection;
    rv_compiled_network *model;
    rv_result *result;
    const char *const names[] = {"regular spiking", "fast spiking"};
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)}); /* ms */
    rv_neuron neurons[] = {rv_custom(&izhikevich, NULL), rv_custom(&izhikevich, NULL)};
    rv_callback recorders[2];
    float rates[INPUTS];

    TRY(rv_context_create(&ctx, NULL));
    TRY(rv_neuron_set(&neurons[1], ctx, "a", rv_uniform(0.08, 0.12)));
    TRY(rv_neuron_set(&neurons[1], ctx, "d", rv_const(2)));

    TRY(rv_network_create(&net, ctx, RV_CLASS_DEFAULTS));
    TRY(rv_population_add(&in, net, &(rv_population_desc){
        .name = "noise", .shape = {INPUTS}, .neuron = rv_poisson_input(RV_DEFAULT, (rv_input_frames){0})}));
    for (int i = 0; i < 2; i++) {
        TRY(rv_population_add(&populations[i], net, &(rv_population_desc){
            .name = names[i], .shape = {NEURONS}, .neuron = neurons[i]}));
        TRY(rv_connection_add(&connection, net, in, populations[i], &(rv_connection_desc){
            .connectivity = rv_dense(rv_normal(1, 0.3)), .synapse = synapse}));
        recorders[i] = rv_spike_recorder((rv_spike_recorder_desc){.population = populations[i], .key = names[i]});
    }
    TRY(rv_compile_inference(&model, net, &(rv_inference_desc){.example_timesteps = TIMESTEPS, .dt = 0.5}));

    for (int i = 0; i < INPUTS; i++)
        rates[i] = 0.03F; /* spikes per ms */
    TRY(rv_predict(&result, model, &(rv_evaluate_desc){
        .data = {.inputs = {{.population = in, .values = rates, .num_values = INPUTS}}},
        .callbacks = recorders, .num_callbacks = 2}));
    for (int i = 0; i < 2; i++) {
        const rv_entries *spikes = rv_result_data(result, names[i]);
        printf("%s: %.1f Hz\n", names[i], (double)spikes->items[0].num / NEURONS / (TIMESTEPS * 0.5e-3));
    }

    rv_result_free(result);
    rv_compiled_network_free(model);
    rv_network_free(net);
    rv_context_free(ctx);
    return 0;
}
