#include "values/value.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/name.h"
#include "base/philox.h"

/* ---- built-in initializers ---- */

static double normal_sample(const double *param, const uint32_t random[4])
{
    return param[0] + param[1] * rv_normal_quantile(rv_uniform_open(random[1], random[0]));
}

static const char *normal_check(const double *param)
{
    return param[1] >= 0 ? NULL : "sd must be >= 0";
}

static double uniform_sample(const double *param, const uint32_t random[4])
{
    const double x = param[0] + (param[1] - param[0]) * rv_uniform_double(random[1], random[0]);
    return x < param[1] ? x : param[0]; /* the sum may round up to max */
}

static const char *uniform_check(const double *param)
{
    return param[0] <= param[1] ? NULL : "min must be <= max";
}

static const rv_initializer normal = {
    .name = "Normal",
    .num_params = 2,
    .param_name = {"mean", "sd"},
    .param_default = {0, 1},
    .sample = normal_sample,
    .check = normal_check,
};

static const rv_initializer uniform = {
    .name = "Uniform",
    .num_params = 2,
    .param_name = {"min", "max"},
    .param_default = {0, 1},
    .sample = uniform_sample,
    .check = uniform_check,
};

static const rv_initializer *const built_in[] = {&normal, &uniform};

const rv_initializer *rv_initializer_by_name(const char *name)
{
    for (size_t i = 0; name && i < sizeof built_in / sizeof built_in[0]; i++)
        if (rv_name_equal(built_in[i]->name, name))
            return built_in[i];
    return NULL;
}

const rv_initializer *rv_initializer_at(int index)
{
    return index >= 0 && (size_t)index < sizeof built_in / sizeof built_in[0] ? built_in[index] : NULL;
}

/* ---- constructors ---- */

rv_value rv_const(double x)
{
    return (rv_value){.kind = RV_VALUE_CONSTANT, .constant = x};
}

rv_value rv_array(const float *data, size_t size)
{
    return (rv_value){.kind = RV_VALUE_ARRAY, .array = data, .size = size};
}

rv_value rv_normal(double mean, double sd)
{
    return rv_initialize(&normal, (const double[]){mean, sd});
}

rv_value rv_uniform(double min, double max)
{
    return rv_initialize(&uniform, (const double[]){min, max});
}

rv_value rv_initialize(const rv_initializer *initializer, const double *param)
{
    rv_value value = {.kind = RV_VALUE_INITIALIZER, .initializer = initializer};
    if (initializer && !param)
        param = initializer->param_default;
    for (int i = 0; initializer && i < initializer->num_params && i < RV_MAX_INITIALIZER_PARAMS; i++)
        value.param[i] = param[i];
    return value;
}

/* ---- check, copy, fill ---- */

static int check_initializer(rv_context *context, const rv_initializer *initializer, const double *param,
                             const char *what)
{
    if (!initializer || !initializer->name || !initializer->sample)
        return rv_fail(context, RV_ERR_ARGUMENT, "%s: an initializer needs a name and a sample function", what);
    if (initializer->num_params < 0 || initializer->num_params > RV_MAX_INITIALIZER_PARAMS)
        return rv_fail(context, RV_ERR_ARGUMENT, "%s: initializer %s has %d parameters, expected 0 to %d", what,
                       initializer->name, initializer->num_params, RV_MAX_INITIALIZER_PARAMS);
    for (int i = 0; i < initializer->num_params; i++)
        if (!isfinite(param[i]))
            return rv_fail(context, RV_ERR_VALUE, "%s: %s: %s must be finite, got %g", what, initializer->name,
                           initializer->param_name[i] ? initializer->param_name[i] : "a parameter", param[i]);
    const char *complaint = initializer->check ? initializer->check(param) : NULL;
    return complaint ? rv_fail(context, RV_ERR_VALUE, "%s: %s: %s", what, initializer->name, complaint) : RV_OK;
}

int rv_value_check(rv_context *context, const rv_value *value, const char *what)
{
    switch (value->kind) {
    case RV_VALUE_DEFAULT:
        return RV_OK;
    case RV_VALUE_CONSTANT:
        if (!isfinite((float)value->constant))
            return rv_fail(context, RV_ERR_VALUE, "%s must be a finite float32, got %g", what, value->constant);
        return RV_OK;
    case RV_VALUE_ARRAY:
        if (!value->array && value->size > 0)
            return rv_fail(context, RV_ERR_ARGUMENT, "%s: the array is NULL", what);
        return RV_OK;
    case RV_VALUE_INITIALIZER:
        return check_initializer(context, value->initializer, value->param, what);
    }
    return rv_fail(context, RV_ERR_ARGUMENT, "%s: unknown kind of value %d", what, (int)value->kind);
}

int rv_value_copy(rv_context *context, rv_value *out, const rv_value *value, const char *what)
{
    memset(out, 0, sizeof *out);
    const int rc = rv_value_check(context, value, what);
    if (rc < 0)
        return rc;
    if (value->kind == RV_VALUE_ARRAY) {
        float *copy = rv_alloc(context, value->size, sizeof *copy, what);
        if (!copy)
            return RV_ERR_MEMORY;
        if (value->size > 0)
            memcpy(copy, value->array, value->size * sizeof *copy);
        *out = rv_array(copy, value->size);
        return RV_OK;
    }
    *out = *value;
    return RV_OK;
}

void rv_value_clear(rv_value *value)
{
    if (value->kind == RV_VALUE_ARRAY)
        rv_free((void *)(uintptr_t)value->array); /* ours, from rv_value_copy */
    memset(value, 0, sizeof *value);
}

static void fill_constant(float *out, size_t n, double x)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)x;
}

static void fill_random(uint64_t key, const rv_value *value, uint32_t param_index, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t random[4];
        rv_random_at(key, param_index, i, random);
        out[i] = (float)value->initializer->sample(value->param, random);
    }
}

static int check_elements(rv_context *context, const float *out, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(out[i]))
            return rv_fail(context, RV_ERR_VALUE, "%s: element %zu must be finite, got %g", what, i, (double)out[i]);
    return RV_OK;
}

int rv_value_fill(rv_context *context, const rv_value *value, double default_value, uint32_t object,
                  uint32_t param_index, float *out, size_t n, const char *what)
{
    const int rc = rv_value_check(context, value, what);
    if (rc < 0)
        return rc;

    switch (value->kind) {
    case RV_VALUE_DEFAULT:
        fill_constant(out, n, default_value);
        return RV_OK;
    case RV_VALUE_CONSTANT:
        fill_constant(out, n, value->constant);
        return RV_OK;
    case RV_VALUE_ARRAY:
        if (value->size != n)
            return rv_fail(context, RV_ERR_SHAPE, "%s: the array has %zu elements, expected %zu", what, value->size,
                           n);
        if (n > 0)
            memcpy(out, value->array, n * sizeof *out);
        break;
    case RV_VALUE_INITIALIZER:
        fill_random(rv_random_key(rv_context_seed(context), RV_RANDOM_INITIALIZER, object), value, param_index, out,
                    n);
        break;
    }
    return check_elements(context, out, n, what);
}
