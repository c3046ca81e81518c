#include "workload.h"

#include <math.h>
#include <stdlib.h>

double bench_uniform(uint64_t *random)
{
    uint64_t x = *random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

float *bench_normal(uint64_t *random, size_t n, double mean, double sd)
{
    float *const out = malloc(n * sizeof *out);
    for (size_t i = 0; out && i < n; i++) {
        double sum = -6; /* twelve uniform numbers are normal enough here */
        for (int k = 0; k < 12; k++)
            sum += bench_uniform(random);
        out[i] = (float)(mean + sd * sum);
    }
    return out;
}

size_t bench_num_sources(const bench_workload *workload, int connection)
{
    if (!workload->weights[connection])
        return 0;
    return connection == BENCH_IN_HID ? workload->inputs : workload->hidden;
}

size_t bench_num_targets(const bench_workload *workload, int connection)
{
    if (!workload->weights[connection])
        return 0;
    return connection == BENCH_HID_OUT ? workload->outputs : workload->hidden;
}

void bench_workload_free(bench_workload *workload)
{
    if (workload->all != workload->spikes)
        rv_spikes_free(workload->all);
    if (workload->all_labels != workload->labels)
        free(workload->all_labels);
    rv_spikes_free(workload->spikes);
    free(workload->labels);
    for (int i = 0; i < BENCH_CONNECTIONS; i++)
        free(workload->weights[i]);
    *workload = (bench_workload){0};
}

/* ---- in the engine ---------------------------------------------------------------------------------------------- */

static int add_populations(bench_model *m, const bench_workload *w, bench_rule rule)
{
    const rv_neuron hidden = rule == BENCH_EPROP_ADAPTIVE
                                 ? rv_adaptive_leaky_integrate_fire((rv_alif){.tau_mem = rv_const(20)})
                                 : rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)});
    const rv_li li = {.tau_mem = rv_const(20),
                      .readout = rule < BENCH_EPROP ? rv_avg_var_exp_weight() : rv_avg_var()};
    int code = rv_population_add(
        &m->in, m->network, &(rv_population_desc){.name = "input", .shape = {w->inputs}, .neuron = rv_spike_input()});
    if (code >= 0)
        code = rv_population_add(
            &m->hid, m->network,
            &(rv_population_desc){.name = "hidden", .shape = {w->hidden}, .neuron = hidden});
    if (code >= 0)
        code = rv_population_add(
            &m->out, m->network,
            &(rv_population_desc){.name = "output", .shape = {w->outputs}, .neuron = rv_leaky_integrate(li)});
    return code;
}

static int add_connections(bench_model *m, const bench_workload *w, bench_rule rule)
{
    const rv_synapse synapse =
        rule < BENCH_EPROP ? rv_exponential((rv_exponential_params){.tau = rv_const(5)}) : rv_delta();
    rv_population *const source[] = {m->in, m->hid, m->hid}, *const target[] = {m->hid, m->hid, m->out};
    int code = 0;
    for (int i = 0; i < BENCH_CONNECTIONS && code >= 0; i++) {
        const size_t size = bench_num_sources(w, i) * bench_num_targets(w, i);
        if (size > 0)
            code = rv_connection_add(
                &m->connections[i], m->network, source[i], target[i],
                &(rv_connection_desc){.connectivity = rv_dense(rv_array(w->weights[i], size)),
                                      .synapse = synapse});
    }
    return code;
}

static int compile(bench_model *m, const bench_workload *w, bench_rule rule)
{
    if (rule == BENCH_INFERENCE)
        return rv_compile_inference(
            &m->compiled, m->network,
            &(rv_inference_desc){.example_timesteps = w->timesteps, .dt = 1, .batch_size = w->batch_size});
    /* the smallest step, so that activity stays what it is however long is measured; it costs what any other does */
    if (rule >= BENCH_EPROP)
        return rv_compile_eprop(&m->compiled, m->network,
                                &(rv_eprop_desc){.example_timesteps = w->timesteps,
                                                 .dt = 1,
                                                 .batch_size = w->batch_size,
                                                 .optimiser = rv_adam(1e-9),
                                                 .online = rule == BENCH_EPROP_ONLINE});
    return rv_compile_eventprop(
        &m->compiled, m->network,
        &(rv_eventprop_desc){
            .example_timesteps = w->timesteps, .dt = 1, .batch_size = w->batch_size, .optimiser = rv_adam(1e-9)});
}

int bench_model_create(bench_model *out, const bench_workload *workload, int num_threads, bench_rule rule,
                       rv_context *errors)
{
    *out = (bench_model){0};
    int code = rv_context_create(&out->context,
                                 &(rv_context_desc){.num_threads = num_threads, .isa = rv_context_isa(errors)});
    if (code >= 0)
        code = rv_network_create(&out->network, out->context, rule < BENCH_EPROP ? RV_EVENTPROP_DEFAULTS : RV_EPROP_DEFAULTS);
    if (code >= 0)
        code = add_populations(out, workload, rule);
    if (code >= 0)
        code = add_connections(out, workload, rule);
    if (code >= 0)
        code = compile(out, workload, rule);
    return code < 0 && out->context ? rv_error_set(errors, code, rv_last_error(out->context)) : code;
}

void bench_model_free(bench_model *model)
{
    rv_compiled_network_free(model->compiled);
    rv_network_free(model->network);
    rv_context_free(model->context);
    *model = (bench_model){0};
}

int bench_model_restore(bench_model *model, const bench_workload *workload)
{
    int code = 0;
    for (int i = 0; i < BENCH_CONNECTIONS && code >= 0; i++) {
        const rv_variable g = {.connection = model->connections[i], .name = "g"};
        if (g.connection)
            code = rv_variable_set(model->compiled, g, workload->weights[i],
                                   bench_num_sources(workload, i) * bench_num_targets(workload, i));
    }
    return code;
}

rv_data bench_data(const bench_model *model, const rv_spikes *spikes, const int32_t *labels)
{
    return (rv_data){
        .inputs = {{.population = model->in, .spikes = spikes}},
        .outputs = {{.population = model->out, .labels = labels, .num_labels = rv_spikes_num_examples(spikes)}}};
}
