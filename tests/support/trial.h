/* Training runs on a small network that are stopped, saved and gone on with: what tests of checkpoints share. */
#ifndef SUPPORT_TRIAL_H
#define SUPPORT_TRIAL_H

#include "support/training_task.h"

#define TRIAL_EPOCHS 3
#define TRIAL_BATCH 4 /* of 11 examples: 3 batches an epoch */
#define TRIAL_BATCHES 3
#define TRIAL_CALLBACKS 16

extern const training_task_desc trial_ordinary;

/* One training run on a network of its own. */
typedef struct trial {
    training_task_desc task;
    const char *folder, *resume_from, *resume_key;
    size_t stop_after;     /* batches; 0 = never */
    bool stop_in_test;     /* in the validation of epoch 1 instead */
    size_t epochs;         /* default TRIAL_EPOCHS */
    size_t batch;          /* default TRIAL_BATCH */
    size_t batch_interval; /* of checkpoints; default 0 */
    bool iterator, transform, no_shuffle, no_checkpoint;
    double validation_split;
    rv_callback callbacks[TRIAL_CALLBACKS], validation_callbacks[2];
    size_t num_callbacks, num_validation_callbacks;
    const char *add_firing_rate; /* population of a FiringRate */
    bool record;                 /* spikes and voltages of hid; in a validation, counts */
    int (*compile)(rv_compiled_network **out, const training_task *task, size_t batch_size);
} trial;

/* What it left. */
typedef struct trial_outcome {
    int code;
    char error[512];
    size_t num_epochs;
    double losses[8];
    uint64_t weights;  /* hash of all */
    uint64_t recorded; /* likewise */
} trial_outcome;

trial_outcome trial_run(const trial *t);

/* Ends the test with the library's message unless the run succeeded. */
void trial_check(trial_outcome out);

/* A fresh folder. */
const char *trial_folder(const char *name, size_t i);
/* The path of a file in it. */
const char *trial_file(const char *folder, const char *name);
/* All of a file, with a 0 behind it; freed by the caller. A missing one ends the test. */
void trial_read(const char *path, char **data, size_t *size);
uint64_t trial_hash(const char *folder, const char *name);
/* The key of the checkpoint that a mark names. */
const char *trial_marked(const char *folder, const char *mark);

#endif
