/* Filters of recorders as an experiment file writes them: `all`, one index, a list of indices, a list of true and
 * false, a slice "0:100:2", or {axes: [filter, ...]} with one of those per axis. */
#ifndef RV_CLI_FILTERS_H
#define RV_CLI_FILTERS_H

#include "cli/schema.h"

/* Memory that lives as long as a list of callbacks. */
typedef struct keep {
    void **items;
    size_t num;
} keep;

/* count zeroed elements that keep_clear frees. */
void *keep_make(keep *where, size_t count, size_t size);
void keep_clear(keep *where);

/* where NULL = all. The filter's arrays belong to `store`. */
int filter_read(const node *where, keep *store, rv_filter *out);

#endif
