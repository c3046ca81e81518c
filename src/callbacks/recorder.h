/* What all recorders share: a probe whose entries are kept from batch to batch, and the hooks that do it. */
#ifndef RV_CALLBACKS_RECORDER_H
#define RV_CALLBACKS_RECORDER_H

#include <ranvier/train.h>

typedef struct rv_recorder {
    rv_context *context;
    rv_run *run;                  /* set by set_params */
    const char *key;              /* of the result; NULL = the callback's index */
    rv_probe *probe;              /* set by set_params of the recorder's class */
    struct recorder_block *block; /* numbers of the batches so far, the last one first */
    rv_entry *items;              /* (entries.num of capacity) pointing into the blocks */
    size_t capacity;
    bool sorted;        /* by epoch, then example */
    rv_entries entries; /* items, as handed out */
} rv_recorder;

/* Copies entries to those that there are. */
int rv_recorder_add(rv_recorder *recorder, const rv_entries *entries);

/* Frees what the recorder holds, not the struct. */
void rv_recorder_clear(rv_recorder *recorder);

/* Hooks of a callback whose state begins with an rv_recorder. */
int rv_recorder_on_batch_end(void *user, size_t batch, const rv_metrics *metrics);
int rv_recorder_get_data(void *user, const char **key, const rv_entries **entries);
int rv_recorder_save(void *user, rv_state *out);
int rv_recorder_load(void *user, rv_state *from);
void rv_recorder_destroy(void *user); /* clears it and frees user */

#endif
