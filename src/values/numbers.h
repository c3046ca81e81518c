/* Parameters that are plain numbers: those of losses, metrics and optimisers. */
#ifndef RV_VALUES_NUMBERS_H
#define RV_VALUES_NUMBERS_H

#include <ranvier/value.h>

/* The defaults of a table into numbers (num). */
void rv_numbers_default(const rv_param *params, int num, double *numbers);

/* numbers[row of name] = value. Errors: RV_ERR_NAME lists the parameters of `owner`, RV_ERR_VALUE. */
int rv_numbers_set(rv_context *context, const char *owner, const rv_param *params, int num, double *numbers,
                   const char *name, double value);

/* Holds numbers (num) against their ranges; `what` names their object. Errors: RV_ERR_VALUE. */
int rv_numbers_check(rv_context *context, const rv_param *params, int num, const double *numbers, const char *what);

#endif
