/* A serialiser into an rv_state: whatever can be saved can be kept. */
#include "callbacks/weights.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/ndarray.h"

#define NAME_SIZE 512

static void join(char name[NAME_SIZE], const char *const *keys, size_t num_keys)
{
    size_t used = 0;
    name[0] = '\0';
    for (size_t i = 0; i < num_keys && used < NAME_SIZE; i++)
        used += (size_t)snprintf(name + used, NAME_SIZE - used, "%s%s", i ? "/" : "", keys[i]);
}

static int serialise(void *user, rv_context *context, const char *const *keys, size_t num_keys,
                     const rv_ndarray *array)
{
    (void)context;
    char name[NAME_SIZE];
    join(name, keys, num_keys);
    return rv_state_put(user, name, array->dtype, array->data, array->size);
}

static int deserialise(void *user, rv_context *context, const char *const *keys, size_t num_keys, rv_ndarray *out)
{
    char name[NAME_SIZE];
    join(name, keys, num_keys);
    const rv_ndarray *kept = rv_state_find(user, name);
    if (!kept)
        return rv_fail(context, RV_ERR_CHECKPOINT, "there is no '%s' among the weights that were kept", name);
    const int rc = rv_ndarray_create(out, context, kept->dtype, 1, &kept->size, name);
    if (rc == RV_OK && kept->size > 0)
        memcpy(out->data, kept->data, kept->size * rv_dtype_size(kept->dtype));
    return rc;
}

static rv_serialiser into(rv_state *kept)
{
    return (rv_serialiser){.name = "memory", .user = kept, .serialise = serialise, .deserialise = deserialise};
}

int rv_weights_keep(rv_state **kept, const rv_compiled_network *model)
{
    rv_state_free(*kept);
    *kept = NULL;
    int rc = rv_state_create(kept, rv_compiled_network_context(model));
    if (rc < 0)
        return rc;
    const rv_serialiser memory = into(*kept);
    return rv_compiled_network_save(model, &memory, NULL, 0);
}

int rv_weights_restore(rv_state *kept, rv_compiled_network *model)
{
    const rv_serialiser memory = into(kept);
    return rv_compiled_network_load(model, &memory, NULL, 0);
}
