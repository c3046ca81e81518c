/* What a network has learnt, kept in memory: a copy to go back to. */
#ifndef RV_CALLBACKS_WEIGHTS_H
#define RV_CALLBACKS_WEIGHTS_H

#include <ranvier/compile.h>

#include "store/state.h"

/* Everything that a checkpoint holds into *kept, which is freed before; with rv_state_free. */
int rv_weights_keep(rv_state **kept, const rv_compiled_network *model);
/* And back. */
int rv_weights_restore(rv_state *kept, rv_compiled_network *model);

#endif
