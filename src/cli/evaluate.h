/* Evaluation of a compiled network, which train ends with too. */
#ifndef RV_CLI_EVALUATE_H
#define RV_CLI_EVALUATE_H

#include "cli/callbacks_section.h"
#include "cli/experiment.h"

/* Prepares an evaluation on the test set; *out stays NULL where the experiment has none. */
int evaluation_prepare(rv_run **out, const experiment *e, const callback_list *callbacks);
/* Runs it and prints loss and metrics as results. What the callbacks recorded goes to `folder`, NULL if there are no
 * recorders among them. */
int evaluation_execute(const experiment *e, rv_run *run, const callback_list *callbacks, const char *folder);

#endif
