/* mlGeNN's Numpy serialiser: one .npy file per array, its keys joined with '-'; and a manifest per checkpoint. */
#include <ranvier/store.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/checkpoint.h"
#include "store/folder.h"

/* The name of a file: keys joined with '-'; NULL with the detail in the context. */
static char *join(rv_context *context, const char *folder, const char *const *keys, size_t num_keys, int *rc)
{
    *rc = RV_ERR_ARGUMENT;
    if (num_keys == 0) {
        rv_fail(context, RV_ERR_ARGUMENT, "%s: an array needs at least one key", folder);
        return NULL;
    }
    char *name = NULL;
    for (size_t i = 0; i < num_keys; i++) {
        if (!keys[i] || !*keys[i] || strchr(keys[i], '/')) {
            rv_fail(context, RV_ERR_ARGUMENT, "%s: '%s' cannot be part of a file name", folder,
                    keys[i] ? keys[i] : "(null)");
            rv_free(name);
            return NULL;
        }
        char *longer = rv_format(context, "%s%s%s", name ? name : "", name ? "-" : "", keys[i]);
        rv_free(name);
        if (!longer) {
            *rc = RV_ERR_MEMORY;
            return NULL;
        }
        name = longer;
    }
    return name;
}

/* folder/key-key-....npy, or NULL with the detail in the context. */
static char *make_path(rv_context *context, const char *folder, const char *const *keys, size_t num_keys, int *rc)
{
    char *name = join(context, folder, keys, num_keys, rc);
    if (!name)
        return NULL;
    char *path = rv_format(context, "%s/%s.npy", folder, name);
    *rc = path ? RV_OK : RV_ERR_MEMORY;
    rv_free(name);
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

static int read_array(const char *folder, rv_context *context, const char *const *keys, size_t num_keys,
                      rv_ndarray *out)
{
    int rc;
    char *path = make_path(context, folder, keys, num_keys, &rc);
    if (!path)
        return rc;
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: there is no such array", path);
    else
        rc = rv_npy_read(out, context, path);
    rv_free(path);
    return rc;
}

/* ---- checkpoints ---- */

/* The keys with the marked checkpoint's instead of a mark; *owned is freed with rv_free, and so is *key. */
static int resolve(const char *folder, rv_context *context, const char *const *keys, size_t num_keys,
                   const char ***owned, char **key)
{
    *owned = NULL;
    *key = NULL;
    int rc = num_keys > 0 && keys[0] && *keys[0] && !strchr(keys[0], '/')
                 ? rv_checkpoint_get_mark(key, context, folder, keys[0])
                 : 0;
    if (rc < 0)
        return rc;
    *owned = rv_alloc(context, num_keys, sizeof **owned, "keys");
    if (!*owned) {
        rv_free(*key);
        *key = NULL;
        return RV_ERR_MEMORY;
    }
    for (size_t i = 0; i < num_keys; i++)
        (*owned)[i] = i == 0 && *key ? *key : keys[i];
    return RV_OK;
}

static int deserialise(void *user, rv_context *context, const char *const *keys, size_t num_keys, rv_ndarray *out)
{
    char *key;
    const char **resolved;
    int rc = resolve(user, context, keys, num_keys, &resolved, &key);
    if (rc == RV_OK)
        rc = read_array(user, context, resolved, num_keys, out);
    rv_free(resolved);
    rv_free(key);
    return rc;
}

static int begin(void *user, rv_context *context, const char *const *keys, size_t num_keys)
{
    int rc;
    char *name = join(context, user, keys, num_keys, &rc);
    if (name)
        rc = rv_checkpoint_begin(context, user, name);
    rv_free(name);
    return rc;
}

static int commit(void *user, rv_context *context, const char *const *keys, size_t num_keys, const char *const *names,
                  size_t num_names)
{
    int rc;
    char *name = join(context, user, keys, num_keys, &rc);
    char **files = name ? rv_alloc(context, num_names, sizeof *files, "names of files") : NULL;
    if (name)
        rc = files ? RV_OK : RV_ERR_MEMORY;
    for (size_t i = 0; rc == RV_OK && i < num_names; i++)
        if (!(files[i] = rv_format(context, "%s-%s.npy", name, names[i])))
            rc = RV_ERR_MEMORY;
    if (rc == RV_OK)
        rc = rv_checkpoint_commit(context, user, name, (const char *const *)files, num_names);
    for (size_t i = 0; files && i < num_names; i++)
        rv_free(files[i]);
    rv_free(files);
    rv_free(name);
    return rc;
}

static int verify(void *user, rv_context *context, const char *const *keys, size_t num_keys)
{
    char *key, *name = NULL;
    const char **resolved;
    int rc = resolve(user, context, keys, num_keys, &resolved, &key);
    if (rc == RV_OK && (name = join(context, user, resolved, num_keys, &rc)))
        rc = rv_checkpoint_verify(context, user, name);
    rv_free(name);
    rv_free(resolved);
    rv_free(key);
    return rc;
}

rv_serialiser rv_numpy_serialiser(const char *folder)
{
    return (rv_serialiser){
        .name = "Numpy",
        .user = (void *)(uintptr_t)folder, /* only read */
        .serialise = serialise,
        .deserialise = deserialise,
        .begin = begin,
        .commit = commit,
        .verify = verify,
    };
}

rv_serialiser rv_foreign_numpy_serialiser(const char *folder)
{
    rv_serialiser foreign = rv_numpy_serialiser(folder);
    foreign.name = "foreign Numpy";
    foreign.verify = NULL;
    return foreign;
}
