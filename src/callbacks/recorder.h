/* What all recorders share: a probe whose entries are kept from batch to batch, in memory or in files, and the hooks
 * that do it. */
#ifndef RV_CALLBACKS_RECORDER_H
#define RV_CALLBACKS_RECORDER_H

#include <pthread.h>

#include <ranvier/callbacks.h>

#include "callbacks/behind.h"
#include "store/growing.h"

typedef struct rv_recorder {
    rv_context *context;
    rv_run *run;
    char what[192];    /* "VarRecorder of population 'hidden'" */
    const char *key;   /* of the result; NULL = the callback's index */
    rv_recording keep; /* where entries go */
    rv_probe *probe;   /* set by set_params of the recorder's class */
    rv_probe_yield yield;

    /* in memory */
    size_t budget, used;           /* bytes */
    size_t given;                  /* entries that have room */
    struct recorder_chunk *chunks; /* of numbers, the last one first */
    pthread_mutex_t lock;          /* of the chunks */
    rv_entry *items;               /* (entries.num of capacity) pointing into the chunks */
    size_t capacity;
    bool sorted;        /* by epoch, then example */
    rv_entries entries; /* items, as handed out */

    /* in files */
    rv_growing *files; /* NULL = in memory, or another rank writes */
    bool hands_over;   /* values are written as soon as they are there, in any order; else appended after each batch */
    rv_behind *behind; /* to this, once the run has begun */
    int num_arrays;
    uint64_t rows[RV_GROWING_MAX_ARRAYS]; /* of each: what a checkpoint says */
    bool resumes;                         /* at rows */
    bool in_validation; /* in an epoch's test, which a resumed run repeats: rows are as they were before it */
} rv_recorder;

/* A callback's create: its state, of `size` bytes, begins with a recorder. */
int rv_recorder_create(void **user, size_t size, rv_context *context, const char *key, const rv_recording *keep);

/* What its probe should do with entries. */
rv_probe_sink rv_recorder_sink(rv_recorder *recorder, bool of_values);

/* The end of set_params, once the probe is there: what the recorder will hold is held against its budget and announced,
 * files are found to be writable, and nothing is made. */
int rv_recorder_set_up(rv_recorder *recorder, rv_run *run, const char *class, const char *object, const char *name);

/* Copies entries to those that there are. */
int rv_recorder_add(rv_recorder *recorder, const rv_entries *entries);

/* Entries in memory go through checkpoints (recorder_state.c). */
int rv_recorder_save(void *user, rv_state *out);
int rv_recorder_load(void *user, rv_state *from);

/* Frees what the recorder holds, not the struct. */
void rv_recorder_clear(rv_recorder *recorder);

/* The hooks of a callback whose state begins with an rv_recorder. */
void rv_recorder_set_hooks(rv_callback *callback);

/* ---- files (recorder_files.c) ---- */

int rv_recorder_open(rv_recorder *recorder);
int rv_recorder_begin(rv_recorder *recorder);
int rv_recorder_reserve(rv_recorder *recorder); /* room for an epoch, where its size is known */
int rv_recorder_write(rv_recorder *recorder, const rv_entries *batch);
int rv_recorder_write_values(rv_recorder *recorder, size_t index, const rv_entry *entry);
int rv_recorder_close(rv_recorder *recorder); /* NULL files are legal */
void rv_recorder_note_rows(rv_recorder *recorder);
int rv_recorder_put(rv_recorder *recorder, rv_state *state);
int rv_recorder_get(rv_recorder *recorder, rv_state *state);

#endif
