/* Finding optimisers by name, and their parameters. */
#include "base/error.h"
#include "base/registry.h"
#include "values/params.h"
#include "optimise/model.h"

static const void *const models[] = {&rv_adam_model};
static const rv_registry registry = {"optimiser", models, sizeof models / sizeof models[0]};

const rv_optimiser_model *rv_optimiser_model_of(const rv_optimiser *optimiser)
{
    return optimiser->model ? optimiser->model : &rv_adam_model;
}

static void set_defaults(rv_optimiser *optimiser)
{
    for (int i = 0; i < optimiser->model->num_params; i++)
        optimiser->param[i] = optimiser->model->params[i].value[RV_CLASS_DEFAULTS];
}

int rv_optimiser_by_name(rv_optimiser *out, rv_context *context, const char *name)
{
    *out = (rv_optimiser){.model = rv_registry_get(context, &registry, name)};
    if (!out->model)
        return RV_ERR_NAME;
    set_defaults(out);
    return RV_OK;
}

int rv_optimiser_set(rv_optimiser *optimiser, rv_context *context, const char *param, double value)
{
    if (!optimiser->model) {
        optimiser->model = &rv_adam_model;
        set_defaults(optimiser);
    }
    const rv_optimiser_model *model = optimiser->model;
    rv_value values[RV_MAX_PARAMS];
    const int error = rv_param_set(context, model->name, model->params, model->num_params, values, param,
                                   rv_const(value));
    if (error)
        return error;
    const int row = rv_param_find(model->params, model->num_params, param);
    if (!rv_param_in_range(&model->params[row], value))
        return rv_param_fail_range(context, &model->params[row], value, model->name);
    optimiser->param[row] = value;
    return RV_OK;
}

int rv_optimiser_resolve(rv_context *context, rv_optimiser *optimiser, const char *what)
{
    if (!optimiser->model) {
        optimiser->model = &rv_adam_model;
        set_defaults(optimiser);
    }
    for (int i = 0; i < optimiser->model->num_params; i++)
        if (!rv_param_in_range(&optimiser->model->params[i], optimiser->param[i]))
            return rv_param_fail_range(context, &optimiser->model->params[i], optimiser->param[i], what);
    return RV_OK;
}

const char *rv_optimiser_name(const rv_optimiser *optimiser)
{
    return rv_optimiser_model_of(optimiser)->name;
}

const char *rv_optimiser_param_name(const rv_optimiser *optimiser, int index)
{
    const rv_optimiser_model *model = rv_optimiser_model_of(optimiser);
    return index >= 0 && index < model->num_params ? model->params[index].name : NULL;
}
