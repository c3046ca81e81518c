/* Files appear whole or not at all, also when the disk is full or the writer is killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "store/atomic_file.h"
#include "store/folder.h"
#include "support/files.h"

static rv_context *context;

static int make_context(void **state)
{
    (void)state;
    return rv_context_create(&context, NULL);
}

static int free_context(void **state)
{
    (void)state;
    rv_context_free(context);
    return 0;
}

/* The file must hold exactly this text. */
static void holds(const char *path, const char *text)
{
    char got[1000] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    got[fread(got, 1, sizeof got - 1, file)] = 0;
    fclose(file);
    assert_string_equal(got, text);
}

static void a_file_appears_at_commit(void **state)
{
    rv_atomic_file *file;
    const char *path = test_path("appears");
    (void)state;
    const size_t before = test_count_files();
    assert_int_equal(rv_atomic_file_open(&file, context, path), 0);
    assert_int_equal(rv_atomic_file_write(file, "one ", 4), 0);
    assert_int_equal(rv_atomic_file_printf(file, "%s %d", "two", 3), 0);
    assert_int_equal(rv_atomic_file_size(file), 9);
    assert_false(test_exists(path));
    assert_int_equal(rv_atomic_file_commit(file), 0);
    holds(path, "one two 3");
    assert_int_equal(test_count_files(), before + 1);
}

static void the_old_file_stays_until_then_and_after_an_abort(void **state)
{
    rv_atomic_file *file;
    const char *path = test_text("stays", "old");
    (void)state;
    const size_t before = test_count_files();
    assert_int_equal(rv_atomic_file_open(&file, context, path), 0);
    assert_int_equal(rv_atomic_file_write(file, "new", 3), 0);
    holds(path, "old");
    rv_atomic_file_abort(file);
    rv_atomic_file_abort(NULL);
    holds(path, "old");
    assert_int_equal(test_count_files(), before);
    assert_int_equal(rv_atomic_file_save(context, path, "new", 3), 0);
    holds(path, "new");
    assert_int_equal(test_count_files(), before);
}

static void large_and_small_writes_keep_their_order(void **state)
{
    enum {
        SIZE = 1 << 20
    };
    static unsigned char expected[SIZE], got[SIZE + 1];
    static const size_t sizes[] = {1, 65535, 65536, 65537, 10, 200000, 7};
    rv_atomic_file *file;
    const char *path = test_path("order");
    size_t used = 0;
    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        expected[i] = (unsigned char)(i * i >> 7);
    assert_int_equal(rv_atomic_file_open(&file, context, path), 0);
    for (size_t i = 0; used < SIZE; i++) {
        size_t n = sizes[i % 7] < SIZE - used ? sizes[i % 7] : SIZE - used;
        assert_int_equal(rv_atomic_file_write(file, expected + used, n), 0);
        used += n;
    }
    assert_int_equal(rv_atomic_file_rewrite(file, 5, "header", 6), 0);
    memcpy(expected + 5, "header", 6);
    assert_int_equal(rv_atomic_file_rewrite(file, SIZE - 3, "long", 4), RV_ERR_ARGUMENT);
    assert_int_equal(rv_atomic_file_commit(file), 0);
    FILE *stream = fopen(path, "rb");
    assert_int_equal(fread(got, 1, sizeof got, stream), SIZE);
    fclose(stream);
    assert_memory_equal(got, expected, SIZE);
}

static void long_lines_are_printed_whole(void **state)
{
    rv_atomic_file *file;
    struct stat info;
    const char *path = test_path("long");
    (void)state;
    assert_int_equal(rv_atomic_file_open(&file, context, path), 0);
    assert_int_equal(rv_atomic_file_printf(file, "%05000d", 1), 0);
    assert_int_equal(rv_atomic_file_printf(file, "%511s", ""), 0);
    assert_int_equal(rv_atomic_file_printf(file, "%512s", ""), 0);
    assert_int_equal(rv_atomic_file_commit(file), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 5000 + 511 + 512);
}

static void refuses(const char *path, const char *reason)
{
    rv_atomic_file *file;
    assert_int_equal(rv_atomic_file_open(&file, context, path), RV_ERR_FILE);
    assert_null(file);
    if (!strstr(rv_last_error(context), reason))
        fail_msg("'%s' does not say '%s'", rv_last_error(context), reason);
}

static void targets_that_are_no_files_are_refused(void **state)
{
    (void)state;
    refuses("/dev/null", "/dev/null: is not a regular file, cannot be replaced by a file");
    refuses(test_path("."), "is a folder, cannot be replaced by a file");
    refuses(test_path("missing/file"), "missing/file: cannot create a file beside it: No such file or directory");
    refuses("", "'': not the name of a file");
    refuses(test_path("folder/"), "not the name of a file");
}

static void a_link_is_followed(void **state)
{
    struct stat info;
    (void)state;
    const char *target = test_text("target", "old"), *link = test_path("link");
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(rv_atomic_file_save(context, link, "new", 3), 0);
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    holds(target, "new");
}

static void names_without_a_folder_are_in_the_current_one(void **state)
{
    char *before = getcwd(NULL, 0);
    (void)state;
    assert_int_equal(chdir(test_path(".")), 0);
    assert_int_equal(rv_atomic_file_save(context, "here", "1", 1), 0);
    assert_true(test_exists("here"));
    assert_int_equal(chdir(before), 0);
    free(before);
}

/* Writes 1 MiB over `path`, which must fail for this reason and leave the old file and nothing else. */
static void fails_and_leaves_the_old_file(const char *path, const char *reason)
{
    static char block[1 << 20];
    rv_atomic_file *file;
    assert_int_equal(rv_atomic_file_save(context, path, block, sizeof block), RV_ERR_FILE);
    if (!strstr(rv_last_error(context), reason) || !strstr(rv_last_error(context), path))
        fail_msg("'%s' does not say '%s'", rv_last_error(context), reason);
    holds(path, "old");

    /* whoever does not look at the result of write is told by commit */
    assert_int_equal(rv_atomic_file_open(&file, context, path), 0);
    assert_int_equal(rv_atomic_file_write(file, block, sizeof block), RV_ERR_FILE);
    assert_int_equal(rv_atomic_file_write(file, "end", 3), 0);
    assert_int_equal(rv_atomic_file_commit(file), RV_ERR_FILE);
    holds(path, "old");
}

static void a_file_that_grows_too_large_leaves_the_old_one(void **state)
{
    struct rlimit before, limit;
    const char *path = test_text("limited", "old");
    (void)state;
    const size_t num = test_count_files();
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 100000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fails_and_leaves_the_old_file(path, "cannot write: File too large");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(test_count_files(), num);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    const char *disk = test_path("disk");
    (void)state;
    assert_int_equal(rv_folder_make(context, disk), 0);
    if (mount("ranvier-test", disk, "tmpfs", 0, "size=256k") != 0) {
        print_message("cannot mount a small file system here\n");
        skip();
    }
    const char *path = test_text("disk/file", "old");
    fails_and_leaves_the_old_file(path, "cannot write: No space left on device");
    assert_int_equal(rv_atomic_file_save(context, path, "new", 3), 0); /* the space is free again */
    holds(path, "new");
}

static int unmount(void **state)
{
    (void)state;
    umount2(test_path("disk"), MNT_DETACH);
    return 0;
}

static void killing_the_writer_leaves_the_old_file_or_the_new_one(void **state)
{
    static char block[300000];
    const char *path = test_text("killed", "old");
    (void)state;
    memset(block, 'n', sizeof block);
    for (int i = 0; i < 30; i++) {
        const pid_t child = fork();
        if (child == 0)
            for (;;)
                rv_atomic_file_save(context, path, block, sizeof block);
        usleep(1000 + 700 * (useconds_t)i);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_true(info.st_size == 3 || info.st_size == sizeof block);
    }
}

static void folders_are_made_with_those_above_them(void **state)
{
    struct stat info;
    const char *path = test_path("a/b//c");
    (void)state;
    assert_int_equal(rv_folder_make(context, path), 0);
    assert_int_equal(rv_folder_make(context, path), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    test_text("a/file", "");
    assert_int_equal(rv_folder_make(context, test_path("a/file")), RV_ERR_FILE);
    assert_non_null(strstr(rv_last_error(context), "a/file: is a file, expected a folder"));
    assert_int_equal(rv_folder_make(context, test_path("a/file/b")), RV_ERR_FILE);
    assert_int_equal(rv_folder_make(context, "/proc/ranvier/x"), RV_ERR_FILE);
    assert_non_null(strstr(rv_last_error(context), "cannot make the folder"));
}

static void running_out_of_memory_leaves_the_old_file(void **state)
{
    const char *path = test_text("memory", "old");
    int rc = RV_ERR_MEMORY;
    (void)state;
    const size_t num = test_count_files();
    for (long n = 0; rc != 0; n++) {
        rv_alloc_fail_after(n);
        rc = rv_atomic_file_save(context, path, "new", 3);
        rv_alloc_fail_after(-1);
        assert_true(rc == 0 || rc == RV_ERR_MEMORY);
        assert_int_equal(test_count_files(), num);
        holds(path, rc == 0 ? "new" : "old");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_appears_at_commit),
        cmocka_unit_test(the_old_file_stays_until_then_and_after_an_abort),
        cmocka_unit_test(large_and_small_writes_keep_their_order),
        cmocka_unit_test(long_lines_are_printed_whole),
        cmocka_unit_test(targets_that_are_no_files_are_refused),
        cmocka_unit_test(a_link_is_followed),
        cmocka_unit_test(names_without_a_folder_are_in_the_current_one),
        cmocka_unit_test(a_file_that_grows_too_large_leaves_the_old_one),
        cmocka_unit_test_teardown(a_full_disk_leaves_the_old_file, unmount),
        cmocka_unit_test(killing_the_writer_leaves_the_old_file_or_the_new_one),
        cmocka_unit_test(folders_are_made_with_those_above_them),
        cmocka_unit_test(running_out_of_memory_leaves_the_old_file),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
