/* What was measured, as a table for people and as JSON for programs. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <jansson.h>

#include "measure.h"

/* Prints the figures of a workload and appends them to results, a JSON list. */
void bench_report(json_t *results, const bench_workload *workload, const bench_figures *figures,
                  const bench_ceiling *ceiling);

/* Appends a number to results. */
void bench_add(json_t *results, const char *name, const char *metric, const char *unit, double value);

/* {"results": [...], ...} into a file; 0, or -1 after a message. */
int bench_write_json(const char *path, json_t *results, const rv_context *context);

#endif
