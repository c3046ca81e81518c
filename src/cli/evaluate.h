/* Evaluation of a compiled network, which train ends with too. */
#ifndef RV_CLI_EVALUATE_H
#define RV_CLI_EVALUATE_H

#include "cli/callbacks_section.h"
#include "cli/experiment.h"

/* Evaluates on the test set and prints loss and metrics as results. What recorders recorded goes to `out`, NULL if
 * there are none. */
int evaluate_test(const experiment *e, const callback_list *callbacks, const char *out);

#endif
