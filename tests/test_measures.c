/* What callbacks measure: how active a population is, where the time went, losses that are not finite; and logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/files.h"
#include "support/tiny.h"

static tiny t;

static int set_up(void **state)
{
    (void)state;
    tiny_create(&t, 1, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tiny_free(&t);
    return 0;
}

static double counted_rate, counted_silent;

/* The same two numbers from all counts at the end of the run. */
static void count(const rv_entries *entries, size_t epoch)
{
    double sum = 0, silent = 0, examples = 0;
    bool spiked[TINY_HIDDEN] = {false};
    for (size_t i = 0; i < entries->num; i++) {
        if (entries->items[i].epoch != epoch)
            continue;
        examples++;
        for (size_t j = 0; j < TINY_HIDDEN; j++) {
            sum += (double)entries->items[i].values[j];
            spiked[j] |= entries->items[i].values[j] > 0;
        }
    }
    for (size_t j = 0; j < TINY_HIDDEN; j++)
        silent += !spiked[j];
    counted_rate = sum / (TINY_HIDDEN * examples * TINY_STEPS * 1e-3);
    counted_silent = silent / TINY_HIDDEN;
}

static void rates_and_silent_neurons_are_those_of_the_spikes(void **state)
{
    (void)state;
    float weights[TINY_INPUTS * TINY_HIDDEN];
    const rv_variable g = {.connection = t.input_hidden, .name = "g"};
    TINY_OK(&t, rv_variable_get(t.model, g, weights, TINY_INPUTS * TINY_HIDDEN));
    for (size_t i = 0; i < TINY_INPUTS; i++) /* two that get nothing */
        weights[i * TINY_HIDDEN + 2] = weights[i * TINY_HIDDEN + 5] = 0;
    TINY_OK(&t, rv_variable_set(t.model, g, weights, TINY_INPUTS * TINY_HIDDEN));
    const rv_callback callbacks[] = {
        rv_firing_rate((rv_firing_rate_desc){.population = t.hidden}),
        rv_silent_neurons((rv_silent_neurons_desc){.population = t.hidden}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.hidden, .key = "counts", .record_counts = true})};
    rv_result *result = tiny_train(&t, callbacks, 3, 2);
    for (size_t epoch = 0; epoch < 2; epoch++) {
        double rate, silent;
        const rv_metrics *metrics = rv_result_history(result, epoch);
        count(rv_result_data(result, "counts"), epoch);
        assert_int_equal(rv_metrics_get(metrics, "hidden.rate", &rate), 0);
        assert_int_equal(rv_metrics_get(metrics, "hidden.silent", &silent), 0);
        assert_true(rate > 0 && silent >= 2.0 / TINY_HIDDEN);
        assert_float_equal(rate, counted_rate, 1e-9);
        assert_float_equal(silent, counted_silent, 1e-12);
    }
    rv_result_free(result);
}

static void quantities_of_a_validation_are_its_own(void **state)
{
    (void)state;
    const rv_callback rate[] = {rv_firing_rate((rv_firing_rate_desc){.population = t.hidden})};
    const rv_callback watch[] = {
        rv_early_stopping((rv_early_stopping_desc){.monitor = "hidden.val_rate", .patience = 9}), rate[0]};
    rv_result *result = NULL;
    TINY_OK(&t, rv_train(&result, t.model,
                         &(rv_train_desc){.data = tiny_data(&t),
                                          .num_epochs = 1,
                                          .callbacks = watch,
                                          .num_callbacks = 2,
                                          .validation = tiny_data(&t),
                                          .validation_callbacks = rate,
                                          .num_validation_callbacks = 1}));
    const rv_metrics *metrics = rv_result_metrics(result);
    const char *const labels[] = {"loss", "accuracy", "val_loss", "val_accuracy", "hidden.val_rate", "hidden.rate"};
    assert_int_equal(metrics->num, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(metrics->items[i].label, labels[i]);
        assert_true(isfinite(metrics->items[i].value));
    }
    rv_result_free(result);
}

/* ---- the rest ---- */

static int ruin_weights(void *user, size_t batch)
{
    size_t *calls = user;
    float weights[TINY_HIDDEN * TINY_OUTPUTS];
    (void)batch;
    if (++*calls != 5)
        return 0;
    for (size_t i = 0; i < TINY_HIDDEN * TINY_OUTPUTS; i++)
        weights[i] = i % 2 ? FLT_MAX : -FLT_MAX;
    return rv_variable_set(t.model, (rv_variable){.connection = t.hidden_output, .name = "g"}, weights,
                           TINY_HIDDEN * TINY_OUTPUTS);
}

static void a_loss_that_is_not_finite_ends_the_run(void **state)
{
    (void)state;
    size_t calls = 0;
    const rv_callback callbacks[] = {
        rv_lambda_callback((rv_lambda_callback_desc){.user = &calls, .on_batch_begin = ruin_weights}),
        rv_terminate_on_nan()};
    rv_result *result = tiny_train(&t, callbacks, 2, 9);
    assert_true(rv_result_stopped(result));
    assert_int_equal(calls, 5); /* the second batch of epoch 1 */
    assert_int_equal(rv_result_num_epochs(result), 1);
    rv_result_free(result);
}

static void the_parts_of_the_time_make_the_whole(void **state)
{
    (void)state;
    rv_times times;
    char line[512];
    int rows = 0;
    const char *path = test_path("times.csv");
    const rv_callback callbacks[] = {rv_timer((rv_timer_desc){.times = &times, .path = path})};
    rv_result_free(tiny_train(&t, callbacks, 1, 3));
    assert_true(times.total > 0 && times.forward > 0 && times.backward > 0 && times.data > 0 && times.optimise > 0);
    assert_float_equal(times.data + times.forward + times.backward + times.optimise + times.callbacks + times.save +
                           times.validation + times.other,
                       times.total, 1e-9);
    assert_true(times.other >= 0 && times.other < times.total);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "epoch,total,data,forward,backward,optimise,callbacks,save,validation,other\n");
    while (fgets(line, sizeof line, file))
        assert_int_equal(atoi(line), rows++);
    fclose(file);
    assert_int_equal(rows, 3);
}

static int measure(void *user, rv_run *run)
{
    *(rv_run **)user = run;
    return rv_run_measure_populations(run);
}

static int look(void *user, const rv_metrics *metrics)
{
    (void)metrics;
    rv_run *run = *(rv_run **)user;
    rv_population_times hidden, output, input;
    TINY_OK(&t, rv_run_population_times(run, t.hidden, &hidden));
    TINY_OK(&t, rv_run_population_times(run, t.output, &output));
    TINY_OK(&t, rv_run_population_times(run, t.input, &input));
    assert_true(hidden.arrivals > 0 && hidden.neurons > 0 && output.arrivals > 0 && output.neurons > 0);
    assert_true((hidden.backward > 0) == rv_run_is_training(run) && (output.backward > 0) == rv_run_is_training(run));
    assert_true(input.backward == 0);
    assert_int_equal(rv_run_population_times(run, NULL, &input), RV_ERR_ARGUMENT);
    return 0;
}

static void populations_are_measured_one_by_one(void **state)
{
    (void)state;
    rv_run *run = NULL;
    char line[256];
    const char *path = test_path("populations.csv");
    const rv_callback callbacks[] = {
        {.name = "Look", .user = &run, .set_params = measure, .on_train_end = look, .on_test_end = look},
        rv_population_timer((rv_population_timer_desc){.path = path}),
    };
    rv_result_free(tiny_train(&t, callbacks, 2, 2));
    rv_result_free(tiny_evaluate(&t, callbacks, 2));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, "population,arrivals,neurons,backward\n");
    for (size_t i = 0; i < rv_network_num_populations(t.network); i++) {
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(strncmp(line, rv_population_name(rv_network_population(t.network, i)), strcspn(line, ",")), 0);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

static void a_log_that_is_added_to_must_have_the_same_columns(void **state)
{
    (void)state;
    const char *path = test_path("log.csv");
    char text[1024] = "";
    rv_callback logger[] = {rv_csv_logger((rv_csv_logger_desc){.path = path, .separator = ';'})};
    rv_result_free(tiny_train(&t, logger, 1, 2));
    logger[0] = rv_csv_logger((rv_csv_logger_desc){.path = path, .separator = ';', .append = true});
    rv_result_free(tiny_train(&t, logger, 1, 1));
    FILE *file = fopen(path, "r");
    const size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(size > 0 && !strncmp(text, "epoch;loss;accuracy\n0;", 22));
    assert_non_null(strstr(text, "\n1;"));
    assert_null(strstr(text + 1, "epoch"));
    rv_result *result = NULL;
    const rv_callback other[] = {logger[0], rv_firing_rate((rv_firing_rate_desc){.population = t.hidden})};
    assert_int_equal(rv_train(&result, t.model,
                              &(rv_train_desc){
                                  .data = tiny_data(&t), .num_epochs = 1, .callbacks = other, .num_callbacks = 2}),
                     RV_ERR_FILE);
    assert_non_null(strstr(rv_last_error(t.context), "begins with something else"));
    rv_result_free(result);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(rates_and_silent_neurons_are_those_of_the_spikes),
        TEST(quantities_of_a_validation_are_its_own),
        TEST(a_loss_that_is_not_finite_ends_the_run),
        TEST(the_parts_of_the_time_make_the_whole),
        TEST(populations_are_measured_one_by_one),
        TEST(a_log_that_is_added_to_must_have_the_same_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
