/* Which batches, timesteps or epochs something happens in: one number, a list, or a slice "start:stop:step", of which any
 * part may be missing. How many there will be may be unknown, so nothing counts from the end. */
#ifndef RV_CLI_NUMBER_FILTER_H
#define RV_CLI_NUMBER_FILTER_H

#include "cli/filters.h"

/* What is written at `where` (NULL = every number) as a filter_fn and its user, which belongs to `store`. */
int number_filter_read(const node *where, keep *store, bool (**filter_fn)(void *user, size_t number), void **user);

#endif
