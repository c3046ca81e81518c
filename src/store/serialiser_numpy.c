/* mlGeNN's Numpy serialiser: one .npy file per array, its keys joined with '-'. */
#include <ranvier/store.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/folder.h"

/* folder/key-key-....npy, or NULL with the detail in the context. */
static char *make_path(rv_context *context, const char *folder, const char *const *keys, size_t num_keys, int *rc)
{
    *rc = RV_ERR_ARGUMENT;
    if (num_keys == 0) {
        rv_fail(context, RV_ERR_ARGUMENT, "%s: an array needs at least one key", folder);
        return NULL;
    }
    char *path = NULL;
    for (size_t i = 0; i < num_keys; i++) {
        if (!keys[i] || !*keys[i] || strchr(keys[i], '/')) {
            rv_fail(context, RV_ERR_ARGUMENT, "%s: '%s' cannot be part of a file name", folder,
                    keys[i] ? keys[i] : "(null)");
            rv_free(path);
            return NULL;
        }
        char *longer = rv_format(context, "%s%s%s%s", path ? path : folder, path ? "-" : "/", keys[i],
                                 i + 1 == num_keys ? ".npy" : "");
        rv_free(path);
        if (!longer) {
            *rc = RV_ERR_MEMORY;
            return NULL;
        }
        path = longer;
    }
    return path;
}

static int serialise(void *user, rv_context *context, const char *const *keys, size_t num_keys,
                     const rv_ndarray *array)
{
    int rc;
    char *path = make_path(context, user, keys, num_keys, &rc);
    if (!path)
        return rc;
    if ((rc = rv_folder_make(context, user)) == RV_OK)
        rc = rv_npy_write(context, path, array);
    rv_free(path);
    return rc;
}

static int deserialise(void *user, rv_context *context, const char *const *keys, size_t num_keys, rv_ndarray *out)
{
    int rc;
    char *path = make_path(context, user, keys, num_keys, &rc);
    if (!path)
        return rc;
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: there is no such array", path);
    else
        rc = rv_npy_read(out, context, path);
    rv_free(path);
    return rc;
}

rv_serialiser rv_numpy_serialiser(const char *folder)
{
    return (rv_serialiser){
        .name = "Numpy",
        .user = (void *)(uintptr_t)folder, /* only read */
        .serialise = serialise,
        .deserialise = deserialise,
    };
}
