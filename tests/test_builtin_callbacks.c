/* Checkpoint, OptimiserParamSchedule and BatchProgressBar in runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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

static int train(const rv_callback *callbacks, size_t num, size_t num_epochs)
{
    rv_result *result = NULL;
    const int rc = rv_train(&result, t.model,
                            &(rv_train_desc){
                                .data = tiny_data(&t),
                                .num_epochs = num_epochs,
                                .callbacks = callbacks,
                                .num_callbacks = num,
                            });
    rv_result_free(result);
    return rc;
}

/* A serialiser that keeps the keys it was given and, at the end, the last weight of input_hidden. */
typedef struct memory {
    char keys[512];
    float weights[TINY_INPUTS * TINY_HIDDEN];
    int answer;
} memory;

static int remember(void *user, rv_context *context, const char *const *keys, size_t num_keys, const rv_ndarray *array)
{
    memory *self = user;
    for (size_t i = 0; i < num_keys; i++)
        sprintf(self->keys + strlen(self->keys), "%s%s", i ? "-" : "", keys[i]);
    strcat(self->keys, "\n");
    if (array->size == TINY_INPUTS * TINY_HIDDEN)
        memcpy(self->weights, array->data, sizeof self->weights);
    return self->answer < 0 ? rv_error_set(context, self->answer, "disk full") : 0;
}

/* The keys of `epoch`'s checkpoint. */
static const char *saved(const char *epoch)
{
    static char keys[128];
    snprintf(keys, sizeof keys, "%s-%s-g\n%s-%s-g\n", epoch, rv_connection_name(t.input_hidden), epoch,
             rv_connection_name(t.hidden_output));
    return keys;
}

static rv_callback checkpoint_into(memory *self, size_t interval)
{
    return rv_checkpoint((rv_checkpoint_desc){.serialiser = {.name = "memory", .user = self, .serialise = remember},
                                              .epoch_interval = interval});
}

static void checkpoints_come_at_the_interval_and_after_the_last_epoch(void **state)
{
    (void)state;
    memory self = {0};
    char expected[512] = "";
    const rv_callback callbacks[] = {checkpoint_into(&self, 2)};
    TINY_OK(&t, train(callbacks, 1, 4));
    strcat(expected, saved("0"));
    strcat(expected, saved("2"));
    strcat(expected, saved("3"));
    assert_string_equal(self.keys, expected);
    float weights[TINY_WEIGHTS];
    tiny_weights(&t, weights);
    assert_memory_equal(self.weights, weights, sizeof self.weights);
}

static int stop_in_batch(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)metrics;
    int *left = user;
    (void)batch;
    return (*left)-- == 0;
}

static int stop_after_epoch(void *user, size_t epoch, const rv_metrics *metrics)
{
    (void)user;
    (void)metrics;
    return epoch == 1;
}

static void a_stopped_run_is_saved_too(void **state)
{
    (void)state;
    memory self = {0};
    char expected[512] = "";
    int left = 4; /* the second batch of epoch 1 */
    rv_callback callbacks[] = {checkpoint_into(&self, 10),
                               {.name = "Stop", .user = &left, .on_batch_end = stop_in_batch}};
    TINY_OK(&t, train(callbacks, 2, 4));
    strcat(expected, saved("0"));
    strcat(expected, saved("1"));
    assert_string_equal(self.keys, expected);

    self.keys[0] = '\0';
    callbacks[1] = (rv_callback){.name = "Stop", .on_epoch_end = stop_after_epoch};
    TINY_OK(&t, train(callbacks, 2, 4));
    assert_string_equal(self.keys, expected);
}

static void a_test_saves_nothing(void **state)
{
    (void)state;
    memory self = {0};
    const rv_callback callbacks[] = {checkpoint_into(&self, 1)};
    rv_result *result = NULL;
    TINY_OK(&t, rv_evaluate(&result, t.model,
                            &(rv_evaluate_desc){.data = tiny_data(&t), .callbacks = callbacks, .num_callbacks = 1}));
    rv_result_free(result);
    assert_string_equal(self.keys, "");
}

static void a_checkpoint_that_cannot_be_written_fails_the_run(void **state)
{
    (void)state;
    memory self = {.answer = RV_ERR_FILE};
    const rv_callback callbacks[] = {checkpoint_into(&self, 1)};
    assert_int_equal(train(callbacks, 1, 4), RV_ERR_FILE);
    assert_string_equal(rv_last_error(t.context), "disk full");
    const rv_callback reader[] = {rv_checkpoint(
        (rv_checkpoint_desc){.serialiser = {.name = "reader", .deserialise = rv_numpy_serialiser(".").deserialise}})};
    assert_int_equal(train(reader, 1, 1), RV_ERR_ARGUMENT);
    assert_non_null(strstr(rv_last_error(t.context), "Checkpoint: serialiser 'reader' has no function serialise"));
}

static void numpy_files_of_a_checkpoint_load_again(void **state)
{
    (void)state;
    char folder[] = P_tmpdir "/ranvier-XXXXXX", command[64];
    float trained[TINY_WEIGHTS], loaded[TINY_WEIGHTS];
    assert_non_null(mkdtemp(folder));
    const rv_callback callbacks[] = {rv_checkpoint((rv_checkpoint_desc){.folder = folder})};
    TINY_OK(&t, train(callbacks, 1, 2));
    tiny_weights(&t, trained);
    const rv_callback nothing[] = {{.name = "Nothing"}};
    TINY_OK(&t, train(nothing, 1, 1)); /* on with it, so that there is something to load over */
    const rv_serialiser files = rv_numpy_serialiser(folder);
    TINY_OK(&t, rv_compiled_network_load(t.model, &files, (const char *[]){"1"}, 1));
    tiny_weights(&t, loaded);
    assert_memory_equal(trained, loaded, sizeof trained);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

typedef struct schedule {
    size_t calls;
    double seen[8], next[8];
} schedule;

static double scheduled(void *user, size_t epoch, double current)
{
    schedule *self = user;
    assert_int_equal(epoch, self->calls);
    self->seen[self->calls] = current;
    return self->next[self->calls++];
}

static void a_schedule_sets_the_parameter_before_every_epoch(void **state)
{
    (void)state;
    schedule self = {.next = {0.02, 0.005, 0.25}};
    double alpha;
    const rv_callback callbacks[] = {rv_optimiser_param_schedule(
        (rv_optimiser_param_schedule_desc){.param_name = "alpha", .func = scheduled, .user = &self})};
    TINY_OK(&t, train(callbacks, 1, 3));
    assert_int_equal(self.calls, 3);
    assert_true(fabs(self.seen[0] - 0.01) < 1e-12 && self.seen[1] == 0.02 && self.seen[2] == 0.005);
    TINY_OK(&t, rv_optimiser_param_get(t.model, "alpha", &alpha));
    assert_true(alpha == 0.25);
}

static void a_schedule_is_what_setting_the_parameter_by_hand_is(void **state)
{
    (void)state;
    float weights[2][TINY_WEIGHTS];
    schedule self = {.next = {0.02, 0.02}};
    const rv_callback callbacks[] = {rv_optimiser_param_schedule(
        (rv_optimiser_param_schedule_desc){.param_name = "alpha", .func = scheduled, .user = &self})};
    TINY_OK(&t, train(callbacks, 1, 2));
    tiny_weights(&t, weights[0]);
    tear_down(NULL);
    set_up(NULL);
    TINY_OK(&t, rv_optimiser_param_set(t.model, "alpha", 0.02));
    const rv_callback nothing[] = {{.name = "Nothing"}};
    TINY_OK(&t, train(nothing, 1, 2));
    tiny_weights(&t, weights[1]);
    assert_memory_equal(weights[0], weights[1], sizeof weights[0]);
}

/* The code that preparing a run with this callback gives. */
static int prepare(rv_callback callback)
{
    rv_run *run = NULL;
    const int rc = rv_train_prepare(
        &run, t.model,
        &(rv_train_desc){.data = tiny_data(&t), .num_epochs = 1, .callbacks = &callback, .num_callbacks = 1});
    rv_run_free(run);
    return rc;
}

static void a_wrong_schedule_is_refused_before_the_run(void **state)
{
    (void)state;
    schedule self = {.next = {-1}};
    rv_optimiser_param_schedule_desc desc = {.param_name = "speed", .func = scheduled, .user = &self};
    assert_int_equal(prepare(rv_optimiser_param_schedule(desc)), RV_ERR_NAME);
    assert_non_null(strstr(rv_last_error(t.context), "speed"));
    desc.func = NULL;
    assert_int_equal(prepare(rv_optimiser_param_schedule(desc)), RV_ERR_ARGUMENT);
    desc.param_name = NULL;
    assert_int_equal(prepare(rv_optimiser_param_schedule(desc)), RV_ERR_ARGUMENT);
    assert_int_equal(self.calls, 0);
}

static void a_scheduled_value_out_of_range_fails_in_its_epoch(void **state)
{
    (void)state;
    schedule self = {.next = {0.1, -1}};
    const rv_callback callbacks[] = {rv_optimiser_param_schedule(
        (rv_optimiser_param_schedule_desc){.param_name = "alpha", .func = scheduled, .user = &self})};
    assert_int_equal(train(callbacks, 1, 3), RV_ERR_VALUE);
    assert_int_equal(self.calls, 2);
}

/* What is written to standard error meanwhile goes to a file, as without a terminal. */
static char written[4096];
static int standard_error;
static FILE *into;

static void catch_standard_error(void)
{
    fflush(stderr);
    standard_error = dup(STDERR_FILENO);
    into = tmpfile();
    dup2(fileno(into), STDERR_FILENO);
}

static void release_standard_error(void)
{
    fflush(stderr);
    dup2(standard_error, STDERR_FILENO);
    close(standard_error);
    rewind(into);
    written[fread(written, 1, sizeof written - 1, into)] = '\0';
    fclose(into);
}

static void without_a_terminal_an_epoch_is_one_plain_line(void **state)
{
    (void)state;
    rv_result *result = NULL;
    const rv_train_desc desc = {.data = tiny_data(&t), .num_epochs = 2, .validation = tiny_data(&t)};
    catch_standard_error();
    const int rc = rv_train(&result, t.model, &desc);
    release_standard_error();
    TINY_OK(&t, rc);
    rv_result_free(result);
    char *line = written;
    for (int epoch = 0; epoch < 2; epoch++) {
        char start[64];
        snprintf(start, sizeof start, "Epoch %d: 100%% 3/3 [00:0", epoch);
        char *const end = strchr(line, '\n');
        if (!end || strncmp(line, start, strlen(start)) != 0)
            fail_msg("%s", written);
        *end = '\0';
        assert_null(strpbrk(line, "\r\033"));
        assert_non_null(strstr(line, "it/s, loss="));
        assert_non_null(strstr(line, ", accuracy="));
        assert_non_null(strstr(line, ", val_loss="));
        assert_non_null(strstr(line, ", val_accuracy="));
        line = end + 1;
    }
    assert_string_equal(line, "");
}

static void without_a_terminal_a_test_is_one_plain_line(void **state)
{
    (void)state;
    rv_result *result = NULL;
    const rv_evaluate_desc desc = {.data = tiny_data(&t)};
    catch_standard_error();
    const int rc = rv_evaluate(&result, t.model, &desc);
    release_standard_error();
    TINY_OK(&t, rc);
    rv_result_free(result);
    assert_memory_equal(written, "Test: 100% 3/3 [00:0", 20);
    assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(checkpoints_come_at_the_interval_and_after_the_last_epoch),
        TEST(a_stopped_run_is_saved_too),
        TEST(a_test_saves_nothing),
        TEST(a_checkpoint_that_cannot_be_written_fails_the_run),
        TEST(numpy_files_of_a_checkpoint_load_again),
        TEST(a_schedule_sets_the_parameter_before_every_epoch),
        TEST(a_schedule_is_what_setting_the_parameter_by_hand_is),
        TEST(a_wrong_schedule_is_refused_before_the_run),
        TEST(a_scheduled_value_out_of_range_fails_in_its_epoch),
        TEST(without_a_terminal_an_epoch_is_one_plain_line),
        TEST(without_a_terminal_a_test_is_one_plain_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
