/* Names of classes as users write them. */
#ifndef RV_BASE_NAME_H
#define RV_BASE_NAME_H

#include <stdbool.h>

/* Whether `given` names the class `name`, in camel or snake case: "LeakyIntegrateFire" is also
 * "leaky_integrate_fire". Case and underscores do not count. */
bool rv_name_equal(const char *name, const char *given);

#endif
