/* Values to spikes, against figures worked out by hand; and the Yin-Yang generator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ranvier/data.h>
#include <ranvier/store.h>

#include "support/files.h"

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

/* A data set of these values; the caller clears it. */
static rv_dataset values_of(const float *values, size_t num_examples, size_t num_inputs)
{
    rv_dataset dataset = {.num_examples = num_examples, .shape = {num_inputs}, .num_inputs = num_inputs};
    dataset.values = malloc(num_examples * num_inputs * sizeof *values);
    memcpy(dataset.values, values, num_examples * num_inputs * sizeof *values);
    return dataset;
}

/* Exactly these spikes, times to float32. */
static void has_spikes(const rv_dataset *dataset, size_t example, size_t num, const double *times, const int32_t *ids)
{
    double got_times[100];
    int32_t got_ids[100];
    assert_int_equal(rv_spikes_count(dataset->spikes, example), num);
    assert_int_equal(rv_spikes_get(dataset->spikes, example, got_times, got_ids), 0);
    for (size_t i = 0; i < num; i++) {
        assert_true(got_times[i] == (double)(float)times[i]);
        assert_int_equal(got_ids[i], ids[i]);
    }
}

static void linear_latency_spikes_early_where_inputs_are_large(void **state)
{
    static const float values[] = {0, 255, 128, 1, 2, 51, 255, 0};
    rv_dataset dataset = values_of(values, 2, 4);
    (void)state;
    assert_int_equal(rv_encode_linear_latency(&dataset, context, &(rv_linear_latency){.max_time = 20}), 0);
    assert_int_equal(rv_spikes_num_neurons(dataset.spikes), 4);
    has_spikes(&dataset, 0, 2, (double[]){0, (255. - 128) / 255 * 20}, (int32_t[]){1, 2});
    has_spikes(&dataset, 1, 3, (double[]){0, 16, 253. / 255 * 20}, (int32_t[]){2, 1, 0});
    assert_non_null(dataset.values);
    rv_dataset_clear(&dataset);

    dataset = values_of((const float[]){0.25F, 0, 1, 0.5F}, 1, 4);
    const rv_linear_latency desc = {
        .max_time = 30, .min_time = 10, .threshold = 0, .threshold_given = true, .max_value = 1};
    assert_int_equal(rv_encode_linear_latency(&dataset, context, &desc), 0);
    has_spikes(&dataset, 0, 3, (double[]){10, 20, 25}, (int32_t[]){2, 3, 0});
    rv_dataset_clear(&dataset);
}

static void log_latency_is_the_first_spike_of_a_neuron(void **state)
{
    static const float values[] = {51, 102, 52, 255, 10};
    rv_dataset dataset = values_of(values, 1, 5);
    (void)state;
    const rv_log_latency desc = {.tau_eff = 20, .threshold = 51};
    assert_int_equal(rv_encode_log_latency(&dataset, context, &desc), 0);
    has_spikes(&dataset, 0, 3, (double[]){20 * log(1.25), 20 * log(2), 20 * log(52)}, (int32_t[]){3, 1, 2});
    rv_dataset_clear(&dataset);

    dataset = values_of(values, 1, 5);
    const rv_log_latency bounded = {.tau_eff = 20, .threshold = 51, .max_time = 14};
    assert_int_equal(rv_encode_log_latency(&dataset, context, &bounded), 0);
    has_spikes(&dataset, 0, 2, (double[]){20 * log(1.25), 20 * log(2)}, (int32_t[]){3, 1});
    rv_dataset_clear(&dataset);
}

static void time_codes_spike_once_each_and_the_bias_always(void **state)
{
    rv_dataset dataset = values_of((const float[]){0.5F, 0, 1, 0.25F, 0.75F, 1}, 2, 3);
    (void)state;
    const rv_time_code desc = {.max_time = 30, .min_time = 10, .add_bias = true, .bias_time = 20};
    assert_int_equal(rv_encode_time(&dataset, context, &desc), 0);
    assert_int_equal(rv_spikes_num_neurons(dataset.spikes), 4);
    has_spikes(&dataset, 0, 4, (double[]){10, 20, 20, 30}, (int32_t[]){1, 0, 3, 2});
    has_spikes(&dataset, 1, 4, (double[]){15, 20, 25, 30}, (int32_t[]){0, 3, 1, 2});
    rv_dataset_clear(&dataset);
}

static void poisson_rates_are_what_was_asked_for(void **state)
{
    enum {
        EXAMPLES = 200
    };
    static float values[EXAMPLES * 3];
    (void)state;
    for (int i = 0; i < EXAMPLES; i++) {
        values[3 * i] = 255;
        values[3 * i + 1] = 51;
        values[3 * i + 2] = i % 2 ? 0 : -5;
    }
    rv_dataset dataset = values_of(values, EXAMPLES, 3);
    const rv_poisson desc = {.max_rate = 100, .duration = 500, .dt = 0.5};
    assert_int_equal(rv_encode_poisson(&dataset, context, &desc), 0);

    double count[3] = {0}, mean = 0, times[3000];
    int32_t ids[3000];
    size_t total = 0;
    for (size_t e = 0; e < EXAMPLES; e++) {
        const size_t n = rv_spikes_count(dataset.spikes, e);
        assert_int_equal(rv_spikes_get(dataset.spikes, e, times, ids), 0);
        for (size_t i = 0; i < n; i++) {
            assert_true(times[i] < 500 && fmod(times[i], 0.5) == 0);
            mean += times[i];
            count[ids[i]]++;
            total++;
        }
    }
    const double num = EXAMPLES * 1000.0; /* steps */
    for (int i = 0; i < 2; i++) {
        const double p = 1 - exp(i == 0 ? -0.05 : -0.01);
        assert_true(fabs(count[i] - num * p) < 5 * sqrt(num * p));
    }
    assert_true(count[2] == 0);
    assert_true(fabs(mean / (double)total - 249.75) < 5 * 500 / sqrt(12.0 * (double)total));
    rv_dataset_clear(&dataset);
}

static void poisson_spikes_belong_to_example_and_input(void **state)
{
    static const float full[] = {255, 100, 255, 255}, part[] = {0, 0, 255, 255};
    const rv_poisson desc = {.max_rate = 200, .duration = 100};
    double times[2][100];
    int32_t ids[2][100];
    rv_dataset a = values_of(full, 2, 2), b = values_of(part, 2, 2);
    (void)state;
    assert_int_equal(rv_encode_poisson(&a, context, &desc), 0);
    assert_int_equal(rv_encode_poisson(&b, context, &desc), 0);
    assert_int_equal(rv_spikes_count(b.spikes, 0), 0);
    const size_t n = rv_spikes_count(a.spikes, 1);
    assert_in_range(n, 5, 100);
    assert_int_equal(rv_spikes_count(b.spikes, 1), n);
    assert_int_equal(rv_spikes_get(a.spikes, 1, times[0], ids[0]), 0);
    assert_int_equal(rv_spikes_get(b.spikes, 1, times[1], ids[1]), 0);
    assert_memory_equal(times[0], times[1], n * sizeof(double));
    assert_memory_equal(ids[0], ids[1], n * sizeof(int32_t));
    rv_dataset_clear(&a);
    rv_dataset_clear(&b);
}

static void bad_parameters_are_errors(void **state)
{
    rv_dataset d = values_of((const float[]){1, 2}, 1, 2);
    (void)state;
    assert_int_equal(rv_encode_linear_latency(&d, context, &(rv_linear_latency){0}), RV_ERR_VALUE);
    assert_string_equal(rv_last_error(context), "linear_latency: max_time must be > min_time = 0 ms, got 0");
    assert_int_equal(rv_encode_linear_latency(&d, context, &(rv_linear_latency){.max_time = 1, .min_time = -1}),
                     RV_ERR_VALUE);
    assert_int_equal(rv_encode_linear_latency(&d, context, &(rv_linear_latency){.max_time = 1, .max_value = -1}),
                     RV_ERR_VALUE);
    assert_int_equal(rv_encode_linear_latency(&d, context, &(rv_linear_latency){.max_time = 1, .max_value = 1}),
                     RV_ERR_VALUE); /* threshold 1 */
    assert_int_equal(rv_encode_log_latency(&d, context, &(rv_log_latency){.threshold = 1}), RV_ERR_VALUE);
    assert_int_equal(rv_encode_log_latency(&d, context, &(rv_log_latency){.tau_eff = 1}), RV_ERR_VALUE);
    assert_int_equal(
        rv_encode_log_latency(&d, context, &(rv_log_latency){.tau_eff = 1, .threshold = 1, .max_time = -1}),
        RV_ERR_VALUE);
    assert_int_equal(rv_encode_poisson(&d, context, &(rv_poisson){.duration = 1}), RV_ERR_VALUE);
    assert_int_equal(rv_encode_poisson(&d, context, &(rv_poisson){.max_rate = 1}), RV_ERR_VALUE);
    assert_int_equal(rv_encode_poisson(&d, context, &(rv_poisson){.max_rate = 1, .duration = 1, .dt = -1}),
                     RV_ERR_VALUE);
    assert_int_equal(rv_encode_poisson(&d, context, &(rv_poisson){.max_rate = 1, .duration = 1e300}), RV_ERR_VALUE);
    assert_int_equal(rv_encode_time(&d, context, &(rv_time_code){.max_time = NAN}), RV_ERR_VALUE);
    assert_int_equal(rv_encode_time(&d, context, &(rv_time_code){.max_time = 1, .bias_time = -1}), RV_ERR_VALUE);
    assert_null(d.spikes);
    rv_dataset_clear(&d);
}

static void values_that_cannot_be_encoded_are_errors(void **state)
{
    rv_dataset d = values_of((const float[]){1, 2, 3, 300}, 2, 2);
    (void)state;
    assert_int_equal(rv_encode_linear_latency(&d, context, &(rv_linear_latency){.max_time = 1}), RV_ERR_DATA);
    assert_string_equal(rv_last_error(context), "linear_latency: example 1: input 1 is 300, max_value is 255");
    assert_int_equal(rv_encode_time(&d, context, &(rv_time_code){.max_time = 1}), RV_ERR_DATA);
    assert_string_equal(rv_last_error(context), "time_code: example 0: input 1 must be in [0, 1], got 2");
    d.values[2] = NAN;
    assert_int_equal(rv_encode_poisson(&d, context, &(rv_poisson){.max_rate = 1, .duration = 1}), RV_ERR_DATA);
    assert_string_equal(rv_last_error(context), "poisson: example 1: input 0 must be finite, got nan");
    assert_null(d.spikes);
    d.values[2] = 0;
    assert_int_equal(rv_encode_poisson(&d, context, &(rv_poisson){.max_rate = 1, .duration = 1}), 0);
    assert_int_equal(rv_encode_poisson(&d, context, &(rv_poisson){.max_rate = 1, .duration = 1}), RV_ERR_STATE);
    assert_string_equal(rv_last_error(context), "poisson: the data set has spikes already");
    rv_dataset_clear(&d);
    rv_dataset_clear(&d);
    rv_dataset_clear(NULL);
}

/* The publication's own words: which class a point belongs to. */
static int published_class(double x, double y)
{
    const double r_small = 0.1, r_big = 0.5;
    const double right = hypot(x - 1.5 * r_big, y - r_big), left = hypot(x - 0.5 * r_big, y - r_big);
    const int is_yin =
        right <= r_small || (left > r_small && left <= 0.5 * r_big) || (y > r_big && right > 0.5 * r_big);
    return right < r_small || left < r_small ? 2 : is_yin;
}

static void yin_yang_points_lie_where_their_class_is(void **state)
{
    rv_dataset d;
    int count[3] = {0};
    (void)state;
    assert_int_equal(rv_generate_yin_yang(&d, context, &(rv_yin_yang){.num_examples = 6000}), 0);
    assert_int_equal(d.num_examples, 6000);
    assert_int_equal(d.num_inputs, 4);
    assert_int_equal(d.num_classes, 3);
    for (size_t i = 0; i < d.num_examples; i++) {
        const float *v = d.values + 4 * i;
        assert_true(hypot(v[0] - 0.5, v[1] - 0.5) <= 0.5 + 1e-6);
        assert_true(fabsf(v[0] + v[2] - 1) < 1e-6F && fabsf(v[1] + v[3] - 1) < 1e-6F);
        assert_int_equal(d.labels[i], published_class(v[0], v[1]));
        count[d.labels[i]]++;
    }
    for (int c = 0; c < 3; c++)
        assert_in_range(count[c], 2000 - 5 * 37, 2000 + 5 * 37);
    rv_dataset_clear(&d);
}

static void yin_yang_splits_differ_and_grow_from_the_same_start(void **state)
{
    rv_dataset a, b, c;
    (void)state;
    assert_int_equal(rv_generate_yin_yang(&a, context, &(rv_yin_yang){.num_examples = 100}), 0);
    assert_int_equal(rv_generate_yin_yang(&b, context, &(rv_yin_yang){.num_examples = 50}), 0);
    assert_int_equal(rv_generate_yin_yang(&c, context, &(rv_yin_yang){.num_examples = 50, .seed = 1}), 0);
    assert_memory_equal(a.values, b.values, 50 * 4 * sizeof(float));
    assert_memory_not_equal(b.values, c.values, 50 * 4 * sizeof(float));
    assert_int_equal(rv_dataset_truncate(&a, 10), 0);
    assert_int_equal(a.num_examples, 10);
    assert_int_equal(a.num_classes, 3);
    rv_dataset_clear(&a);
    rv_dataset_clear(&b);
    rv_dataset_clear(&c);
    assert_int_equal(rv_generate_yin_yang(&a, context, &(rv_yin_yang){.num_examples = 1, .r_big = 0.6}), RV_ERR_VALUE);
    assert_int_equal(rv_generate_yin_yang(&a, context, &(rv_yin_yang){.num_examples = 1, .r_small = 0.3}),
                     RV_ERR_VALUE);
    assert_int_equal(rv_generate_yin_yang(&a, context, &(rv_yin_yang){0}), RV_ERR_VALUE);
    assert_int_equal(rv_generate_yin_yang(&a, context, &(rv_yin_yang){.num_examples = 100, .r_small = 1e-9}),
                     RV_ERR_VALUE);
    assert_null(a.values);
}

/* Our points and the published ones are drawn from one distribution: mean distances in every class agree. */
static void yin_yang_looks_like_the_published_set(void **state)
{
    rv_dataset ours, theirs;
    (void)state;
    const char *samples = test_shared("yinyang/train_samples.npy"), *labels = test_shared("yinyang/train_labels.npy");
    if (!samples || !labels)
        skip();
    if (rv_read_npy(&theirs, context, samples, labels) < 0)
        fail_msg("%s", rv_last_error(context));
    assert_int_equal(rv_generate_yin_yang(&ours, context, &(rv_yin_yang){.num_examples = 5000}), 0);
    assert_int_equal(theirs.num_examples, 5000);
    for (int c = 0; c < 3; c++) {
        double sum[2][4] = {{0}};
        size_t num[2] = {0};
        for (int k = 0; k < 2; k++) {
            const rv_dataset *d = k ? &theirs : &ours;
            for (size_t i = 0; i < d->num_examples; i++)
                if (d->labels[i] == c) {
                    const double x = d->values[4 * i], y = d->values[4 * i + 1];
                    num[k]++;
                    sum[k][0] += x;
                    sum[k][1] += y;
                    sum[k][2] += x * x;
                    sum[k][3] += y * y;
                }
        }
        for (int moment = 0; moment < 4; moment++) /* about 1,667 points of sd < 0.3 each */
            assert_true(fabs(sum[0][moment] / (double)num[0] - sum[1][moment] / (double)num[1]) < 0.04);
    }
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(theirs.labels[i], published_class(theirs.values[4 * i], theirs.values[4 * i + 1]));
    rv_dataset_clear(&ours);
    rv_dataset_clear(&theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_latency_spikes_early_where_inputs_are_large),
        cmocka_unit_test(log_latency_is_the_first_spike_of_a_neuron),
        cmocka_unit_test(time_codes_spike_once_each_and_the_bias_always),
        cmocka_unit_test(poisson_rates_are_what_was_asked_for),
        cmocka_unit_test(poisson_spikes_belong_to_example_and_input),
        cmocka_unit_test(bad_parameters_are_errors),
        cmocka_unit_test(values_that_cannot_be_encoded_are_errors),
        cmocka_unit_test(yin_yang_points_lie_where_their_class_is),
        cmocka_unit_test(yin_yang_splits_differ_and_grow_from_the_same_start),
        cmocka_unit_test(yin_yang_looks_like_the_published_set),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
