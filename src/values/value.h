/* Values behind the scenes: checked, copied, and spread over the elements of an object. */
#ifndef RV_VALUES_VALUE_H
#define RV_VALUES_VALUE_H

#include <ranvier/value.h>

/* `what` names the parameter in messages: "population 'hidden': tau_mem". */

/* Errors that can be told before the number of elements is known: kind, constants that are not finite, parameters of
 * an initializer. RV_ERR_VALUE or RV_ERR_ARGUMENT. */
int rv_value_check(rv_context *context, const rv_value *value, const char *what);

/* Checks and copies, the array too; the copy is cleared with rv_value_clear. *out is zeroed on failure. */
int rv_value_copy(rv_context *context, rv_value *out, const rv_value *value, const char *what);
void rv_value_clear(rv_value *value);

/* Writes the value of each of n elements, default_value where the kind is DEFAULT. Random ones belong to (seed of the
 * context, object, param_index, element). Errors: RV_ERR_SHAPE if an array has another size, RV_ERR_VALUE for an
 * element that is not finite as float32. */
int rv_value_fill(rv_context *context, const rv_value *value, double default_value, uint32_t object,
                  uint32_t param_index, float *out, size_t n, const char *what);

#endif
