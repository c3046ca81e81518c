#include "support/population.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/training_task.h"

#define MAX_NEURONS 4096

typedef struct setup {
    rv_context *context;
    rv_network *network;
    rv_population *fed, *watched;
    rv_compiled_network *model;
    rv_result *result;
} setup;

/* one weight per neuron, on the diagonal of a dense matrix; freed by the caller */
static float *diagonal(const float *weight, size_t n)
{
    float *matrix = calloc(n * n, sizeof *matrix);
    for (size_t j = 0; matrix && j < n; j++)
        matrix[j * n + j] = weight ? weight[j] : 1.0F;
    return matrix;
}

static int describe(setup *s, const population_desc *desc)
{
    const bool is_fed =
        desc->neuron.custom ? desc->neuron.custom->is_input : rv_neuron_model_fed(desc->neuron.model) == RV_FED_VALUES;
    int code = rv_network_create(&s->network, s->context, RV_CLASS_DEFAULTS);
    if (code < 0)
        return code;
    if (is_fed) {
        code = rv_population_add(&s->fed, s->network,
                                 &(rv_population_desc){.name = "watched", .shape = {desc->n}, .neuron = desc->neuron});
        s->watched = s->fed;
        return code;
    }
    const size_t frames = desc->timesteps;
    float *weights = diagonal(desc->weight, desc->n);
    rv_connection *connection;
    code = rv_population_add(
        &s->fed, s->network,
        &(rv_population_desc){.name = "fed",
                              .shape = {desc->n},
                              .neuron = rv_binary_spike_input(RV_ON, (rv_input_frames){.input_frames = frames})});
    if (code >= 0)
        code = rv_population_add(&s->watched, s->network,
                                 &(rv_population_desc){.name = "watched", .shape = {desc->n}, .neuron = desc->neuron});
    if (code >= 0)
        code =
            rv_connection_add(&connection, s->network, s->fed, s->watched,
                              &(rv_connection_desc){.connectivity = rv_dense(rv_array(weights, desc->n * desc->n))});
    free(weights);
    return code;
}

/* ---- data, all at once or batch by batch ---- */

typedef struct batches {
    const population_desc *desc;
    size_t example_size, batch_size;
} batches;

static int next_batch(void *user, size_t batch, rv_input *inputs, rv_output *outputs)
{
    const batches *b = user;
    (void)outputs;
    const size_t first = batch * b->batch_size * b->example_size;
    if (first >= b->desc->num_values)
        return 0;
    const size_t rest = b->desc->num_values - first, most = b->batch_size * b->example_size;
    inputs[0].values = b->desc->values + first;
    inputs[0].num_values = rest < most ? rest : most;
    return 1;
}

static int nothing(void *user, size_t timestep)
{
    (void)user, (void)timestep;
    return 0;
}

static int run(setup *s, const population_desc *desc, const run_manner *manner)
{
    const bool spikes = !(desc->neuron.custom ? desc->neuron.custom->never_spikes
                                              : !strcmp(rv_neuron_model_name(desc->neuron.model), "LeakyIntegrate"));
    rv_callback callbacks[3];
    size_t num = 0, frames = desc->timesteps;
    if (spikes)
        callbacks[num++] = rv_spike_recorder((rv_spike_recorder_desc){.population = s->watched, .key = "spikes"});
    if (desc->var)
        callbacks[num++] =
            rv_var_recorder((rv_var_recorder_desc){.population = s->watched, .genn_var = desc->var, .key = "var"});
    if (manner->steps)
        callbacks[num++] = (rv_callback){.name = "Watcher", .on_timestep_end = nothing};
    if (s->fed == s->watched) { /* frames are a parameter of the input */
        float given[MAX_NEURONS];
        const int code =
            rv_variable_get(s->model, (rv_variable){.population = s->fed, .name = "input_frames"}, given, desc->n);
        if (code < 0)
            return code;
        frames = (size_t)given[0];
    }
    batches b = {desc, frames * desc->n, manner->batch_size ? manner->batch_size : 1};
    rv_data data = {
        .inputs = {{.population = s->fed, .values = desc->values, .num_values = desc->num_values}},
        .next_batch = manner->iterates ? next_batch : NULL,
        .next_batch_user = &b,
    };
    return rv_predict(&s->result, s->model,
                      &(rv_evaluate_desc){.data = data, .callbacks = callbacks, .num_callbacks = num});
}

/* ---- records ---- */

static void copy_spikes(population_record *out, const rv_entries *spikes, double dt)
{
    size_t total = 0;
    out->num_examples = spikes->num;
    out->offset = calloc(spikes->num + 1, sizeof *out->offset);
    for (size_t e = 0; e < spikes->num; e++)
        total += spikes->items[e].num;
    out->step = calloc(total + 1, sizeof *out->step);
    out->id = calloc(total + 1, sizeof *out->id);
    for (size_t e = 0; e < spikes->num; e++) {
        for (size_t k = 0; k < spikes->items[e].num; k++) {
            out->step[out->num_spikes] = (uint32_t)lround(spikes->items[e].times[k] / dt);
            out->id[out->num_spikes++] = (uint32_t)spikes->items[e].ids[k];
        }
        out->offset[e + 1] = out->num_spikes;
    }
}

static void copy_values(population_record *out, const rv_entries *values)
{
    const size_t size = values->num ? values->items[0].num : 0;
    out->num_examples = values->num;
    out->num_values = values->num * size;
    out->values = calloc(out->num_values + 1, sizeof *out->values);
    for (size_t e = 0; e < values->num; e++)
        memcpy(out->values + e * size, values->items[e].values, size * sizeof *out->values);
}

int population_run(population_record *out, const population_desc *desc, const run_manner *manner)
{
    setup s = {0};
    const double dt = desc->dt == 0 ? 1 : desc->dt;
    *out = (population_record){0};
    int code = rv_context_create(&s.context, &(rv_context_desc){.seed = manner->seed,
                                                                .seed_given = true,
                                                                .num_threads = manner->threads ? manner->threads : 1,
                                                                .isa = manner->isa});
    if (code >= 0)
        code = describe(&s, desc);
    if (code >= 0)
        code = rv_compile_inference(&s.model, s.network,
                                    &(rv_inference_desc){.example_timesteps = desc->timesteps,
                                                         .dt = dt,
                                                         .batch_size = manner->batch_size ? manner->batch_size : 1});
    if (code >= 0)
        code = run(&s, desc, manner);
    if (code < 0)
        snprintf(out->error, sizeof out->error, "%s", rv_last_error(s.context));
    if (code >= 0 && rv_result_data(s.result, "spikes"))
        copy_spikes(out, rv_result_data(s.result, "spikes"), dt);
    if (code >= 0 && desc->var)
        copy_values(out, rv_result_data(s.result, "var"));
    rv_result_free(s.result);
    rv_compiled_network_free(s.model);
    rv_network_free(s.network);
    rv_context_free(s.context);
    return code;
}

void population_record_clear(population_record *record)
{
    free(record->offset);
    free(record->step);
    free(record->id);
    free(record->values);
    *record = (population_record){0};
}

uint64_t population_record_hash(const population_record *r)
{
    uint64_t hash = hash_bytes(0, &r->num_spikes, sizeof r->num_spikes);
    if (r->offset)
        hash = hash_bytes(hash, r->offset, (r->num_examples + 1) * sizeof *r->offset);
    hash = hash_bytes(hash, r->step, r->num_spikes * sizeof *r->step);
    hash = hash_bytes(hash, r->id, r->num_spikes * sizeof *r->id);
    return r->values ? hash_bytes(hash, r->values, r->num_values * sizeof *r->values) : hash;
}
