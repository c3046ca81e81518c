#include "compile/state.h"

#include <stdio.h>

#include "compile/custom_update.h"

typedef struct walk {
    rv_plan_visit_fn visit;
    void *user;
    char name[3 * RV_NAME_SIZE];
} walk;

/* An array of `owner`: "owner/part" or "owner/part/index". NULL data are no array. */
static int visit(walk *w, const char *owner, const char *part, rv_dtype dtype, void *data, size_t size)
{
    if (!data)
        return 0;
    snprintf(w->name, sizeof w->name, "%s/%s", owner, part);
    return w->visit(w->user, w->name, dtype, data, size);
}

static int visit_parameter(walk *w, const char *owner, const char *what, rv_plan_parameter *p, const rv_rows *rows)
{
    const struct {
        const char *name;
        rv_dtype dtype;
        void *data;
        size_t size;
    } parts[] = {
        {"value", RV_FLOAT32, p->value, rows->size},
        {"gradient", RV_FLOAT32, p->gradient, rows->size},
        {"accumulated", RV_FLOAT32, p->accumulated, rows->size},
        {"moving", RV_UINT8, p->moving, rows->num},
    };
    char part[64];
    int rc = 0;
    for (size_t i = 0; !rc && p->value && i < sizeof parts / sizeof *parts; i++) {
        snprintf(part, sizeof part, "%s/%s", what, parts[i].name);
        rc = visit(w, owner, part, parts[i].dtype, parts[i].data, parts[i].size);
    }
    for (int i = 0; !rc && p->value && i < RV_MAX_MOMENTS; i++) {
        snprintf(part, sizeof part, "%s/moment%d", what, i);
        rc = visit(w, owner, part, RV_FLOAT32, p->moment[i], rows->size);
    }
    return rc;
}

/* Variables that were added for custom updates, but for those of examples. */
static int visit_variables(walk *w, const char *owner, rv_plan_variable *list)
{
    char part[RV_NAME_SIZE + 16];
    int rc = 0;
    for (rv_plan_variable *v = list; v && !rc; v = v->next) {
        snprintf(part, sizeof part, "added/%s", v->name);
        rc = visit(w, owner, part, RV_FLOAT32, v->data, v->size);
    }
    return rc;
}

static int visit_connection(walk *w, rv_plan_connection *c)
{
    const rv_rows *rows = &c->links.rows;
    int rc = visit_parameter(w, c->connection->name, "weight", &c->weight, rows);
    if (!rc && c->deep_r) { /* who is connected to whom is learnt too */
        rc = visit(w, c->connection->name, "deep_r/sign", RV_FLOAT32, c->deep_r->sign, rows->size);
        if (!rc)
            rc = visit(w, c->connection->name, "deep_r/length", RV_UINT32, c->wiring->lengths, rows->num);
        if (!rc)
            rc = visit(w, c->connection->name, "deep_r/target", RV_UINT32, c->wiring->structure, rows->size);
    }
    if (!rc)
        rc = visit_parameter(w, c->connection->name, "delay", &c->delay_parameter, rows);
    return rc ? rc : visit_variables(w, c->connection->name, c->variables);
}

static int visit_population(walk *w, rv_plan_population *p)
{
    const char *name = p->population->name;
    char part[64];
    int rc = 0;
    for (int i = 0; !rc && i < p->model->num_params; i++)
        rc = visit(w, name, p->model->params[i].name, RV_FLOAT32, p->param[i], p->n);
    for (size_t g = 0; !rc && g < p->num_groups; g++)
        for (int i = 0; !rc && i < p->groups[g].model->num_params; i++) {
            snprintf(part, sizeof part, "synapse%zu/%s", g, p->groups[g].model->params[i].name);
            rc = visit(w, name, part, RV_FLOAT32, p->groups[g].param[i], p->n);
        }
    if (!rc)
        rc = visit_parameter(w, name, "learnt_bias", &p->bias, &p->bias.rows);
    return rc ? rc : visit_variables(w, name, p->variables);
}

static int visit_optimiser(walk *w, rv_plan_optimiser *o)
{
    rv_optimiser *optimiser = &o->optimiser;
    char owner[RV_NAME_SIZE + 16];
    snprintf(owner, sizeof owner, "optimiser/%s", o->name);
    int rc = visit(w, owner, "param", RV_FLOAT64, optimiser->param, (size_t)optimiser->model->num_params);
    if (!rc)
        rc = visit(w, owner, "clamp", RV_BOOL, &optimiser->clamp, 1);
    if (!rc)
        rc = visit(w, owner, "clamp_min", RV_FLOAT64, &optimiser->clamp_min, 1);
    if (!rc)
        rc = visit(w, owner, "clamp_max", RV_FLOAT64, &optimiser->clamp_max, 1);
    if (!rc)
        rc = visit(w, owner, "steps", RV_UINT64, &o->state.steps, 1);
    return rc ? rc : visit(w, owner, "memory", RV_FLOAT64, o->state.memory, RV_MAX_OPTIMISER_MEMORY);
}

int rv_plan_visit(rv_compiled_network *model, rv_plan_visit_fn visit_array, void *user)
{
    walk w = {.visit = visit_array, .user = user};
    int rc = 0;
    for (uint32_t i = 0; !rc && i < model->num_populations; i++)
        rc = visit_population(&w, &model->populations[i]);
    for (uint32_t i = 0; !rc && i < model->num_connections; i++)
        rc = visit_connection(&w, &model->connections[i]);
    for (size_t i = 0; !rc && i < model->num_optimisers; i++)
        rc = visit_optimiser(&w, &model->optimisers[i]);
    return rc ? rc : visit(&w, "optimiser", "accumulated", RV_UINT64, model->accumulated, 2);
}

void rv_plan_restored(rv_compiled_network *model)
{
    for (uint32_t i = 0; i < model->num_populations; i++) {
        rv_plan_update_coefficients(model, &model->populations[i]);
        rv_plan_update_flow(model, &model->populations[i]);
    }
    for (uint32_t i = 0; i < model->num_connections; i++)
        if (model->connections[i].delay_parameter.value)
            rv_plan_round_delays(&model->connections[i], 0, model->connections[i].links.rows.num);
}
