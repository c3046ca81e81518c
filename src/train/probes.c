/* Probes: what is read while examples are swept, and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "values/params.h"
#include "train/filter.h"
#include "train/run.h"

/* ---- declaring ---- */

static int select_neurons(rv_run *run, rv_probe *probe, const rv_population *population, const rv_filter *filter)
{
    char what[RV_NAME_SIZE + 32];
    snprintf(what, sizeof what, "neurons of population '%s'", population->name);
    int error = rv_filter_resolve(run->context, filter, population->shape, population->num_dims, what,
                                  &probe->neurons, &probe->num_neurons);
    if (error || !probe->spikes || (!probe->counts && probe->num_neurons == population->size))
        return error;
    probe->column = rv_alloc(run->context, population->size, sizeof *probe->column, "selected neurons");
    if (!probe->column)
        return RV_ERR_MEMORY;
    memset(probe->column, -1, population->size * sizeof *probe->column);
    for (size_t k = 0; k < probe->num_neurons; k++)
        probe->column[probe->neurons[k]] = (int32_t)k;
    return RV_OK;
}

static int select_examples(rv_run *run, rv_probe *probe, const rv_filter *filter)
{
    if (filter->kind == RV_FILTER_ALL)
        return RV_OK;
    if (run->feed->next_batch)
        return rv_fail(run->context, RV_ERR_FILTER,
                       "a filter of examples needs a data set of known size, not an iterator");
    uint32_t *ids = NULL;
    size_t num = 0;
    int error = rv_filter_resolve(run->context, filter, &run->feed->num_examples, 1, "examples", &ids, &num);
    if (!error && !(probe->selected = rv_alloc(run->context, run->feed->num_examples, 1, "selected examples")))
        error = RV_ERR_MEMORY;
    for (size_t i = 0; !error && i < num; i++)
        probe->selected[ids[i]] = 1;
    rv_free(ids);
    return error;
}

static void probe_free(rv_probe *probe, size_t capacity)
{
    for (size_t i = 0; i < capacity; i++) {
        if (probe->values)
            rv_free(probe->values[i]);
        if (probe->times)
            rv_free(probe->times[i]);
        if (probe->ids)
            rv_free(probe->ids[i]);
    }
    rv_free(probe->values);
    rv_free(probe->times);
    rv_free(probe->ids);
    rv_free(probe->room);
    rv_free(probe->entries);
    rv_free(probe->neurons);
    rv_free(probe->places);
    rv_free(probe->selected);
    rv_free(probe->column);
    rv_free(probe);
}

static int check_run(rv_run *run, const rv_population *population)
{
    if (run->taps || run->executed)
        return rv_fail(run->context, RV_ERR_STATE, "probes can only be added in set_params");
    if (!population)
        return rv_fail(run->context, RV_ERR_ARGUMENT, "a probe needs a population");
    if (population->network != run->model->network)
        return rv_fail(run->context, RV_ERR_ARGUMENT, "population '%s' is of another network", population->name);
    return RV_OK;
}

int rv_probe_link(rv_probe **out, rv_run *run, rv_probe *probe, const rv_filter *examples, int error)
{
    probe->run = run;
    if (!error)
        error = select_examples(run, probe, examples);
    if (error) {
        probe_free(probe, 0);
        return error;
    }
    rv_probe **end = &run->probes;
    while (*end)
        end = &(*end)->next;
    *end = *out = probe;
    run->num_probes++;
    return RV_OK;
}

/* Takes the probe over. */
static int add(rv_probe **out, rv_run *run, rv_probe *probe, const rv_population *population,
               const rv_filter *examples, const rv_filter *neurons)
{
    const int error = select_neurons(run, probe, population, neurons);
    probe->tap.population = population->index;
    probe->tap.neurons = probe->neurons;
    probe->tap.num_neurons = probe->num_neurons;
    return rv_probe_link(out, run, probe, examples, error);
}

int rv_spike_probe_add(rv_probe **out, rv_run *run, const rv_spike_probe_desc *desc)
{
    *out = NULL;
    const int error = check_run(run, desc->population);
    if (error)
        return error;
    if (!desc->population->neuron.model->spikes)
        return rv_fail(run->context, RV_ERR_NAME, "population '%s' never spikes (%s)", desc->population->name,
                       desc->population->neuron.model->name);
    rv_probe *probe = rv_alloc(run->context, 1, sizeof *probe, "probe");
    if (!probe)
        return RV_ERR_MEMORY;
    probe->spikes = true;
    probe->counts = desc->counts;
    return add(out, run, probe, desc->population, &desc->examples, &desc->neurons);
}

/* ---- variables by name ---- */

static bool find_state(const rv_plan_population *p, const char *name, rv_tap *tap)
{
    *tap = (rv_tap){.kind = RV_TAP_STATE, .offset = rv_plan_find_state(p, name)};
    return tap->offset != RV_NONE;
}

/* "LambdaI" is that of the first synapse group, "LambdaI1" of the second, ... */
static bool find_adjoint(const rv_run *run, const rv_plan_population *p, const char *name, rv_tap *tap)
{
    if (!run->engine->learn || !p->adjoint)
        return false;
    if (!strcmp(name, "LambdaV")) {
        *tap = (rv_tap){.kind = RV_TAP_LAMBDA_V, .offset = p->lambda_v};
        return true;
    }
    if (strncmp(name, "LambdaI", 7))
        return false;
    char *end;
    const unsigned long group = name[7] ? strtoul(name + 7, &end, 10) : 0;
    if (group >= p->num_groups || (name[7] && (*end || group == 0)))
        return false;
    *tap = (rv_tap){.kind = RV_TAP_LAMBDA_I, .offset = p->groups[group].history};
    return true;
}

/* e-prop's: Psi and FAvg of hidden neurons, E of them and of outputs while learning, Softmax of outputs always. */
static bool find_eprop(const rv_run *run, const rv_plan_population *p, const char *name, rv_tap *tap)
{
    const bool hidden = !p->readout;
    if (run->model->compiler != RV_COMPILER_EPROP || p->model->is_input)
        return false;
    if (!hidden && !strcmp(name, "Softmax")) {
        *tap = (rv_tap){.kind = RV_TAP_STATE, .offset = p->eprop.softmax};
        return true;
    }
    if (!run->engine->learn)
        return false;
    if (hidden && (!strcmp(name, "Psi") || !strcmp(name, "FAvg"))) {
        *tap = (rv_tap){.kind = RV_TAP_RECORD, .offset = name[0] == 'P' ? p->eprop.psi : p->eprop.f_avg};
        return true;
    }
    if (strcmp(name, "E"))
        return false;
    *tap = !hidden                        ? (rv_tap){.kind = RV_TAP_RECORD, .offset = p->eprop.error}
           : p->eprop.signal != RV_NONE ? (rv_tap){.kind = RV_TAP_STATE, .offset = p->eprop.signal}
                                        : (rv_tap){.kind = RV_TAP_SIGNAL};
    return true;
}

/* ", name" at the end of text[size], without the comma where it is the first */
static void append(char *text, size_t size, const char *name)
{
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
}

static int fail_unknown(rv_run *run, const rv_plan_population *p, const char *name)
{
    char known[512] = "";
    if (p->num_groups)
        append(known, sizeof known, "Isyn");
    if (p->input != RV_NONE)
        append(known, sizeof known, "Input");
    for (int i = 0; i < p->model->num_state; i++)
        if (p->model->state[i].internal[0])
            append(known, sizeof known, p->model->state[i].internal);
    for (int i = 0; i < p->model->num_params; i++)
        append(known, sizeof known, p->model->params[i].name);
    if (run->engine->learn && p->adjoint)
        append(known, sizeof known, "LambdaV, LambdaI");
    if (run->model->compiler == RV_COMPILER_EPROP && !p->model->is_input)
        append(known, sizeof known, p->readout ? "Softmax" : "E, Psi, FAvg (when learning)");
    return rv_fail(run->context, RV_ERR_NAME, "population '%s' has no variable '%s', expected one of: %s",
                   p->population->name, name, known);
}

static int find_variable(rv_run *run, const rv_plan_population *p, const char *name, rv_tap *tap)
{
    if (find_state(p, name, tap) || find_adjoint(run, p, name, tap) || find_eprop(run, p, name, tap))
        return RV_OK;
    if (p->num_groups && !strcmp(name, "Isyn")) {
        *tap = (rv_tap){.kind = RV_TAP_ISYN};
        return RV_OK;
    }
    const int row = rv_param_find(p->model->params, p->model->num_params, name);
    if (row < 0)
        return fail_unknown(run, p, name);
    *tap = (rv_tap){.kind = RV_TAP_CONSTANT, .constant = p->param[row]};
    return RV_OK;
}

int rv_variable_probe_add(rv_probe **out, rv_run *run, const rv_variable_probe_desc *desc)
{
    *out = NULL;
    rv_tap tap;
    int error = check_run(run, desc->population);
    if (!error && !desc->name)
        error = rv_fail(run->context, RV_ERR_ARGUMENT, "population '%s': a probe needs the name of a variable",
                        desc->population->name);
    if (!error)
        error = find_variable(run, rv_plan_find_population(run->model, desc->population), desc->name, &tap);
    if (error)
        return error;
    rv_probe *probe = rv_alloc(run->context, 1, sizeof *probe, "probe");
    if (!probe)
        return RV_ERR_MEMORY;
    probe->tap = tap;
    return add(out, run, probe, desc->population, &desc->examples, &desc->neurons);
}

void rv_probes_free(rv_run *run)
{
    while (run->probes) {
        rv_probe *next = run->probes->next;
        probe_free(run->probes, run->engine ? run->engine->capacity : 0);
        run->probes = next;
    }
    rv_free(run->taps);
    run->taps = NULL;
}

/* ---- running ---- */

static int allocate(rv_run *run, rv_probe *probe)
{
    const size_t capacity = run->engine->capacity, steps = run->model->num_steps;
    const size_t size = probe->counts ? probe->num_neurons : steps * probe->num_neurons;
    probe->entries = rv_alloc(run->context, capacity, sizeof *probe->entries, "recorded entries");
    probe->values = rv_alloc(run->context, capacity, sizeof *probe->values, "recorded values");
    probe->times = rv_alloc(run->context, capacity, sizeof *probe->times, "recorded spikes");
    probe->ids = rv_alloc(run->context, capacity, sizeof *probe->ids, "recorded spikes");
    probe->room = rv_alloc(run->context, capacity, sizeof *probe->room, "recorded spikes");
    if (!probe->entries || !probe->values || !probe->times || !probe->ids || !probe->room)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < capacity && (probe->counts || !probe->spikes); i++)
        if (!(probe->values[i] = rv_alloc(run->context, size, sizeof **probe->values, "recorded values")))
            return RV_ERR_MEMORY;
    return RV_OK;
}

int rv_probes_allocate(rv_run *run)
{
    run->taps = rv_alloc(run->context, run->engine->capacity * run->num_probes, sizeof *run->taps, "probes");
    if (!run->taps)
        return RV_ERR_MEMORY;
    for (rv_probe *probe = run->probes; probe; probe = probe->next) {
        const int error = allocate(run, probe);
        if (error)
            return error;
    }
    return RV_OK;
}

bool rv_probe_selects(const rv_probe *probe, const rv_example *example)
{
    return probe->num_neurons && (!probe->selected || probe->selected[example->index]);
}

void rv_probes_begin(rv_run *run)
{
    for (size_t e = 0; e < run->batch_count; e++) {
        rv_example *example = &run->engine->examples[e];
        rv_tap_target *taps = run->taps + e * run->num_probes;
        example->taps = taps;
        example->num_taps = 0;
        for (rv_probe *probe = run->probes; probe; probe = probe->next)
            if (!probe->spikes && rv_probe_selects(probe, example))
                taps[example->num_taps++] = (rv_tap_target){&probe->tap, probe->values[e]};
    }
}

int rv_probe_make_room(rv_probe *probe, size_t position, size_t num)
{
    const size_t e = position;
    if (probe->room[e] >= num)
        return RV_OK;
    const size_t room = num + num / 2;
    double *times = rv_realloc(probe->run->context, probe->times[e], room, sizeof *times, "recorded spikes");
    if (!times)
        return RV_ERR_MEMORY;
    probe->times[e] = times;
    int32_t *ids = rv_realloc(probe->run->context, probe->ids[e], room, sizeof *ids, "recorded spikes");
    if (!ids)
        return RV_ERR_MEMORY;
    probe->ids[e] = ids;
    probe->room[e] = room;
    return RV_OK;
}

/* The first step of the current batch, where time runs on from batch to batch. */
static double first_step(const rv_run *run)
{
    const size_t batch = (run->epoch - run->start_epoch) * rv_run_num_batches(run) + run->batch;
    return run->model->time_runs_on ? (double)batch * run->model->num_steps : 0;
}

static int collect_spikes(rv_probe *probe, const rv_example *example)
{
    const rv_compiled_network *model = probe->run->model;
    const double first = first_step(probe->run);
    const rv_tape *tape = &example->tapes[probe->tap.population];
    const size_t e = example->position;
    const int error = rv_probe_make_room(probe, e, tape->offset[model->num_steps]);
    if (error)
        return error;
    size_t kept = 0;
    for (uint32_t t = 0; t < model->num_steps; t++) {
        const uint32_t end = tape->offset[t + 1], negative = tape->negative ? tape->negative[t] : end;
        uint32_t k = tape->offset[t], l = negative;
        while (k < negative || l < end) { /* spikes of both signs, by id */
            const uint32_t id = tape->ids[l == end || (k < negative && tape->ids[k] < tape->ids[l]) ? k++ : l++];
            if (!probe->column || probe->column[id] >= 0) {
                probe->times[e][kept] = (first + t) * model->dt;
                probe->ids[e][kept++] = (int32_t)id;
            }
        }
    }
    probe->entries[e].num = kept;
    return RV_OK;
}

static void collect_counts(rv_probe *probe, const rv_example *example)
{
    const rv_tape *tape = &example->tapes[probe->tap.population];
    float *values = probe->values[example->position];
    for (size_t k = 0; k < probe->num_neurons; k++)
        values[k] = 0;
    for (uint32_t k = 0; k < tape->offset[probe->run->model->num_steps]; k++)
        if (probe->column[tape->ids[k]] >= 0)
            values[probe->column[tape->ids[k]]] += 1;
}

int rv_probes_collect(rv_run *run, const rv_example *example)
{
    for (rv_probe *probe = run->probes; probe; probe = probe->next) {
        if (!probe->spikes || !rv_probe_selects(probe, example))
            continue;
        if (probe->counts) {
            collect_counts(probe, example);
            continue;
        }
        const int error = collect_spikes(probe, example);
        if (error)
            return error;
    }
    return RV_OK;
}

static int compare_entries(const void *a, const void *b)
{
    const size_t x = ((const rv_entry *)a)->example, y = ((const rv_entry *)b)->example;
    return (x > y) - (x < y);
}

static void end(rv_run *run, rv_probe *probe)
{
    size_t num = 0;
    for (size_t e = 0; e < run->batch_count; e++) {
        const rv_example *example = &run->engine->examples[e];
        const size_t spikes = probe->entries[e].num;
        if (!rv_probe_selects(probe, example) || !rv_probes_have(run, e))
            continue;
        rv_entry entry = {.epoch = example->epoch, .example = rv_run_batch_example(run, e)};
        if (probe->spikes && !probe->counts) {
            entry.num = spikes;
            entry.times = probe->times[e];
            entry.ids = probe->ids[e];
        } else if (probe->counts) {
            entry.num = entry.shape[0] = probe->num_neurons;
            entry.num_dims = 1;
            entry.values = probe->values[e];
        } else {
            entry.shape[0] = run->model->num_steps;
            entry.shape[1] = probe->places ? probe->num_sources : probe->num_neurons;
            entry.shape[2] = probe->num_targets;
            entry.num_dims = probe->places ? 3 : 2;
            entry.num = entry.shape[0] * probe->num_neurons;
            entry.values = probe->values[e];
        }
        probe->entries[num++] = entry;
    }
    qsort(probe->entries, num, sizeof *probe->entries, compare_entries);
    probe->batch = (rv_entries){num, probe->entries};
}

int rv_probes_end(rv_run *run)
{
    const int error = rv_probes_gather(run);
    for (rv_probe *probe = run->probes; !error && probe; probe = probe->next)
        end(run, probe);
    return error;
}

size_t rv_probes_memory(const rv_run *run)
{
    const size_t capacity = run->engine->capacity;
    size_t bytes = 0;
    for (const rv_probe *probe = run->probes; probe; probe = probe->next) {
        bytes += sizeof *probe + probe->num_neurons * sizeof *probe->neurons;
        if (probe->counts || !probe->spikes)
            bytes += capacity * probe->num_neurons * (probe->counts ? 1 : run->model->num_steps) * sizeof(float);
    }
    return bytes;
}

const rv_entries *rv_probe_batch(const rv_probe *probe)
{
    return &probe->batch;
}

size_t rv_probe_num_neurons(const rv_probe *probe)
{
    return probe->num_neurons;
}

const uint32_t *rv_probe_neurons(const rv_probe *probe)
{
    return probe->neurons;
}
