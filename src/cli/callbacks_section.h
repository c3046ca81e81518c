/* CALLBACKS: the sections `callbacks` and `validation_callbacks` of an experiment. A new callback is a row of the
 * table in callbacks_section.c. */
#ifndef RV_CLI_CALLBACKS_SECTION_H
#define RV_CLI_CALLBACKS_SECTION_H

#include "cli/filters.h"
#include "cli/network_section.h"

#define MAX_CALLBACKS 64

/* One list, ready to be given to a run. */
typedef struct callback_list {
    rv_callback items[MAX_CALLBACKS];
    size_t num;
    const char *recorded[MAX_CALLBACKS]; /* keys of what is recorded in memory */
    size_t num_recorded;
    const char *prefix; /* of the names of the files of what is recorded */
    bool streams;       /* something is recorded to files while it runs */
    bool has_checkpoint, has_progress;
    keep store; /* what the callbacks point to */
} callback_list;

/* By index, for help; NULL past the end. */
const variant *callback_at(size_t index);

/* Reads a list. What its callbacks write goes to `folder`, that of the run, what they record with `prefix` before every
 * name; both must outlive the runs. */
int callback_list_read(callback_list *out, node *where, const network_section *network, const char *folder,
                       const char *prefix);
/* Adds a callback of the program's own. */
void callback_list_add(callback_list *list, rv_callback added);
void callback_list_clear(callback_list *list);

#endif
