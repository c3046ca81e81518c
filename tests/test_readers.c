/* Readers of data files: good files give their data, others a message that names file and place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include <ranvier/data.h>
#include <ranvier/store.h>

#include "base/alloc.h"
#include "base/philox.h"
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

/* The call must have failed with this code, for this reason, and have left nothing behind. */
static void failed(int rc, const rv_dataset *dataset, int code, const char *reason)
{
    static const rv_dataset zeroed;
    if (!strstr(rv_last_error(context), reason))
        fail_msg("'%s' does not say '%s'", rv_last_error(context), reason);
    assert_int_equal(rc, code);
    assert_memory_equal(dataset, &zeroed, sizeof zeroed);
}

static void succeeded(int rc)
{
    if (rc < 0)
        fail_msg("%s", rv_last_error(context));
}

/* ---- IDX ---- */

static const char images[] = "\0\0\x08\x03\0\0\0\x03\0\0\0\x02\0\0\0\x02"
                             "\x00\x01\x02\x03\x10\x11\x12\x13\xff\xfe\xfd\xfc";
static const char labels[] = "\0\0\x08\x01\0\0\0\x03\x02\x00\x07";
#define IMAGES_SIZE (sizeof images - 1)
#define LABELS_SIZE (sizeof labels - 1)

static const char *gzipped(const char *name, const void *bytes, size_t size)
{
    const char *path = test_path(name);
    gzFile file = gzopen(path, "wb");
    assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(file), Z_OK);
    return path;
}

static void idx_files_are_read_plain_and_compressed(void **state)
{
    (void)state;
    for (int compressed = 0; compressed < 2; compressed++) {
        rv_dataset d;
        const char *values = compressed ? gzipped("i.gz", images, IMAGES_SIZE) : test_file("i", images, IMAGES_SIZE);
        const char *classes = compressed ? gzipped("l.gz", labels, LABELS_SIZE) : test_file("l", labels, LABELS_SIZE);
        succeeded(rv_read_idx(&d, context, values, classes));
        assert_int_equal(d.num_examples, 3);
        assert_int_equal(d.num_inputs, 4);
        assert_true(d.shape[0] == 2 && d.shape[1] == 2 && d.shape[2] == 0);
        assert_true(d.values[0] == 0 && d.values[5] == 17 && d.values[11] == 252);
        assert_memory_equal(d.labels, ((int32_t[]){2, 0, 7}), 12);
        assert_int_equal(d.num_classes, 8);
        rv_dataset_clear(&d);
        succeeded(rv_read_idx(&d, context, values, NULL));
        assert_null(d.labels);
        rv_dataset_clear(&d);
    }
}

static void idx_types_are_big_endian(void **state)
{
    static const struct {
        char type;
        size_t size;
        const char *bytes;
        float expected;
    } cases[] = {
        {0x08, 1, "\xfe", 254},
        {0x09, 1, "\xfe", -2},
        {0x0b, 2, "\xff\x00", -256},
        {0x0c, 4, "\xff\xff\xff\x00", -256},
        {0x0d, 4, "\x3f\xc0\x00\x00", 1.5F},
        {0x0e, 8, "\xc0\x04\x00\x00\x00\x00\x00\x00", -2.5F},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char bytes[16] = {0, 0, cases[i].type, 1, 0, 0, 0, 1};
        rv_dataset d;
        memcpy(bytes + 8, cases[i].bytes, cases[i].size);
        succeeded(rv_read_idx(&d, context, test_file("type", bytes, 8 + cases[i].size), NULL));
        assert_int_equal(d.num_inputs, 1);
        assert_true(d.values[0] == cases[i].expected);
        rv_dataset_clear(&d);
    }
}

/* rv_read_idx of these bytes must fail. */
static void bad_idx(const void *bytes, size_t size, int code, const char *reason)
{
    rv_dataset d;
    failed(rv_read_idx(&d, context, test_file("bad", bytes, size), NULL), &d, code, reason);
    failed(rv_read_idx(&d, context, gzipped("bad.gz", bytes, size), NULL), &d, code, reason);
}

static void bad_idx_files_are_errors(void **state)
{
    rv_dataset d;
    (void)state;
    bad_idx("", 0, RV_ERR_FORMAT, "ends too early");
    bad_idx(images, 3, RV_ERR_FORMAT, "ends too early");
    bad_idx(images, 10, RV_ERR_FORMAT, "ends too early");
    bad_idx(images, IMAGES_SIZE - 1, RV_ERR_FORMAT, "ends too early");
    bad_idx("\x89PNG", 4, RV_ERR_FORMAT, "not an IDX file: it starts with 89 50 4e 47");
    bad_idx("\0\0\x08\x00", 4, RV_ERR_FORMAT, "has 0 dimensions, expected 1 to 5");
    bad_idx("\0\0\x08\x06", 4, RV_ERR_FORMAT, "has 6 dimensions, expected 1 to 5");
    bad_idx("\0\0\x08\x02\x7f\xff\xff\xff\x7f\xff\xff\xff", 12, RV_ERR_FORMAT, "its header claims more than");
    bad_idx("\0\0\x0e\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 24,
            RV_ERR_FORMAT, "its header claims more than");
    bad_idx("\0\0\x08\x02\0\0\0\x02\0\0\0\0", 12, RV_ERR_SHAPE, "an example has no inputs");
    bad_idx(images, IMAGES_SIZE + 1, RV_ERR_FORMAT, "goes on after its 12 elements");
    bad_idx("\0\0\x0d\x01\0\0\0\x02\0\0\0\0\x7f\xc0\0\0", 16, RV_ERR_NAN,
            "example 1: input 0 must be a finite float32");
    failed(rv_read_idx(&d, context, test_path("none"), NULL), &d, RV_ERR_FILE, "none: cannot open: No such file");
    failed(rv_read_idx(&d, context, test_path("."), NULL), &d, RV_ERR_FILE, "Is a directory");

    const char *good = test_file("i", images, IMAGES_SIZE);
    failed(rv_read_idx(&d, context, good, good), &d, RV_ERR_SHAPE, "has 12 labels in 3 dimension(s), expected 3 in 1");
    failed(rv_read_idx(&d, context, good, test_file("l", "\0\0\x08\x01\0\0\0\x02\x01\x01", 10)), &d, RV_ERR_SHAPE,
           "has 2 labels in 1 dimension(s), expected 3 in 1");
    failed(rv_read_idx(&d, context, good, test_file("l", "\0\0\x09\x01\0\0\0\x03\x01\xff\x01", 11)), &d, RV_ERR_LABEL,
           "example 1: the label must be a whole number >= 0, got -1");
}

static void a_damaged_gzip_file_is_an_error(void **state)
{
    unsigned char bytes[200];
    rv_dataset d;
    (void)state;
    FILE *file = fopen(gzipped("damaged.gz", images, IMAGES_SIZE), "rb");
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t cut = 1; cut <= 12; cut++)
        failed(rv_read_idx(&d, context, test_file("cut.gz", bytes, size - cut), NULL), &d, RV_ERR_FORMAT, "cut.gz: ");
    bytes[size - 6] ^= 1; /* the checksum */
    failed(rv_read_idx(&d, context, test_file("sum.gz", bytes, size), NULL), &d, RV_ERR_FORMAT, "sum.gz: ");
}

/* ---- CSV ---- */

static void csv_files_are_read_with_any_separator(void **state)
{
    static const char *const texts[] = {
        "1,2.5,0\n-3,4e1,2\n",
        "1;2.5;0\r\n-3;4e1;2",
        "1\t2.5\t0\n\n  \n-3\t 4e1\t2\n",
        "  1  2.5 0 \n-3 \t 40 2\n\n",
        "x,y,label\n# a comment\n1, 2.5 ,0\n-3,40,2\n",
        ("\xEF\xBB\xBF"
         "1,2.5,0\n-3,40,2"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rv_dataset d;
        succeeded(rv_read_csv(&d, context, test_text("good.csv", texts[i]), -1));
        assert_int_equal(d.num_examples, 2);
        assert_true(d.num_inputs == 2 && d.shape[0] == 2 && d.shape[1] == 0);
        assert_memory_equal(d.values, ((float[]){1, 2.5F, -3, 40}), 16);
        assert_memory_equal(d.labels, ((int32_t[]){0, 2}), 8);
        assert_int_equal(d.num_classes, 3);
        rv_dataset_clear(&d);
    }
}

static void the_label_may_be_any_column(void **state)
{
    static const int columns[] = {0, 1, -3, -2};
    static const float values[][4] = {{2, 3, 5, 6}, {1, 3, 4, 6}, {2, 3, 5, 6}, {1, 3, 4, 6}};
    rv_dataset d;
    (void)state;
    const char *path = test_text("label.csv", "1,2,3\n4,5,6\n");
    for (int i = 0; i < 4; i++) {
        succeeded(rv_read_csv(&d, context, path, columns[i]));
        assert_memory_equal(d.values, values[i], 16);
        rv_dataset_clear(&d);
    }
    failed(rv_read_csv(&d, context, path, 3), &d, RV_ERR_ARGUMENT, "label.csv: there is no column 3, there are 3");
    failed(rv_read_csv(&d, context, path, -4), &d, RV_ERR_ARGUMENT, "label.csv: there is no column -4, there are 3");
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
    rv_dataset d;
    (void)state;
    const char *german = setlocale(LC_ALL, "de_DE.UTF-8");
    succeeded(rv_read_csv(&d, context, test_text("point.csv", "1.5;1\n"), -1));
    setlocale(LC_ALL, "C");
    assert_true(d.values[0] == 1.5F);
    rv_dataset_clear(&d);
    if (!german) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
}

static void bad_csv_files_are_errors_with_line_and_column(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *reason;
    } cases[] = {
        {"", RV_ERR_FORMAT, "bad.csv: has no numbers"},
        {"x,y\n", RV_ERR_FORMAT, "bad.csv: has no numbers"},
        {"1,2\n3,x\n", RV_ERR_FORMAT, "bad.csv:2: column 2: expected a number, got 'x'"},
        {"1,2\n\n3,4,\n", RV_ERR_FORMAT, "bad.csv:3: column 3: expected a number, got ''"},
        {"1,,2\n", RV_ERR_FORMAT, "bad.csv:1: column 2: expected a number, got ',2'"},
        {"1,2\n3\n", RV_ERR_FORMAT, "bad.csv:2: has 1 column(s), expected 2"},
        {"1,2\n3,4,5\n", RV_ERR_FORMAT, "bad.csv:2: has 3 column(s), expected 2"},
        {"1,2;3\n", RV_ERR_FORMAT, "bad.csv:1: column 2: expected a number, got '2;3'"},
        {"1 2x 3\n", RV_ERR_FORMAT, "bad.csv:1: column 2: expected a number, got '2x 3'"},
        {"1\n2\n", RV_ERR_FORMAT, "bad.csv:1: has 1 column, expected a label and at least one value"},
        {"1,2\nnan,4\n", RV_ERR_NAN, "bad.csv:2: column 1: expected a finite number, got nan"},
        {"1,2\n1e39,4\n", RV_ERR_NAN, "bad.csv:2: column 1: expected a finite number, got 1e+39"},
        {"1,2\n3,-1\n", RV_ERR_LABEL, "bad.csv:2: the label must be a whole number >= 0, got -1"},
        {"1,2\n3,1.5\n", RV_ERR_LABEL, "bad.csv:2: the label must be a whole number >= 0, got 1.5"},
        {"1,2\n3,2147483647\n", RV_ERR_LABEL, "bad.csv:2: the label must be a whole number >= 0, got 2.14748e+09"},
    };
    rv_dataset d;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        failed(rv_read_csv(&d, context, test_text("bad.csv", cases[i].text), -1), &d, cases[i].code, cases[i].reason);
    failed(rv_read_csv(&d, context, test_file("bad.csv", "1,2\n3,\0", 7), -1), &d, RV_ERR_FORMAT,
           "bad.csv: is not a text file");
    failed(rv_read_csv(&d, context, test_path("none.csv"), -1), &d, RV_ERR_FILE, "none.csv: cannot open: No such");
    failed(rv_read_csv(&d, context, "/dev/zero", -1), &d, RV_ERR_FILE, "/dev/zero: is not a regular file");
}

static void a_wide_first_line_does_not_claim_memory_for_every_line(void **state)
{
    enum {
        COLUMNS = 20000,
        LINES = 200000
    };
    static char text[2 * COLUMNS + LINES + 1];
    rv_dataset d;
    (void)state;
    for (int i = 0; i < COLUMNS; i++)
        memcpy(text + 2 * i, "1,", 2);
    memset(text + 2 * COLUMNS - 1, '\n', LINES); /* 16 GB, if every line were an example */
    rv_alloc_fail_after(-1);
    succeeded(rv_read_csv(&d, context, test_text("wide.csv", text), 0));
    assert_int_equal(d.num_examples, 1);
    rv_dataset_clear(&d);
}

/* ---- NumPy ---- */

static const char *write_array(const char *name, rv_dtype dtype, int num_dims, size_t n, size_t m, const void *data)
{
    const char *path = test_path(name);
    const rv_ndarray array = {.dtype = dtype,
                              .num_dims = num_dims,
                              .shape = {n, m},
                              .size = num_dims == 0   ? 1
                                      : num_dims == 1 ? n
                                                      : n * m,
                              .data = (void *)(uintptr_t)data};
    succeeded(rv_npy_write(context, path, &array));
    return path;
}

static void npy_files_are_data_sets(void **state)
{
    rv_dataset d;
    (void)state;
    const char *values = write_array("v.npy", RV_FLOAT64, 2, 2, 3, (double[]){1, 2, 3, 4, 5, 0.1});
    const char *classes = write_array("l.npy", RV_INT64, 1, 2, 0, (int64_t[]){5, 0});
    succeeded(rv_read_npy(&d, context, values, classes));
    assert_true(d.num_examples == 2 && d.num_inputs == 3 && d.shape[0] == 3 && d.shape[1] == 0);
    assert_memory_equal(d.values, ((float[]){1, 2, 3, 4, 5, 0.1F}), 24);
    assert_int_equal(d.num_classes, 6);
    rv_dataset_clear(&d);

    succeeded(rv_read_npy(&d, context, classes, NULL)); /* a list: one input each */
    assert_true(d.num_examples == 2 && d.num_inputs == 1 && d.values[0] == 5);
    rv_dataset_clear(&d);

    failed(rv_read_npy(&d, context, values, values), &d, RV_ERR_FORMAT, "v.npy: labels must be integers");
    failed(rv_read_npy(&d, context, values, write_array("b.npy", RV_INT64, 1, 3, 0, (int64_t[]){5, 0, 1})), &d,
           RV_ERR_SHAPE, "b.npy: has 3 labels in 1 dimension(s), expected 2 in 1");
    failed(rv_read_npy(&d, context, values, write_array("b.npy", RV_INT8, 1, 2, 0, (int8_t[]){5, -2})), &d,
           RV_ERR_LABEL, "b.npy: example 1: the label must be a whole number >= 0, got -2");
    failed(rv_read_npy(&d, context, values, write_array("b.npy", RV_UINT64, 1, 2, 0, (uint64_t[]){5, UINT64_MAX})), &d,
           RV_ERR_LABEL, "b.npy: example 1: the label must be a whole number >= 0, got 1.84467e+19");
    failed(rv_read_npy(&d, context, write_array("b.npy", RV_FLOAT32, 2, 1, 2, (float[]){5, NAN}), NULL), &d,
           RV_ERR_NAN, "b.npy: example 0: input 1 must be a finite float32, got nan");
    failed(rv_read_npy(&d, context, write_array("b.npy", RV_FLOAT32, 0, 0, 0, (float[]){5}), NULL), &d, RV_ERR_SHAPE,
           "b.npy: is a single number, expected (examples, ...)");
    failed(rv_read_npy(&d, context, write_array("b.npy", RV_FLOAT32, 2, 3, 0, ""), NULL), &d, RV_ERR_SHAPE,
           "b.npy: an example has no inputs");
    failed(rv_read_npy(&d, context, test_path("none.npy"), NULL), &d, RV_ERR_FILE, "none.npy: cannot open");
}

static void fails_to_add_targets(rv_dataset *d, const char *path, int code, const char *message)
{
    assert_int_equal(rv_read_npy_targets(d, context, path), code);
    if (!strstr(rv_last_error(context), message))
        fail_msg("'%s' is not in '%s'", message, rv_last_error(context));
}

static void npy_files_may_be_targets(void **state)
{
    rv_dataset d;
    (void)state;
    succeeded(rv_read_npy(&d, context, write_array("v.npy", RV_FLOAT32, 2, 2, 1, (float[]){1, 2}), NULL));
    fails_to_add_targets(&d, write_array("t.npy", RV_FLOAT64, 2, 3, 1, (double[]){1, 2, 3}), RV_ERR_SHAPE,
                         "t.npy: targets must be (examples, n) or (examples, steps, n) of 2 examples, got 2 dimension(s) "
                         "and 3");
    fails_to_add_targets(&d, write_array("t.npy", RV_FLOAT64, 1, 2, 0, (double[]){1, 2}), RV_ERR_SHAPE, "got 1 dim");
    fails_to_add_targets(&d, write_array("t.npy", RV_FLOAT64, 2, 2, 1, (double[]){1, NAN}), RV_ERR_NAN,
                         "t.npy: element 1 must be finite, got nan");
    assert_true(d.targets == NULL && d.num_targets == 0);
    succeeded(rv_read_npy_targets(&d, context, write_array("t.npy", RV_INT8, 2, 2, 3, (int8_t[]){1, 2, 3, 4, 5, -6})));
    assert_true(d.num_targets == 3 && d.num_target_steps == 1);
    assert_memory_equal(d.targets, ((float[]){1, 2, 3, 4, 5, -6}), 24);
    fails_to_add_targets(&d, test_path("t.npy"), RV_ERR_STATE, "has targets already");
    rv_dataset_clear(&d);

    succeeded(rv_read_npy(&d, context, write_array("v.npy", RV_FLOAT32, 2, 1, 1, (float[]){1}), NULL));
    const rv_ndarray steps = {RV_FLOAT32, 3, {1, 4, 2}, 8, (float[]){1, 2, 3, 4, 5, 6, 7, 8}};
    succeeded(rv_npy_write(context, test_path("s.npy"), &steps));
    succeeded(rv_read_npy_targets(&d, context, test_path("s.npy")));
    assert_true(d.num_targets == 2 && d.num_target_steps == 4 && d.targets[7] == 8);
    rv_dataset_clear(&d);
}

/* ---- N-MNIST ---- */

#define EVENT(x, y, p, t)                                                                                             \
    (unsigned char)(x), (unsigned char)(y), (unsigned char)((p) << 7 | (t) >> 16), (unsigned char)((t) >> 8),         \
        (unsigned char)(t)

static void write_recordings(void)
{
    static const unsigned char one[] = {EVENT(3, 2, 1, 1000), EVENT(0, 0, 0, 0), EVENT(33, 33, 0, 8388607),
                                        EVENT(3, 2, 0, 1500)};
    static const unsigned char two[] = {EVENT(1, 1, 1, 5000), EVENT(0, 240, 0, 0), EVENT(1, 1, 1, 10)};
    test_file("1.bs2", one, sizeof one);
    test_file("2.bin", two, sizeof two);
}

static void spikes_are(const rv_dataset *d, size_t example, size_t num, const double *times, const int32_t *ids)
{
    double got_times[50];
    int32_t got_ids[50];
    assert_int_equal(rv_spikes_count(d->spikes, example), num);
    assert_int_equal(rv_spikes_get(d->spikes, example, got_times, got_ids), 0);
    for (size_t i = 0; i < num; i++) {
        assert_true(got_times[i] == (double)(float)times[i]);
        assert_int_equal(got_ids[i], ids[i]);
    }
}

static void nmnist_events_become_spikes_in_ms(void **state)
{
    rv_dataset d;
    (void)state;
    write_recordings();
    const char *index = test_text("index.txt", "#sample #class\r\n1\t5\r\n2\t0\r\n");
    succeeded(rv_read_nmnist(&d, context, index, test_path("."), NULL));
    assert_int_equal(d.num_examples, 2);
    assert_true(d.num_inputs == 2312 && d.shape[0] == 34 && d.shape[1] == 34 && d.shape[2] == 2);
    assert_memory_equal(d.labels, ((int32_t[]){5, 0}), 8);
    assert_int_equal(d.num_classes, 6);
    spikes_are(&d, 0, 4, (double[]){0, 1, 1.5, 8388.607}, (int32_t[]){0, 143, 142, 2310});
    spikes_are(&d, 1, 2, (double[]){5, 8.202}, (int32_t[]){71, 71}); /* the clock ran over in between */
    rv_dataset_clear(&d);
}

static void polarities_are_kept_merged_or_picked(void **state)
{
    static const struct {
        rv_polarity polarity;
        size_t num;
        double times[4];
        int32_t ids[4];
    } cases[] = {
        {RV_POLARITY_MERGE, 4, {0, 1, 1.5, 8388.607}, {0, 71, 71, 1155}},
        {RV_POLARITY_ON, 1, {1}, {71}},
        {RV_POLARITY_OFF, 3, {0, 1.5, 8388.607}, {0, 71, 1155}},
    };
    (void)state;
    write_recordings();
    const char *index = test_text("index.txt", "sample,class\n1,5\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rv_dataset d;
        succeeded(rv_read_nmnist(&d, context, index, test_path("."), &(rv_nmnist){.polarity = cases[i].polarity}));
        assert_true(d.num_inputs == 1156 && d.shape[2] == 1);
        spikes_are(&d, 0, cases[i].num, cases[i].times, cases[i].ids);
        rv_dataset_clear(&d);
    }
}

static void a_histogram_spikes_where_there_are_enough_events(void **state)
{
    static const unsigned char events[] = {
        EVENT(0, 0, 0, 2100), EVENT(0, 0, 0, 2900), EVENT(0, 0, 0, 2500), EVENT(1, 0, 0, 2500),
        EVENT(1, 0, 0, 3500), EVENT(1, 0, 0, 3600), EVENT(0, 0, 1, 0),
    };
    rv_dataset d;
    (void)state;
    test_file("3.bin", events, sizeof events);
    const char *index = test_text("index.txt", "3 1\n"), *folder = test_path(".");
    succeeded(rv_read_nmnist(&d, context, index, folder, &(rv_nmnist){.histogram_thresh = 1}));
    spikes_are(&d, 0, 2, (double[]){2, 3}, (int32_t[]){0, 2});
    rv_dataset_clear(&d);
    succeeded(rv_read_nmnist(&d, context, index, folder, &(rv_nmnist){.histogram_thresh = -1}));
    spikes_are(&d, 0, 4, (double[]){0, 2, 2, 3}, (int32_t[]){1, 0, 2, 2});
    rv_dataset_clear(&d);
    succeeded(rv_read_nmnist(&d, context, index, folder, &(rv_nmnist){.histogram_thresh = 2, .dt = 2}));
    spikes_are(&d, 0, 2, (double[]){2, 2}, (int32_t[]){0, 2});
    rv_dataset_clear(&d);
}

static void events_in_memory_become_the_same_spikes(void **state)
{
    static const rv_camera_event events[] = {{2100, 0, 0, false}, {2900, 0, 0, false}, {2500, 0, 0, false},
                                      {2500, 1, 0, false}, {3500, 1, 0, false}, {3600, 1, 0, false},
                                      {0, 0, 0, true},     {700, 299, 1, true}};
    const rv_nmnist wide = {.width = 300, .height = 2};
    rv_nmnist binned = wide;
    rv_dataset d = {0};
    (void)state;
    binned.histogram_thresh = 1;
    succeeded(rv_spikes_create(&d.spikes, context, 300 * 2 * 2));
    succeeded(rv_spikes_append_events(d.spikes, events, 8, &binned));
    succeeded(rv_spikes_append_events(d.spikes, events, 8, &wide));
    spikes_are(&d, 0, 2, (double[]){2, 3}, (int32_t[]){0, 2});
    spikes_are(&d, 1, 8, (double[]){0, 0.7, 2.1, 2.5, 2.5, 2.9, 3.5, 3.6}, (int32_t[]){1, 1199, 0, 0, 2, 0, 2, 2});
    assert_int_equal(rv_spikes_append_events(d.spikes, events, 8, NULL), RV_ERR_DATA);
    assert_non_null(strstr(rv_last_error(context), "events: event 7 is at (299, 1), the sensor has 34 x 34 pixels"));
    assert_int_equal(rv_spikes_append_events(d.spikes, &(rv_camera_event){.time = -1}, 1, NULL), RV_ERR_SPIKE);
    assert_int_equal(rv_spikes_num_examples(d.spikes), 2);
    rv_dataset_clear(&d);
}

static void bad_recordings_are_errors(void **state)
{
    static const unsigned char outside[] = {EVENT(0, 0, 0, 0), EVENT(34, 0, 0, 0)};
    rv_dataset d;
    (void)state;
    const char *folder = test_path(".");
    test_file("4.bin", outside, 7);
    failed(rv_read_nmnist(&d, context, test_text("i.txt", "4 1\n"), folder, NULL), &d, RV_ERR_FORMAT,
           "4.bin: its 7 bytes are no whole number of events of 5 bytes");
    test_file("4.bin", outside, sizeof outside);
    failed(rv_read_nmnist(&d, context, test_text("i.txt", "4 1\n"), folder, NULL), &d, RV_ERR_DATA,
           "4.bin: event 1 is at (34, 0), the sensor has 34 x 34 pixels");
    failed(rv_read_nmnist(&d, context, test_text("i.txt", "77 1\n"), folder, NULL), &d, RV_ERR_FILE,
           "77.bs2: cannot open: No such file");
    static const char *const lines[] = {"4\n", "4 x\n", "4 -1\n", "4 1 1\n", "../4 1\n", "4 99999999999\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        failed(rv_read_nmnist(&d, context, test_text("i.txt", lines[i]), folder, NULL), &d, RV_ERR_FORMAT,
               "i.txt:1: expected a sample and its class");
    failed(rv_read_nmnist(&d, context, test_text("i.txt", "sample class\n"), folder, NULL), &d, RV_ERR_FORMAT,
           "i.txt: lists no samples");
    failed(rv_read_nmnist(&d, context, test_path("none.txt"), folder, NULL), &d, RV_ERR_FILE, "none.txt: cannot open");
    failed(rv_read_nmnist(&d, context, "i", folder, &(rv_nmnist){.width = 257}), &d, RV_ERR_VALUE, "at most 256");
    failed(rv_read_nmnist(&d, context, "i", folder, &(rv_nmnist){.dt = -1}), &d, RV_ERR_VALUE, "dt must be > 0 ms");
    failed(rv_read_nmnist(&d, context, "i", folder, &(rv_nmnist){.polarity = 9}), &d, RV_ERR_ARGUMENT, "polarity 9");
    write_recordings();
    failed(rv_read_nmnist(&d, context, test_text("i.txt", "1 1\n"), folder,
                          &(rv_nmnist){.dt = 1e-300, .histogram_thresh = 1}),
           &d, RV_ERR_VALUE, "is too short for an event");
}

/* ---- all of them ---- */

static int read_kind(int kind, rv_dataset *d, const char *path)
{
    switch (kind) {
    case 0:
    case 1:
        return rv_read_idx(d, context, path, NULL);
    case 2:
        return rv_read_csv(d, context, path, 1);
    case 3:
        return rv_read_nmnist(d, context, path, test_path("."), NULL);
    default:
        return rv_read_npy(d, context, path, NULL);
    }
}

static const char *good_file(int kind)
{
    write_recordings();
    switch (kind) {
    case 0:
        return test_file("idx", images, IMAGES_SIZE);
    case 1:
        return gzipped("idx.gz", images, IMAGES_SIZE);
    case 2:
        return test_text("text.csv", "a,b,c\n1,2,3\n4.5,6,-7e-2\n8,9,1\n");
    case 3:
        return test_text("index.txt", "# a\n1 1\n2 2\n");
    default:
        return write_array("array.npy", RV_FLOAT32, 2, 2, 2, (float[]){1, 2, 3, 4});
    }
}

static void damaged_files_give_data_or_an_error(void **state)
{
    static unsigned char good[1000], bad[1000];
    (void)state;
    for (int kind = 0; kind < 5; kind++) {
        FILE *file = fopen(good_file(kind), "rb");
        const size_t size = fread(good, 1, sizeof good, file);
        fclose(file);
        for (uint32_t i = 0; i < 3000; i++) {
            uint32_t r[4];
            rv_dataset d;
            rv_random(2, RV_RANDOM_GENERATOR, (uint32_t)kind, 0, i, r);
            memcpy(bad, good, size);
            for (uint32_t j = 0; j <= r[0] % 3; j++)
                bad[(r[1] >> 8 * j) % size] = (unsigned char)(r[2] >> 8 * j);
            const int rc = read_kind(kind, &d, test_file("fuzzed", bad, r[3] % 4 ? size : r[3] / 4 % size));
            if (rc < 0)
                assert_true(*rv_last_error(context) && rc != RV_ERR_MEMORY);
            rv_dataset_clear(&d);
        }
    }
}

static void running_out_of_memory_is_an_error_without_leaks(void **state)
{
    (void)state;
    for (int kind = 0; kind < 5; kind++) {
        const char *path = good_file(kind);
        int rc = RV_ERR_MEMORY;
        for (long n = 0; rc != 0; n++) {
            rv_dataset d;
            rv_alloc_fail_after(n);
            rc = read_kind(kind, &d, path);
            rv_alloc_fail_after(-1);
            if (rc != 0 && rc != RV_ERR_MEMORY)
                fail_msg("%d: %s", rc, rv_last_error(context));
            rv_dataset_clear(&d);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_files_are_read_plain_and_compressed),
        cmocka_unit_test(idx_types_are_big_endian),
        cmocka_unit_test(bad_idx_files_are_errors),
        cmocka_unit_test(a_damaged_gzip_file_is_an_error),
        cmocka_unit_test(csv_files_are_read_with_any_separator),
        cmocka_unit_test(the_label_may_be_any_column),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(bad_csv_files_are_errors_with_line_and_column),
        cmocka_unit_test(a_wide_first_line_does_not_claim_memory_for_every_line),
        cmocka_unit_test(npy_files_are_data_sets),
        cmocka_unit_test(npy_files_may_be_targets),
        cmocka_unit_test(nmnist_events_become_spikes_in_ms),
        cmocka_unit_test(polarities_are_kept_merged_or_picked),
        cmocka_unit_test(a_histogram_spikes_where_there_are_enough_events),
        cmocka_unit_test(events_in_memory_become_the_same_spikes),
        cmocka_unit_test(bad_recordings_are_errors),
        cmocka_unit_test(damaged_files_give_data_or_an_error),
        cmocka_unit_test(running_out_of_memory_is_an_error_without_leaks),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
