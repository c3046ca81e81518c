/* Parallel regions and the sharing of work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/threads.h"

#define NUM_ITEMS 100003

typedef struct job {
    rv_context *context;
    rv_work work;
    size_t range; /* items taken at once */
    atomic_uchar *done;
    atomic_int inside[16]; /* by worker: 1 while it is in the region */
} job;

static void take_all(void *arg, int worker)
{
    job *j = arg;
    size_t begin, end;
    assert_in_range(worker, 0, rv_context_num_threads(j->context) - 1);
    assert_int_equal(atomic_fetch_add(&j->inside[worker], 1), 0);
    if (j->range == 1)
        while (rv_work_take(&j->work, worker, &begin))
            atomic_fetch_add(&j->done[begin], 1);
    else
        while (rv_work_take_range(&j->work, worker, j->range, &begin, &end))
            for (; begin < end; begin++)
                atomic_fetch_add(&j->done[begin], 1);
    atomic_fetch_sub(&j->inside[worker], 1);
}

static rv_context *new_context(int num_threads)
{
    rv_context *context;
    assert_int_equal(rv_context_create(&context, &(rv_context_desc){.num_threads = num_threads}), 0);
    return context;
}

/* Every item must be done once, nobody be left inside, and no worker's number be used twice at a time. */
static void run_job(rv_context *context, size_t range)
{
    job j = {.context = context, .range = range, .done = calloc(NUM_ITEMS, 1)};
    rv_work_init(&j.work, NUM_ITEMS, rv_context_num_threads(context));
    rv_parallel(context, take_all, &j);
    for (size_t i = 0; i < NUM_ITEMS; i++)
        assert_int_equal(atomic_load(&j.done[i]), 1);
    for (int i = 0; i < 16; i++)
        assert_int_equal(atomic_load(&j.inside[i]), 0);
    free(j.done);
}

static void every_item_is_done_once(void **state)
{
    static const int num_threads[] = {1, 2, 3, 16};
    (void)state;
    for (size_t i = 0; i < sizeof num_threads / sizeof num_threads[0]; i++) {
        rv_context *context = new_context(num_threads[i]);
        run_job(context, 1);
        run_job(context, 64);
        run_job(context, NUM_ITEMS + 1);
        rv_context_free(context);
    }
}

/* Who takes which items, in turns: a worker its own, from the front, then those of the other, from their end. */
static void a_worker_keeps_its_items_and_helps_from_the_far_end(void **state)
{
    static const size_t taken[][2] = {{0, 0}, {1, 5}, {1, 6}, {1, 7}, {1, 8}, {1, 9}, {1, 4}, {0, 1}, {1, 3}, {0, 2}};
    rv_work work;
    size_t item, begin, end;
    (void)state;
    rv_work_init(&work, 10, 2);
    for (size_t i = 0; i < 10; i++) {
        assert_true(rv_work_take(&work, (int)taken[i][0], &item));
        assert_int_equal(item, taken[i][1]);
    }
    assert_false(rv_work_take(&work, 0, &item));
    rv_work_init(&work, 10, 2);
    assert_true(rv_work_take_range(&work, 1, 8, &begin, &end));
    assert_int_equal(begin, 5);
    assert_int_equal(end, 10);
    assert_true(rv_work_take_range(&work, 1, 3, &begin, &end));
    assert_int_equal(begin, 2);
    assert_int_equal(end, 5);
}

static void short_regions_follow_one_another(void **state)
{
    (void)state;
    rv_context *context = new_context(4);
    for (int i = 0; i < 20000; i++) {
        job j = {.context = context, .range = 1, .done = (atomic_uchar[3]){0}};
        rv_work_init(&j.work, 3, 4);
        rv_parallel(context, take_all, &j);
        for (int k = 0; k < 3; k++)
            assert_int_equal(atomic_load(&j.done[k]), 1);
        if (i % 4000 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* the others fall asleep */
    }
    rv_context_free(context);
}

static void run_nested(void *arg, int worker)
{
    (void)worker;
    run_job(arg, 10);
}

static void a_region_in_a_region_is_serial(void **state)
{
    (void)state;
    rv_context *context = new_context(3);
    rv_parallel(context, run_nested, context);
    rv_context_free(context);
}

static void *run_in_thread(void *arg)
{
    rv_context *context = new_context(3);
    for (int i = 0; i < 5; i++)
        run_job(context, 7);
    rv_context_free(context);
    return arg;
}

static void two_callers_do_not_meet(void **state)
{
    pthread_t threads[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_in_thread, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* Worker 1 has to come while worker 0 waits for it: threads do run at the same time. */
static void meet(void *arg, int worker)
{
    atomic_int *here = arg;
    const double start = rv_clock_seconds();
    atomic_fetch_or(here, 1 << worker);
    while (atomic_load(here) != 3 && rv_clock_seconds() - start < 20)
        sched_yield();
}

static void threads_work_at_the_same_time(void **state)
{
    atomic_int here = 0;
    (void)state;
    rv_context *context = new_context(2);
    rv_parallel(context, meet, &here);
    assert_int_equal(atomic_load(&here), 3);
    rv_context_free(context);
}

/* What thread each worker is, and whether a signal's handler may run in it. */
typedef struct masks {
    atomic_int here;
    bool blocked[2];
} masks;

static void look_at_mask(void *arg, int worker)
{
    masks *m = arg;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    m->blocked[worker] = sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM) && sigismember(&mask, SIGALRM);
    meet(&m->here, worker);
}

static void signals_are_handled_in_the_callers_thread(void **state)
{
    masks m = {0};
    (void)state;
    rv_context *context = new_context(2);
    rv_parallel(context, look_at_mask, &m);
    assert_int_equal(atomic_load(&m.here), 3);
    assert_true(m.blocked[1]);
    assert_false(m.blocked[0]);
    rv_context_free(context);
}

static void the_clock_goes_forward(void **state)
{
    double last = rv_clock_seconds();
    (void)state;
    for (int i = 0; i < 1000; i++) {
        const double now = rv_clock_seconds();
        assert_true(now >= last && now - last < 60);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_done_once),
        cmocka_unit_test(a_worker_keeps_its_items_and_helps_from_the_far_end),
        cmocka_unit_test(short_regions_follow_one_another),
        cmocka_unit_test(a_region_in_a_region_is_serial),
        cmocka_unit_test(two_callers_do_not_meet),
        cmocka_unit_test(threads_work_at_the_same_time),
        cmocka_unit_test(signals_are_handled_in_the_callers_thread),
        cmocka_unit_test(the_clock_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
