/* What a context holds. Everything but errors and the pool is constant once it is created. */
#ifndef RV_BASE_CONTEXT_H
#define RV_BASE_CONTEXT_H

#include <pthread.h>

#include <ranvier/base.h>
#include <ranvier/communicate.h>

#include "base/isa.h"
#include "base/threads.h"

#define RV_ERROR_SIZE 1024 /* bytes of the last error with its 0; longer ones are cut */
#define RV_MAX_THREADS 4096

/* When threads share the targets of one example (engine/split.h). */
typedef enum rv_split_when {
    RV_SPLIT_NEVER,
    RV_SPLIT_WHERE_IT_PAYS,
    RV_SPLIT_ALWAYS, /* wherever it is possible */
} rv_split_when;

struct rv_context {
    uint64_t seed;
    int num_threads;
    rv_split_when splits;
    rv_isa isa;
    rv_pool *pool; /* threads, NULL until they are first needed */
    rv_communicator communicator; /* size 0 = the only rank */
    bool error_is_shared; /* the last error is all ranks', see rv_comm_agree */
    rv_log_fn log; /* or NULL */
    void *log_user;
    pthread_mutex_t error_lock; /* workers of a parallel region may fail at the same time */
    char error[RV_ERROR_SIZE];
};

#endif
