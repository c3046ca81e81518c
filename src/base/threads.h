/* Parallel regions and how their workers share work.
 *
 * A context keeps num_threads - 1 threads beside its caller's. They are a help, not a requirement: the caller works
 * too, and a thread that the system does not let run is not waited for, only one that is in the middle of something.
 * On a busy machine a region therefore costs little more than the caller alone. OpenMP's regions wait for every
 * thread, which made training 10 times slower with one busy neighbour. */
#ifndef RV_BASE_THREADS_H
#define RV_BASE_THREADS_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ranvier/base.h>

typedef struct rv_pool rv_pool;

typedef void (*rv_parallel_fn)(void *arg, int worker);

/* Calls fn(arg, worker) in the caller's thread, as worker 0, and at the same time in those of the context's threads that
 * are free to come, as workers 1 .. num_threads - 1; returns when all that came are done. fn must therefore take its
 * work from a shared rv_work until none is left. Inside a region it calls fn as worker 0 alone. */
void rv_parallel(rv_context *context, rv_parallel_fn fn, void *arg);

/* Between two looks at what another thread is about to change. */
static inline void rv_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    sched_yield();
#endif
}

/* Stops and joins the threads. */
void rv_pool_free(rv_pool *pool);

/* Items 0 .. num_items - 1, each given to one worker. Every worker has a share, always the same, so that what belongs to
 * its items stays in its caches from one region to the next; who is done with it helps the others, from the far end. */
#define RV_WORK_SHARES 64 /* more threads than that share shares */
typedef struct rv_work {
    int num_shares;
    struct {
        _Atomic uint64_t left; /* items not yet given to anybody: the first | their end << 32 */
        char apart[56];        /* in cache lines of their own */
    } share[RV_WORK_SHARES];
} rv_work;

/* For a region of num_threads workers; num_items < 2^32. */
void rv_work_init(rv_work *work, size_t num_items, int num_threads);

/* Takes up to `count` items for a worker, *begin .. *end - 1; false when none is left. */
bool rv_work_take_range(rv_work *work, int worker, size_t count, size_t *begin, size_t *end);

/* Takes the next item. */
static inline bool rv_work_take(rv_work *work, int worker, size_t *item)
{
    size_t end;
    return rv_work_take_range(work, worker, 1, item, &end);
}

#endif
