/* Finding connectivity models by name. */
#include "base/registry.h"
#include "connectivity/model.h"

static const void *const models[] = {&rv_dense_model};
static const rv_registry registry = {"connectivity", models, sizeof models / sizeof models[0]};

int rv_connectivity_by_name(rv_connectivity *out, rv_context *context, const char *name)
{
    *out = (rv_connectivity){.model = rv_registry_get(context, &registry, name)};
    return out->model ? RV_OK : RV_ERR_NAME;
}
