/* Probes: what is read while examples are swept, and nothing else. What all of them share, and those of populations;
 * probe_variables.c finds variables by name, probe_synapses.c has those of connections, probe_entries.c fills them. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/filter.h"
#include "train/run.h"

/* ---- selecting ---- */

int rv_probe_select_neurons(rv_run *run, const rv_population *population, const rv_filter *filter, const char *which,
                            uint32_t **ids, size_t *num)
{
    char what[RV_NAME_SIZE + 48];
    snprintf(what, sizeof what, "%s of population '%s'", which, population->name);
    return rv_filter_resolve(run->context, filter, population->shape, population->num_dims, what, ids, num);
}

int32_t *rv_probe_columns(rv_run *run, size_t n, const uint32_t *ids, size_t num)
{
    int32_t *column = rv_alloc(run->context, n, sizeof *column, "selected neurons");
    if (!column)
        return NULL;
    memset(column, -1, n * sizeof *column);
    for (size_t k = 0; k < num; k++)
        column[ids[k]] = (int32_t)k;
    return column;
}

static int select_examples(rv_run *run, rv_probe *probe, const rv_filter *filter)
{
    probe->num_selected = run->feed->next_batch ? SIZE_MAX : run->num_members;
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
    probe->num_selected = 0;
    for (size_t i = 0; !error && i < run->num_members; i++)
        probe->num_selected += probe->selected[run->members[i]];
    rv_free(ids);
    return error;
}

static int select_timesteps(rv_run *run, rv_probe *probe, const rv_filter *filter)
{
    const size_t num_steps = run->model->num_steps;
    const int error =
        rv_filter_resolve(run->context, filter, &num_steps, 1, "timesteps", &probe->timesteps, &probe->num_timesteps);
    if (error || probe->num_timesteps == num_steps)
        return error;
    if (!(probe->rows = rv_alloc(run->context, num_steps, sizeof *probe->rows, "selected timesteps")))
        return RV_ERR_MEMORY;
    memset(probe->rows, 0xFF, num_steps * sizeof *probe->rows); /* RV_NO_ROW */
    for (size_t i = 0; i < probe->num_timesteps; i++)
        probe->rows[probe->timesteps[i]] = (uint32_t)i;
    return RV_OK;
}

/* ---- adding ---- */

int rv_probe_check(rv_run *run, const rv_network *network, const char *what, const char *name)
{
    if (run->taps || run->executed)
        return rv_fail(run->context, RV_ERR_STATE, "probes can only be added in set_params");
    if (!network)
        return rv_fail(run->context, RV_ERR_ARGUMENT, "a probe needs a %s", what);
    if (network != run->model->network)
        return rv_fail(run->context, RV_ERR_ARGUMENT, "%s '%s' is of another network", what, name);
    return RV_OK;
}

static int check_population(rv_run *run, const rv_population *population)
{
    return rv_probe_check(run, population ? population->network : NULL, "population",
                          population ? population->name : "");
}

/* The shape of an entry, and how large it may be. */
static int measure(rv_run *run, rv_probe *probe)
{
    const size_t n = probe->num_neurons;
    probe->tap.row_size = n;
    if (probe->synapses.connection && !rv_multiply(n, probe->num_sources, &probe->tap.row_size))
        probe->tap.row_size = SIZE_MAX;
    if (probe->spikes && !probe->counts) {
        probe->num_dims = 0;
    } else if (probe->counts) {
        probe->shape[probe->num_dims++] = n;
    } else {
        probe->shape[probe->num_dims++] = probe->num_timesteps;
        if (probe->synapses.connection)
            probe->shape[probe->num_dims++] = probe->num_sources;
        probe->shape[probe->num_dims++] = n;
    }
    probe->size = 1;
    for (int d = 0; d < probe->num_dims; d++)
        if (!rv_multiply(probe->size, probe->shape[d], &probe->size))
            return rv_fail_memory(run->context, SIZE_MAX, "what a probe records of an example");
    return RV_OK;
}

/* Spikes in an entry at most: of every neuron one a step, as many as the compiler allows, what the data have. */
static size_t bound_spikes(const rv_run *run, const rv_probe *probe, const rv_population *population)
{
    size_t each = probe->num_timesteps, bound;
    if (run->engine->learn && !run->model->learning.lenient && !population->neuron.model->is_input &&
        run->model->learning.max_spikes < each)
        each = run->model->learning.max_spikes;
    if (!rv_multiply(each, probe->num_neurons, &bound))
        bound = SIZE_MAX;
    for (int i = 0; !run->feed->next_batch && !run->feed->transform && i < run->feed->num_inputs; i++) {
        const rv_feed_input *input = &run->feed->inputs[i];
        if (input->population == population && input->spikes && rv_spikes_max_count(input->spikes) < bound)
            bound = rv_spikes_max_count(input->spikes);
    }
    return bound;
}

int rv_probe_add(rv_probe **out, rv_run *run, rv_probe *probe, const rv_filter *examples, const rv_filter *timesteps)
{
    probe->run = run;
    int error = select_examples(run, probe, examples);
    if (!error)
        error = select_timesteps(run, probe, timesteps);
    if (!error)
        error = measure(run, probe);
    if (error) {
        rv_probe_free(probe);
        return error;
    }
    if (probe->num_dims == 0)
        probe->max_spikes = bound_spikes(run, probe, run->model->populations[probe->tap.population].population);
    const uint32_t *ids = probe->neurons;
    const size_t n = probe->num_neurons;
    probe->batch.num_dims = probe->num_dims;
    memcpy(probe->batch.shape, probe->shape, sizeof probe->batch.shape);
    probe->tap.rows = probe->rows;
    probe->tap.neurons = ids;
    probe->tap.num_neurons = n;
    probe->tap.contiguous = n && ids[n - 1] - ids[0] == n - 1;
    rv_probe **end = &run->probes;
    while (*end)
        end = &(*end)->next;
    *end = *out = probe;
    run->num_probes++;
    return RV_OK;
}

int rv_spike_probe_add(rv_probe **out, rv_run *run, const rv_spike_probe_desc *desc)
{
    *out = NULL;
    const rv_population *population = desc->population;
    int error = check_population(run, population);
    if (error)
        return error;
    if (!population->neuron.model->spikes)
        return rv_fail(run->context, RV_ERR_NAME, "population '%s' never spikes (%s)", population->name,
                       population->neuron.model->name);
    rv_probe *probe = rv_alloc(run->context, 1, sizeof *probe, "probe");
    if (!probe)
        return RV_ERR_MEMORY;
    probe->spikes = true;
    probe->counts = desc->counts;
    probe->sink = desc->sink;
    probe->tap.population = population->index;
    error = rv_probe_select_neurons(run, population, &desc->neurons, "neurons", &probe->neurons, &probe->num_neurons);
    if (!error && (probe->counts || probe->num_neurons < population->size) &&
        !(probe->column = rv_probe_columns(run, population->size, probe->neurons, probe->num_neurons)))
        error = RV_ERR_MEMORY;
    if (error) {
        rv_probe_free(probe);
        return error;
    }
    return rv_probe_add(out, run, probe, &desc->examples, &desc->timesteps);
}

int rv_variable_probe_add(rv_probe **out, rv_run *run, const rv_variable_probe_desc *desc)
{
    *out = NULL;
    const rv_population *population = desc->population;
    rv_tap tap = {.neurons = NULL};
    int error = check_population(run, population);
    if (!error && !desc->name)
        error = rv_fail(run->context, RV_ERR_ARGUMENT, "population '%s': a probe needs the name of a variable",
                        population->name);
    if (!error)
        error = rv_probe_find_variable(run, rv_plan_find_population(run->model, population), desc->name, &tap);
    if (error)
        return error;
    rv_probe *probe = rv_alloc(run->context, 1, sizeof *probe, "probe");
    if (!probe)
        return RV_ERR_MEMORY;
    probe->tap = tap;
    probe->tap.population = population->index;
    probe->sink = desc->sink;
    error = rv_probe_select_neurons(run, population, &desc->neurons, "neurons", &probe->neurons, &probe->num_neurons);
    if (error) {
        rv_probe_free(probe);
        return error;
    }
    return rv_probe_add(out, run, probe, &desc->examples, &desc->timesteps);
}

void rv_probe_free(rv_probe *probe)
{
    rv_probe_free_storage(probe);
    rv_free(probe->neurons);
    rv_free(probe->sources);
    rv_free(probe->timesteps);
    rv_free(probe->selected);
    rv_free(probe->rows);
    rv_free(probe->column);
    rv_free(probe->index);
    rv_free(probe->more);
    rv_free(probe->delays);
    rv_free(probe);
}

void rv_probes_free(rv_run *run)
{
    while (run->probes) {
        rv_probe *next = run->probes->next;
        rv_probe_free(run->probes);
        run->probes = next;
    }
    rv_free(run->taps);
    run->taps = NULL;
}

/* ---- asking ---- */

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

size_t rv_probe_num_sources(const rv_probe *probe)
{
    return probe->num_sources;
}

const uint32_t *rv_probe_sources(const rv_probe *probe)
{
    return probe->sources;
}

size_t rv_probe_num_timesteps(const rv_probe *probe)
{
    return probe->num_timesteps;
}

const uint32_t *rv_probe_timesteps(const rv_probe *probe)
{
    return probe->timesteps;
}

void rv_probe_ask(const rv_probe *probe, rv_probe_yield *yield)
{
    *yield = (rv_probe_yield){.num_examples = probe->num_selected, .num_dims = probe->num_dims};
    for (int d = 0; d < probe->num_dims; d++)
        yield->shape[d] = probe->shape[d];
    if (probe->num_selected == SIZE_MAX ||
        !rv_multiply(probe->num_selected, probe->run->num_epochs, &yield->num_entries))
        yield->num_entries = SIZE_MAX;
    const size_t num = probe->num_dims ? probe->size : probe->max_spikes;
    if (!rv_multiply(num, probe->num_dims ? sizeof(float) : sizeof(double) + sizeof(int32_t), &yield->entry_bytes))
        yield->entry_bytes = SIZE_MAX;
}
