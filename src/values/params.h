/* Working with tables of parameters: look-up, checks, filling of arrays. */
#ifndef RV_NETWORK_PARAMS_H
#define RV_NETWORK_PARAMS_H

#include <ranvier/value.h>

/* The row whose attribute or internal name is `name`, or -1. */
int rv_param_find(const rv_param *params, int num, const char *name);

/* values[row of name] = value. Errors: RV_ERR_NAME lists the parameters of `owner`. */
int rv_param_set(rv_context *context, const char *owner, const rv_param *params, int num, rv_value *values,
                 const char *name, rv_value value);

/* Whether x lies in the parameter's range; NaN never does. */
bool rv_param_in_range(const rv_param *param, double x);

/* Range error of one number: "<what>: tau_mem must be > 0 ms, got -5". Returns RV_ERR_VALUE. */
int rv_param_fail_range(rv_context *context, const rv_param *param, double x, const char *what);

/* Checks `num` values and copies them, arrays too; constants and arrays are held against their ranges. `what` names the
 * object. Cleared with rv_params_clear, also after failure. */
int rv_params_copy(rv_context *context, rv_value *out, const rv_param *params, int num, const rv_value *values,
                   const char *what);
/* Holds the sizes of arrays against the number of elements, once it is known. */
int rv_params_check_size(rv_context *context, const rv_param *params, int num, const rv_value *values, size_t n,
                         const char *what);
void rv_params_clear(rv_value *values, int num);

/* Fills out (n) with the numbers of one parameter; sampled ones are held against the range too. */
int rv_param_fill(rv_context *context, const rv_param *param, const rv_value *value, rv_defaults defaults,
                  uint32_t object, uint32_t index, float *out, size_t n, const char *what);

/* A flag as a value: default, 1 or 0. */
rv_value rv_flag_value(rv_flag flag);

/* The same default for every compiler, for tables. */
#define RV_SAME(x)                                                                                                     \
    {                                                                                                                  \
        x, x, x                                                                                                        \
    }

#endif
