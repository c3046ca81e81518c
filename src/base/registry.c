#include "base/registry.h"

#include <stdio.h>

#include "base/error.h"
#include "base/name.h"

static const char *name_of(const void *model)
{
    return *(const char *const *)model;
}

const void *rv_registry_find(const rv_registry *registry, const char *name)
{
    for (size_t i = 0; name && i < registry->num; i++)
        if (rv_name_equal(name_of(registry->models[i]), name))
            return registry->models[i];
    return NULL;
}

const void *rv_registry_get(rv_context *context, const rv_registry *registry, const char *name)
{
    const void *model = rv_registry_find(registry, name);
    if (!model) {
        char known[512];
        rv_registry_list(registry, known, sizeof known);
        rv_fail(context, RV_ERR_NAME, "unknown %s '%s', expected one of: %s", registry->kind, name ? name : "(null)",
                known);
    }
    return model;
}

const void *rv_registry_at(const rv_registry *registry, int index)
{
    return index >= 0 && (size_t)index < registry->num ? registry->models[index] : NULL;
}

void rv_registry_list(const rv_registry *registry, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < registry->num && used < size; i++) {
        const int n = snprintf(text + used, size - used, "%s%s", i ? ", " : "", name_of(registry->models[i]));
        used += n > 0 ? (size_t)n : 0;
    }
}
