#include "values/params.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "values/value.h"

int rv_param_find(const rv_param *params, int num, const char *name)
{
    for (int i = 0; i < num; i++)
        if (!strcmp(params[i].name, name) || (params[i].internal && params[i].internal[0] && !strcmp(params[i].internal, name)))
            return i;
    return -1;
}

int rv_param_set(rv_context *context, const char *owner, const rv_param *params, int num, rv_value *values,
                 const char *name, rv_value value)
{
    const int row = rv_param_find(params, num, name);
    if (row < 0) {
        char known[512] = "none";
        size_t used = 0;
        for (int i = 0; i < num && used < sizeof known; i++)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", params[i].name);
        return rv_fail(context, RV_ERR_NAME, "%s has no parameter '%s', expected one of: %s", owner, name, known);
    }
    values[row] = value;
    return RV_OK;
}

bool rv_param_in_range(const rv_param *param, double x)
{
    if (param->kind == RV_PARAM_FLAG)
        return x == 0 || x == 1;
    if (param->kind == RV_PARAM_COUNT && x != floor(x))
        return false;
    return isfinite(x) && (param->min_open ? x > param->min : x >= param->min) && x <= param->max;
}

int rv_param_fail_range(rv_context *context, const rv_param *param, double x, const char *what)
{
    const char *unit = param->unit ? param->unit : "", *space = unit[0] ? " " : "";
    const char *whole = param->kind == RV_PARAM_COUNT ? "a whole number " : "";
    char expected[128];
    if (param->kind == RV_PARAM_FLAG)
        snprintf(expected, sizeof expected, "0 or 1");
    else if (isinf(param->min) && isinf(param->max))
        snprintf(expected, sizeof expected, "a finite number");
    else if (isinf(param->max))
        snprintf(expected, sizeof expected, "%s%s %g%s%s", whole, param->min_open ? ">" : ">=", param->min, space,
                 unit);
    else
        snprintf(expected, sizeof expected, "%s%s %g and <= %g%s%s", whole, param->min_open ? ">" : ">=", param->min,
                 param->max, space, unit);
    return rv_fail(context, RV_ERR_VALUE, "%s: %s must be %s, got %g", what, param->name, expected, x);
}

static int check_numbers(rv_context *context, const rv_param *param, const float *x, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!rv_param_in_range(param, (double)x[i])) {
            char element[160];
            snprintf(element, sizeof element, "%s: element %zu", what, i);
            return rv_param_fail_range(context, param, (double)x[i], element);
        }
    return RV_OK;
}

static int check_value(rv_context *context, const rv_param *param, const rv_value *value, const char *what)
{
    char name[160];
    snprintf(name, sizeof name, "%s: %s", what, param->name);
    switch (value->kind) {
    case RV_VALUE_CONSTANT:
        if (!rv_param_in_range(param, value->constant))
            return rv_param_fail_range(context, param, value->constant, what);
        break;
    case RV_VALUE_ARRAY:
        if (param->kind != RV_PARAM_VALUE)
            return rv_fail(context, RV_ERR_VALUE, "%s must be one number, got an array", name);
        if (value->array)
            return check_numbers(context, param, value->array, value->size, what);
        break;
    case RV_VALUE_INITIALIZER:
        if (param->kind != RV_PARAM_VALUE)
            return rv_fail(context, RV_ERR_VALUE, "%s must be one number, got an initializer", name);
        break;
    case RV_VALUE_DEFAULT:
        break;
    }
    return rv_value_check(context, value, name);
}

int rv_params_check_size(rv_context *context, const rv_param *params, int num, const rv_value *values, size_t n,
                         const char *what)
{
    for (int i = 0; i < num; i++)
        if (values[i].kind == RV_VALUE_ARRAY && values[i].size != n)
            return rv_fail(context, RV_ERR_SHAPE, "%s: %s must have %zu elements, got an array of %zu", what,
                           params[i].name, n, values[i].size);
    return RV_OK;
}

int rv_params_copy(rv_context *context, rv_value *out, const rv_param *params, int num, const rv_value *values,
                   const char *what)
{
    memset(out, 0, sizeof *out * RV_MAX_PARAMS);
    for (int i = 0; i < num; i++) {
        int error = check_value(context, &params[i], &values[i], what);
        if (!error)
            error = rv_value_copy(context, &out[i], &values[i], what);
        if (error)
            return error;
    }
    return RV_OK;
}

void rv_params_clear(rv_value *values, int num)
{
    for (int i = 0; i < num; i++)
        rv_value_clear(&values[i]);
}

int rv_param_fill(rv_context *context, const rv_param *param, const rv_value *value, rv_defaults defaults,
                  uint32_t object, uint32_t index, float *out, size_t n, const char *what)
{
    char name[160];
    snprintf(name, sizeof name, "%s: %s", what, param->name);
    const int error = rv_value_fill(context, value, param->value[defaults], object, index, out, n, name);
    return error ? error : check_numbers(context, param, out, n, what);
}

rv_value rv_flag_value(rv_flag flag)
{
    return flag == RV_DEFAULT ? (rv_value){0} : rv_const(flag == RV_ON);
}
