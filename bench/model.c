#include "model.h"

#include "base/clock.h"

static int add_populations(bench_model *m, const bench_workload *w, bench_rule rule)
{
    const rv_neuron hidden = rule == BENCH_EPROP_ADAPTIVE
                                 ? rv_adaptive_leaky_integrate_fire((rv_alif){.tau_mem = rv_const(20)})
                                 : rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)});
    const rv_li li = {.tau_mem = rv_const(20), .readout = rule < BENCH_EPROP ? rv_avg_var_exp_weight() : rv_avg_var()};
    rv_population_desc in = {.name = "input", .shape = {w->inputs}, .neuron = rv_spike_input()};
    rv_population_desc hid = {.name = "hidden", .shape = {w->hidden}, .neuron = hidden};
    if (w->side)
        in.shape[0] = in.shape[1] = w->side, in.shape[2] = 1;
    if (w->links[BENCH_IN_HID].filters)
        hid.shape[0] = 0; /* what the convolution makes it */
    int code = rv_population_add(&m->in, m->network, &in);
    if (code >= 0)
        code = rv_population_add(&m->hid, m->network, &hid);
    if (code >= 0)
        code = rv_population_add(
            &m->out, m->network,
            &(rv_population_desc){.name = "output", .shape = {w->outputs}, .neuron = rv_leaky_integrate(li)});
    return code;
}

static rv_connectivity connectivity_of(const bench_link *link)
{
    const rv_value weight = rv_array(link->weights, link->num);
    const rv_value delay = link->delays ? rv_array(link->delays, link->num) : rv_const(link->delay);
    rv_connectivity out = rv_dense(weight);
    if (link->source)
        out = rv_sparse((rv_sparse_desc){
            .pre_ind = link->source, .post_ind = link->target, .num_synapses = link->num, .weight = weight});
    else if (link->filters)
        out = rv_conv2d((rv_conv2d_desc){.weight = weight,
                                         .filters = link->filters,
                                         .conv_size = {link->kernel, link->kernel},
                                         .conv_strides = {link->stride, link->stride}});
    out.delay = delay;
    return out;
}

static int add_connections(bench_model *m, const bench_workload *w, bench_rule rule)
{
    const rv_synapse synapse =
        rule < BENCH_EPROP ? rv_exponential((rv_exponential_params){.tau = rv_const(5)}) : rv_delta();
    rv_population *const source[] = {m->in, m->hid, m->hid}, *const target[] = {m->hid, m->hid, m->out};
    int code = 0;
    for (int i = 0; i < BENCH_CONNECTIONS && code >= 0; i++)
        if (w->links[i].weights)
            code = rv_connection_add(
                &m->connections[i], m->network, source[i], target[i],
                &(rv_connection_desc){.connectivity = connectivity_of(&w->links[i]), .synapse = synapse});
    return code;
}

static int compile(bench_model *m, const bench_workload *w, bench_rule rule)
{
    const double dt = w->dt > 0 ? w->dt : 1;
    if (rule == BENCH_INFERENCE)
        return rv_compile_inference(
            &m->compiled, m->network,
            &(rv_inference_desc){.example_timesteps = w->timesteps, .dt = dt, .batch_size = w->batch_size});
    /* the smallest step, so that activity stays what it is however long is measured; it costs what any other does */
    if (rule >= BENCH_EPROP)
        return rv_compile_eprop(&m->compiled, m->network,
                                &(rv_eprop_desc){.example_timesteps = w->timesteps,
                                                 .dt = dt,
                                                 .batch_size = w->batch_size,
                                                 .optimiser = rv_adam(1e-9),
                                                 .online = rule == BENCH_EPROP_ONLINE});
    return rv_compile_eventprop(
        &m->compiled, m->network,
        &(rv_eventprop_desc){
            .example_timesteps = w->timesteps, .dt = dt, .batch_size = w->batch_size, .optimiser = rv_adam(1e-9)});
}

int bench_model_create(bench_model *out, const bench_workload *workload, int num_threads, bench_rule rule,
                       const rv_communicator *communicator, rv_context *errors)
{
    *out = (bench_model){0};
    int code = rv_context_create(&out->context,
                                 &(rv_context_desc){.num_threads = num_threads, .isa = rv_context_isa(errors)});
    if (code >= 0 && communicator)
        code = rv_context_set_communicator(out->context, communicator);
    if (code >= 0)
        code = rv_network_create(&out->network, out->context,
                                 rule < BENCH_EPROP ? RV_EVENTPROP_DEFAULTS : RV_EPROP_DEFAULTS);
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
    for (int i = 0; i < BENCH_CONNECTIONS && code >= 0; i++)
        if (model->connections[i])
            code = rv_variable_set(model->compiled, (rv_variable){.connection = model->connections[i], .name = "g"},
                                   workload->links[i].weights, workload->links[i].num);
    return code;
}

int bench_run_prepare(rv_run **run, const bench_model *model, bool learns, const rv_spikes *spikes,
                      const int32_t *labels, const rv_callback *callback)
{
    const rv_data data = bench_data(model, spikes, labels);
    const size_t num = callback ? 1 : 0;
    if (learns)
        return rv_train_prepare(
            run, model->compiled,
            &(rv_train_desc){
                .data = data, .num_epochs = 1, .callbacks = callback, .num_callbacks = num, .no_callbacks = num == 0});
    return rv_evaluate_prepare(
        run, model->compiled,
        &(rv_evaluate_desc){.data = data, .callbacks = callback, .num_callbacks = num, .no_callbacks = num == 0});
}

int bench_model_time(double *seconds, bench_model *model, const bench_workload *workload, bool learns,
                     void (*meet)(void))
{
    rv_run *run = NULL;
    rv_result *result = NULL;
    int code = bench_model_restore(model, workload);
    if (code >= 0)
        code = bench_run_prepare(&run, model, learns, workload->spikes, workload->labels, NULL);
    if (code >= 0) {
        if (meet)
            meet();
        const double start = rv_clock_seconds();
        code = rv_run_execute(&result, run);
        if (meet)
            meet();
        *seconds = rv_clock_seconds() - start;
    }
    rv_result_free(result);
    rv_run_free(run);
    return code;
}

rv_data bench_data(const bench_model *model, const rv_spikes *spikes, const int32_t *labels)
{
    return (rv_data){
        .inputs = {{.population = model->in, .spikes = spikes}},
        .outputs = {{.population = model->out, .labels = labels, .num_labels = rv_spikes_num_examples(spikes)}}};
}
