/* What of a compiled network outlives an example and can change: parameters, what is learnt, and what learning it
 * takes. Saving, checking and restoring walk the same list. */
#ifndef RV_COMPILE_STATE_H
#define RV_COMPILE_STATE_H

#include "compile/plan.h"

/* Called with every array, (size) elements; non-zero ends the walk. Names are unique: "Conn_a_b/weight/value". */
typedef int (*rv_plan_visit_fn)(void *user, const char *name, rv_dtype dtype, void *data, size_t size);
int rv_plan_visit(rv_compiled_network *model, rv_plan_visit_fn visit, void *user);

/* Makes again what follows from these arrays, after they were changed. */
void rv_plan_restored(rv_compiled_network *model);

#endif
