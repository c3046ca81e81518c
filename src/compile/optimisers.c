/* The optimisers of a compiled network and their parameters. */
#include <string.h>

#include "base/error.h"
#include "compile/plan.h"
#include "values/params.h"

const char *rv_compiled_network_optimiser(const rv_compiled_network *model, size_t index)
{
    for (size_t i = 0; i < model->num_optimisers; i++)
        if (model->optimisers[i].used && index-- == 0)
            return model->optimisers[i].name;
    return NULL;
}

/* `name` NULL = the first; NULL if there is none. */
static rv_plan_optimiser *look_up(const rv_compiled_network *model, const char *name)
{
    for (size_t i = 0; i < model->num_optimisers; i++)
        if (model->optimisers[i].used && (!name || !strcmp(model->optimisers[i].name, name)))
            return &model->optimisers[i];
    return NULL;
}

static int find_optimiser(const rv_compiled_network *model, const char *name, rv_plan_optimiser **out)
{
    if (!model->rule)
        return rv_fail(model->context, RV_ERR_STATE, "optimiser '%s': a network that does not learn has no optimiser",
                       name ? name : "optimiser");
    *out = look_up(model, name);
    return *out ? RV_OK : rv_fail(model->context, RV_ERR_NAME, "the network has no optimiser '%s'", name ? name : "");
}

bool rv_named_optimiser_has(const rv_compiled_network *model, const char *optimiser, const char *param)
{
    const rv_plan_optimiser *o = look_up(model, optimiser);
    return o && rv_param_find(o->optimiser.model->params, o->optimiser.model->num_params, param) >= 0;
}

static int find_param(const rv_compiled_network *model, const char *name, const char *param, rv_plan_optimiser **out,
                      int *row)
{
    int error = find_optimiser(model, name, out);
    if (error)
        return error;
    const rv_optimiser_model *optimiser = (*out)->optimiser.model;
    rv_value unused[RV_MAX_PARAMS];
    error = rv_param_set(model->context, optimiser->name, optimiser->params, optimiser->num_params, unused, param,
                         rv_const(0));
    *row = error ? -1 : rv_param_find(optimiser->params, optimiser->num_params, param);
    return error;
}

int rv_named_optimiser_param_get(const rv_compiled_network *model, const char *optimiser, const char *param,
                                 double *value)
{
    rv_plan_optimiser *found = NULL;
    int row = 0;
    const int error = find_param(model, optimiser, param, &found, &row);
    if (!error)
        *value = found->optimiser.param[row];
    return error;
}

int rv_named_optimiser_param_set(rv_compiled_network *model, const char *optimiser, const char *param, double value)
{
    rv_plan_optimiser *found = NULL;
    int row = 0;
    const int error = find_param(model, optimiser, param, &found, &row);
    return error ? error : rv_optimiser_set(&found->optimiser, model->context, param, value);
}

int rv_optimiser_param_get(const rv_compiled_network *model, const char *param, double *value)
{
    return rv_named_optimiser_param_get(model, NULL, param, value);
}

int rv_optimiser_param_set(rv_compiled_network *model, const char *param, double value)
{
    return rv_named_optimiser_param_set(model, NULL, param, value);
}

int rv_optimiser_steps(const rv_compiled_network *model, uint64_t *steps)
{
    rv_plan_optimiser *found = NULL;
    const int error = find_optimiser(model, NULL, &found);
    if (!error)
        *steps = found->state.steps;
    return error;
}
