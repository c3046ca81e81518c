/* Probes of connections: numbers of synapses after every step. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/filter.h"
#include "train/run.h"

static const char *const traces[RV_NUM_TRACES] = {
    [RV_TRACE_Z_FILTER] = "ZFilter",
    [RV_TRACE_E_FILTERED] = "eFiltered",
    [RV_TRACE_EPSILON_A] = "epsilonA",
    [RV_TRACE_DELTA_G] = "DeltaG",
};

static bool has_traces(const rv_run *run)
{
    return run->engine->learn && run->model->compiler == RV_COMPILER_EPROP && run->model->eprop.online;
}

static int find_variable(const rv_run *run, const rv_plan_connection *c, const char *name, rv_tap *tap)
{
    if (!strcmp(name, "g") || !strcmp(name, "weight")) {
        *tap = (rv_tap){.kind = RV_TAP_WEIGHT, .constant = c->weight.value};
        return RV_OK;
    }
    for (size_t i = 0; has_traces(run) && i < RV_NUM_TRACES; i++)
        if (!strcmp(name, traces[i])) {
            *tap = (rv_tap){.kind = RV_TAP_TRACE, .offset = c->traces + i * c->links.rows.size};
            return RV_OK;
        }
    return rv_fail(run->context, RV_ERR_NAME, "connection '%s' has no variable '%s' to record, expected one of: g%s",
                   c->connection->name, name,
                   has_traces(run) ? ", ZFilter, eFiltered, epsilonA, DeltaG"
                                   : "; traces are those of e-prop's online form");
}

static int select_ends(rv_run *run, const rv_connection *connection, const rv_filter *filter, bool sources,
                       uint32_t **ids, size_t *num)
{
    const rv_population *population = sources ? connection->source : connection->target;
    char what[RV_NAME_SIZE + 64];
    snprintf(what, sizeof what, "%s of connection '%s'", sources ? "sources" : "targets", connection->name);
    return rv_filter_resolve(run->context, filter, population->shape, population->num_dims, what, ids, num);
}

/* Where each selected pair's number is in the connection's rows; RV_NONE where they are not connected. */
static int find_places(rv_run *run, rv_probe *probe, const rv_plan_connection *c, const uint32_t *sources,
                       const uint32_t *targets)
{
    const size_t num_places = probe->num_sources * probe->num_targets, n = c->links.num_target;
    uint32_t *ids = rv_alloc(run->context, n, sizeof *ids, "synapses of a source");
    size_t *of_source = rv_alloc(run->context, n, sizeof *of_source, "synapses of a source");
    size_t *of_target = rv_alloc(run->context, n, sizeof *of_target, "synapses of a source");
    probe->places = rv_alloc(run->context, num_places, sizeof *probe->places, "selected synapses");
    const int error = ids && of_source && of_target && probe->places ? RV_OK : RV_ERR_MEMORY;
    for (size_t i = 0; !error && i < probe->num_sources; i++) {
        const size_t num = c->connection->connectivity.model->synapses(&c->links, sources[i], ids, of_source);
        for (size_t j = 0; j < n; j++)
            of_target[j] = RV_NONE;
        for (size_t k = 0; k < num; k++)
            of_target[ids[k]] = of_source[k];
        for (size_t j = 0; j < probe->num_targets; j++)
            probe->places[i * probe->num_targets + j] = of_target[targets[j]];
    }
    rv_free(ids);
    rv_free(of_source);
    rv_free(of_target);
    return error;
}

static int select_synapses(rv_run *run, rv_probe *probe, const rv_plan_connection *c,
                           const rv_connection_probe_desc *desc)
{
    uint32_t *sources = NULL, *targets = NULL;
    int error = select_ends(run, c->connection, &desc->sources, true, &sources, &probe->num_sources);
    if (!error)
        error = select_ends(run, c->connection, &desc->targets, false, &targets, &probe->num_targets);
    if (!error && !rv_multiply(probe->num_sources, probe->num_targets, &probe->num_neurons))
        error = rv_fail(run->context, RV_ERR_MEMORY, "connection '%s': too many synapses are selected",
                        c->connection->name);
    if (!error)
        error = find_places(run, probe, c, sources, targets);
    rv_free(sources);
    rv_free(targets);
    probe->tap.population = c->target;
    probe->tap.places = probe->places;
    probe->tap.num_neurons = probe->num_neurons;
    return error;
}

int rv_connection_probe_add(rv_probe **out, rv_run *run, const rv_connection_probe_desc *desc)
{
    rv_tap tap;
    *out = NULL;
    if (run->taps || run->executed)
        return rv_fail(run->context, RV_ERR_STATE, "probes can only be added in set_params");
    if (!desc->connection || !desc->name)
        return rv_fail(run->context, RV_ERR_ARGUMENT, "a probe needs a connection and the name of a variable");
    const rv_plan_connection *c = rv_plan_find_connection(run->model, desc->connection);
    if (!c)
        return rv_fail(run->context, RV_ERR_ARGUMENT, "connection '%s' is of another network", desc->connection->name);
    int error = find_variable(run, c, desc->name, &tap);
    if (error)
        return error;
    rv_probe *probe = rv_alloc(run->context, 1, sizeof *probe, "probe");
    if (!probe)
        return RV_ERR_MEMORY;
    probe->tap = tap;
    error = select_synapses(run, probe, c, desc);
    return rv_probe_link(out, run, probe, &desc->examples, error);
}
