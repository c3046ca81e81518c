/* Finding neuron models by name, and setting their parameters by name. */
#include "base/error.h"
#include "base/registry.h"
#include "values/params.h"
#include "neurons/custom.h"
#include "neurons/registry.h"

static const void *const models[] = {
#define X(model) &model,
    RV_NEURONS(X)
#undef X
};
static const rv_registry registry = {"neuron", models, sizeof models / sizeof models[0]};

const rv_neuron_model *rv_neuron_model_at(int index)
{
    return rv_registry_at(&registry, index);
}

const char *rv_neuron_model_name(const rv_neuron_model *model)
{
    return model->name;
}

rv_fed rv_neuron_model_fed(const rv_neuron_model *model)
{
    return !model->is_input ? RV_FED_BY_CONNECTIONS : model->takes_values ? RV_FED_VALUES : RV_FED_SPIKES;
}

const rv_param *rv_neuron_model_params(const rv_neuron_model *model, int *num)
{
    *num = model->num_params;
    return model->params;
}

int rv_neuron_by_name(rv_neuron *out, rv_context *context, const char *name)
{
    *out = (rv_neuron){.model = rv_registry_get(context, &registry, name)};
    return out->model ? RV_OK : RV_ERR_NAME;
}

int rv_neuron_set(rv_neuron *neuron, rv_context *context, const char *param, rv_value value)
{
    if (neuron->custom)
        return rv_param_set(context, neuron->custom->name, neuron->custom->params, (int)neuron->custom->num_params,
                            neuron->value, param, value);
    if (!neuron->model)
        return rv_fail(context, RV_ERR_ARGUMENT, "cannot set '%s' of a neuron without a model", param);
    return rv_param_set(context, neuron->model->name, neuron->model->params, neuron->model->num_params, neuron->value,
                        param, value);
}
