#include "golden/case.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Larger ones are taken for damage: nothing of this size can be meant. */
#define MAX_TIMESTEPS 10000000
#define MAX_EXAMPLES 1000000

/* ---- json ------------------------------------------------------------------------------------------------------- */

bool golden_get_size(const json_t *object, const char *key, size_t min, size_t max, size_t *out, golden_report *report)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < (json_int_t)min ||
        json_integer_value(value) > (json_int_t)max) {
        golden_fail(report, "case.json: %s must be an integer from %zu to %zu", key, min, max);
        return false;
    }
    *out = (size_t)json_integer_value(value);
    return true;
}

bool golden_get_number(const json_t *object, const char *key, double *out, golden_report *report)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value) || !isfinite(json_number_value(value))) {
        golden_fail(report, "case.json: %s must be a number", key);
        return false;
    }
    *out = json_number_value(value);
    return true;
}

const char *golden_get_string(const json_t *object, const char *key, golden_report *report)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text || !text[0])
        golden_fail(report, "case.json: %s must be a name", key);
    return text && text[0] ? text : NULL;
}

/* ---- arrays ----------------------------------------------------------------------------------------------------- */

static double element(const rv_ndarray *array, size_t i)
{
    switch (array->dtype) {
    case RV_FLOAT32:
        return (double)((const float *)array->data)[i];
    case RV_FLOAT64:
        return ((const double *)array->data)[i];
    case RV_INT8:
        return ((const int8_t *)array->data)[i];
    case RV_UINT8:
    case RV_BOOL:
        return ((const uint8_t *)array->data)[i];
    case RV_INT16:
        return ((const int16_t *)array->data)[i];
    case RV_UINT16:
        return ((const uint16_t *)array->data)[i];
    case RV_INT32:
        return ((const int32_t *)array->data)[i];
    case RV_UINT32:
        return ((const uint32_t *)array->data)[i];
    case RV_INT64:
        return (double)((const int64_t *)array->data)[i];
    case RV_UINT64:
        return (double)((const uint64_t *)array->data)[i];
    }
    return (double)NAN;
}

static void read_array(golden_case *c, const char *folder, const char *file, golden_report *report)
{
    char path[4400];
    rv_ndarray read = {0};
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (rv_npy_read(&read, c->context, path) < 0) {
        golden_fail(report, "%s", rv_last_error(c->context));
        return;
    }
    golden_array *const array = &c->arrays[c->num_arrays];
    array->name = strndup(file, strlen(file) - strlen(".npy"));
    array->data = malloc((read.size ? read.size : 1) * sizeof *array->data);
    c->num_arrays++;
    if (array->name && array->data) {
        array->num_dims = read.num_dims;
        memcpy(array->shape, read.shape, sizeof array->shape);
        array->size = read.size;
        for (size_t i = 0; i < read.size; i++)
            array->data[i] = element(&read, i);
    } else {
        golden_fail(report, "out of memory");
    }
    rv_ndarray_clear(&read);
}

static int is_npy(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name);
    return length > strlen(".npy") && strcmp(entry->d_name + length - strlen(".npy"), ".npy") == 0;
}

static void read_arrays(golden_case *c, const char *folder, golden_report *report)
{
    struct dirent **files = NULL;
    const int num = scandir(folder, &files, is_npy, alphasort);
    c->arrays = num >= 0 ? calloc((size_t)num + 1, sizeof *c->arrays) : NULL;
    if (!c->arrays)
        golden_fail(report, "cannot list %s: %s", folder, strerror(errno));
    for (int i = 0; i < num; i++) {
        if (c->arrays && !report->failure[0])
            read_array(c, folder, files[i]->d_name, report);
        free(files[i]);
    }
    free(files);
}

/* case.json lists the arrays and their shapes: one that is missing must not go unnoticed. */
static void check_listed(const golden_case *c, golden_report *report)
{
    const char *name;
    json_t *shape;
    json_object_foreach(json_object_get(c->root, "arrays"), name, shape)
    {
        const golden_array *array = golden_find(c, name);
        bool fits = array && json_is_array(shape) && json_array_size(shape) == (size_t)array->num_dims;
        for (int d = 0; fits && d < array->num_dims; d++)
            fits = (json_int_t)array->shape[d] == json_integer_value(json_array_get(shape, (size_t)d));
        if (!array)
            golden_fail(report, "array %s is listed in case.json and has no file", name);
        else if (!fits)
            golden_fail(report, "array %s has another shape than case.json lists", name);
    }
}

golden_array *golden_find(const golden_case *c, const char *name)
{
    for (size_t i = 0; i < c->num_arrays; i++)
        if (strcmp(c->arrays[i].name, name) == 0)
            return &c->arrays[i];
    return NULL;
}

golden_array *golden_array_of(const golden_case *c, const json_t *value, const char *where, golden_report *report)
{
    const char *name = json_string_value(json_object_get(value, "array"));
    golden_array *array = name ? golden_find(c, name) : NULL;
    if (!name)
        golden_fail(report, "case.json: %s must be a number or {\"array\": NAME}", where);
    else if (!array)
        golden_fail(report, "case.json: %s: there is no array %s", where, name);
    else
        array->used = true;
    return array;
}

const float *golden_array_floats(golden_array *array, golden_report *report)
{
    if (!array->floats) {
        array->floats = malloc((array->size ? array->size : 1) * sizeof *array->floats);
        for (size_t i = 0; array->floats && i < array->size; i++)
            array->floats[i] = (float)array->data[i];
    }
    if (!array->floats)
        golden_fail(report, "out of memory");
    return array->floats;
}

/* ---- the case --------------------------------------------------------------------------------------------------- */

static void read_params(golden_case *c, golden_report *report)
{
    static const char *const known[] = {"case", "about", "params", "arrays"};
    const char *key;
    json_t *value;
    json_object_foreach(c->root, key, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found = found || strcmp(key, known[i]) == 0;
        if (!found)
            golden_miss(report, "key %s", key);
    }
    c->params = json_object_get(c->root, "params");
    const json_t *network = json_object_get(c->params, "network");
    c->populations = json_object_get(network, "populations");
    c->connections = json_object_get(network, "connections");
    if (!json_is_array(c->populations) || !json_is_array(c->connections))
        golden_fail(report, "case.json: params.network must have lists of populations and connections");
    json_object_foreach(json_object_get(c->params, "network"), key, value)
    {
        if (strcmp(key, "populations") != 0 && strcmp(key, "connections") != 0)
            golden_miss(report, "key %s of the network", key);
    }
    c->compiler = golden_get_string(c->params, "compiler", report);
    golden_get_size(c->params, "n_examples", 1, MAX_EXAMPLES, &c->num_examples, report);
    golden_get_size(c->params, "batch_size", 1, MAX_EXAMPLES, &c->batch_size, report);
    if (json_object_get(c->params, "timesteps"))
        golden_get_size(c->params, "timesteps", 1, MAX_TIMESTEPS, &c->timesteps, report);
    else if (json_object_get(c->params, "k") &&
             golden_get_size(c->params, "k", 1, MAX_TIMESTEPS, &c->timesteps, report))
        c->dt = 1; /* few-spike networks count the timesteps of a layer */
    if (json_object_get(c->params, "dt") && golden_get_number(c->params, "dt", &c->dt, report) && c->dt <= 0)
        golden_fail(report, "case.json: dt must be > 0");
}

void golden_case_load(golden_case *c, const char *folder, golden_report *report)
{
    *c = (golden_case){0};
    char path[4200];
    json_error_t error;
    if (rv_context_create(&c->context, NULL) < 0) {
        golden_fail(report, "%s", c->context ? rv_last_error(c->context) : "out of memory");
        return;
    }
    snprintf(path, sizeof path, "%s/case.json", folder);
    c->root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!c->root) {
        golden_fail(report, "case.json:%d: %s", error.line, error.text);
        return;
    }
    read_params(c, report);
    if (!report->failure[0])
        read_arrays(c, folder, report);
    if (!report->failure[0])
        check_listed(c, report);
}

void golden_case_free(golden_case *c)
{
    for (size_t i = 0; i < c->num_arrays; i++) {
        free(c->arrays[i].name);
        free(c->arrays[i].data);
        free(c->arrays[i].floats);
    }
    free(c->arrays);
    json_decref(c->root);
    rv_context_free(c->context);
    *c = (golden_case){0};
}
