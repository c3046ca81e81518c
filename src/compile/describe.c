/* The plan in words. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "compile/plan.h"
#include "connectivity/model.h"

typedef struct text {
    rv_context *context;
    char *chars;
    size_t used, capacity;
    int error;
} text;

__attribute__((format(printf, 2, 3))) static void say(text *t, const char *format, ...)
{
    va_list args;
    char line[512];
    va_start(args, format);
    const int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    const size_t length = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    if (t->error || (t->error = rv_grow(t->context, &t->chars, &t->capacity, t->used + length + 1, 1, "description")))
        return;
    memcpy(t->chars + t->used, line, length + 1);
    t->used += length;
}

static void describe_population(text *t, const rv_compiled_network *model, const rv_plan_population *p)
{
    say(t, "  %-16s %s, ", p->population->name, p->model->name);
    for (int i = 0; i < p->population->num_dims; i++)
        say(t, "%s%zu", i ? " x " : "", p->population->shape[i]);
    say(t, " neurons");
    if (p->readout)
        say(t, ", readout %s", p->readout->name);
    if (p->num_groups)
        say(t, ", %zu synapse group%s", p->num_groups, p->num_groups == 1 ? "" : "s");
    if (p->has_outgoing && !p->model->is_input && model->compiler == RV_COMPILER_EVENTPROP)
        say(t, ", learns through its spikes");
    say(t, "\n");
}

static void describe_connection(text *t, const rv_compiled_network *model, const rv_plan_connection *c)
{
    const rv_plan_group *group = &model->populations[c->target].groups[c->group];
    say(t, "  %-16s %s -> %s, %s, %zu weights, %s", c->connection->name, c->connection->source->name,
        c->connection->target->name, c->connection->connectivity.model->name, c->wiring->num_weights,
        group->model->name);
    if (group->model->tau >= 0)
        say(t, " tau %g ms", (double)group->param[group->model->tau][0]);
    if (c->delays || c->delay)
        say(t, ", %s %u timesteps%s", c->delays ? "delays up to" : "delay", c->delays ? c->max_delay : c->delay,
            c->far ? " (spikes on their way are kept one by one)" : "");
    if (c->connection->frozen)
        say(t, ", frozen");
    say(t, "\n");
}

static const char *compiler_name(const rv_compiled_network *model)
{
    if (model->rule)
        return model->rule->name;
    return model->compiler == RV_COMPILER_FEW_SPIKE ? "few-spike" : "inference";
}

static void describe_optimiser(text *t, const rv_plan_optimiser *o)
{
    const rv_optimiser *optimiser = &o->optimiser;
    if (!o->used)
        return;
    say(t, "%s: %s", o->name, rv_optimiser_name(optimiser));
    for (int i = 0; rv_optimiser_param_name(optimiser, i); i++)
        say(t, "%s %s %g", i ? "," : "", rv_optimiser_param_name(optimiser, i), optimiser->param[i]);
    if (optimiser->clamp)
        say(t, ", within [%g, %g]", optimiser->clamp_min, optimiser->clamp_max);
    say(t, "\n");
}

int rv_compiled_network_describe(char **out, const rv_compiled_network *model)
{
    text t = {.context = model->context};
    *out = NULL;
    say(&t, "compiler: %s, %u timesteps of %g ms, batches of %zu\n",
        compiler_name(model), model->num_steps, model->dt, model->batch_size);
    say(&t, "populations:\n");
    for (uint32_t i = 0; i < model->num_populations; i++)
        describe_population(&t, model, &model->populations[i]);
    say(&t, "connections, in the order in which their spikes are summed:\n");
    for (uint32_t i = 0; i < model->num_connections; i++)
        describe_connection(&t, model, &model->connections[i]);
    if (model->rule) {
        for (size_t i = 0; i < model->num_optimisers; i++)
            describe_optimiser(&t, &model->optimisers[i]);
        say(&t, "gradient: %s schedule, %zu leaves\n",
            model->rows          ? "rows"
            : model->after_sweep ? "examples"
                                 : "slots",
            model->num_leaves);
    }
    say(&t, "instruction set: %s, threads: %d\n", rv_isa_name(model->context->isa), model->context->num_threads);
    say(&t, "memory: %.3f MB of weights, parameters and learning state\n",
        (double)rv_compiled_network_memory(model) / 1e6);
    if (t.error) {
        rv_free(t.chars);
        return t.error;
    }
    *out = t.chars;
    return RV_OK;
}

void rv_string_free(char *string)
{
    rv_free(string);
}
