/* Probes of connections: variables of the synapses between selected sources and selected targets. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/run.h"

static const char *const traces[RV_NUM_TRACES] = {
    [RV_TRACE_Z_FILTER] = "ZFilter",
    [RV_TRACE_E_FILTERED] = "eFiltered",
    [RV_TRACE_EPSILON_A] = "epsilonA",
    [RV_TRACE_DELTA_G] = "DeltaG",
};

static const rv_optimiser_model *optimiser_of(const rv_plan_connection *c)
{
    return c->weight.optimiser ? c->weight.optimiser->optimiser.model : NULL;
}

/* Whether what a batch adds to the weights is known here: the rule sweeps back and does not keep traces of synapses. */
static bool has_gradient(const rv_run *run, const rv_plan_parameter *p)
{
    return run->engine->learn && p->optimiser && !run->model->eprop.online;
}

static bool has_traces(const rv_run *run)
{
    return run->engine->learn && run->model->compiler == RV_COMPILER_EPROP && run->model->eprop.online;
}

static void append(char *text, size_t size, const char *name)
{
    const size_t used = strlen(text);
    snprintf(text + used, size - used, ", %s", name);
}

static int fail_unknown(rv_run *run, const rv_plan_connection *c, const char *name)
{
    const rv_optimiser_model *optimiser = optimiser_of(c);
    char known[256] = "g, d";
    for (int i = 0; optimiser && i < optimiser->num_moments; i++)
        if (optimiser->moment_name[i])
            append(known, sizeof known, optimiser->moment_name[i]);
    if (has_gradient(run, &c->weight))
        append(known, sizeof known, run->model->rule->gradient);
    if (has_gradient(run, &c->delay_parameter))
        append(known, sizeof known, "DelayGradient");
    for (size_t i = 0; has_traces(run) && i < RV_NUM_TRACES; i++)
        append(known, sizeof known, traces[i]);
    return rv_fail(run->context, RV_ERR_NAME, "connection '%s' has no variable '%s', expected one of: %s",
                   c->connection->name, name, known);
}

/* Delays that do not learn are whole numbers: as floats, laid out as the weights. */
static int copy_delays(rv_run *run, rv_probe *probe, const rv_plan_connection *c)
{
    const size_t size = c->links.rows.size;
    probe->delays = rv_alloc(run->context, size, sizeof *probe->delays, "delays");
    for (size_t i = 0; probe->delays && i < size; i++)
        probe->delays[i] = (float)(c->delays ? c->delays[i] : c->delay);
    probe->synapses.values = probe->delays;
    return probe->delays ? RV_OK : RV_ERR_MEMORY;
}

static int find_variable(rv_run *run, rv_probe *probe, const rv_plan_connection *c, const char *name)
{
    const rv_optimiser_model *optimiser = optimiser_of(c);
    rv_tap_synapses *s = &probe->synapses;
    probe->tap.kind = RV_TAP_SYNAPSE;
    if (!strcmp(name, "g") || !strcmp(name, "weight")) {
        s->values = c->weight.value;
        return RV_OK;
    }
    if (!strcmp(name, "d") || !strcmp(name, "delay")) {
        s->values = c->delay_parameter.value;
        return s->values ? RV_OK : copy_delays(run, probe, c);
    }
    for (int i = 0; optimiser && i < optimiser->num_moments; i++)
        if (optimiser->moment_name[i] && !strcmp(name, optimiser->moment_name[i])) {
            s->values = c->weight.moment[i];
            return RV_OK;
        }
    for (size_t i = 0; has_traces(run) && i < RV_NUM_TRACES; i++)
        if (!strcmp(name, traces[i])) {
            probe->tap.kind = RV_TAP_TRACE;
            probe->tap.offset = c->traces + i * c->links.rows.size;
            return RV_OK;
        }
    probe->tap.kind = RV_TAP_GRADIENT;
    s->of_delay = !strcmp(name, "DelayGradient");
    if (!has_gradient(run, s->of_delay ? &c->delay_parameter : &c->weight) ||
        (!s->of_delay && strcmp(name, run->model->rule->gradient)))
        return fail_unknown(run, c, name);
    if (!c->far)
        return RV_OK;
    return rv_fail(run->context, RV_ERR_UNSUPPORTED,
                   "connection '%s': %s cannot be recorded step by step, for its delays may be %u timesteps long, and "
                   "the adjoint is not kept for as many", c->connection->name, name, c->max_delay);
}

/* Room for the targets and places of a source's synapses. */
typedef struct scratch {
    uint32_t *targets;
    size_t *places;
    size_t max_targets, max_places;
} scratch;

static int note(rv_run *run, rv_probe *probe, size_t pair, size_t place)
{
    rv_tap_synapses *s = &probe->synapses;
    if (probe->index[pair] == RV_NO_SYNAPSE) {
        probe->index[pair] = place;
        return RV_OK;
    }
    const int error = rv_grow(run->context, &probe->more, &probe->max_more, s->num_more + 1, sizeof *probe->more,
                              "selected synapses");
    if (!error)
        probe->more[s->num_more++] = (rv_tap_synapse){pair, place};
    return error;
}

/* Where the synapses of one selected source are among the weights. */
static int find_of_source(rv_run *run, rv_probe *probe, const rv_plan_connection *c, size_t source,
                          const int32_t *column, scratch *room)
{
    const rv_connectivity_model *connectivity = c->connection->connectivity.model;
    const size_t num = connectivity->synapses(&c->links, probe->sources[source], NULL, NULL);
    int error = rv_grow(run->context, &room->targets, &room->max_targets, num, sizeof *room->targets, "synapses");
    if (!error)
        error = rv_grow(run->context, &room->places, &room->max_places, num, sizeof *room->places, "synapses");
    if (!error && num)
        connectivity->synapses(&c->links, probe->sources[source], room->targets, room->places);
    for (size_t k = 0; !error && k < num; k++) {
        const int32_t target = column[room->targets[k]];
        if (target >= 0)
            error = note(run, probe, source * probe->num_neurons + (size_t)target, room->places[k]);
    }
    return error;
}

/* Where the selected synapses are among the weights. */
static int find_synapses(rv_run *run, rv_probe *probe, const rv_plan_connection *c)
{
    scratch room = {.targets = NULL};
    size_t size;
    if (!rv_multiply(probe->num_sources, probe->num_neurons, &size))
        return rv_fail_memory(run->context, SIZE_MAX, "selected synapses");
    probe->index = rv_alloc(run->context, size, sizeof *probe->index, "selected synapses");
    probe->column = rv_probe_columns(run, c->links.num_source, probe->sources, probe->num_sources);
    int32_t *column = rv_probe_columns(run, c->links.num_target, probe->neurons, probe->num_neurons);
    int error = probe->index && probe->column && column ? RV_OK : RV_ERR_MEMORY;
    for (size_t i = 0; !error && i < size; i++)
        probe->index[i] = RV_NO_SYNAPSE;
    for (size_t i = 0; !error && i < probe->num_sources; i++)
        error = find_of_source(run, probe, c, i, column, &room);
    if (probe->delays)
        probe->synapses.num_more = 0; /* delays are alike */
    rv_free(column);
    rv_free(room.targets);
    rv_free(room.places);
    return error;
}

static int make(rv_run *run, rv_probe *probe, const rv_plan_connection *c, const rv_connection_probe_desc *desc)
{
    const rv_connection *connection = c->connection;
    int error = find_variable(run, probe, c, desc->name);
    if (!error)
        error = rv_probe_select_neurons(run, connection->source, &desc->sources, "sources", &probe->sources,
                                        &probe->num_sources);
    if (!error)
        error = rv_probe_select_neurons(run, connection->target, &desc->targets, "targets", &probe->neurons,
                                        &probe->num_neurons);
    if (!error)
        error = find_synapses(run, probe, c);
    probe->synapses.connection = c;
    probe->synapses.scale = c->links.scale;
    probe->synapses.source = probe->column;
    probe->synapses.num_sources = probe->num_sources;
    probe->synapses.index = probe->index;
    probe->synapses.more = probe->more;
    probe->tap.synapses = &probe->synapses;
    probe->tap.population = c->target;
    return error;
}

int rv_connection_probe_add(rv_probe **out, rv_run *run, const rv_connection_probe_desc *desc)
{
    *out = NULL;
    const rv_connection *connection = desc->connection;
    int error =
        rv_probe_check(run, connection ? connection->network : NULL, "connection", connection ? connection->name : "");
    if (!error && !desc->name)
        error = rv_fail(run->context, RV_ERR_ARGUMENT, "connection '%s': a probe needs the name of a variable",
                        connection->name);
    if (error)
        return error;
    rv_probe *probe = rv_alloc(run->context, 1, sizeof *probe, "probe");
    if (!probe)
        return RV_ERR_MEMORY;
    error = make(run, probe, rv_plan_find_connection(run->model, connection), desc);
    if (error) {
        rv_probe_free(probe);
        return error;
    }
    probe->sink = desc->sink;
    return rv_probe_add(out, run, probe, &desc->examples, &desc->timesteps);
}
