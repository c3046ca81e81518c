/* Finding connectivity models, by name and for help. */
#include "base/registry.h"
#include "connectivity/model.h"

static const void *const models[] = {
    &rv_dense_model,          &rv_one_to_one_model, &rv_fixed_probability_model,
    &rv_sparse_model,         &rv_conv2d_model,     &rv_conv2d_transpose_model,
    &rv_avg_pool2d_model,     &rv_avg_pool_conv2d_model, &rv_avg_pool_dense2d_model,
};
static const rv_registry registry = {"connectivity", models, sizeof models / sizeof models[0]};

int rv_connectivity_by_name(rv_connectivity *out, rv_context *context, const char *name)
{
    *out = (rv_connectivity){.model = rv_registry_get(context, &registry, name)};
    return out->model ? RV_OK : RV_ERR_NAME;
}

const rv_connectivity_model *rv_connectivity_model_at(int index)
{
    return rv_registry_at(&registry, index);
}

const char *rv_connectivity_model_name(const rv_connectivity_model *model)
{
    return model->name;
}

const char *rv_connectivity_model_help(const rv_connectivity_model *model)
{
    return model->help;
}

bool rv_connectivity_model_needs_weight(const rv_connectivity_model *model)
{
    return !model->fixed;
}
