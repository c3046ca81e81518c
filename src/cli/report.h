/* What the commands print about data and results. */
#ifndef RV_CLI_REPORT_H
#define RV_CLI_REPORT_H

#include <stdio.h>

#include "cli/experiment.h"

/* "test loss: 0.1234" and so on, one line a metric, to standard output. Those whose names begin with "val_" are
 * reported as of the validation set. */
void report_metrics(const char *set, const rv_metrics *metrics);
/* Loaded sets, one line each. */
void report_data(FILE *stream, const experiment *e);
/* "64-128-10": sizes of the populations in order. The caller's to free. */
char *report_sizes(const rv_network *network);
/* "1.2 MB" into text. Returns text. */
const char *report_bytes(char text[16], size_t bytes);

#endif
