#include "support/training_task.h"

#include <math.h>
#include <stdlib.h>

/* A generator of the tests' own: results must not hang on the library's. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static double next_uniform(uint64_t *state)
{
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

/* Mean 0, variance 1, and close enough to normal. */
static double next_normal(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += next_uniform(state);
    return sum;
}

typedef struct random_weights {
    double mean, sd; /* of a weight times the root of the number of sources */
    bool delayed;
} random_weights;

static rv_synapse synapse_of(const training_task *task)
{
    return task->desc.rule == TRAINING_EVENTPROP ? rv_exponential((rv_exponential_params){.tau = rv_const(5)})
                                                 : rv_delta();
}

/* A third of the synapses, stronger for it. */
static int connect_sparsely(training_task *task, int which, rv_population *source, rv_population *target,
                            random_weights w)
{
    const double scale = sqrt(3) / sqrt((double)rv_population_size(source));
    return rv_connection_add(
        &task->connections[which], task->network, source, target,
        &(rv_connection_desc){
            .connectivity = rv_fixed_probability((rv_fixed_probability_desc){
                .p = 1.0 / 3, .weight = rv_normal(scale * w.mean, scale * w.sd)}),
            .synapse = synapse_of(task)});
}

static int connect(training_task *task, int which, rv_population *source, rv_population *target, random_weights w,
                   uint64_t *random)
{
    if (task->desc.deep_r && which < 2)
        return connect_sparsely(task, which, source, target, w);
    const size_t size = rv_population_size(source) * rv_population_size(target);
    const double scale = 1 / sqrt((double)rv_population_size(source));
    float *const weights = malloc(size * sizeof *weights), *const delays = malloc(size * sizeof *delays);
    int code = weights && delays ? 0 : RV_ERR_MEMORY;
    for (size_t i = 0; i < size && code >= 0; i++) {
        weights[i] = (float)(scale * (w.mean + w.sd * next_normal(random)));
        delays[i] = (float)(w.delayed ? 6 * next_uniform(random) : 0);
    }
    if (code >= 0)
        code = rv_connection_add(
            &task->connections[which], task->network, source, target,
            &(rv_connection_desc){.connectivity = {.model = rv_dense(rv_const(0)).model,
                                                   .weight = rv_array(weights, size),
                                                   .delay = w.delayed ? rv_array(delays, size) : rv_const(0)},
                                  .synapse = synapse_of(task),
                                  .max_delay_steps = w.delayed ? 8 : 0});
    free(weights);
    free(delays);
    return code;
}

static int add_network(training_task *task, uint64_t *random)
{
    const training_task_desc *const d = &task->desc;
    const rv_neuron output =
        d->first_spikes
            ? rv_leaky_integrate_fire((rv_lif){.v_thresh = rv_const(0.5), .readout = rv_first_spike_time()})
            : rv_leaky_integrate((rv_li){.readout = rv_avg_var()});
    const rv_neuron hidden =
        d->rule == TRAINING_EPROP_ADAPTIVE
            ? rv_adaptive_leaky_integrate_fire((rv_alif){.v_thresh = rv_const(1), .beta = rv_const(0.1)})
            : rv_leaky_integrate_fire((rv_lif){.v_thresh = rv_const(1)});
    int code = rv_network_create(&task->network, task->context,
                                 d->rule == TRAINING_EVENTPROP ? RV_EVENTPROP_DEFAULTS : RV_EPROP_DEFAULTS);
    if (code >= 0)
        code =
            rv_population_add(&task->in, task->network,
                              &(rv_population_desc){.name = "in", .shape = {d->inputs}, .neuron = rv_spike_input()});
    if (code >= 0)
        code = rv_population_add(&task->hid, task->network,
                                 &(rv_population_desc){.name = "hid", .shape = {d->hidden}, .neuron = hidden});
    if (code >= 0)
        code = rv_population_add(&task->out, task->network,
                                 &(rv_population_desc){.name = "out", .shape = {d->outputs}, .neuron = output});
    if (code >= 0)
        code = connect(task, 0, task->in, task->hid, (random_weights){1.2, 1.5, d->delays}, random);
    if (code >= 0)
        code = connect(task, 1, task->hid, task->hid, (random_weights){0, 0.5, d->delays}, random);
    if (code >= 0)
        code = connect(task, 2, task->hid, task->out, (random_weights){0, 2, false}, random);
    return code;
}

static int add_data(training_task *task, uint64_t *random)
{
    const training_task_desc *const d = &task->desc;
    const size_t most = (size_t)((double)d->inputs * d->spikes_per_input * 2) + 1;
    double *const times = malloc(most * sizeof *times);
    int32_t *const ids = malloc(most * sizeof *ids);
    task->labels = malloc((d->examples + 1) * sizeof *task->labels);
    int code =
        times && ids && task->labels ? rv_spikes_create(&task->spikes, task->context, d->inputs) : RV_ERR_MEMORY;
    for (size_t e = 0; e < d->examples && code >= 0; e++) {
        const size_t num = (size_t)((0.5 + next_uniform(random)) * (double)d->inputs * d->spikes_per_input);
        for (size_t s = 0; s < num; s++) {
            times[s] = next_uniform(random) * (double)d->timesteps;
            ids[s] = (int32_t)(next_random(random) % d->inputs);
        }
        task->labels[e] = (int32_t)(next_random(random) % d->outputs);
        code = rv_spikes_append(task->spikes, times, ids, num);
    }
    free(times);
    free(ids);
    return code;
}

int training_task_create(training_task *task, const training_task_desc *desc)
{
    uint64_t random = desc->seed;
    *task = (training_task){.desc = *desc};
    int code = rv_context_create(&task->context, &(rv_context_desc){.seed = desc->seed,
                                                                    .seed_given = true,
                                                                    .num_threads = desc->num_threads,
                                                                    .isa = desc->isa});
    if (code >= 0)
        code = add_network(task, &random);
    if (code >= 0)
        code = add_data(task, &random);
    return code;
}

void training_task_free(training_task *task)
{
    rv_spikes_free(task->spikes);
    free(task->labels);
    rv_network_free(task->network);
    rv_context_free(task->context);
    *task = (training_task){0};
}

int training_task_compile(rv_compiled_network **out, const training_task *task, size_t batch_size)
{
    const training_task_desc *const d = &task->desc;
    const rv_connection *const learn_delays[] = {task->connections[0]};
    const rv_connection *const rewired[] = {task->connections[0], task->connections[1]};
    if (d->rule != TRAINING_EVENTPROP)
        return rv_compile_eprop(out, task->network,
                                &(rv_eprop_desc){.example_timesteps = d->timesteps,
                                                 .batch_size = batch_size,
                                                 .optimiser = rv_adam(1e-2),
                                                 .online = d->online,
                                                 .deep_r_conns = rewired,
                                                 .num_deep_r_conns = d->deep_r ? 2 : 0,
                                                 .deep_r_record_rewirings = true,
                                                 .schedule = d->schedule,
                                                 .keep_gradients = !d->forget_gradients});
    return rv_compile_eventprop(out, task->network,
                                &(rv_eventprop_desc){.example_timesteps = d->timesteps,
                                                     .batch_size = batch_size,
                                                     .optimiser = d->demanding ? rv_adamw(1e-2, 0.1) : rv_adam(1e-2),
                                                     .clip_norm = d->demanding ? 1e-2 : 0,
                                                     .clip_value = d->demanding ? 1e-3 : 0,
                                                     .accumulate = d->demanding ? 2 : 1,
                                                     .train_output_bias = d->demanding,
                                                     .per_timestep_loss = d->demanding,
                                                     .softmax_temperature = d->first_spikes ? 5 : 1,
                                                     .reg_lambda_upper = d->regularisation,
                                                     .reg_lambda_lower = d->regularisation,
                                                     .reg_nu_upper = 3,
                                                     .delay_learn_conns = learn_delays,
                                                     .num_delay_learn_conns = d->learn_delays ? 1 : 0,
                                                     .delay_optimiser = rv_adam(0.3),
                                                     .deep_r_conns = rewired,
                                                     .num_deep_r_conns = d->deep_r ? 2 : 0,
                                                     .deep_r_record_rewirings = true,
                                                     .schedule = d->schedule,
                                                     .keep_gradients = !d->forget_gradients});
}

rv_data training_task_data(const training_task *task, const rv_spikes *spikes)
{
    return (rv_data){
        .inputs = {{.population = task->in, .spikes = spikes}},
        .outputs = {{.population = task->out,
                     .labels = task->labels,
                     .num_labels = rv_spikes_num_examples(spikes),
                     .loss = task->loss}},
    };
}

static rv_variable variable_of(const training_task *task, int which, const char *name)
{
    return (rv_variable){.connection = task->connections[which], .name = name};
}

int training_task_get(float **out, size_t *size, const training_task *task, const rv_compiled_network *model,
                      const char *name)
{
    size_t part[3];
    *size = 0;
    for (int i = 0; i < 3; i++) {
        const int code = rv_variable_size(model, variable_of(task, i, name), &part[i]);
        if (code < 0)
            return code;
        *size += part[i];
    }
    float *at = *out = malloc((*size + 1) * sizeof **out);
    for (int i = 0; i < 3 && at; at += part[i++]) {
        const int code = rv_variable_get(model, variable_of(task, i, name), at, part[i]);
        if (code < 0)
            return code;
    }
    return at ? 0 : RV_ERR_MEMORY;
}

int training_task_set(const training_task *task, rv_compiled_network *model, const char *name, const float *values)
{
    for (int i = 0; i < 3; i++) {
        size_t size = 0;
        int code = rv_variable_size(model, variable_of(task, i, name), &size);
        if (code >= 0)
            code = rv_variable_set(model, variable_of(task, i, name), values, size);
        if (code < 0)
            return code;
        values += size;
    }
    return 0;
}

double relative_error(const float *a, const float *b, size_t size)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < size; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        norm += (double)b[i] * (double)b[i];
    }
    return sqrt(difference) / fmax(sqrt(norm), 1e-30);
}

uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *const bytes = data;
    if (hash == 0)
        hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}
