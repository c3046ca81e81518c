/* history.csv: one row per finished epoch, written at its end: epoch, loss, accuracy, val_loss, ... A callback on the
 * public hooks, as a user could write it. */
#ifndef RV_CLI_HISTORY_H
#define RV_CLI_HISTORY_H

#include <ranvier.h>

typedef struct history {
    char *path;
    char *text; /* of the file */
    size_t size;
    size_t num_rows;
    rv_context *context; /* of the run */
} history;

/* Keeps the history in folder/history.csv. */
void history_start(history *out, const char *folder);
/* The callback; it borrows the history until the run is freed. */
rv_callback history_callback(history *h);
void history_clear(history *h);

#endif
