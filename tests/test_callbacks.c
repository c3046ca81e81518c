/* Callbacks: which hooks are called, when, and what their answers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/tiny.h"

static tiny t;
static char trace[1 << 16]; /* what the hooks below were called with, one call a line */

static int set_up(void **state)
{
    (void)state;
    tiny_create(&t, 1, true);
    trace[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tiny_free(&t);
    return 0;
}

/* A callback that writes down what happens to it, and gives `answer` to the `answer_at`-th call of one hook. */
typedef struct tracer {
    const char *label;
    const char *answer_hook;
    int answer_at, answer;
} tracer;

__attribute__((format(printf, 2, 3))) static int note(void *user, const char *format, ...)
{
    tracer *self = user;
    const size_t used = strlen(trace);
    const char *hook = trace + used + strlen(self->label) + 1;
    const int start = snprintf(trace + used, sizeof trace - used, "%s ", self->label);
    va_list args;
    va_start(args, format);
    vsnprintf(trace + used + start, sizeof trace - used - (size_t)start, format, args);
    va_end(args);
    const bool asked = self->answer_hook && !strncmp(hook, self->answer_hook, strlen(self->answer_hook));
    const bool now = asked && self->answer_at-- == 0;
    strcat(trace, "\n");
    return now ? self->answer : 0;
}

static int trace_set_params(void *user, rv_run *run)
{
    return note(user, "set_params %zu batches %zu examples %zu epochs from %zu%s%s", rv_run_num_batches(run),
                rv_run_num_examples(run), rv_run_num_epochs(run), rv_run_start_epoch(run),
                rv_run_is_training(run) ? " training" : "", rv_run_is_validation(run) ? " validation" : "");
}

static int trace_set_first(void *user)
{
    return note(user, "set_first");
}

static int trace_test_begin(void *user)
{
    return note(user, "test_begin");
}

static int trace_test_end(void *user, const rv_metrics *metrics)
{
    return note(user, "test_end %zu", metrics->num);
}

static int trace_train_begin(void *user)
{
    return note(user, "train_begin");
}

static int trace_train_end(void *user, const rv_metrics *metrics)
{
    return note(user, "train_end %zu", metrics->num);
}

static int trace_epoch_begin(void *user, size_t epoch)
{
    return note(user, "epoch_begin %zu", epoch);
}

static int trace_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    return note(user, "epoch_end %zu: %zu", epoch, metrics->num);
}

static int trace_batch_begin(void *user, size_t batch)
{
    return note(user, "batch_begin %zu", batch);
}

static int trace_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    return note(user, "batch_end %zu: %zu", batch, metrics->num);
}

static int trace_timestep_begin(void *user, size_t timestep)
{
    return note(user, "timestep_begin %zu", timestep);
}

static int trace_timestep_end(void *user, size_t timestep)
{
    return note(user, "timestep_end %zu", timestep);
}

static rv_callback trace_callback(tracer *user, bool timesteps)
{
    return (rv_callback){
        .name = "Tracer",
        .user = user,
        .set_params = trace_set_params,
        .set_first = trace_set_first,
        .on_test_begin = trace_test_begin,
        .on_test_end = trace_test_end,
        .on_train_begin = trace_train_begin,
        .on_train_end = trace_train_end,
        .on_epoch_begin = trace_epoch_begin,
        .on_epoch_end = trace_epoch_end,
        .on_batch_begin = trace_batch_begin,
        .on_batch_end = trace_batch_end,
        .on_timestep_begin = timesteps ? trace_timestep_begin : NULL,
        .on_timestep_end = timesteps ? trace_timestep_end : NULL,
    };
}

/* The trace must be `expected`; says where it first is not. */
static void traced(const char *expected)
{
    int line = 1;
    const char *a = trace, *b = expected;
    for (; *a && *a == *b; a++, b++)
        line += *a == '\n';
    if (*a == *b)
        return;
    while (a > trace && a[-1] != '\n')
        a--, b--;
    fail_msg("call %d is '%.*s', expected '%.*s'", line, (int)strcspn(a, "\n"), a, (int)strcspn(b, "\n"), b);
}

/* Appends the batches of one pass as they must appear. */
static void expect_batches(char *expected, const char *label)
{
    for (int batch = 0; batch < 3; batch++) {
        sprintf(expected + strlen(expected), "%s batch_begin %d\n", label, batch);
        for (int step = 0; step < TINY_STEPS; step++)
            sprintf(expected + strlen(expected), "%s timestep_begin %d\n%s timestep_end %d\n", label, step, label,
                    step);
        sprintf(expected + strlen(expected), "%s batch_end %d: 2\n", label, batch);
    }
}

static void training_calls_all_hooks_in_the_documented_order(void **state)
{
    (void)state;
    tracer training = {.label = "T"}, validation = {.label = "V"};
    const rv_callback callbacks[] = {trace_callback(&training, true)};
    const rv_callback validation_callbacks[] = {trace_callback(&validation, true)};
    rv_result *result = NULL;
    TINY_OK(&t, rv_train(&result, t.model,
                         &(rv_train_desc){
                             .data = tiny_data(&t),
                             .num_epochs = 2,
                             .start_epoch = 5,
                             .callbacks = callbacks,
                             .num_callbacks = 1,
                             .validation = tiny_data(&t),
                             .validation_callbacks = validation_callbacks,
                             .num_validation_callbacks = 1,
                         }));
    rv_result_free(result);

    static char expected[sizeof trace];
    strcpy(expected, "V set_params 3 batches 11 examples 2 epochs from 5 validation\nV set_first\n"
                     "T set_params 3 batches 11 examples 2 epochs from 5 training\nT set_first\n"
                     "T train_begin\nV test_begin\n");
    for (int epoch = 5; epoch < 7; epoch++) {
        sprintf(expected + strlen(expected), "T epoch_begin %d\n", epoch);
        expect_batches(expected, "T");
        sprintf(expected + strlen(expected), "V epoch_begin %d\n", epoch);
        expect_batches(expected, "V");
        sprintf(expected + strlen(expected), "V epoch_end %d: 2\nT epoch_end %d: 4\n", epoch, epoch);
    }
    strcat(expected, "V test_end 2\nT train_end 4\n");
    traced(expected);
}

static void a_test_calls_its_hooks_in_order(void **state)
{
    (void)state;
    tracer test = {.label = "T"};
    const rv_callback callbacks[] = {trace_callback(&test, true)};
    rv_result *result = NULL;
    TINY_OK(&t, rv_evaluate(&result, t.model,
                            &(rv_evaluate_desc){.data = tiny_data(&t), .callbacks = callbacks, .num_callbacks = 1}));
    rv_result_free(result);

    static char expected[sizeof trace];
    strcpy(expected, "T set_params 3 batches 11 examples 1 epochs from 0\nT set_first\nT test_begin\n");
    expect_batches(expected, "T");
    strcat(expected, "T test_end 2\n");
    traced(expected);
}

static void callbacks_are_called_in_list_order_and_set_first_once_per_class(void **state)
{
    (void)state;
    tracer a = {.label = "A"}, b = {.label = "B"}, c = {.label = "C"};
    rv_callback callbacks[] = {trace_callback(&a, false), trace_callback(&b, false), trace_callback(&c, false)};
    char copied[] = "Tracer"; /* classes are compared by their letters */
    callbacks[1].name = "Other";
    callbacks[2].name = copied;
    for (int i = 0; i < 3; i++) {
        callbacks[i].on_batch_begin = NULL;
        callbacks[i].on_batch_end = NULL;
    }
    rv_result *result = NULL;
    TINY_OK(&t, rv_evaluate(&result, t.model,
                            &(rv_evaluate_desc){.data = tiny_data(&t), .callbacks = callbacks, .num_callbacks = 3}));
    rv_result_free(result);
    traced("A set_params 3 batches 11 examples 1 epochs from 0\n"
           "B set_params 3 batches 11 examples 1 epochs from 0\n"
           "C set_params 3 batches 11 examples 1 epochs from 0\n"
           "A set_first\nB set_first\n"
           "A test_begin\nB test_begin\nC test_begin\n"
           "A test_end 2\nB test_end 2\nC test_end 2\n");
}

/* Trains with one tracer that answers; returns rv_train's code. */
static int train_with_answer(const char *hook, int at, int answer, rv_result **result)
{
    static tracer answering;
    answering = (tracer){.label = "T", .answer_hook = hook, .answer_at = at, .answer = answer};
    const rv_callback callbacks[] = {trace_callback(&answering, false)};
    trace[0] = '\0';
    *result = NULL;
    return rv_train(
        result, t.model,
        &(rv_train_desc){.data = tiny_data(&t), .num_epochs = 3, .callbacks = callbacks, .num_callbacks = 1});
}

static void a_positive_answer_stops_after_the_current_batch(void **state)
{
    (void)state;
    rv_result *result;
    TINY_OK(&t, train_with_answer("batch_end", 1, 1, &result));
    assert_true(rv_result_stopped(result));
    assert_int_equal(rv_result_num_epochs(result), 0); /* it has metrics, but did not come to its end */
    assert_non_null(rv_result_history(result, 0));
    assert_null(rv_result_history(result, 1));
    rv_result_free(result);
    assert_non_null(strstr(trace, "T batch_end 1: 2\n"));
    assert_null(strstr(trace, "T batch_begin 2\n"));
    assert_non_null(strstr(trace, "T train_end"));

    TINY_OK(&t, train_with_answer("epoch_end", 1, 1, &result));
    assert_true(rv_result_stopped(result));
    assert_int_equal(rv_result_num_epochs(result), 2);
    assert_null(rv_result_history(result, 2));
    rv_result_free(result);
    assert_null(strstr(trace, "T epoch_begin 2\n"));

    TINY_OK(&t, train_with_answer("batch_begin", 0, 1, &result));
    assert_true(rv_result_stopped(result));
    rv_result_free(result);
    assert_non_null(strstr(trace, "T batch_end 0"));
    assert_null(strstr(trace, "T batch_begin 1"));
}

static void a_negative_answer_fails_with_that_code(void **state)
{
    (void)state;
    static const char *const hooks[] = {"set_params",  "set_first", "train_begin", "epoch_begin",
                                        "batch_begin", "batch_end", "epoch_end",   "train_end"};
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        rv_result *result;
        assert_int_equal(train_with_answer(hooks[i], 0, -7000 - (int)i, &result), -7000 - (int)i);
        const char *last = strrchr(trace, '\n');
        assert_non_null(last);
        while (last > trace && last[-1] != '\n')
            last--;
        assert_memory_equal(last + 2, hooks[i], strlen(hooks[i])); /* nothing was called after it */
        rv_result_free(result);
    }
}

static void a_failure_without_a_message_is_not_explained_with_an_older_one(void **state)
{
    (void)state;
    static const char *const hooks[] = {"set_params", "set_first", "train_begin", "batch_end", "train_end"};
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        rv_result *result;
        char expected[128];
        rv_error_set(t.context, RV_ERR_FILE, "an older fault");
        assert_int_equal(train_with_answer(hooks[i], 0, -77, &result), -77);
        rv_result_free(result);
        snprintf(expected, sizeof expected, "%s failed with code -77", hooks[i]);
        if (!strstr(rv_last_error(t.context), expected))
            fail_msg("'%s' is not in: %s", expected, rv_last_error(t.context));
    }
}

static int failing_create(void **user, const rv_callback *self, rv_context *context)
{
    (void)user;
    (void)self;
    return rv_error_set(context, RV_ERR_CALLBACK, "cannot be made");
}

static int created, destroyed;

static int counting_create(void **user, const rv_callback *self, rv_context *context)
{
    (void)context;
    *user = NULL;
    created += self->config.bytes[0];
    return 0;
}

static void counting_destroy(void *user)
{
    (void)user;
    destroyed++;
}

static void what_was_created_is_destroyed_even_if_another_callback_fails(void **state)
{
    (void)state;
    created = destroyed = 0;
    rv_callback callbacks[] = {
        {.name = "Counting", .create = counting_create, .destroy = counting_destroy},
        {.name = "Failing", .create = failing_create, .destroy = counting_destroy},
    };
    callbacks[0].config.bytes[0] = 1;
    rv_run *run = NULL;
    const rv_evaluate_desc desc = {.data = tiny_data(&t), .callbacks = callbacks, .num_callbacks = 2};
    assert_int_equal(rv_evaluate_prepare(&run, t.model, &desc), RV_ERR_CALLBACK);
    assert_string_equal(rv_last_error(t.context), "cannot be made");
    rv_run_free(run);
    assert_int_equal(created, 1);
    assert_int_equal(destroyed, 1);
}

static int look_around(void *user, rv_run *run)
{
    *(rv_run **)user = run;
    assert_ptr_equal(rv_run_compiled_network(run), t.model);
    assert_ptr_equal(rv_run_context(run), t.context);
    return 0;
}

static size_t seen[TINY_EXAMPLES];

static int look_at_batch(void *user, size_t batch, const rv_metrics *metrics)
{
    const rv_run *run = *(rv_run **)user;
    const uint32_t *order = rv_run_order(run);
    double loss, accuracy, nothing;
    assert_int_equal(rv_run_batch_count(run), batch < 2 ? 4 : 3);
    for (size_t i = 0; i < rv_run_batch_count(run); i++) {
        assert_int_equal(rv_run_batch_example(run, i), order[batch * TINY_BATCH + i]);
        seen[rv_run_batch_example(run, i)]++;
    }
    assert_int_equal(rv_metrics_get(metrics, "loss", &loss), 0);
    assert_int_equal(rv_metrics_get(metrics, "accuracy", &accuracy), 0);
    assert_true(isfinite(loss) && accuracy >= 0 && accuracy <= 1);
    assert_int_equal(rv_metrics_get(metrics, "nothing", &nothing), RV_ERR_NAME);
    return 0;
}

static void a_run_tells_which_examples_a_batch_holds(void **state)
{
    (void)state;
    rv_run *run = NULL;
    const rv_callback callbacks[] = {
        {.name = "Looking", .user = &run, .set_params = look_around, .on_batch_end = look_at_batch}};
    rv_result *result = NULL;
    memset(seen, 0, sizeof seen);
    TINY_OK(&t, rv_train(&result, t.model,
                         &(rv_train_desc){
                             .data = tiny_data(&t), .num_epochs = 2, .callbacks = callbacks, .num_callbacks = 1}));
    rv_result_free(result);
    for (int i = 0; i < TINY_EXAMPLES; i++)
        assert_int_equal(seen[i], 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(training_calls_all_hooks_in_the_documented_order),
        TEST(a_test_calls_its_hooks_in_order),
        TEST(callbacks_are_called_in_list_order_and_set_first_once_per_class),
        TEST(a_positive_answer_stops_after_the_current_batch),
        TEST(a_negative_answer_fails_with_that_code),
        TEST(a_failure_without_a_message_is_not_explained_with_an_older_one),
        TEST(what_was_created_is_destroyed_even_if_another_callback_fails),
        TEST(a_run_tells_which_examples_a_batch_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
