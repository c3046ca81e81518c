/* Generated data sets whose tasks last: pattern generation and delayed recall. Yin-Yang is in test_encoders.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include <ranvier/data.h>

#define MAX_SPIKES 4000

static rv_context *context;

static int make_context(void **state)
{
    (void)state;
    return rv_context_create(&context, &(rv_context_desc){.seed = 3, .seed_given = true});
}

static int free_context(void **state)
{
    (void)state;
    rv_context_free(context);
    return 0;
}

static size_t spikes_of(const rv_dataset *d, size_t example, double *times, int32_t *ids)
{
    const size_t num = rv_spikes_count(d->spikes, example);
    assert_in_range(num, 1, MAX_SPIKES);
    assert_int_equal(rv_spikes_get(d->spikes, example, times, ids), 0);
    return num;
}

static void targets_of_pattern_generation_are_sinusoids(void **state)
{
    rv_dataset d;
    (void)state;
    assert_int_equal(rv_generate_pattern_generation(
                         &d, context, &(rv_pattern_generation){.num_examples = 2, .duration = 400, .dt = 0.5}), 0);
    assert_int_equal(d.num_examples, 2);
    assert_int_equal(d.num_inputs, 20);
    assert_int_equal(d.num_target_steps, 800);
    assert_int_equal(d.num_targets, 3);
    assert_null(d.labels);
    for (size_t i = 0; i < 2 * 800 * 3; i++) {
        const double expected = sin(2 * acos(-1) * (double)(i % 3 + 1) * (double)(i / 3 % 800) / 800);
        if (fabs((double)d.targets[i] - expected) > 1e-7)
            fail_msg("target %zu: %.9g, expected %.9g", i, (double)d.targets[i], expected);
    }
    rv_dataset_clear(&d);
    assert_null(d.targets);
}

/* Of 6 inputs in 3 groups, two at a time spike every 20 ms for 100 of 300 ms. */
static void the_clock_of_pattern_generation_goes_from_group_to_group(void **state)
{
    rv_dataset d;
    double times[MAX_SPIKES];
    int32_t ids[MAX_SPIKES];
    (void)state;
    assert_int_equal(rv_generate_pattern_generation(
                         &d, context, &(rv_pattern_generation){
                             .num_inputs = 6, .num_groups = 3, .duration = 300, .interval = 20}), 0);
    assert_int_equal(spikes_of(&d, 0, times, ids), 30);
    for (int k = 0; k < 30; k++) {
        const int turn = k / 2; /* of a pair of neurons, 5 turns a group */
        assert_int_equal(ids[k], turn / 5 * 2 + k % 2);
        assert_true(times[k] == turn / 5 * 100 + turn % 5 * 20);
    }
    rv_dataset_clear(&d);
}

/* Which of 12 inputs spike when: in both cues a quarter of them may, in the delay nobody. */
static void store_recall_shows_the_label_then_nothing_then_the_command(void **state)
{
    const rv_store_recall desc = {.num_examples = 200, .num_inputs = 12, .cue = 50, .delay = 300, .rate = 200};
    rv_dataset d;
    double times[MAX_SPIKES];
    int32_t ids[MAX_SPIKES];
    size_t total = 0, ones = 0;
    (void)state;
    assert_int_equal(rv_generate_store_recall(&d, context, &desc), 0);
    assert_int_equal(d.num_inputs, 12);
    assert_int_equal(d.num_classes, 2);
    for (size_t i = 0; i < 200; i++) {
        const size_t num = spikes_of(&d, i, times, ids);
        assert_in_range(d.labels[i], 0, 1);
        for (size_t k = 0; k < num; k++) {
            const int group = ids[k] / 3;
            if (times[k] < 50)
                assert_true(group == d.labels[i] || group == 2);
            else
                assert_true(times[k] >= 350 && times[k] < 400 && group == 3);
        }
        total += num;
        ones += (size_t)d.labels[i];
    }
    /* 9 neurons x 50 steps, each fires with 1 - exp(-0.2) = 0.18127: 81.57 spikes with sd 8.2 */
    assert_true(fabs((double)total / 200 - 81.57) < 5 * 8.2 / sqrt(200));
    assert_in_range(ones, 100 - 36, 100 + 36);
    rv_dataset_clear(&d);
}

static void store_recall_splits_differ_and_grow_from_the_same_start(void **state)
{
    rv_dataset a, b, c;
    double times[3][MAX_SPIKES];
    int32_t ids[3][MAX_SPIKES];
    (void)state;
    assert_int_equal(rv_generate_store_recall(&a, context, &(rv_store_recall){.num_examples = 20}), 0);
    assert_int_equal(rv_generate_store_recall(&b, context, &(rv_store_recall){.num_examples = 10}), 0);
    assert_int_equal(rv_generate_store_recall(&c, context, &(rv_store_recall){.num_examples = 10, .seed = 1}), 0);
    assert_memory_equal(a.labels, b.labels, 10 * sizeof *a.labels);
    assert_memory_not_equal(b.labels, c.labels, 10 * sizeof *b.labels);
    for (size_t i = 0; i < 10; i++) {
        const size_t num = spikes_of(&a, i, times[0], ids[0]);
        assert_int_equal(spikes_of(&b, i, times[1], ids[1]), num);
        assert_memory_equal(times[0], times[1], num * sizeof(double));
        assert_memory_equal(ids[0], ids[1], num * sizeof(int32_t));
        const size_t other = spikes_of(&c, i, times[2], ids[2]);
        assert_false(other == num && memcmp(times[0], times[2], num * sizeof(double)) == 0);
    }
    rv_dataset_clear(&a);
    rv_dataset_clear(&b);
    rv_dataset_clear(&c);
}

static void bad_parameters_are_errors(void **state)
{
    rv_dataset d;
    (void)state;
    assert_int_equal(rv_generate_pattern_generation(&d, context, &(rv_pattern_generation){.num_groups = 21}), RV_ERR_VALUE);
    assert_string_equal(rv_last_error(context), "pattern_generation: num_inputs must be >= num_groups = 21, got 20");
    assert_int_equal(rv_generate_pattern_generation(&d, context, &(rv_pattern_generation){.dt = -1}), RV_ERR_VALUE);
    assert_int_equal(rv_generate_pattern_generation(&d, context, &(rv_pattern_generation){.duration = 0.5}), RV_ERR_VALUE);
    assert_int_equal(rv_generate_pattern_generation(&d, context, &(rv_pattern_generation){.interval = NAN}), RV_ERR_VALUE);
    assert_int_equal(rv_generate_pattern_generation(&d, context, &(rv_pattern_generation){.num_outputs = SIZE_MAX / 2}),
                     RV_ERR_MEMORY);
    assert_int_equal(rv_generate_store_recall(&d, context, &(rv_store_recall){0}), RV_ERR_VALUE);
    assert_string_equal(rv_last_error(context), "store_recall: num_examples must be 1 to 2^32 - 1, got 0");
    assert_int_equal(rv_generate_store_recall(&d, context, &(rv_store_recall){.num_examples = 1, .num_inputs = 10}),
                     RV_ERR_VALUE);
    assert_string_equal(rv_last_error(context), "store_recall: num_inputs must be a multiple of 4, got 10");
    assert_int_equal(rv_generate_store_recall(&d, context, &(rv_store_recall){.num_examples = 1, .rate = -1}),
                     RV_ERR_VALUE);
    assert_int_equal(rv_generate_store_recall(&d, context, &(rv_store_recall){.num_examples = 1, .delay = INFINITY}),
                     RV_ERR_VALUE);
    assert_int_equal(rv_generate_store_recall(&d, context, &(rv_store_recall){.num_examples = 1, .cue = 0.1}),
                     RV_ERR_VALUE);
    assert_null(d.spikes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_of_pattern_generation_are_sinusoids),
        cmocka_unit_test(the_clock_of_pattern_generation_goes_from_group_to_group),
        cmocka_unit_test(store_recall_shows_the_label_then_nothing_then_the_command),
        cmocka_unit_test(store_recall_splits_differ_and_grow_from_the_same_start),
        cmocka_unit_test(bad_parameters_are_errors),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
