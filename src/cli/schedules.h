/* Schedules of an optimiser's parameter: functions of the number of the epoch alone, so that a run that starts at a
 * later epoch goes on as if it had never stopped. A new one is a row of the table. */
#ifndef RV_CLI_SCHEDULES_H
#define RV_CLI_SCHEDULES_H

#include "cli/filters.h"
#include "cli/schema.h"

typedef double (*schedule_fn)(void *user, size_t epoch, double current);

/* By index, for help; NULL past the end. */
const variant *schedule_at(size_t index);
/* The function of an entry and what it is called with, which belongs to `store`. */
int schedule_read(node *where, keep *store, schedule_fn *func, void **user);

#endif
