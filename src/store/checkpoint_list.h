/* What is in a folder of checkpoints. */
#ifndef RV_STORE_CHECKPOINT_LIST_H
#define RV_STORE_CHECKPOINT_LIST_H

#include <time.h>

#include <ranvier/base.h>

#define RV_CHECKPOINT_MANIFEST "-manifest.json" /* what follows the key in the manifest's name */

extern const char *const rv_checkpoint_marks[]; /* "latest", "best", NULL */

typedef struct rv_checkpoint_entry {
    char *key;
    struct timespec time; /* of the manifest */
    bool has_state;
    bool is_marked; /* by `latest`, `best` */
} rv_checkpoint_entry;

typedef struct rv_checkpoint_list {
    rv_checkpoint_entry *items; /* the newest first */
    size_t num, capacity;
} rv_checkpoint_list;

/* All that have a manifest. Clear it also after a failure. */
int rv_checkpoint_list_read(rv_checkpoint_list *out, rv_context *context, const char *folder);
void rv_checkpoint_list_clear(rv_checkpoint_list *list);

/* Removes states without a manifest and temporary files of processes that are gone: what was left by a kill. */
int rv_checkpoint_list_sweep(const rv_checkpoint_list *list, rv_context *context, const char *folder);

#endif
