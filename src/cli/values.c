#include "cli/values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/path.h"
#include "cli/say.h"
#include "store/ndarray.h"

void value_scope_clear(value_scope *scope)
{
    for (size_t i = 0; i < scope->num_arrays; i++)
        free(scope->arrays[i]);
    free(scope->arrays);
    scope->arrays = NULL;
    scope->num_arrays = 0;
}

static void *keep_array(value_scope *scope, size_t size)
{
    scope->arrays = remake(scope->arrays, scope->num_arrays + 1, sizeof *scope->arrays);
    void *array = make(size, sizeof(float));
    scope->arrays[scope->num_arrays++] = array;
    return array;
}

static int read_list(value_scope *scope, const node *list, rv_value *out)
{
    const size_t size = node_count(list);
    float *array = keep_array(scope, size), *next = array;
    for (const node *child = list->first; child; child = child->next) {
        double x;
        const int status = schema_number(child, &x);
        if (status)
            return status;
        *next++ = (float)x;
    }
    *out = rv_array(array, size);
    return STATUS_OK;
}

/* An array of a file, whose path becomes absolute in the tree. Cleared by the caller, after a fault too. */
static int read_array(rv_ndarray *array, value_scope *scope, node *scalar)
{
    const char *text;
    int status = schema_text(scalar, &text);
    if (status)
        return status;
    const bool typed = scalar->source && scalar->line == 0;
    char *joined = path_join(typed ? "." : scope->folder, text);
    char *path = path_absolute(joined);
    free(joined);

    const int rc = rv_npy_read(array, scope->context, path);
    if (rc < 0)
        status = fault_library(scalar, scope->context, rc);
    else
        node_replace(scalar, node_scalar(path, scalar->source, scalar->line));
    free(path);
    return status;
}

static int read_file(value_scope *scope, node *scalar, rv_value *out)
{
    rv_ndarray array = {0};
    const int status = read_array(&array, scope, scalar);
    if (!status) {
        float *floats = keep_array(scope, array.size);
        for (size_t i = 0; i < array.size; i++)
            floats[i] = (float)rv_ndarray_get(&array, i);
        *out = rv_array(floats, array.size);
    }
    rv_ndarray_clear(&array);
    return status;
}

int value_read_ids(value_scope *scope, node *where, const uint32_t **ids, size_t *num)
{
    node *only = where->kind == NODE_TABLE ? where->first : NULL;
    const bool is_file = only && !only->next && strcmp(only->key, "npy") == 0;
    char path[NODE_PATH_SIZE];
    rv_ndarray array = {0};
    int status = STATUS_OK;
    if (!is_file && where->kind != NODE_LIST)
        return fault_at(where, "%s must be a list of ids or {npy: FILE}", node_path(where, path));
    if (is_file)
        status = read_array(&array, scope, only);
    *num = is_file ? array.size : node_count(where);
    uint32_t *out = keep_array(scope, *num);
    const node *child = is_file ? NULL : where->first;
    for (size_t i = 0; i < *num && !status; i++, child = child ? child->next : NULL) {
        double id = is_file ? rv_ndarray_get(&array, i) : 0;
        status = child ? schema_number(child, &id) : STATUS_OK;
        if (!status && !(id >= 0 && id < 4294967296.0 && floor(id) == id))
            status = fault_at(child ? child : where, "an id must be a whole number >= 0, got %g", id);
        if (!status)
            out[i] = (uint32_t)id;
    }
    rv_ndarray_clear(&array);
    *ids = out;
    return status;
}

static int read_initializer(node *params, const rv_initializer *initializer, rv_value *out)
{
    double numbers[RV_MAX_INITIALIZER_PARAMS] = {0};
    key keys[RV_MAX_INITIALIZER_PARAMS] = {{0}};
    const size_t num = (size_t)initializer->num_params;
    for (size_t i = 0; i < num; i++) {
        numbers[i] = initializer->param_default[i];
        keys[i] = (key){.name = initializer->param_name[i],
                        .kind = KEY_NUMBER,
                        .offset = i * sizeof numbers[0],
                        .help = "a parameter of the initializer"};
    }
    const int status = schema_read(params, &(key_part){.keys = keys, .num = num, .out = numbers}, 1);
    for (size_t i = 0; i < num && !status; i++)
        value_fill_number(params, keys[i].name, numbers[i]);
    *out = rv_initialize(initializer, numbers);
    return status;
}

int value_read(value_scope *scope, node *where, rv_value *out)
{
    char path[NODE_PATH_SIZE];
    if (where->kind == NODE_LIST)
        return read_list(scope, where, out);
    if (where->kind == NODE_SCALAR) {
        double x = 0;
        const int status = schema_number(where, &x);
        *out = rv_const(x);
        return status;
    }
    node *only = where->first;
    const rv_initializer *initializer = only ? rv_initializer_by_name(only->key) : NULL;
    if (only && !only->next && strcmp(only->key, "npy") == 0)
        return read_file(scope, only, out);
    if (only && !only->next && initializer)
        return read_initializer(only, initializer, out);
    return fault_at(only ? only : where,
                    "%s must be a number, a list of numbers, {npy: FILE} or one initializer, as in "
                    "{normal: {mean: 0, sd: 1}}",
                    node_path(where, path));
}

void value_fill_number(node *table, const char *name, double x)
{
    char text[32];
    for (int digits = 6; digits <= 17; digits++) { /* as short as reads back the same */
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    if (!node_find(table, name))
        node_append(table, name, node_scalar(text, NULL, 0));
}

void value_fill_flag(node *table, const char *name, bool on)
{
    if (!node_find(table, name))
        node_append(table, name, node_scalar(on ? "true" : "false", NULL, 0));
}
