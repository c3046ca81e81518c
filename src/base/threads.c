/* One word says everything: which region it is, whether it is open, and how many threads are in it. A thread comes in
 * by adding itself to the count while the region is open; the caller closes it when its own work is done and waits for
 * the count to reach 0. */
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/context.h"

#define OPEN (UINT64_C(1) << 31)
#define COUNT (OPEN - 1)
#define REGION_SHIFT 32
#define SPINS 2000 /* looks at the word before sleeping: some 50 us, longer than the gaps between regions of a batch */

typedef struct rv_thread {
    pthread_t thread;
    rv_pool *pool;
    int worker;
} rv_thread;

struct rv_pool {
    _Atomic uint64_t word; /* region number << 32 | OPEN | threads inside */
    rv_parallel_fn fn;
    void *arg;
    bool busy; /* the caller is in a region; only its thread looks */
    atomic_int sleepers;
    atomic_bool quit;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int num_threads; /* beside the caller's */
    rv_thread threads[];
};

static uint64_t region_of(uint64_t word)
{
    return word >> REGION_SHIFT;
}

/* Whether a region other than `last` is open, or it is time to quit. */
static bool is_news(rv_pool *pool, uint64_t last)
{
    const uint64_t word = atomic_load_explicit(&pool->word, memory_order_acquire);
    return (word & OPEN && region_of(word) != last) || atomic_load_explicit(&pool->quit, memory_order_relaxed);
}

static void wait_for_news(rv_pool *pool, uint64_t last)
{
    for (int i = 0; i < SPINS; i++) {
        if (is_news(pool, last))
            return;
        rv_relax();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!is_news(pool, last))
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

/* Comes into the open region, if there still is one: its number, else 0. */
static uint64_t enter(rv_pool *pool)
{
    uint64_t word = atomic_load_explicit(&pool->word, memory_order_relaxed);
    while (word & OPEN)
        if (atomic_compare_exchange_weak_explicit(&pool->word, &word, word + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return region_of(word);
    return 0;
}

static void *thread_main(void *arg)
{
    const rv_thread *self = arg;
    rv_pool *pool = self->pool;
    uint64_t last = 0;
    for (;;) {
        wait_for_news(pool, last);
        if (atomic_load(&pool->quit))
            return NULL;
        const uint64_t region = enter(pool);
        if (!region)
            continue;
        last = region;
        pool->fn(pool->arg, self->worker);
        atomic_fetch_sub_explicit(&pool->word, 1, memory_order_release);
    }
}

static void region_begin(rv_pool *pool, rv_parallel_fn fn, void *arg)
{
    const uint64_t region = (region_of(atomic_load_explicit(&pool->word, memory_order_relaxed)) + 1) & UINT32_MAX;
    pool->fn = fn;
    pool->arg = arg;
    pool->busy = true;
    atomic_store(&pool->word, (region ? region : 1) << REGION_SHIFT | OPEN);
    if (atomic_load(&pool->sleepers)) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void region_end(rv_pool *pool)
{
    uint64_t word = atomic_fetch_and_explicit(&pool->word, ~OPEN, memory_order_acquire);
    for (int i = 0; word & COUNT; i++) {
        if (i < SPINS)
            rv_relax();
        else
            sched_yield();
        word = atomic_load_explicit(&pool->word, memory_order_acquire);
    }
    pool->busy = false;
}

/* Starts a thread. It inherits a mask of signals, so that the program's handlers run in its own threads and not in the
 * library's; what a thread does to itself, and a profiler's clock, it still gets. */
static bool start(rv_thread *t)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF};
    sigset_t others, before;
    sigfillset(&others);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        sigdelset(&others, own[i]);
    pthread_sigmask(SIG_SETMASK, &others, &before);
    const bool started = pthread_create(&t->thread, NULL, thread_main, t) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* The pool of a context, made when it is first needed; with fewer threads, or none, where the system refuses. */
static rv_pool *pool_of(rv_context *context)
{
    const int num = context->num_threads - 1;
    if (context->pool || num < 1)
        return context->pool;
    rv_pool *pool = rv_alloc(NULL, 1, sizeof *pool + (size_t)num * sizeof pool->threads[0], "threads");
    if (!pool)
        return NULL;
    atomic_init(&pool->word, 0);
    atomic_init(&pool->sleepers, 0);
    atomic_init(&pool->quit, false);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (; pool->num_threads < num; pool->num_threads++) {
        rv_thread *t = &pool->threads[pool->num_threads];
        t->pool = pool;
        t->worker = pool->num_threads + 1;
        if (!start(t))
            break;
    }
    return context->pool = pool;
}

void rv_parallel(rv_context *context, rv_parallel_fn fn, void *arg)
{
    rv_pool *pool = pool_of(context);
    if (!pool || pool->busy) {
        fn(arg, 0);
        return;
    }
    region_begin(pool, fn, arg);
    fn(arg, 0);
    region_end(pool);
}

static uint64_t items_left(uint64_t begin, uint64_t end)
{
    return begin | end << 32;
}

void rv_work_init(rv_work *work, size_t num_items, int num_threads)
{
    const size_t num = num_threads < RV_WORK_SHARES ? (size_t)num_threads : RV_WORK_SHARES;
    work->num_shares = (int)num;
    for (size_t i = 0; i < num; i++)
        atomic_init(&work->share[i].left, items_left(num_items * i / num, num_items * (i + 1) / num));
}

/* From one share: its front, or its far end. */
static bool take_from(_Atomic uint64_t *share, bool front, uint64_t count, size_t *begin, size_t *end)
{
    uint64_t left = atomic_load_explicit(share, memory_order_relaxed), rest;
    do {
        const uint64_t first = left & UINT32_MAX, last = left >> 32;
        if (first == last)
            return false;
        count = count < last - first ? count : last - first;
        *begin = front ? first : last - count;
        *end = *begin + count;
        rest = front ? items_left(first + count, last) : items_left(first, last - count);
    } while (!atomic_compare_exchange_weak_explicit(share, &left, rest, memory_order_relaxed, memory_order_relaxed));
    return true;
}

bool rv_work_take_range(rv_work *work, int worker, size_t count, size_t *begin, size_t *end)
{
    for (int i = 0; i < work->num_shares; i++)
        if (take_from(&work->share[(worker + i) % work->num_shares].left, i == 0, count, begin, end))
            return true;
    return false;
}

void rv_pool_free(rv_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->quit, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->num_threads; i++)
        pthread_join(pool->threads[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    rv_free(pool);
}
