/* Rows that another thread writes: all of them, wherever they belong, and what it says when it cannot. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "callbacks/behind.h"
#include "support/files.h"

enum {
    ROWS = 60,
    THREADS = 3,
    FEW = 10,
    MANY = 20000
}; /* FEW numbers are written at once, MANY by the thread */

static rv_context *context;

static void succeed(int rc)
{
    if (rc < 0)
        fail_msg("%s", rv_last_error(context));
}

static rv_growing *begin(const char *path, size_t width)
{
    const rv_growing_array array = {"values", RV_FLOAT32, 2, {0, width}};
    rv_growing *files;
    succeed(rv_growing_open(&files, context, path, &array, 1));
    succeed(rv_growing_begin(files, NULL));
    return files;
}

typedef struct maker {
    rv_behind *behind;
    size_t width, first; /* makes rows first, first + THREADS, ... */
    int error;
} maker;

static void *make_rows(void *arg)
{
    maker *m = arg;
    for (size_t row = m->first; row < ROWS && !m->error; row += THREADS) {
        float *numbers = rv_behind_room(m->behind);
        for (size_t k = 0; k < m->width; k++)
            numbers[k] = (float)(row * 7 + k);
        m->error = rv_behind_write(m->behind, ROWS - 1 - row, numbers);
    }
    return NULL;
}

static int write_all(rv_growing *files, size_t width)
{
    pthread_t threads[THREADS];
    maker makers[THREADS];
    rv_behind *behind;
    int error;
    succeed(rv_behind_create(&behind, context, files, 0, width * sizeof(float)));
    for (size_t i = 0; i < THREADS; i++) {
        makers[i] = (maker){behind, width, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, make_rows, &makers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    error = rv_behind_settle(behind);
    for (size_t i = 0; i < THREADS; i++)
        assert_true(!makers[i].error || makers[i].error == error);
    rv_behind_free(behind);
    return error;
}

static void all_rows_are_where_they_belong(void **state)
{
    static const size_t widths[] = {FEW, MANY};
    (void)state;
    for (size_t w = 0; w < 2; w++) {
        const char *path = test_path(w ? "many" : "few");
        rv_ndarray array;
        rv_growing *files = begin(path, widths[w]);
        succeed(write_all(files, widths[w]));
        rv_growing_advance(files, 0, ROWS);
        succeed(rv_growing_publish(files));
        succeed(rv_growing_close(files));
        succeed(rv_npy_read(&array, context, test_path(w ? "many-values.npy" : "few-values.npy")));
        assert_true(array.shape[0] == ROWS && array.shape[1] == widths[w]);
        for (size_t row = 0; row < ROWS; row++)
            for (size_t k = 0; k < widths[w]; k++)
                assert_true(((const float *)array.data)[row * widths[w] + k] == (float)((ROWS - 1 - row) * 7 + k));
        rv_ndarray_clear(&array);
    }
}

static void a_file_that_cannot_grow_is_an_error_for_all(void **state)
{
    static const size_t widths[] = {FEW, MANY};
    struct rlimit before, small;
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (size_t w = 0; w < 2; w++) {
        rv_growing *files = begin(test_path(w ? "full" : "full-of-few"), widths[w]);
        small = (struct rlimit){widths[w] * sizeof(float) * ROWS / 2, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        const int error = write_all(files, widths[w]);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(error, RV_ERR_FILE);
        assert_non_null(strstr(rv_last_error(context), "-values.npy: cannot write: File too large"));
        succeed(rv_growing_close(files));
    }
}

/* As where a sweep fails: rows that were asked for and never came back. */
static void rows_that_are_never_written_are_freed(void **state)
{
    rv_growing *files = begin(test_path("given-up"), MANY);
    rv_behind *behind;
    (void)state;
    succeed(rv_behind_create(&behind, context, files, 0, MANY * sizeof(float)));
    for (int i = 0; i < 2 * RV_BEHIND_ROWS; i++) /* a batch in lockstep has all of its examples in the making */
        assert_non_null(rv_behind_room(behind));
    rv_behind_free(behind);
    succeed(rv_growing_close(files));
}

static int set_up(void **state)
{
    (void)state;
    return rv_context_create(&context, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    rv_context_free(context);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_rows_are_where_they_belong),
        TEST(a_file_that_cannot_grow_is_an_error_for_all),
        TEST(rows_that_are_never_written_are_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
