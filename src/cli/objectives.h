/* Losses and metrics as an experiment file describes them: a name, or a table of type and parameters. */
#ifndef RV_CLI_OBJECTIVES_H
#define RV_CLI_OBJECTIVES_H

#include "cli/schema.h"

int objective_read_loss(rv_context *context, node *where, rv_loss *out);
int objective_read_metric(rv_context *context, node *where, rv_metric *out);

#endif
