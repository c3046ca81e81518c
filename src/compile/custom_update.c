/* Custom updates: references are resolved and checked when an update is added, so that triggering finds no fault but in
 * numbers. */
#include "compile/custom_update.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "base/error.h"

/* ---- groups ---- */

static const struct {
    const char *name;
    bool of_state;
    bool of_learning, of_eprop; /* only there where something learns, or learns with e-prop */
} library[RV_NUM_LIBRARY_GROUPS] = {
    [RV_GROUP_RESET] = {"Reset", true, false, false},
    [RV_GROUP_ZERO_OUT_POST] = {"ZeroOutPost", true, false, false},
    [RV_GROUP_GRADIENT_LEARN] = {"GradientLearn", false, true, false},
    [RV_GROUP_GRADIENT_BATCH_REDUCE] = {"GradientBatchReduce", false, true, false},
    [RV_GROUP_ZERO_GRADIENT] = {"ZeroGradient", false, true, false},
    [RV_GROUP_SOFTMAX1] = {"Softmax1", true, true, true},
    [RV_GROUP_SOFTMAX2] = {"Softmax2", true, true, true},
    [RV_GROUP_SOFTMAX3] = {"Softmax3", true, true, true},
};

static bool has_library_group(const rv_compiled_network *model, int group)
{
    return (!library[group].of_learning || model->rule) &&
           (!library[group].of_eprop || model->compiler == RV_COMPILER_EPROP);
}

/* Whether an update is the first of its group. */
static bool is_first(const rv_compiled_network *model, const rv_plan_update *update)
{
    const rv_plan_update *u = model->updates;
    while (u != update && strcmp(u->group, update->group))
        u = u->next;
    return u == update;
}

const char *rv_custom_update_group(const rv_compiled_network *model, size_t index)
{
    for (int i = 0; i < RV_NUM_LIBRARY_GROUPS; i++)
        if (has_library_group(model, i) && index-- == 0)
            return library[i].name;
    for (const rv_plan_update *u = model->updates; u; u = u->next)
        if (is_first(model, u) && index-- == 0)
            return u->group;
    return NULL;
}

static int fail_unknown(const rv_compiled_network *model, const char *group)
{
    char list[RV_ERROR_SIZE] = "";
    const char *name;
    size_t used = 0;
    for (size_t i = 0; (name = rv_custom_update_group(model, i)) && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", name);
    return rv_fail(model->context, RV_ERR_NAME, "there is no group of custom updates '%s', expected one of: %s",
                   group ? group : "(null)", list);
}

static int check_gradients(const rv_compiled_network *model)
{
    const rv_learning *l = &model->learning;
    return l->keep_gradients || l->clip_norm > 0 || l->accumulate > 1
               ? RV_OK
               : rv_fail(
                     model->context, RV_ERR_STATE,
                     "custom update group 'GradientLearn' learns from %s, which is kept only if keep_gradients is set",
                     model->rule->gradient);
}

int rv_plan_find_group(const rv_compiled_network *model, const char *group, rv_library_group *found, bool *of_state)
{
    bool any = false;
    *found = RV_NUM_LIBRARY_GROUPS;
    *of_state = false;
    for (int i = 0; group && i < RV_NUM_LIBRARY_GROUPS; i++)
        if (has_library_group(model, i) && !strcmp(group, library[i].name)) {
            *found = (rv_library_group)i;
            *of_state = library[i].of_state;
            return i == RV_GROUP_GRADIENT_LEARN ? check_gradients(model) : RV_OK;
        }
    for (const rv_plan_update *u = model->updates; group && u; u = u->next)
        if (!strcmp(group, u->group)) {
            *of_state |= u->per_example;
            any = true;
        }
    return any ? RV_OK : fail_unknown(model, group);
}

/* ---- variables of their own ---- */

static rv_plan_variable *find_variable(rv_plan_variable *list, const char *name)
{
    while (list && strcmp(list->name, name))
        list = list->next;
    return list;
}

static void fill(float *x, size_t n, float value)
{
    for (size_t j = 0; j < n; j++)
        x[j] = value;
}

int rv_plan_renew_variables(rv_compiled_network *model, rv_plan_connection *c)
{
    for (rv_plan_variable *v = c->variables; v; v = v->next) {
        float *data = v->single ? v->data : rv_arena_alloc(model->arena, c->links.rows.size, sizeof *data);
        if (!data)
            return RV_ERR_MEMORY;
        v->data = data;
        v->size = v->single ? v->size : c->links.rows.size;
        fill(data, v->size, v->initial);
    }
    for (rv_plan_update *u = model->updates; u; u = u->next)
        for (int k = 0; k < u->num_references; k++)
            if (u->references[k].shared.connection == c->connection && !u->references[k].single)
                u->n = c->wiring->num_weights;
    return RV_OK;
}

/* "VAvg", "VMax", ...: NULL if the readout has no such variable. */
static const rv_readout_variable *find_readout(const rv_plan_population *p, const char *name)
{
    for (int i = 0; p && p->readout && i < p->readout->num_variables; i++)
        if (!strcmp(name, p->readout->variables[i].name))
            return &p->readout->variables[i];
    return NULL;
}

static bool is_taken(rv_compiled_network *model, const rv_update_variable_desc *desc)
{
    size_t size;
    const rv_plan_population *p = rv_plan_find_population(model, desc->population);
    const rv_variable variable = {desc->population, desc->connection, desc->name};
    const bool state =
        p && (rv_plan_find_state(p, desc->name) != RV_NONE || find_variable(p->variables, desc->name) ||
              find_readout(p, desc->name) || !strcmp(desc->name, "Isyn") || !strcmp(desc->name, "Softmax"));
    return state || rv_variable_size(model, variable, &size) == RV_OK;
}

static int check_variable(rv_compiled_network *model, const rv_update_variable_desc *desc)
{
    rv_context *context = model->context;
    const rv_plan_connection *c = rv_plan_find_connection(model, desc->connection);
    if (!desc->name || !desc->name[0] || strlen(desc->name) >= RV_NAME_SIZE || strchr(desc->name, '/'))
        return rv_fail(context, RV_ERR_ARGUMENT, "update variable: name must have 1 to %d characters and no '/'",
                       RV_NAME_SIZE - 1);
    if (!desc->population == !desc->connection)
        return rv_fail(context, RV_ERR_ARGUMENT,
                       "update variable '%s': either a population or a connection is required", desc->name);
    if (!c && !rv_plan_find_population(model, desc->population))
        return rv_fail(context, RV_ERR_ARGUMENT, "update variable '%s': its owner is of another network", desc->name);
    if (!isfinite(desc->initial))
        return rv_fail(context, RV_ERR_VALUE, "update variable '%s': initial must be finite, got %g", desc->name,
                       (double)desc->initial);
    if (c && desc->per_example)
        return rv_fail(context, RV_ERR_ARGUMENT,
                       "update variable '%s': per_example is for populations; examples share connection '%s'",
                       desc->name, c->connection->name);
    if (c && c->deep_r)
        return rv_fail(context, RV_ERR_UNSUPPORTED, "update variable '%s': Deep R rewires connection '%s'", desc->name,
                       c->connection->name);
    if (model->num_engines)
        return rv_fail(context, RV_ERR_STATE,
                       "update variable '%s': variables are added before runs and simulations are prepared",
                       desc->name);
    if (is_taken(model, desc))
        return rv_fail(context, RV_ERR_NAME, "update variable '%s': %s '%s' has a variable of that name", desc->name,
                       c ? "connection" : "population", c ? c->connection->name : desc->population->name);
    return RV_OK;
}

/* A place in every block; the blocks' initial state grows with it. */
static int take_state(rv_compiled_network *model, rv_plan_variable *v)
{
    float *block = rv_arena_alloc(model->arena, model->block_size + v->size, sizeof *block);
    if (!block)
        return RV_ERR_MEMORY;
    memcpy(block, model->initial_block, model->block_size * sizeof *block);
    v->state = model->block_size;
    model->initial_block = block;
    model->block_size += v->size;
    fill(block + v->state, v->size, v->initial);
    return RV_OK;
}

int rv_update_variable_add(rv_compiled_network *model, const rv_update_variable_desc *desc)
{
    int error = check_variable(model, desc);
    if (error)
        return error;
    rv_plan_population *p = rv_plan_find_population(model, desc->population);
    rv_plan_connection *c = rv_plan_find_connection(model, desc->connection);
    rv_plan_variable *v = rv_arena_alloc(model->arena, 1, sizeof *v), **last = c ? &c->variables : &p->variables;
    if (!v)
        return RV_ERR_MEMORY;
    *v = (rv_plan_variable){
        .name = rv_arena_strdup(model->arena, desc->name),
        .single = desc->single,
        .size = desc->single ? 16
                : c          ? c->links.rows.size
                             : p->n_pad,
        .state = RV_NONE,
        .initial = desc->initial,
    };
    if (desc->per_example)
        error = take_state(model, v);
    else if ((v->data = rv_arena_alloc(model->arena, v->size, sizeof *v->data)))
        fill(v->data, v->size, v->initial);
    if (error || !v->name || (!desc->per_example && !v->data))
        return RV_ERR_MEMORY;
    while (*last)
        last = &(*last)->next;
    *last = v;
    return RV_OK;
}

/* ---- references ---- */

/* Appends a name to a list of them, if it is one. */
static void append(char *list, size_t capacity, const char *name)
{
    const size_t used = strlen(list);
    if (name && name[0] && used < capacity)
        snprintf(list + used, capacity - used, "%s%s", used ? ", " : "", name);
}

static bool has_softmax(const rv_compiled_network *model, const rv_plan_population *p)
{
    return model->compiler == RV_COMPILER_EPROP && p->readout;
}

static int fail_variable(const rv_compiled_network *model, const char *group, const rv_plan_population *p,
                         const char *name)
{
    char list[RV_ERROR_SIZE] = "";
    for (int i = 0; i < p->model->num_state; i++)
        append(list, sizeof list, p->model->state[i].internal);
    append(list, sizeof list, p->num_groups ? "Isyn" : NULL);
    append(list, sizeof list, p->input != RV_NONE ? "Input" : NULL);
    append(list, sizeof list, has_softmax(model, p) ? "Softmax" : NULL);
    for (int i = 0; p->readout && i < p->readout->num_variables; i++)
        append(list, sizeof list, p->readout->variables[i].name);
    for (int i = 0; i < p->model->num_params; i++)
        append(list, sizeof list, p->model->params[i].name);
    for (const rv_plan_variable *v = p->variables; v; v = v->next)
        append(list, sizeof list, v->name);
    return rv_fail(model->context, RV_ERR_NAME,
                   "custom update of group '%s': population '%s' has no variable '%s', expected one of: %s", group,
                   p->population->name, name, list);
}

/* What is shared by all examples, of a population or a connection. */
static int resolve_shared(const rv_compiled_network *model, const char *group, const rv_reference *given,
                          rv_plan_reference *out, size_t *n)
{
    bool read_only;
    const rv_plan_connection *c = rv_plan_find_connection(model, given->connection);
    const rv_plan_population *p = rv_plan_find_population(model, given->population);
    const rv_plan_variable *own = find_variable(c ? c->variables : p->variables, given->name);
    out->shared = (rv_variable){given->population, given->connection, given->name};
    const int error = rv_plan_variable_look(model, out->shared, n, &read_only);
    if (error == RV_ERR_NAME && p)
        return fail_variable(model, group, p, given->name);
    if (error)
        return error;
    out->kind = RV_REFERENCE_SHARED;
    out->single = own && own->single;
    out->shared.name = own ? own->name : rv_arena_strdup(model->arena, given->name);
    if (!out->shared.name)
        return RV_ERR_MEMORY;
    if (read_only && given->access != RV_ACCESS_READ)
        return rv_fail(model->context, RV_ERR_ARGUMENT, "custom update of group '%s': '%s' can only be read", group,
                       given->name);
    return RV_OK;
}

static int resolve(const rv_compiled_network *model, const char *group, const rv_reference *given,
                   rv_plan_reference *out, size_t *n)
{
    rv_context *context = model->context;
    const rv_plan_population *p = rv_plan_find_population(model, given->population);
    if (!given->population == !given->connection)
        return rv_fail(context, RV_ERR_ARGUMENT,
                       "custom update of group '%s': '%s' needs either a population or a connection", group,
                       given->name);
    if (!p && !rv_plan_find_connection(model, given->connection))
        return rv_fail(context, RV_ERR_ARGUMENT, "custom update of group '%s': '%s' is of another network", group,
                       given->name);
    if ((unsigned)given->access > RV_ACCESS_MAX_NEURONS)
        return rv_fail(context, RV_ERR_ARGUMENT,
                       "custom update of group '%s': access of '%s' must be one of rv_access, got %d", group,
                       given->name, (int)given->access);
    out->access = given->access;
    out->population = p ? given->population->index : 0;
    out->kind = RV_REFERENCE_STATE;
    *n = p ? p->n : 0;
    const rv_plan_variable *own = p ? find_variable(p->variables, given->name) : NULL;
    const bool softmax = p && !strcmp(given->name, "Softmax") && has_softmax(model, p);
    out->readout = find_readout(p, given->name);
    if (p && !strcmp(given->name, "Isyn") && p->num_groups)
        out->kind = RV_REFERENCE_ISYN;
    else if (out->readout)
        out->kind = RV_REFERENCE_READOUT;
    else if (softmax)
        out->offset = p->eprop.softmax;
    else if (own && own->state != RV_NONE)
        out->offset = own->state;
    else if (!p || (out->offset = rv_plan_find_state(p, given->name)) == RV_NONE)
        return resolve_shared(model, group, given, out, n);
    out->single = own && own->single;
    if ((softmax || out->kind != RV_REFERENCE_STATE) && given->access != RV_ACCESS_READ)
        return rv_fail(context, RV_ERR_ARGUMENT, "custom update of group '%s': '%s' can only be read", group,
                       given->name);
    return RV_OK;
}

/* Whether what an update does with a variable is possible, once it is known what the update is about. */
static int check_access(const rv_compiled_network *model, const rv_plan_update *u, const rv_plan_reference *r,
                        const char *name)
{
    const bool shared = r->kind == RV_REFERENCE_SHARED;
    const bool of_batch = r->access == RV_ACCESS_SUM_BATCH || r->access == RV_ACCESS_MAX_BATCH;
    const bool of_neurons = r->access == RV_ACCESS_SUM_NEURONS || r->access == RV_ACCESS_MAX_NEURONS;
    const char *wrong = NULL;
    if (r->access == RV_ACCESS_READ_WRITE && u->per_example && shared)
        wrong = "is shared by all examples, and written from each; expected a reduction over the batch";
    else if (r->access == RV_ACCESS_READ_WRITE && r->single && u->n > 1)
        wrong = "is a single number, and written from each element; expected a reduction over the neurons";
    else if (of_batch && !u->per_example)
        wrong = "is reduced over the batch, but the update reads no state of examples";
    else if (of_batch && !shared)
        wrong = "is reduced over the batch, but each example has its own; expected a variable that they share";
    else if (of_batch && r->single && u->n > 1)
        wrong = "is reduced over the batch, but a single number; expected one for each neuron";
    else if (of_neurons && !r->single)
        wrong = "is reduced over the neurons, but not a single number";
    else if (of_neurons && shared == u->per_example)
        wrong = u->per_example ? "is reduced over the neurons of each example; expected a variable per_example"
                               : "is reduced once for all examples; expected a variable that they share";
    return wrong ? rv_fail(model->context, RV_ERR_ARGUMENT, "custom update of group '%s': '%s' %s", u->group, name,
                           wrong)
                 : RV_OK;
}

/* ---- adding ---- */

static int check_desc(const rv_compiled_network *model, const rv_custom_update_desc *desc)
{
    if (!desc->group || !desc->group[0])
        return rv_fail(model->context, RV_ERR_ARGUMENT, "custom update: a group is required");
    for (int i = 0; i < RV_NUM_LIBRARY_GROUPS; i++)
        if (!strcmp(desc->group, library[i].name))
            return rv_fail(model->context, RV_ERR_NAME, "custom update: group '%s' is the library's own", desc->group);
    if (!desc->update || !desc->references[0].name)
        return rv_fail(model->context, RV_ERR_ARGUMENT,
                       "custom update of group '%s': a function and at least one reference are required", desc->group);
    return RV_OK;
}

static int resolve_all(const rv_compiled_network *model, const rv_custom_update_desc *desc, rv_plan_update *u)
{
    bool any = false;
    u->n = 1;
    for (int i = 0; i < RV_MAX_REFERENCES && desc->references[i].name; i++) {
        rv_plan_reference *r = &u->references[u->num_references++];
        size_t n;
        const int error = resolve(model, desc->group, &desc->references[i], r, &n);
        if (error)
            return error;
        u->per_example |= r->kind != RV_REFERENCE_SHARED;
        if (r->single)
            continue;
        if (any && n != u->n)
            return rv_fail(model->context, RV_ERR_SHAPE,
                           "custom update of group '%s': '%s' has %zu elements, those before it have %zu", desc->group,
                           desc->references[i].name, n, u->n);
        u->n = n;
        any = true;
    }
    for (int i = 0; i < u->num_references; i++) {
        const int error = check_access(model, u, &u->references[i], desc->references[i].name);
        if (error)
            return error;
    }
    return RV_OK;
}

int rv_custom_update_add(rv_compiled_network *model, const rv_custom_update_desc *desc)
{
    int error = check_desc(model, desc);
    if (error)
        return error;
    rv_plan_update *u = rv_arena_alloc(model->arena, 1, sizeof *u), **last = &model->updates;
    if (!u || !(u->group = rv_arena_strdup(model->arena, desc->group)))
        return RV_ERR_MEMORY;
    u->update = desc->update;
    u->user = desc->user;
    error = resolve_all(model, desc, u);
    if (error)
        return error;
    while (*last)
        last = &(*last)->next;
    *last = u;
    return RV_OK;
}
