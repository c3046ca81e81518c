/* Callbacks that watch a run: their keys, what is refused, and that watching changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/files.h"
#include "support/tiny.h"

static tiny t;

static int set_up(void **state)
{
    (void)state;
    tiny_create(&t, 2, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tiny_free(&t);
    return 0;
}

/* Preparing a test with these callbacks must fail with this code and a message that holds `part`. */
static void refuses(const rv_callback *callbacks, size_t num, int code, const char *part)
{
    rv_run *run = NULL;
    const rv_evaluate_desc desc = {.data = tiny_data(&t), .callbacks = callbacks, .num_callbacks = num};
    assert_int_equal(rv_evaluate_prepare(&run, t.model, &desc), code);
    if (!strstr(rv_last_error(t.context), part))
        fail_msg("'%s' is not in '%s'", part, rv_last_error(t.context));
    rv_run_free(run);
}

static void a_missing_key_is_the_index_in_the_list(void **state)
{
    (void)state;
    const rv_spike_recorder_desc desc = {.population = t.hidden};
    rv_spike_recorder_desc named = desc;
    named.key = "named";
    const rv_callback callbacks[] = {
        {.name = "Nothing"}, rv_spike_recorder(desc), rv_spike_recorder(named), rv_spike_recorder(desc)};
    rv_result *result = tiny_evaluate(&t, callbacks, 4);
    assert_null(rv_result_data(result, "0"));
    assert_non_null(rv_result_data(result, "1"));
    assert_non_null(rv_result_data(result, "named"));
    assert_null(rv_result_data(result, "2"));
    assert_non_null(rv_result_data(result, "3"));
    assert_null(rv_result_validation_data(result, "1"));
    assert_string_equal(rv_result_key(result, 0), "1");
    assert_string_equal(rv_result_key(result, 1), "named");
    assert_string_equal(rv_result_key(result, 2), "3");
    assert_null(rv_result_key(result, 3));
    rv_result_free(result);
}

static void validation_has_data_of_its_own(void **state)
{
    (void)state;
    const rv_callback callbacks[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.input, .key = "k", .examples = rv_index(0)})};
    rv_result *result = NULL;
    TINY_OK(&t, rv_train(&result, t.model,
                         &(rv_train_desc){
                             .data = tiny_data(&t),
                             .num_epochs = 2,
                             .no_callbacks = true,
                             .validation = tiny_data(&t),
                             .validation_callbacks = callbacks,
                             .num_validation_callbacks = 1,
                         }));
    assert_null(rv_result_data(result, "k"));
    const rv_entries *entries = rv_result_validation_data(result, "k");
    assert_int_equal(entries->num, 2);
    assert_int_equal(entries->items[0].epoch, 0);
    assert_int_equal(entries->items[1].epoch, 1);
    rv_result_free(result);
}

static void what_is_wrong_is_found_before_the_run(void **state)
{
    (void)state;
    tiny other;
    tiny_create(&other, 1, false);
#define SPIKES(...) rv_spike_recorder((rv_spike_recorder_desc){__VA_ARGS__})
#define VARIABLE(...) rv_var_recorder((rv_var_recorder_desc){__VA_ARGS__})
    const rv_callback twice[] = {SPIKES(.population = t.hidden, .key = "k"),
                                 SPIKES(.population = t.input, .key = "k")};
    refuses(twice, 2, RV_ERR_NAME, "'k'");
    const rv_callback index_twice[] = {SPIKES(.population = t.hidden, .key = "1"), SPIKES(.population = t.input)};
    refuses(index_twice, 2, RV_ERR_NAME, "'1'");

    const struct {
        rv_callback callback;
        int code;
        const char *part;
    } cases[] = {
        {SPIKES(.key = "k"), RV_ERR_ARGUMENT, "SpikeRecorder: population is NULL"},
        {VARIABLE(.var = "v"), RV_ERR_ARGUMENT, "VarRecorder: population is NULL"},
        {VARIABLE(.population = t.hidden), RV_ERR_ARGUMENT, "neither var nor genn_var"},
        {VARIABLE(.population = t.hidden, .var = "voltage"), RV_ERR_NAME, "voltage"},
        {VARIABLE(.population = t.hidden, .genn_var = "LambdaV"), RV_ERR_NAME, "LambdaV"}, /* only in training */
        {SPIKES(.population = t.output), RV_ERR_NAME, "'output' never spikes"},
        {SPIKES(.population = t.hidden, .neurons = rv_index(8)), RV_ERR_FILTER, "index 8 is out of range"},
        {SPIKES(.population = t.hidden, .examples = rv_index(11)), RV_ERR_FILTER, "index 11 is out of range"},
        {VARIABLE(.population = t.hidden, .var = "v", .neurons = rv_slice("x")), RV_ERR_FILTER, "'x'"},
        {SPIKES(.population = other.hidden), RV_ERR_ARGUMENT, "hidden"},
        {VARIABLE(.population = other.hidden, .var = "v"), RV_ERR_ARGUMENT, "hidden"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(&cases[i].callback, 1, cases[i].code, cases[i].part);
    tiny_free(&other);
}

/* However it is written. */
static void two_callbacks_that_would_write_one_file_are_refused(void **state)
{
    (void)state;
    char twice[600], other_folder[600];
    snprintf(twice, sizeof twice, "%s", test_path("v"));
    snprintf(other_folder, sizeof other_folder, "%s", test_path("new/.././/v"));
    const rv_callback one_stream[] = {
        VARIABLE(.population = t.hidden, .var = "v", .keep = {.stream = twice}),
        {.name = "Nothing"},
        SPIKES(.population = t.input, .keep = {.stream = other_folder}),
    };
    refuses(one_stream, 3, RV_ERR_FILE,
            "/v: would be written by callback 0 (VarRecorder of population 'hidden') and callback 2 (SpikeRecorder of "
            "population 'input')");
    assert_false(test_exists(test_path("v-values.npy")));

    rv_run *run = NULL;
    const rv_train_desc desc = {
        .data = tiny_data(&t),
        .num_epochs = 1,
        .callbacks = one_stream,
        .num_callbacks = 1,
        .validation = tiny_data(&t),
        .validation_callbacks = one_stream + 1,
        .num_validation_callbacks = 2,
    };
    assert_int_equal(rv_train_prepare(&run, t.model, &desc), RV_ERR_FILE);
    assert_non_null(strstr(rv_last_error(t.context), "validation callback 1 (SpikeRecorder of population 'input')"));
    rv_run_free(run);
    const rv_callback logs[] = {rv_csv_logger((rv_csv_logger_desc){.path = twice}),
                                rv_timer((rv_timer_desc){.path = other_folder})};
    rv_train_desc logged = desc;
    logged.callbacks = logs;
    logged.num_callbacks = 2;
    logged.num_validation_callbacks = 1;
    assert_int_equal(rv_train_prepare(&run, t.model, &logged), RV_ERR_FILE);
    assert_non_null(strstr(rv_last_error(t.context), "callback 0 (CSVLogger) and callback 1 (Timer)"));
    rv_run_free(run);
}

/* What training leaves; zeroed first, so that outcomes can be compared byte by byte. */
typedef struct outcome {
    float weights[TINY_WEIGHTS];
    double loss, accuracy;
} outcome;

/* Trains the network as it is after set_up. */
static void train_three_epochs(outcome *out, const rv_callback *callbacks, size_t num)
{
    memset(out, 0, sizeof *out);
    rv_result *result = tiny_train(&t, callbacks, num, 3);
    TINY_OK(&t, rv_metrics_get(rv_result_metrics(result), "loss", &out->loss));
    TINY_OK(&t, rv_metrics_get(rv_result_metrics(result), "accuracy", &out->accuracy));
    tiny_weights(&t, out->weights);
    rv_result_free(result);
}

static void start_afresh(void)
{
    tear_down(NULL);
    set_up(NULL);
}

static void recording_changes_no_bit_of_the_result(void **state)
{
    (void)state;
    outcome plain, recorded;
    train_three_epochs(&plain, NULL, 0);
    start_afresh();
    const rv_callback callbacks[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.input}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.hidden, .record_counts = true}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .var = "v"}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "LambdaI"}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.output, .var = "v", .examples = rv_index(2)}),
    };
    train_three_epochs(&recorded, callbacks, 5);
    assert_memory_equal(&plain, &recorded, sizeof plain);
}

static int do_nothing(void *user, size_t timestep)
{
    (void)user;
    (void)timestep;
    return 0;
}

static void timestep_hooks_change_no_bit_of_the_result(void **state)
{
    (void)state;
    outcome plain, stepped;
    const rv_callback stepping[] = {{.name = "Begin", .on_timestep_begin = do_nothing},
                                    {.name = "End", .on_timestep_end = do_nothing}};
    train_three_epochs(&plain, NULL, 0);
    for (int which = 0; which < 2; which++) {
        start_afresh();
        train_three_epochs(&stepped, stepping + which, 1);
        assert_memory_equal(&plain, &stepped, sizeof plain);
    }
}

static void running_out_of_memory_anywhere_is_an_error_and_loses_nothing(void **state)
{
    (void)state;
    const rv_callback callbacks[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.input}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .var = "v", .neurons = rv_slice("::2")}),
    };
    const rv_evaluate_desc test = {.data = tiny_data(&t), .callbacks = callbacks, .num_callbacks = 2};
    const rv_train_desc training = {
        .data = tiny_data(&t),
        .num_epochs = 1,
        .callbacks = callbacks,
        .num_callbacks = 2,
        .validation = tiny_data(&t),
        .validation_callbacks = callbacks,
        .num_validation_callbacks = 2,
    };
    for (int learns = 0; learns < 2; learns++) {
        int rc = RV_ERR_MEMORY;
        long allowed = 0;
        for (; rc == RV_ERR_MEMORY; allowed++) {
            rv_result *result = NULL;
            rv_alloc_fail_after(allowed);
            rc = learns ? rv_train(&result, t.model, &training) : rv_evaluate(&result, t.model, &test);
            rv_alloc_fail_after(-1);
            rv_result_free(result);
        }
        TINY_OK(&t, rc);
        assert_true(allowed > 10);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_missing_key_is_the_index_in_the_list),
        TEST(validation_has_data_of_its_own),
        TEST(what_is_wrong_is_found_before_the_run),
        TEST(two_callbacks_that_would_write_one_file_are_refused),
        TEST(recording_changes_no_bit_of_the_result),
        TEST(timestep_hooks_change_no_bit_of_the_result),
        TEST(running_out_of_memory_anywhere_is_an_error_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
