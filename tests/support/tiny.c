#include "support/tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void tiny_check(const tiny *t, int rc, const char *call, const char *file, int line)
{
    if (rc == RV_OK)
        return;
    print_error("%s gave %d: %s\n", call, rc, rv_last_error(t->context));
    _fail(file, line);
}

bool tiny_spikes(size_t example, size_t step, size_t neuron)
{
    return step < TINY_STEPS - 3 && (7 * example + 5 * step + 11 * neuron + example * neuron * step) % 4 == 0;
}

static void append_examples(const tiny *t, rv_spikes *spikes, size_t num_examples)
{
    for (size_t example = 0; example < num_examples; example++) {
        double times[TINY_STEPS * TINY_INPUTS];
        int32_t ids[TINY_STEPS * TINY_INPUTS];
        size_t num = 0;
        for (size_t step = 0; step < TINY_STEPS; step++)
            for (size_t neuron = 0; neuron < TINY_INPUTS; neuron++)
                if (tiny_spikes(example, step, neuron)) {
                    times[num] = (double)step;
                    ids[num++] = (int32_t)neuron;
                }
        TINY_OK(t, rv_spikes_append(spikes, times, ids, num));
    }
}

static void create_data(tiny *t)
{
    TINY_OK(t, rv_spikes_create(&t->spikes, t->context, TINY_INPUTS));
    append_examples(t, t->spikes, TINY_EXAMPLES);
    for (size_t example = 0; example < TINY_EXAMPLES; example++)
        t->labels[example] = (int32_t)(example % TINY_OUTPUTS);
}

static void create_network(tiny *t)
{
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)});
    TINY_OK(t, rv_network_create(&t->network, t->context, RV_EVENTPROP_DEFAULTS));
    TINY_OK(t, rv_population_add(
                   &t->input, t->network,
                   &(rv_population_desc){.name = "input", .shape = {TINY_INPUTS}, .neuron = rv_spike_input()}));
    TINY_OK(t, rv_population_add(&t->hidden, t->network,
                                 &(rv_population_desc){
                                     .name = "hidden",
                                     .shape = {2, TINY_HIDDEN / 2},
                                     .neuron = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)}),
                                 }));
    TINY_OK(t, rv_population_add(
                   &t->output, t->network,
                   &(rv_population_desc){
                       .name = "output",
                       .shape = {TINY_OUTPUTS},
                       .neuron = rv_leaky_integrate((rv_li){.tau_mem = rv_const(20), .readout = rv_avg_var()}),
                   }));
    TINY_OK(t, rv_connection_add(
                   &t->input_hidden, t->network, t->input, t->hidden,
                   &(rv_connection_desc){.connectivity = rv_dense(rv_uniform(0.2, 1.6)), .synapse = synapse}));
    TINY_OK(t,
            rv_connection_add(&t->hidden_output, t->network, t->hidden, t->output,
                              &(rv_connection_desc){.connectivity = rv_dense(rv_normal(0, 0.4)), .synapse = synapse}));
}

void tiny_create(tiny *t, int num_threads, bool learns)
{
    memset(t, 0, sizeof *t);
    TINY_OK(t, rv_context_create(&t->context, &(rv_context_desc){.seed_given = true, .num_threads = num_threads}));
    create_data(t);
    create_network(t);
    if (learns)
        TINY_OK(t, rv_compile_eventprop(&t->model, t->network,
                                        &(rv_eventprop_desc){
                                            .example_timesteps = TINY_STEPS,
                                            .batch_size = TINY_BATCH,
                                            .optimiser = rv_adam(0.01),
                                        }));
    else
        TINY_OK(t,
                rv_compile_inference(&t->model, t->network,
                                     &(rv_inference_desc){.example_timesteps = TINY_STEPS, .batch_size = TINY_BATCH}));
}

void tiny_free(tiny *t)
{
    rv_compiled_network_free(t->model);
    rv_network_free(t->network);
    rv_spikes_free(t->spikes);
    rv_context_free(t->context);
    memset(t, 0, sizeof *t);
}

rv_data tiny_data(const tiny *t)
{
    return (rv_data){
        .inputs = {{.population = t->input, .spikes = t->spikes}},
        .outputs = {{.population = t->output, .labels = t->labels, .num_labels = TINY_EXAMPLES}},
    };
}

rv_result *tiny_evaluate(const tiny *t, const rv_callback *callbacks, size_t num)
{
    rv_result *result = NULL;
    TINY_OK(t, rv_evaluate(&result, t->model,
                           &(rv_evaluate_desc){
                               .data = tiny_data(t),
                               .callbacks = callbacks,
                               .num_callbacks = num,
                               .no_callbacks = num == 0,
                           }));
    return result;
}

rv_result *tiny_train(const tiny *t, const rv_callback *callbacks, size_t num, size_t num_epochs)
{
    rv_result *result = NULL;
    TINY_OK(t, rv_train(&result, t->model,
                        &(rv_train_desc){
                            .data = tiny_data(t),
                            .num_epochs = num_epochs,
                            .callbacks = callbacks,
                            .num_callbacks = num,
                            .no_callbacks = num == 0,
                        }));
    return result;
}

void tiny_weights(const tiny *t, float *weights)
{
    TINY_OK(t, rv_variable_get(t->model, (rv_variable){.connection = t->input_hidden, .name = "g"}, weights,
                               TINY_INPUTS * TINY_HIDDEN));
    TINY_OK(t, rv_variable_get(t->model, (rv_variable){.connection = t->hidden_output, .name = "g"},
                               weights + TINY_INPUTS * TINY_HIDDEN, TINY_HIDDEN * TINY_OUTPUTS));
}

rv_simulation *tiny_simulate(const tiny *t, size_t num_steps)
{
    rv_simulation *s;
    rv_spikes *first;
    TINY_OK(t, rv_simulation_create(&s, t->model, TINY_BATCH));
    TINY_OK(t, rv_spikes_create(&first, t->context, TINY_INPUTS));
    append_examples(t, first, TINY_BATCH);
    TINY_OK(t, rv_simulation_set_input(s, &(rv_input){.population = t->input, .spikes = first}));
    for (size_t step = 0; step < num_steps; step++)
        TINY_OK(t, rv_simulation_step_time(s));
    rv_spikes_free(first);
    return s;
}
