/* Spike trains: what is kept, in which order, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/philox.h"
#include "data/spikes.h"

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

static rv_spikes *make(size_t num_neurons)
{
    rv_spikes *spikes;
    assert_int_equal(rv_spikes_create(&spikes, context, num_neurons), 0);
    return spikes;
}

static void spikes_come_out_sorted_by_time_then_id(void **state)
{
    static const double times[] = {3, 1, 2, 1, 0.5, 1};
    static const int32_t ids[] = {0, 9, 4, 2, 7, 2};
    static const double sorted_times[] = {0.5, 1, 1, 1, 2, 3};
    static const int32_t sorted_ids[] = {7, 2, 2, 9, 4, 0};
    double out_times[6];
    int32_t out_ids[6];
    rv_spikes *spikes = make(10);
    (void)state;

    assert_int_equal(rv_spikes_append(spikes, NULL, NULL, 0), 0);
    assert_int_equal(rv_spikes_append(spikes, times, ids, 6), 0);
    assert_int_equal(rv_spikes_num_examples(spikes), 2);
    assert_int_equal(rv_spikes_num_neurons(spikes), 10);
    assert_int_equal(rv_spikes_count(spikes, 0), 0);
    assert_int_equal(rv_spikes_count(spikes, 1), 6);
    assert_int_equal(rv_spikes_count(spikes, 2), 0);
    assert_int_equal(rv_spikes_max_count(spikes), 6);
    assert_true(rv_spikes_latest_time(spikes) == 3);
    assert_int_equal(rv_spikes_get(spikes, 0, NULL, NULL), 0);
    assert_int_equal(rv_spikes_get(spikes, 1, out_times, out_ids), 0);
    assert_memory_equal(out_times, sorted_times, sizeof out_times);
    assert_memory_equal(out_ids, sorted_ids, sizeof out_ids);
    assert_int_equal(rv_spikes_get(spikes, 2, out_times, out_ids), RV_ERR_ARGUMENT);
    assert_string_equal(rv_last_error(context), "spikes: there is no example 2, there are 2");
    rv_spikes_free(spikes);
    rv_spikes_free(NULL);
}

typedef struct spike {
    float time;
    int32_t id;
} spike;

static int compare(const void *a, const void *b)
{
    const spike *left = a, *right = b;
    if (left->time != right->time)
        return left->time < right->time ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

/* Random examples, 16 and 32 bits of id, against qsort. */
static void sorting_agrees_with_qsort(void **state)
{
    static const size_t num_neurons[] = {1, 300, 65536, 65537, INT32_MAX};
    static double times[5000];
    static int32_t ids[5000];
    static spike expected[5000];
    (void)state;
    for (size_t k = 0; k < sizeof num_neurons / sizeof num_neurons[0]; k++) {
        rv_spikes *spikes = make(num_neurons[k]);
        for (uint32_t example = 0; example < 20; example++) {
            const size_t num = example * example * 12;
            for (size_t i = 0; i < num; i++) {
                uint32_t r[4];
                rv_random(k, RV_RANDOM_GENERATOR, example, 0, i, r);
                times[i] = example % 2 ? rv_uniform_double(r[0], r[1]) * 1000 : r[0] % 50;
                ids[i] = (int32_t)(rv_uniform_double(r[2], r[3]) * (double)num_neurons[k]);
                expected[i] = (spike){(float)times[i], ids[i]};
            }
            qsort(expected, num, sizeof *expected, compare);
            assert_int_equal(rv_spikes_append(spikes, times, ids, num), 0);
            assert_int_equal(rv_spikes_get(spikes, example, times, ids), 0);
            for (size_t i = 0; i < num; i++)
                assert_true((float)times[i] == expected[i].time && ids[i] == expected[i].id);
        }
        rv_spikes_free(spikes);
    }
}

static void the_engine_sees_the_same_spikes(void **state)
{
    static const size_t num_neurons[] = {65536, 65537};
    const float *times;
    const uint16_t *ids16;
    const uint32_t *ids32;
    size_t n;
    (void)state;
    for (int k = 0; k < 2; k++) {
        rv_spikes *spikes = make(num_neurons[k]);
        assert_int_equal(rv_spikes_append(spikes, (double[]){1}, (int32_t[]){5}, 1), 0);
        assert_int_equal(rv_spikes_append(spikes, (double[]){2, 1}, (int32_t[]){65535, 3}, 2), 0);
        rv_spikes_view(spikes, 1, &times, &ids16, &ids32, &n);
        assert_int_equal(n, 2);
        assert_true(times[0] == 1 && times[1] == 2);
        assert_true(k == 0 ? ids16[1] == 65535 && !ids32 : ids32[1] == 65535 && !ids16);
        rv_spikes_view(spikes, 2, &times, &ids16, &ids32, &n);
        assert_int_equal(n, 0);
        rv_spikes_free(spikes);
    }
}

static void refuses(rv_spikes *spikes, double time, int32_t id, const char *message)
{
    const size_t before = rv_spikes_num_examples(spikes);
    assert_int_equal(rv_spikes_append(spikes, (double[]){1, time}, (int32_t[]){1, id}, 2), RV_ERR_SPIKE);
    assert_string_equal(rv_last_error(context), message);
    assert_int_equal(rv_spikes_num_examples(spikes), before);
    assert_int_equal(rv_spikes_max_count(spikes), 1);
}

static void bad_spikes_are_errors_and_nothing_is_appended(void **state)
{
    rv_spikes *spikes = make(4);
    (void)state;
    assert_int_equal(rv_spikes_append(spikes, (double[]){-0.0}, (int32_t[]){3}, 1), 0);
    refuses(spikes, -1e-9, 0, "example 1: spike 1: the time must be >= 0 ms and finite, got -1e-09");
    refuses(spikes, NAN, 0, "example 1: spike 1: the time must be >= 0 ms and finite, got nan");
    refuses(spikes, INFINITY, 0, "example 1: spike 1: the time must be >= 0 ms and finite, got inf");
    refuses(spikes, 1e39, 0, "example 1: spike 1: the time must be >= 0 ms and finite, got 1e+39");
    refuses(spikes, 0, 4, "example 1: spike 1: the id must be 0 to 3, got 4");
    refuses(spikes, 0, -1, "example 1: spike 1: the id must be 0 to 3, got -1");
    rv_spikes_free(spikes);

    assert_int_equal(rv_spikes_create(&spikes, context, 0), RV_ERR_ARGUMENT);
    assert_null(spikes);
    assert_int_equal(rv_spikes_create(&spikes, context, (size_t)INT32_MAX + 1), RV_ERR_ARGUMENT);
}

static void minus_zero_is_zero(void **state)
{
    rv_spikes *spikes = make(4);
    double times[2];
    int32_t ids[2];
    (void)state;
    assert_int_equal(rv_spikes_append(spikes, (double[]){0.5, -0.0}, (int32_t[]){0, 3}, 2), 0);
    assert_int_equal(rv_spikes_get(spikes, 0, times, ids), 0);
    assert_true(ids[0] == 3 && times[0] == 0 && !signbit(times[0]));
    rv_spikes_free(spikes);
}

static void six_bytes_a_spike(void **state)
{
    enum {
        NUM = 100000
    };
    static double times[NUM];
    static int32_t ids[NUM];
    rv_spikes *spikes = make(700);
    (void)state;
    assert_int_equal(rv_spikes_append(spikes, times, ids, NUM), 0);
    assert_true(rv_spikes_memory(spikes) >= 6 * NUM);
    rv_spikes_trim(spikes);
    assert_in_range(rv_spikes_memory(spikes), 6 * NUM, 6 * NUM + 1000);
    assert_int_equal(rv_spikes_append(spikes, times, ids, NUM), 0); /* appending goes on after that */
    assert_int_equal(rv_spikes_count(spikes, 1), NUM);
    rv_spikes_free(spikes);
}

static void truncating_forgets_the_last_examples(void **state)
{
    rv_spikes *spikes = make(4);
    (void)state;
    for (int i = 1; i <= 3; i++)
        assert_int_equal(rv_spikes_append(spikes, (double[]){i, i, i}, (int32_t[]){0, 1, 2}, (size_t)i), 0);
    rv_spikes_truncate(spikes, 5);
    assert_int_equal(rv_spikes_num_examples(spikes), 3);
    rv_spikes_truncate(spikes, 2);
    assert_int_equal(rv_spikes_num_examples(spikes), 2);
    assert_int_equal(rv_spikes_max_count(spikes), 2);
    assert_true(rv_spikes_latest_time(spikes) == 2);
    assert_int_equal(rv_spikes_append(spikes, (double[]){9}, (int32_t[]){3}, 1), 0);
    double time;
    assert_int_equal(rv_spikes_get(spikes, 2, &time, NULL), 0);
    assert_true(time == 9);
    rv_spikes_free(spikes);
}

static void running_out_of_memory_leaves_the_spikes_as_they_were(void **state)
{
    double times[] = {2, 1, 0};
    const int32_t ids[] = {0, 1, 2};
    (void)state;
    for (long n = 0;; n++) {
        rv_spikes *spikes;
        rv_alloc_fail_after(n);
        int rc = rv_spikes_create(&spikes, context, 3);
        for (int i = 0; i < 20 && rc == 0; i++)
            if ((rc = rv_spikes_append(spikes, times, ids, 3)) < 0)
                assert_int_equal(rv_spikes_num_examples(spikes), i);
        rv_alloc_fail_after(-1);
        if (rc < 0)
            assert_int_equal(rc, RV_ERR_MEMORY);
        if (spikes)
            assert_int_equal(rv_spikes_append(spikes, times, ids, 3), 0);
        rv_spikes_free(spikes);
        if (rc == 0)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spikes_come_out_sorted_by_time_then_id),
        cmocka_unit_test(sorting_agrees_with_qsort),
        cmocka_unit_test(the_engine_sees_the_same_spikes),
        cmocka_unit_test(bad_spikes_are_errors_and_nothing_is_appended),
        cmocka_unit_test(minus_zero_is_zero),
        cmocka_unit_test(six_bytes_a_spike),
        cmocka_unit_test(truncating_forgets_the_last_examples),
        cmocka_unit_test(running_out_of_memory_leaves_the_spikes_as_they_were),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
