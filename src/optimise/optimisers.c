/* Finding optimisers by name, their parameters, and what all of them do the same way. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/registry.h"
#include "optimise/model.h"
#include "values/numbers.h"

static const void *const models[] = {&rv_adam_model, &rv_adamw_model, &rv_sgd_model};
static const rv_registry registry = {"optimiser", models, sizeof models / sizeof models[0]};

const rv_optimiser_model *rv_optimiser_model_of(const rv_optimiser *optimiser)
{
    return optimiser->model ? optimiser->model : &rv_adam_model;
}

static void set_defaults(rv_optimiser *optimiser, const rv_optimiser_model *model)
{
    optimiser->model = model;
    rv_numbers_default(model->params, model->num_params, optimiser->param);
}

int rv_optimiser_by_name(rv_optimiser *out, rv_context *context, const char *name)
{
    const rv_optimiser_model *model = rv_registry_get(context, &registry, name);
    *out = (rv_optimiser){.model = model};
    if (!model)
        return RV_ERR_NAME;
    set_defaults(out, model);
    return RV_OK;
}

static int set_clamp(rv_optimiser *optimiser, rv_context *context, const char *param, double value)
{
    if (isnan(value))
        return rv_fail(context, RV_ERR_VALUE, "%s: %s must be a number, got %g", rv_optimiser_name(optimiser), param,
                       value);
    if (!optimiser->clamp) {
        optimiser->clamp = true;
        optimiser->clamp_min = -HUGE_VAL;
        optimiser->clamp_max = HUGE_VAL;
    }
    *(strcmp(param, "clamp_min") ? &optimiser->clamp_max : &optimiser->clamp_min) = value;
    return RV_OK;
}

int rv_optimiser_set(rv_optimiser *optimiser, rv_context *context, const char *param, double value)
{
    if (!optimiser->model)
        set_defaults(optimiser, &rv_adam_model);
    if (!strcmp(param, "clamp_min") || !strcmp(param, "clamp_max"))
        return set_clamp(optimiser, context, param, value);
    const rv_optimiser_model *model = optimiser->model;
    return rv_numbers_set(context, model->name, model->params, model->num_params, optimiser->param, param, value);
}

int rv_optimiser_resolve(rv_context *context, rv_optimiser *optimiser, const char *what)
{
    if (!optimiser->model)
        set_defaults(optimiser, &rv_adam_model);
    const rv_optimiser_model *model = optimiser->model;
    if (!model->name || !model->row || model->num_params < 0 || model->num_params > RV_MAX_OPTIMISER_PARAMS ||
        model->num_moments < 0 || model->num_moments > RV_MAX_MOMENTS)
        return rv_fail(context, RV_ERR_ARGUMENT,
                       "%s: the table of %s must have a name, a row, at most %d parameters and %d moments", what,
                       model->name ? model->name : "an optimiser", RV_MAX_OPTIMISER_PARAMS, RV_MAX_MOMENTS);
    if (optimiser->clamp && !(optimiser->clamp_min <= optimiser->clamp_max))
        return rv_fail(context, RV_ERR_VALUE, "%s: clamp_min must be <= clamp_max, got %g and %g", what,
                       optimiser->clamp_min, optimiser->clamp_max);
    return rv_numbers_check(context, model->params, model->num_params, optimiser->param, what);
}

void rv_optimiser_begin(const rv_optimiser *optimiser, rv_optimiser_state *state)
{
    *state = (rv_optimiser_state){0};
    if (optimiser->model->begin)
        optimiser->model->begin(state);
}

void rv_optimiser_next(const rv_optimiser *optimiser, rv_optimiser_state *state,
                       float constant[RV_MAX_OPTIMISER_CONSTANTS])
{
    state->steps++;
    memset(constant, 0, RV_MAX_OPTIMISER_CONSTANTS * sizeof *constant);
    if (optimiser->model->step)
        optimiser->model->step(constant, state, optimiser->param);
}

void rv_optimiser_learn(const rv_optimiser *optimiser, const rv_optimiser_row *row, size_t num)
{
    optimiser->model->row(row);
    if (!optimiser->clamp)
        return;
    const float min = (float)optimiser->clamp_min, max = (float)optimiser->clamp_max;
    for (size_t j = 0; j < num; j++)
        row->w[j] = row->w[j] < min ? min : row->w[j] > max ? max : row->w[j];
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

const rv_optimiser_model *rv_optimiser_model_at(int index)
{
    return rv_registry_at(&registry, index);
}
