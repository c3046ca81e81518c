/* Unknown names: what was meant, and what there is. */
#ifndef RV_CLI_SUGGEST_H
#define RV_CLI_SUGGEST_H

#include <stddef.h>

#include "cli/node.h"

/* The known name that `name` is most likely a slip of; NULL if none is near. */
const char *suggest(const char *name, const char *const *known, size_t num);

/* Says "unknown key 'tau_men' in network, did you mean 'tau_mem'? Known: type, v_thresh, ..." at a node. `what` is
 * "key"; `in` may be NULL. Returns STATUS_FAILED. */
int fault_unknown(const node *where, const char *what, const char *name, const char *in, const char *const *known,
                  size_t num);

#endif
