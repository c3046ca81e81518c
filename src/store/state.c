#include "store/state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/npz.h"
#include "store/source.h"

#define MAX_NAME 512 /* bytes of a whole name with its 0 */

typedef struct item {
    char *name; /* with its scope */
    rv_ndarray array;
    bool lent; /* data are somebody else's */
    bool used;
} item;

struct rv_state {
    rv_context *context;
    char *path; /* that it was read from, for messages; NULL = it is being made */
    char scope[MAX_NAME];
    item *items;
    size_t num, capacity;
};

int rv_state_create(rv_state **out, rv_context *context)
{
    rv_state *state = *out = rv_alloc(context, 1, sizeof *state, "the state of a run");
    if (!state)
        return RV_ERR_MEMORY;
    state->context = context;
    return RV_OK;
}

void rv_state_free(rv_state *state)
{
    if (!state)
        return;
    for (size_t i = 0; i < state->num; i++) {
        rv_free(state->items[i].name);
        if (!state->items[i].lent)
            rv_ndarray_clear(&state->items[i].array);
    }
    rv_free(state->items);
    rv_free(state->path);
    rv_free(state);
}

int rv_state_set_scope(rv_state *state, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(state->scope, sizeof state->scope, format, args);
    va_end(args);
    return length < MAX_NAME ? RV_OK : rv_fail(state->context, RV_ERR_NAME, "'%s...' is too long", state->scope);
}

bool rv_state_has_scope(const rv_state *state)
{
    for (size_t i = 0; i < state->num; i++)
        if (!strncmp(state->items[i].name, state->scope, strlen(state->scope)))
            return true;
    return false;
}

static item *find(const rv_state *state, const char *name)
{
    const size_t length = strlen(state->scope);
    for (size_t i = 0; i < state->num; i++)
        if (!strncmp(state->items[i].name, state->scope, length) && !strcmp(state->items[i].name + length, name))
            return &state->items[i];
    return NULL;
}

/* ---- saving ---- */

/* Takes `name` over, also on failure. */
static int append(rv_state *state, char *name, const rv_ndarray *array, bool lent)
{
    int rc = name ? RV_OK : RV_ERR_MEMORY;
    if (rc == RV_OK)
        rc = rv_grow(state->context, &state->items, &state->capacity, state->num + 1, sizeof *state->items,
                     "the state of a run");
    if (rc < 0) {
        rv_free(name);
        return rc;
    }
    state->items[state->num++] = (item){.name = name, .array = *array, .lent = lent};
    return RV_OK;
}

static int add(rv_state *state, const char *name, const rv_ndarray *array, bool lent)
{
    if (find(state, name))
        return rv_fail(state->context, RV_ERR_NAME, "%s%s is saved twice", state->scope, name);
    return append(state, rv_format(state->context, "%s%s", state->scope, name), array, lent);
}

static rv_ndarray flat(rv_dtype dtype, const void *data, size_t size)
{
    return (rv_ndarray){dtype, 1, {size}, size, (void *)(uintptr_t)data}; /* only read */
}

int rv_state_lend(rv_state *state, const char *name, rv_dtype dtype, const void *data, size_t size)
{
    const rv_ndarray array = flat(dtype, data, size);
    return add(state, name, &array, true);
}

int rv_state_put(rv_state *state, const char *name, rv_dtype dtype, const void *data, size_t size)
{
    const size_t bytes = rv_dtype_size(dtype);
    if (!bytes)
        return rv_fail(state->context, RV_ERR_ARGUMENT, "%s%s: unknown element type %d", state->scope, name,
                       (int)dtype);
    void *copy = rv_alloc(state->context, size, bytes, name);
    if (!copy)
        return RV_ERR_MEMORY;
    if (size > 0)
        memcpy(copy, data, size * bytes);
    const rv_ndarray array = flat(dtype, copy, size);
    const int rc = add(state, name, &array, false);
    if (rc < 0)
        rv_free(copy);
    return rc;
}

int rv_state_write(const rv_state *state, const char *path)
{
    rv_npz *npz = NULL;
    int rc = rv_npz_create(&npz, state->context, path);
    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == RV_OK && i < state->num; i++)
        rc = rv_npz_add(npz, state->items[i].name, &state->items[i].array);
    if (rc == RV_OK)
        return rv_npz_commit(npz);
    rv_npz_abort(npz);
    return rc;
}

/* ---- loading ---- */

const rv_ndarray *rv_state_find(rv_state *state, const char *name)
{
    item *found = find(state, name);
    if (!found)
        return NULL;
    found->used = true;
    return &found->array;
}

static int get(rv_state *state, const char *name, const rv_ndarray **out)
{
    *out = rv_state_find(state, name);
    return *out ? RV_OK
                : rv_fail(state->context, RV_ERR_CHECKPOINT, "%s: there is no '%s%s'",
                          state->path ? state->path : "state", state->scope, name);
}

int rv_state_size(rv_state *state, const char *name, size_t *size)
{
    const rv_ndarray *array;
    const int rc = get(state, name, &array);
    if (rc == RV_OK)
        *size = array->size;
    return rc;
}

int rv_state_get(rv_state *state, const char *name, rv_dtype dtype, void *data, size_t size)
{
    const rv_ndarray *array;
    const int rc = get(state, name, &array);
    if (rc < 0)
        return rc;
    if (array->size != size || array->dtype != dtype)
        return rv_fail(state->context, RV_ERR_CHECKPOINT, "%s: '%s%s' has %zu %s, expected %zu",
                       state->path ? state->path : "state", state->scope, name, array->size,
                       array->dtype == dtype ? "elements" : "elements of another type", size);
    if (size > 0)
        memcpy(data, array->data, size * rv_dtype_size(dtype));
    return RV_OK;
}

int rv_state_put_all(rv_state *state, const char *prefix, const rv_state *from)
{
    int rc = RV_OK;
    for (size_t i = 0; rc == RV_OK && i < from->num; i++) {
        const rv_ndarray *array = &from->items[i].array;
        char *name = rv_format(state->context, "%s%s", prefix, from->items[i].name);
        rc = name ? rv_state_put(state, name, array->dtype, array->data, array->size) : RV_ERR_MEMORY;
        rv_free(name);
    }
    return rc;
}

int rv_state_get_all(rv_state *state, const char *prefix, rv_state *to)
{
    const size_t scope = strlen(state->scope), length = strlen(prefix);
    int rc = RV_OK;
    for (size_t i = 0; rc == RV_OK && i < state->num; i++) {
        item *it = &state->items[i];
        if (strncmp(it->name, state->scope, scope) != 0 || strncmp(it->name + scope, prefix, length) != 0)
            continue;
        it->used = true;
        rc = rv_state_put(to, it->name + scope + length, it->array.dtype, it->array.data, it->array.size);
    }
    return rc;
}

const char *rv_state_unused(const rv_state *state)
{
    for (size_t i = 0; i < state->num; i++)
        if (!state->items[i].used)
            return state->items[i].name;
    return NULL;
}

static int read_member(rv_state *state, const char *member)
{
    rv_ndarray array = {0};
    char *path = rv_format(state->context, "%s:%s", state->path, member);
    int rc = path ? rv_npy_read(&array, state->context, path) : RV_ERR_MEMORY;
    if (rc == RV_OK) {
        const size_t length = strlen(member);
        const bool is_npy = length > 4 && !strcmp(member + length - 4, ".npy");
        rc = append(state, rv_format(state->context, "%.*s", (int)(is_npy ? length - 4 : length), member), &array,
                    false);
        if (rc < 0)
            rv_ndarray_clear(&array);
    }
    rv_free(path);
    return rc;
}

int rv_state_read(rv_state **out, rv_context *context, const char *path)
{
    char **members = NULL;
    size_t num = 0;
    int rc = rv_state_create(out, context);
    if (rc < 0)
        return rc;
    (*out)->path = rv_format(context, "%s", path);
    rc = (*out)->path ? rv_source_members(&members, &num, context, path) : RV_ERR_MEMORY;
    for (size_t i = 0; rc == RV_OK && i < num; i++)
        rc = read_member(*out, members[i]);
    rv_source_members_free(members, num);
    if (rc < 0) {
        rv_state_free(*out);
        *out = NULL;
    }
    return rc;
}
