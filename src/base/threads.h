/* Parallel regions and how their workers share work.
 *
 * A context keeps num_threads - 1 threads beside its caller's. They are a help, not a requirement: the caller works
 * too, and a thread that the system does not let run is not waited for, only one that is in the middle of something.
 * On a busy machine a region therefore costs little more than the caller alone. OpenMP's regions wait for every
 * thread, which made training 10 times slower with one busy neighbour. */
#ifndef RV_BASE_THREADS_H
#define RV_BASE_THREADS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <ranvier/base.h>

typedef struct rv_pool rv_pool;

typedef void (*rv_parallel_fn)(void *arg, int worker);

/* Calls fn(arg, worker) in the caller's thread, as worker 0, and at the same time in those of the context's threads that
 * are free to come, as workers 1 .. num_threads - 1; returns when all that came are done. fn must therefore take its
 * work from a shared rv_work until none is left. Inside a region it calls fn as worker 0 alone. */
void rv_parallel(rv_context *context, rv_parallel_fn fn, void *arg);

/* Stops and joins the threads. */
void rv_pool_free(rv_pool *pool);

/* Items 0 .. num_items - 1, each given to one worker, whoever comes first. */
typedef struct rv_work {
    atomic_size_t next;
    size_t num_items;
} rv_work;

static inline void rv_work_init(rv_work *work, size_t num_items)
{
    atomic_init(&work->next, 0);
    work->num_items = num_items;
}

/* Takes the next item; false when none is left. */
static inline bool rv_work_take(rv_work *work, size_t *item)
{
    *item = atomic_fetch_add_explicit(&work->next, 1, memory_order_relaxed);
    return *item < work->num_items;
}

/* Takes the next up to `count` items, *begin .. *end - 1; false when none is left. */
static inline bool rv_work_take_range(rv_work *work, size_t count, size_t *begin, size_t *end)
{
    *begin = atomic_fetch_add_explicit(&work->next, count, memory_order_relaxed);
    if (*begin >= work->num_items)
        return false;
    *end = work->num_items - *begin < count ? work->num_items : *begin + count;
    return true;
}

#endif
