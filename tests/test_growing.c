/* Arrays that grow on disk: what readers see at any time, going on behind a position, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/growing.h"
#include "store/h5.h"
#include "support/files.h"

#define WIDTH 3

static const rv_growing_array arrays[] = {{"values", RV_FLOAT32, 2, {0, WIDTH}}, {"numbers", RV_INT64, 1, {0}}};
static rv_context *context;
static char folder[256], path[300];

static int set_up(void **state)
{
    static int number;
    (void)state;
    snprintf(folder, sizeof folder, "%s", test_path("")); /* ends with a slash */
    snprintf(path, sizeof path, "%snew%d/folder/x", folder, number++);
    return rv_context_create(&context, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    rv_context_free(context);
    return 0;
}

static void succeed(int rc)
{
    if (rc < 0)
        fail_msg("%s", rv_last_error(context));
}

static void refuses(int rc, int code, const char *message)
{
    if (rc != code || !strstr(rv_last_error(context), message))
        fail_msg("%d: '%s', expected %d: '%s'", rc, rv_last_error(context), code, message);
}

static rv_growing *begin(const char *where, const uint64_t *rows)
{
    rv_growing *growing;
    succeed(rv_growing_open(&growing, context, where, arrays, 2));
    succeed(rv_growing_begin(growing, rows));
    return growing;
}

/* Row i holds i, i + 0.25, i + 0.5. */
static void append(rv_growing *growing, size_t num)
{
    for (size_t k = 0; k < num; k++) {
        const int64_t number = (int64_t)rv_growing_rows(growing, 1);
        const float row[WIDTH] = {(float)number, (float)number + 0.25F, (float)number + 0.5F};
        succeed(rv_growing_append(growing, 0, row, 1));
        succeed(rv_growing_append(growing, 1, &number, 1));
    }
}

static void holds(const char *where, size_t num)
{
    char name[400];
    rv_ndarray values, numbers;
    snprintf(name, sizeof name, "%s-values.npy", where);
    succeed(rv_npy_read(&values, context, name));
    snprintf(name, sizeof name, "%s-numbers.npy", where);
    succeed(rv_npy_read(&numbers, context, name));
    assert_true(values.num_dims == 2 && values.shape[0] == num && values.shape[1] == WIDTH);
    assert_true(numbers.num_dims == 1 && numbers.shape[0] == num);
    for (size_t i = 0; i < num; i++) {
        assert_int_equal(((const int64_t *)numbers.data)[i], i);
        for (size_t k = 0; k < WIDTH; k++)
            assert_true(((const float *)values.data)[i * WIDTH + k] == (float)i + 0.25F * (float)k);
    }
    rv_ndarray_clear(&values);
    rv_ndarray_clear(&numbers);
}

static void readers_see_what_was_published(void **state)
{
    (void)state;
    rv_growing *growing = begin(path, NULL);
    succeed(rv_growing_publish(growing));
    holds(path, 0);
    append(growing, 5);
    holds(path, 0);
    succeed(rv_growing_publish(growing));
    holds(path, 5);
    append(growing, 20000); /* more than is collected */
    holds(path, 5);
    succeed(rv_growing_sync(growing));
    succeed(rv_growing_publish(growing));
    succeed(rv_growing_close(growing));
    holds(path, 20005);
}

static void rows_may_be_written_in_any_order_and_count_together(void **state)
{
    (void)state;
    rv_growing *growing = begin(path, NULL);
    assert_true(rv_growing_has_any_order(path) && !rv_growing_has_any_order("x.h5"));
    succeed(rv_growing_reserve(growing, 0, 1000));
    for (uint64_t i = 0; i < 4; i++) {
        const uint64_t row = 3 - i;
        const float numbers[WIDTH] = {(float)row, (float)row + 0.25F, (float)row + 0.5F};
        succeed(rv_growing_write_at(growing, 0, row, numbers, 1));
    }
    succeed(rv_growing_publish(growing));
    holds(path, 0);
    rv_growing_advance(growing, 0, 4);
    for (int64_t i = 0; i < 4; i++)
        succeed(rv_growing_append(growing, 1, &i, 1));
    succeed(rv_growing_publish(growing));
    holds(path, 4);
    succeed(rv_growing_close(growing));
    char name[400];
    struct stat info;
    snprintf(name, sizeof name, "%s-values.npy", path);
    assert_int_equal(stat(name, &info), 0);
    assert_true(info.st_blocks * 512 < 12000); /* what was set aside and not used is given back */
}

static void it_goes_on_behind_a_position_and_cuts_off_the_rest(void **state)
{
    (void)state;
    const uint64_t rows[] = {3, 3}, too_many[] = {9, 9};
    rv_growing *growing = begin(path, NULL);
    append(growing, 8);
    succeed(rv_growing_publish(growing));
    succeed(rv_growing_close(growing));
    growing = begin(path, rows);
    succeed(rv_growing_publish(growing));
    holds(path, 3);
    append(growing, 4);
    succeed(rv_growing_publish(growing));
    succeed(rv_growing_close(growing));
    holds(path, 7);
    succeed(rv_growing_open(&growing, context, path, arrays, 2));
    refuses(rv_growing_begin(growing, too_many), RV_ERR_CHECKPOINT, "fewer than 9 rows");
    succeed(rv_growing_close(growing));
    holds(path, 7);
    rv_growing_array others[] = {arrays[0], arrays[1]};
    others[0].shape[1] = WIDTH + 1;
    succeed(rv_growing_open(&growing, context, path, others, 2));
    refuses(rv_growing_begin(growing, rows), RV_ERR_CHECKPOINT, "is not the file that was written");
    succeed(rv_growing_close(growing));
    holds(path, 7);
}

static void what_cannot_be_written_is_found_before_anything_is(void **state)
{
    (void)state;
    rv_growing *growing, *other;
    char name[400];
    succeed(rv_growing_open(&growing, context, path, arrays, 2));
    snprintf(name, sizeof name, "%.*s", (int)(strlen(path) - strlen("/folder/x")), path);
    assert_false(test_exists(name)); /* opening only looked */
    succeed(rv_growing_begin(growing, NULL));
    succeed(rv_growing_open(&other, context, path, arrays, 2));
    refuses(rv_growing_begin(other, NULL), RV_ERR_FILE, "is being written by another");
    succeed(rv_growing_close(other));
    succeed(rv_growing_close(growing));

    snprintf(name, sizeof name, "%s-values.npy/below/x", path); /* a file where a folder should be */
    refuses(rv_growing_open(&growing, context, name, arrays, 2), RV_ERR_FILE, "cannot be written: Not a directory");
    assert_null(growing);
    snprintf(name, sizeof name, "%sdir-values.npy", folder);
    assert_int_equal(mkdir(name, 0777), 0);
    snprintf(name, sizeof name, "%sdir", folder);
    refuses(rv_growing_open(&growing, context, name, arrays, 2), RV_ERR_FILE, "is not a regular file");
}

static void more_than_the_disk_holds_is_an_error(void **state)
{
    (void)state;
    rv_growing *growing = begin(path, NULL);
    refuses(rv_growing_reserve(growing, 0, UINT64_MAX), RV_ERR_FILE, "there is no room on the disk");
    append(growing, 2);
    succeed(rv_growing_publish(growing));
    succeed(rv_growing_close(growing));
    holds(path, 2);
}

#if RV_HAVE_HDF5

/* Whole rows of both datasets are what append writes. Returns how many there are. */
static size_t h5_rows(const char *where, unsigned flags)
{
    static float values[20000 * WIDTH];
    static int64_t numbers[20000];
    hsize_t dims[2][2] = {{0}};
    const hid_t file = H5Fopen(where, flags, H5P_DEFAULT);
    assert_true(file >= 0);
    for (int i = 0; i < 2; i++) {
        const hid_t set = H5Dopen2(file, arrays[i].name, H5P_DEFAULT), space = H5Dget_space(set);
        assert_true(H5Sget_simple_extent_dims(space, dims[i], NULL) == arrays[i].num_dims && dims[i][0] <= 20000);
        assert_true(H5Dread(set, i ? H5T_NATIVE_INT64 : H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                            i ? (void *)numbers : (void *)values) >= 0);
        H5Sclose(space);
        H5Dclose(set);
    }
    H5Fclose(file);
    const hsize_t num = dims[0][0] < dims[1][0] ? dims[0][0] : dims[1][0];
    for (hsize_t i = 0; i < num; i++) {
        assert_int_equal(numbers[i], i);
        for (size_t k = 0; k < WIDTH; k++)
            assert_true(values[i * WIDTH + k] == (float)i + 0.25F * (float)k);
    }
    return (size_t)num;
}

/* Writes batches of 7 rows for ever, and tells how many were published. */
static _Noreturn void write_for_ever(const char *where, atomic_size_t *published)
{
    rv_growing *const growing = begin(where, NULL);
    for (;;) {
        append(growing, 7);
        succeed(rv_growing_publish(growing));
        atomic_store(published, rv_growing_rows(growing, 1));
        if (rv_growing_rows(growing, 1) > 19000)
            pause();
    }
}

/* What it had published is there to be read, and to be gone on behind. */
static void a_killed_writer_leaves_a_whole_hdf5_file(void **state)
{
    (void)state;
    atomic_size_t *const published =
        mmap(NULL, sizeof *published, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(published != MAP_FAILED);
    for (size_t kill_at = 1; kill_at < 3000; kill_at += 211) {
        char where[400];
        snprintf(where, sizeof where, "%s%zu.h5", path, kill_at);
        atomic_store(published, 0);
        const pid_t writer = fork();
        if (writer == 0)
            write_for_ever(where, published);
        while (atomic_load(published) < kill_at)
            ;
        kill(writer, SIGKILL);
        waitpid(writer, NULL, 0);
        const uint64_t num = atomic_load(published), rows[] = {num - 3, num - 3};
        assert_true(h5_rows(where, H5F_ACC_RDONLY | H5F_ACC_SWMR_READ) >= num);
        rv_growing *const growing = begin(where, rows);
        append(growing, 500);
        succeed(rv_growing_close(growing));
        assert_int_equal(h5_rows(where, H5F_ACC_RDONLY), num - 3 + 500);
    }
    munmap(published, sizeof *published);
}

static void hdf5_files_are_read_while_they_grow(void **state)
{
    char where[400];
    rv_growing *other;
    (void)state;
    snprintf(where, sizeof where, "%s.h5", path);
    rv_growing *const growing = begin(where, NULL);
    append(growing, 10);
    succeed(rv_growing_publish(growing));
    assert_int_equal(h5_rows(where, H5F_ACC_RDONLY | H5F_ACC_SWMR_READ), 10);
    succeed(rv_growing_open(&other, context, where, arrays, 2));
    refuses(rv_growing_begin(other, NULL), RV_ERR_FILE, "is being written by another");
    succeed(rv_growing_close(other));
    append(growing, 10);
    succeed(rv_growing_publish(growing));
    succeed(rv_growing_close(growing));
    assert_int_equal(h5_rows(where, H5F_ACC_RDONLY), 20);
}

#else

static void a_killed_writer_leaves_a_whole_hdf5_file(void **state)
{
    (void)state;
    print_message("# this build has no HDF5\n");
    skip();
}

static void hdf5_files_are_read_while_they_grow(void **state)
{
    a_killed_writer_leaves_a_whole_hdf5_file(state);
}

#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(readers_see_what_was_published),
        TEST(rows_may_be_written_in_any_order_and_count_together),
        TEST(it_goes_on_behind_a_position_and_cuts_off_the_rest),
        TEST(what_cannot_be_written_is_found_before_anything_is),
        TEST(more_than_the_disk_holds_is_an_error),
        TEST(a_killed_writer_leaves_a_whole_hdf5_file),
        TEST(hdf5_files_are_read_while_they_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
