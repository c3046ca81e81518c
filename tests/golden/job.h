/* A case that is being run, and what the compilers' runs share. */
#ifndef GOLDEN_JOB_H
#define GOLDEN_JOB_H

#include "golden/expected.h"

typedef struct golden_job {
    golden_case c;
    golden_network network;
    golden_expectation expectation;
    golden_report *report;
} golden_job;

/* What a call of the engine says, when it is not what was hoped for. */
void golden_engine_failed(const golden_job *job, int code);
/* Keys of params that every compiler shares; the rest are options of the one that is named. */
bool golden_is_common(const char *key);
/* An option of mlGeNN's that this engine does not have, but whose given value asks for nothing. */
bool golden_asks_for_nothing(const json_t *value);
/* A name, or an object with the name as its type and parameters. */
void golden_read_loss(golden_job *job, rv_loss *loss, json_t *json);
/* Learns from batch `number` alone and compares. Returns 0 or the engine's code. */
int golden_train_batch(golden_job *job, rv_compiled_network *model, rv_loss loss, size_t number);

void golden_run_eprop(golden_job *job);

#endif
