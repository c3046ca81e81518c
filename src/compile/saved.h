/* What saving and loading share. */
#ifndef RV_COMPILE_SAVED_H
#define RV_COMPILE_SAVED_H

#include "compile/plan.h"

/* keys, the name of a connection or population, and the variable's; (num_keys + 2), freed with rv_free */
const char **rv_saved_keys(rv_context *context, const char *const *keys, size_t num_keys, const char *object,
                           const char *variable);

#endif
