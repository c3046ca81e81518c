/* .npy and .npz files: what is written is read, and what is damaged is refused. That NumPy reads and writes the same
 * is checked by test_npy.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/philox.h"
#include "store/npy_header.h"
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

/* Version 1 with this dictionary and these elements; returns the path. */
static const char *write_npy(const char *name, const char *dictionary, const void *data, size_t size)
{
    static unsigned char bytes[100000];
    const size_t length = strlen(dictionary);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (unsigned char)(length & 255);
    bytes[9] = (unsigned char)(length >> 8);
    memcpy(bytes + 10, dictionary, length);
    memcpy(bytes + 10 + length, data, size);
    return test_file(name, bytes, 10 + length + size);
}

static void refuses(const char *path, int code, const char *reason)
{
    rv_ndarray array;
    assert_int_equal(rv_npy_read(&array, context, path), code);
    assert_null(array.data);
    if (!strstr(rv_last_error(context), reason) || strncmp(rv_last_error(context), path, strlen(path)) != 0)
        fail_msg("'%s' does not say '%s'", rv_last_error(context), reason);
}

static void reads(rv_ndarray *array, const char *path)
{
    if (rv_npy_read(array, context, path) < 0)
        fail_msg("%s", rv_last_error(context));
}

static void every_type_and_shape_comes_back(void **state)
{
    static const struct {
        int num_dims;
        size_t shape[RV_NDARRAY_MAX_DIMS];
    } shapes[] = {{0, {0}}, {1, {0}}, {1, {5}}, {2, {3, 4}}, {3, {2, 0, 3}}, {8, {1, 2, 1, 2, 1, 3, 1, 2}}};
    const char *path = test_path("type.npy");
    (void)state;
    for (rv_dtype dtype = RV_FLOAT32; dtype <= RV_BOOL; dtype++)
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
            rv_ndarray array, back;
            assert_int_equal(rv_ndarray_create(&array, context, dtype, shapes[i].num_dims, shapes[i].shape, "array"),
                             0);
            for (size_t j = 0; j < array.size * rv_dtype_size(dtype); j++)
                ((unsigned char *)array.data)[j] = (unsigned char)(dtype == RV_BOOL ? j % 2 : 37 * j);
            assert_int_equal(rv_npy_write(context, path, &array), 0);
            reads(&back, path);
            assert_int_equal(back.dtype, dtype);
            assert_int_equal(back.num_dims, array.num_dims);
            assert_int_equal(back.size, array.size);
            assert_memory_equal(back.shape, array.shape, sizeof back.shape);
            assert_memory_equal(back.data, array.data, array.size * rv_dtype_size(dtype));
            rv_ndarray_clear(&array);
            rv_ndarray_clear(&back);
        }
}

static void the_header_of_a_growing_array_keeps_its_length(void **state)
{
    char header[RV_NPY_HEADER_SIZE];
    (void)state;
    for (size_t n = 0; n < SIZE_MAX / 16; n = n * 7 + 1)
        assert_int_equal(rv_npy_header_format(header, RV_FLOAT32, 2, (size_t[]){n, 700}), 128);
    const size_t huge = SIZE_MAX;
    const size_t length =
        rv_npy_header_format(header, RV_FLOAT32, 8, (size_t[]){huge, huge, huge, huge, huge, huge, huge, huge});
    assert_int_equal(length % 64, 0);
    assert_in_range(length, 64, RV_NPY_HEADER_SIZE);
}

static void arrays_that_contradict_themselves_are_not_written(void **state)
{
    float data[4] = {0};
    const char *path = test_path("contradiction.npy");
    (void)state;
    const rv_ndarray good = {.dtype = RV_FLOAT32, .num_dims = 1, .shape = {4}, .size = 4, .data = data};
    rv_ndarray bad = good;
    bad.size = 5;
    assert_int_equal(rv_npy_write(context, path, &bad), RV_ERR_SHAPE);
    bad = good;
    bad.num_dims = 9;
    assert_int_equal(rv_npy_write(context, path, &bad), RV_ERR_SHAPE);
    bad = good;
    bad.data = NULL;
    assert_int_equal(rv_npy_write(context, path, &bad), RV_ERR_SHAPE);
    bad = good;
    bad.dtype = 99;
    assert_int_equal(rv_npy_write(context, path, &bad), RV_ERR_ARGUMENT);
    assert_false(test_exists(path));
}

static void dictionaries_may_be_written_otherwise_than_numpy_does(void **state)
{
    static const char *const good[] = {
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }\n",
        "{\"shape\":(2,),\"fortran_order\":True,\"descr\":\"<i2\"}",
        "  { 'fortran_order' : False ,'shape': ( 2 , ) , 'descr': '=i2' }   ",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2L,), }",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (1, 2,), }",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        rv_ndarray array;
        reads(&array, write_npy("good.npy", good[i], (const int16_t[]){-3, 500}, 4));
        assert_int_equal(array.size, 2);
        assert_true(rv_ndarray_get(&array, 0) == -3 && rv_ndarray_get(&array, 1) == 500);
        rv_ndarray_clear(&array);
    }
}

static void damaged_headers_are_errors(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{",
        "[]",
        "{'descr': '<i2', 'fortran_order': False}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2)}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2 3)}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2,}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': [2,]}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<i2', 'fortran_order': 0, 'shape': (2,)}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), 'descr': '<i2'}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        "{'descr': '<i2', 'fortran_order': False, 'shape': (2,)} x",
        "{'descr': '<i2' 'fortran_order': False, 'shape': (2,)}",
        "{'descr: 2",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuses(write_npy("bad.npy", bad[i], "1234", 4), RV_ERR_FORMAT, ": not a .npy file: its header is");

    static const char *const types[] = {"<c8", "|S3", "<U4", "|O", "<f3", "<i16", "<M8[s]", "<f16", "i4", ""};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char dictionary[200], reason[100];
        snprintf(dictionary, sizeof dictionary, "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }", types[i]);
        snprintf(reason, sizeof reason, "holds elements of type '%s', expected real numbers", types[i]);
        refuses(write_npy("bad.npy", dictionary, "12345678", 8), RV_ERR_FORMAT, reason);
    }
    refuses(write_npy("bad.npy", "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,), }", "1234", 4),
            RV_ERR_FORMAT, "holds records, expected real numbers");
    refuses(write_npy("bad.npy", "{'descr': '<i2', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", "12", 2),
            RV_ERR_FORMAT, "has 9 dimensions, at most 8 are supported");
}

static void files_that_end_too_early_or_claim_too_much_are_errors(void **state)
{
    static const char dictionary[] = "{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }";
    (void)state;
    refuses(test_file("empty.npy", "", 0), RV_ERR_FORMAT, ": not a .npy file: it is too short");
    refuses(test_text("text.npy", "hello, world"), RV_ERR_FORMAT, "it does not start with \\x93NUMPY");
    refuses(test_file("v9.npy", "\x93NUMPY\x09\x00\x00\x00", 10), RV_ERR_FORMAT, ".npy version 9, expected 1, 2 or 3");
    refuses(test_file("long.npy", "\x93NUMPY\x01\x00\xff\xff", 10), RV_ERR_FORMAT,
            "its header is longer than the file");
    refuses(test_file("v2.npy", "\x93NUMPY\x02\x00\xff\xff\xff\xff", 12), RV_ERR_FORMAT, "its header is longer than");
    refuses(test_file("v2.npy", "\x93NUMPY\x02\x00\xff", 9), RV_ERR_FORMAT,
            "ends too early: 4 bytes expected, 1 left");
    refuses(write_npy("short.npy", dictionary, "1234567", 7), RV_ERR_FORMAT,
            "ends too early: its shape needs more than the 7 bytes it has");
    refuses(write_npy("huge.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }", "", 0),
            RV_ERR_FORMAT, "ends too early: its shape needs more than");
    refuses(write_npy("huge.npy",
                      "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }", "",
                      0),
            RV_ERR_FORMAT, "ends too early: its shape needs more than");
    refuses(test_path("missing.npy"), RV_ERR_FILE, "cannot open: No such file or directory");
    refuses(test_path("."), RV_ERR_FILE, "");
}

static void half_precision_becomes_single(void **state)
{
    static const struct {
        uint16_t half;
        float single;
    } cases[] = {{0, 0},
                 {0x3c00, 1},
                 {0xc000, -2},
                 {0x7bff, 65504},
                 {0x0400, 0x1p-14F},
                 {1, 0x1p-24F},
                 {0x03ff, 1023 * 0x1p-24F},
                 {0x3555, 0.333251953125F},
                 {0x7c00, INFINITY},
                 {0xfc00, -INFINITY}};
    enum {
        NUM = sizeof cases / sizeof cases[0]
    };
    uint16_t halves[NUM + 1];
    rv_ndarray array;
    (void)state;
    for (size_t i = 0; i < NUM; i++)
        halves[i] = cases[i].half;
    halves[NUM] = 0x7e00;
    reads(&array,
          write_npy("half.npy", "{'descr': '<f2', 'fortran_order': False, 'shape': (11,), }", halves, sizeof halves));
    assert_int_equal(array.dtype, RV_FLOAT32);
    for (size_t i = 0; i < NUM; i++)
        assert_true(((float *)array.data)[i] == cases[i].single);
    assert_true(isnan(((float *)array.data)[NUM]));
    rv_ndarray_clear(&array);
}

static void any_byte_but_0_is_true(void **state)
{
    rv_ndarray array;
    (void)state;
    reads(&array,
          write_npy("bool.npy", "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", "\x00\x02\xff", 3));
    assert_memory_equal(array.data, "\x00\x01\x01", 3);
    rv_ndarray_clear(&array);
}

/* An archive with members a.npy (float32, (2,)) and b (text). */
static const char *write_npz(const char *name, int compression)
{
    static unsigned char npy[200];
    int code;
    const char *path = test_path(name);
    const rv_ndarray array = {.dtype = RV_FLOAT32, .num_dims = 1, .shape = {2}, .size = 2, .data = (float[]){1.5F, 2}};
    assert_int_equal(rv_npy_write(context, test_path("member.npy"), &array), 0);
    FILE *file = fopen(test_path("member.npy"), "rb");
    const size_t size = fread(npy, 1, sizeof npy, file);
    fclose(file);
    remove(path);
    zip_t *zip = zip_open(path, ZIP_CREATE, &code);
    assert_non_null(zip);
    zip_int64_t index = zip_file_add(zip, "a.npy", zip_source_buffer(zip, npy, size, 0), 0);
    assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, compression, 0), 0);
    zip_file_add(zip, "b", zip_source_buffer(zip, "text", 4, 0), 0);
    assert_int_equal(zip_close(zip), 0);
    return path;
}

static const char *member(const char *path, const char *name)
{
    static char text[4][600];
    static int next;
    char *full = text[next++ % 4];
    snprintf(full, 600, "%s:%s", path, name);
    return full;
}

static void members_of_archives_are_named_behind_a_colon(void **state)
{
    rv_ndarray array;
    (void)state;
    for (int compressed = 0; compressed < 2; compressed++) {
        const char *path = write_npz("arrays.npz", compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE);
        reads(&array, member(path, "a"));
        assert_true(array.size == 2 && ((float *)array.data)[0] == 1.5F && ((float *)array.data)[1] == 2);
        rv_ndarray_clear(&array);
        reads(&array, member(path, "a.npy"));
        rv_ndarray_clear(&array);
        refuses(member(path, "b"), RV_ERR_FORMAT, "not a .npy file");
        assert_int_equal(rv_npy_read(&array, context, member(path, "c")), RV_ERR_FILE);
        assert_non_null(strstr(rv_last_error(context), "arrays.npz: no array 'c', there are: a, b"));
        refuses(path, RV_ERR_FORMAT, "is an archive, name an array in it as in file.npz:name; there are: a, b");
    }
    assert_int_equal(rv_npy_read(&array, context, member(test_path("none.npz"), "a")), RV_ERR_FILE);
    assert_non_null(strstr(rv_last_error(context), "none.npz: cannot read: No such file"));
    assert_int_equal(rv_npy_read(&array, context, member(test_text("text.npz", "hello"), "a")), RV_ERR_FORMAT);
    assert_non_null(strstr(rv_last_error(context), "text.npz: cannot read: Not a zip archive"));
}

/* The bytes of a file in a buffer of 1000; returns how many there are. */
static size_t load(const char *path, unsigned char bytes[1000])
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, 1000, file);
    fclose(file);
    return size;
}

static void a_member_with_a_wrong_checksum_is_an_error(void **state)
{
    unsigned char bytes[1000];
    (void)state;
    const size_t size = load(write_npz("sum.npz", ZIP_CM_STORE), bytes);
    unsigned char *data = memmem(bytes, size, (const float[]){1.5F, 2}, 2 * sizeof(float));
    assert_non_null(data);
    data[0] ^= 1;
    refuses(member(test_file("sum.npz", bytes, size), "a"), RV_ERR_FORMAT, "ends too early or is damaged");
}

static void a_member_that_claims_more_than_it_can_hold_is_an_error(void **state)
{
    unsigned char bytes[1000];
    (void)state;
    const size_t size = load(write_npz("claim.npz", ZIP_CM_DEFLATE), bytes);
    unsigned char *entry = memmem(bytes, size, "PK\1\2", 4); /* the directory's, 24 bytes before the true size */
    assert_non_null(entry);
    memcpy(entry + 24, "\xff\xff\xff\x7f", 4);
    refuses(member(test_file("claim.npz", bytes, size), "a"), RV_ERR_FORMAT, "its entry in the archive is damaged");
}

/* Whatever byte of a file changes, wherever it is cut: the reader gives an array or an error, and no leak. */
static void damaged_files_never_crash(void **state)
{
    static unsigned char good[1000], bad[1000];
    rv_ndarray array;
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        const char *path = kind == 0
                               ? write_npy("fuzz.npy", "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }",
                                           "abcdefghijklmnopqrstuvwx", 24)
                               : write_npz("fuzz.npz", kind == 1 ? ZIP_CM_STORE : ZIP_CM_DEFLATE);
        const size_t size = load(path, good);
        for (uint32_t i = 0; i < 4000; i++) {
            uint32_t r[4];
            rv_random(1, RV_RANDOM_GENERATOR, (uint32_t)kind, 0, i, r);
            memcpy(bad, good, size);
            for (uint32_t j = 0; j <= r[0] % 3; j++)
                bad[(r[1] >> 8 * j) % size] = (unsigned char)(r[2] >> 8 * j);
            const char *name = kind == 0 ? "fuzzed.npy" : "fuzzed.npz";
            path = test_file(name, bad, r[3] % 4 ? size : r[3] / 4 % size);
            const int rc = rv_npy_read(&array, context, kind == 0 ? path : member(path, "a"));
            assert_true(rc == 0 || rc == RV_ERR_FORMAT || rc == RV_ERR_FILE);
            rv_ndarray_clear(&array);
        }
    }
}

static void the_numpy_serialiser_joins_keys_with_dashes(void **state)
{
    static const char *const keys[] = {"4", "Conn_Pop0_Pop1", "g"};
    const char *folder = test_path("runs/one");
    const rv_serialiser s = rv_numpy_serialiser(folder);
    rv_ndarray back;
    (void)state;
    assert_int_equal(s.deserialise(s.user, context, keys, 3, &back), RV_ERR_CHECKPOINT);
    assert_non_null(strstr(rv_last_error(context), "runs/one/4-Conn_Pop0_Pop1-g.npy: there is no such array"));
    assert_false(test_exists(folder));

    const rv_ndarray array = {.dtype = RV_FLOAT32, .num_dims = 1, .shape = {2}, .size = 2, .data = (float[]){1.5F, 2}};
    assert_int_equal(s.serialise(s.user, context, keys, 3, &array), 0);
    assert_true(test_exists(test_path("runs/one/4-Conn_Pop0_Pop1-g.npy")));
    assert_int_equal(s.deserialise(s.user, context, keys, 3, &back), 0);
    assert_memory_equal(back.data, array.data, 2 * sizeof(float));
    rv_ndarray_clear(&back);

    static const char *const bad[] = {"../x", ""};
    assert_int_equal(s.serialise(s.user, context, bad, 1, &array), RV_ERR_ARGUMENT);
    assert_int_equal(s.deserialise(s.user, context, bad + 1, 1, &back), RV_ERR_ARGUMENT);
    assert_int_equal(s.serialise(s.user, context, keys, 0, &array), RV_ERR_ARGUMENT);
}

static void running_out_of_memory_is_an_error_without_leaks(void **state)
{
    const char *fortran = write_npy("memory.npy", "{'descr': '>i4', 'fortran_order': True, 'shape': (2, 3), }",
                                    "abcdefghijklmnopqrstuvwx", 24);
    const char *npz = member(write_npz("memory.npz", ZIP_CM_DEFLATE), "a");
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        int rc = RV_ERR_MEMORY;
        for (long n = 0; rc != 0; n++) {
            rv_ndarray array;
            rv_alloc_fail_after(n);
            rc = rv_npy_read(&array, context, kind ? npz : fortran);
            rv_alloc_fail_after(-1);
            assert_true(rc == 0 || rc == RV_ERR_MEMORY);
            rv_ndarray_clear(&array);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_and_shape_comes_back),
        cmocka_unit_test(the_header_of_a_growing_array_keeps_its_length),
        cmocka_unit_test(arrays_that_contradict_themselves_are_not_written),
        cmocka_unit_test(dictionaries_may_be_written_otherwise_than_numpy_does),
        cmocka_unit_test(damaged_headers_are_errors),
        cmocka_unit_test(files_that_end_too_early_or_claim_too_much_are_errors),
        cmocka_unit_test(half_precision_becomes_single),
        cmocka_unit_test(any_byte_but_0_is_true),
        cmocka_unit_test(members_of_archives_are_named_behind_a_colon),
        cmocka_unit_test(a_member_with_a_wrong_checksum_is_an_error),
        cmocka_unit_test(a_member_that_claims_more_than_it_can_hold_is_an_error),
        cmocka_unit_test(damaged_files_never_crash),
        cmocka_unit_test(the_numpy_serialiser_joins_keys_with_dashes),
        cmocka_unit_test(running_out_of_memory_is_an_error_without_leaks),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
