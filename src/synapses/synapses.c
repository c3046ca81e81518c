/* Finding synapse models by name, and setting their parameters by name. */
#include "base/error.h"
#include "base/registry.h"
#include "values/params.h"
#include "synapses/model.h"

static const void *const models[] = {&rv_delta_model, &rv_exponential_model};
static const rv_registry registry = {"synapse", models, sizeof models / sizeof models[0]};

const rv_synapse_model *rv_synapse_model_at(int index)
{
    return rv_registry_at(&registry, index);
}

const char *rv_synapse_model_name(const rv_synapse_model *model)
{
    return model->name;
}

const rv_param *rv_synapse_model_params(const rv_synapse_model *model, int *num)
{
    *num = model->num_params;
    return model->params;
}

int rv_synapse_by_name(rv_synapse *out, rv_context *context, const char *name)
{
    *out = (rv_synapse){.model = rv_registry_get(context, &registry, name)};
    return out->model ? RV_OK : RV_ERR_NAME;
}

int rv_synapse_set(rv_synapse *synapse, rv_context *context, const char *param, rv_value value)
{
    const rv_synapse_model *model = synapse->model;
    if (!model)
        return rv_fail(context, RV_ERR_ARGUMENT, "cannot set '%s' of a synapse without a model", param);
    return rv_param_set(context, model->name, model->params, model->num_params, synapse->value, param, value);
}
