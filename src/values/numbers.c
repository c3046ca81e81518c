#include "values/numbers.h"

#include "values/params.h"

void rv_numbers_default(const rv_param *params, int num, double *numbers)
{
    for (int i = 0; i < num; i++)
        numbers[i] = params[i].value[RV_CLASS_DEFAULTS];
}

int rv_numbers_set(rv_context *context, const char *owner, const rv_param *params, int num, double *numbers,
                   const char *name, double value)
{
    rv_value values[RV_MAX_PARAMS];
    const int error = rv_param_set(context, owner, params, num, values, name, rv_const(value));
    if (error)
        return error;
    const int row = rv_param_find(params, num, name);
    if (!rv_param_in_range(&params[row], value))
        return rv_param_fail_range(context, &params[row], value, owner);
    numbers[row] = value;
    return RV_OK;
}

int rv_numbers_check(rv_context *context, const rv_param *params, int num, const double *numbers, const char *what)
{
    for (int i = 0; i < num; i++)
        if (!rv_param_in_range(&params[i], numbers[i]))
            return rv_param_fail_range(context, &params[i], numbers[i], what);
    return RV_OK;
}
