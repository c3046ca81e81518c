/* Rows of a growing array that a thread of its own writes behind the backs of those who make them: handing a megabyte to
 * the system takes as long as the sweep that makes it. The thread is a help, not a requirement: where it does not keep up,
 * or the system does not let it run, rows are written by who made them. Small rows always are. */
#ifndef RV_CALLBACKS_BEHIND_H
#define RV_CALLBACKS_BEHIND_H

#include "store/growing.h"

#define RV_BEHIND_ROWS 3 /* that wait, or that the thread is writing */

typedef struct rv_behind rv_behind;

/* Of array `array`, whose rows have `bytes` bytes. Errors: RV_ERR_MEMORY. */
int rv_behind_create(rv_behind **out, rv_context *context, rv_growing *files, int array, size_t bytes);

/* Memory for a row, aligned to 8 bytes, until it is written or all is freed. Several threads may ask. NULL, with the
 * message on the context, if out of memory. */
void *rv_behind_room(rv_behind *behind);

/* Writes it, sooner or later, as row `row`, which lies behind those that count (rv_growing_write_at). Returns 0, or the
 * error of this row or an earlier one. */
int rv_behind_write(rv_behind *behind, uint64_t row, void *room);

/* Waits until all are written. Returns 0 or the first error. */
int rv_behind_settle(rv_behind *behind);

/* Bytes that it holds at most besides the rows that are being made. */
size_t rv_behind_memory(size_t bytes);

/* Waits, too. NULL is legal. */
void rv_behind_free(rv_behind *behind);

#endif
