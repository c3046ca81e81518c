/* Going on from checkpoints with state to the same bits. The state of a finished run is a file; two runs that end in the
 * same state leave equal files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/files.h"
#include "support/trial.h"

/* Stops after every number of batches in turn, and goes on: state and history must be those of the run that never
 * stopped. `change` may alter what comes after the interruption. */
static void goes_on_to_the_same_state(const char *name, const trial *of, void (*change)(trial *after))
{
    trial straight = *of;
    straight.folder = trial_folder(name, 0);
    straight.stop_after = 0;
    const trial_outcome expected = trial_run(&straight);
    trial_check(expected);
    const uint64_t state = trial_hash(straight.folder, "2-state.npz");
    for (size_t k = 1; k <= TRIAL_EPOCHS * TRIAL_BATCHES; k++) {
        trial before = *of, after;
        before.folder = trial_folder(name, k);
        before.stop_after = k;
        trial_check(trial_run(&before));
        after = before;
        after.stop_after = 0;
        after.stop_in_test = false;
        after.resume_from = after.folder;
        if (change)
            change(&after);
        const trial_outcome out = trial_run(&after);
        trial_check(out);
        assert_int_equal(out.num_epochs, TRIAL_EPOCHS);
        assert_memory_equal(out.losses, expected.losses, sizeof out.losses);
        assert_int_equal(out.recorded, expected.recorded);
        if (out.weights != expected.weights || trial_hash(after.folder, "2-state.npz") != state)
            fail_msg("%s: stopped after %zu batches it came to another state", name, k);
    }
}

static void a_run_goes_on_from_any_batch_as_if_it_had_never_stopped(void **state)
{
    (void)state;
    const trial t = {.task = trial_ordinary};
    goes_on_to_the_same_state("plain", &t, NULL);
}

static void with_other_threads(trial *after)
{
    after->task.num_threads = 1;
    after->task.schedule = RV_SCHEDULE_SLOTS;
}

static void threads_and_schedule_may_change_on_the_way(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary};
    t.task.schedule = RV_SCHEDULE_ROWS;
    goes_on_to_the_same_state("threads", &t, with_other_threads);
}

static void learnt_delays_and_regularisation_go_on(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary};
    t.task.delays = t.task.learn_delays = true;
    t.task.regularisation = 1e-3;
    goes_on_to_the_same_state("delays", &t, NULL);
}

static void eprop_goes_on(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary};
    t.task.rule = TRAINING_EPROP_ADAPTIVE;
    goes_on_to_the_same_state("eprop", &t, NULL);
}

/* Everything that optimisers keep: momentum, gradients gathered over batches, an optimiser of a connection's own, biases
 * that learn, bounds. */
static int with_other_optimisers(rv_compiled_network **out, const training_task *task, size_t batch_size)
{
    const rv_connection_optimiser own = {task->connections[1], rv_adamw(0.02, 0.1)};
    rv_optimiser sgd = rv_sgd(0.3, 0.9);
    int code = rv_optimiser_set(&sgd, task->context, "clamp_max", 0.9);
    if (code >= 0)
        code = rv_compile_eventprop(out, task->network,
                                    &(rv_eventprop_desc){.example_timesteps = task->desc.timesteps,
                                                         .batch_size = batch_size,
                                                         .optimiser = sgd,
                                                         .connection_optimisers = &own,
                                                         .num_connection_optimisers = 1,
                                                         .clip_norm = 0.1,
                                                         .accumulate = 2,
                                                         .train_output_bias = true,
                                                         .bias_optimiser = rv_adam(0.01)});
    return code;
}

static void every_optimiser_goes_on(void **state)
{
    (void)state;
    const trial t = {.task = trial_ordinary, .compile = with_other_optimisers};
    goes_on_to_the_same_state("optimisers", &t, NULL);
}

static void count(const rv_update_step *step)
{
    for (size_t j = 0; j < step->n; j++)
        step->value[0][j] += 0.001F;
}

static void shrink(const rv_update_step *step)
{
    for (size_t k = 0; k < step->n; k++)
        step->value[1][k] *= 1 - step->value[0][k];
}

/* Weights shrink the more, the longer training has lasted. */
static int with_updates(rv_compiled_network **out, const training_task *task, size_t batch_size)
{
    const rv_connection *c = task->connections[0];
    int code = training_task_compile(out, task, batch_size);
    if (code >= 0)
        code = rv_update_variable_add(*out,
                                      &(rv_update_variable_desc){.connection = c, .name = "Lasted", .single = true});
    if (code >= 0)
        code = rv_custom_update_add(
            *out, &(rv_custom_update_desc){
                      .group = "Shrink", .references = {{NULL, c, "Lasted", RV_ACCESS_READ_WRITE}}, .update = count});
    return code < 0 ? code
                    : rv_custom_update_add(
                          *out, &(rv_custom_update_desc){.group = "Shrink",
                                                         .references = {{NULL, c, "Lasted", RV_ACCESS_READ},
                                                                        {NULL, c, "g", RV_ACCESS_READ_WRITE}},
                                                         .update = shrink});
}

static void variables_of_custom_updates_go_on(void **state)
{
    (void)state;
    const trial t = {.task = trial_ordinary,
                     .compile = with_updates,
                     .callbacks = {rv_custom_update_on_batch_end((rv_custom_update_on_desc){.name = "Shrink"})},
                     .num_callbacks = 1};
    goes_on_to_the_same_state("updates", &t, NULL);
}

static void validation_and_augmentation_go_on(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary, .validation_split = 0.2, .transform = true};
    t.task.examples = 14; /* 11 train */
    goes_on_to_the_same_state("split", &t, NULL);
}

static void an_iterator_is_asked_again_for_what_was_done(void **state)
{
    (void)state;
    const trial t = {.task = trial_ordinary, .iterator = true};
    goes_on_to_the_same_state("iterator", &t, NULL);
}

static void what_was_recorded_goes_on(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary, .validation_split = 0.2, .record = true};
    t.task.examples = 14;
    goes_on_to_the_same_state("recorded", &t, NULL);
}

/* A test that did not come to its end is done again. */
static void a_run_that_stops_in_its_validation_goes_on(void **state)
{
    (void)state;
    trial straight = {
        .task = trial_ordinary, .validation_split = 0.2, .record = true, .folder = trial_folder("test", 0)};
    straight.task.examples = 14;
    const trial_outcome expected = trial_run(&straight);
    trial_check(expected);
    trial t = straight;
    t.folder = trial_folder("test", 1);
    t.stop_after = 2 * TRIAL_BATCHES;
    t.stop_in_test = true;
    trial_check(trial_run(&t));
    assert_string_equal(trial_marked(t.folder, "latest"), "1.3");
    t.resume_from = t.folder;
    t.stop_after = 0;
    const trial_outcome out = trial_run(&t);
    trial_check(out);
    assert_memory_equal(out.losses, expected.losses, sizeof out.losses);
    assert_int_equal(out.recorded, expected.recorded);
    assert_int_equal(trial_hash(t.folder, "2-state.npz"), trial_hash(straight.folder, "2-state.npz"));
}

/* Every built-in callback at once, all of which have something to remember. */
static void add_all(trial *t, const char *logs)
{
    static char csv[16][256], timer[16][256];
    static int i;
    snprintf(csv[++i % 16], 256, "%s.csv", logs);
    snprintf(timer[i % 16], 256, "%s.times", logs);
    t->add_firing_rate = "hid";
    t->callbacks[t->num_callbacks++] =
        rv_early_stopping((rv_early_stopping_desc){.monitor = "loss", .patience = 50, .restore_best_weights = true});
    t->callbacks[t->num_callbacks++] = rv_reduce_lr_on_plateau(
        (rv_reduce_lr_on_plateau_desc){.monitor = "hid.rate", .mode = RV_MODE_MAX, .factor = 0.5, .patience = 2});
    t->callbacks[t->num_callbacks++] = rv_learning_rate_schedule((rv_learning_rate_schedule_desc){
        .param_name = "beta1", .decay = RV_DECAY_COSINE, .from = 0.9, .to = 0.5, .warm_up = 2, .per_batch = true});
    t->callbacks[t->num_callbacks++] = rv_csv_logger((rv_csv_logger_desc){.path = csv[i % 16]});
    t->callbacks[t->num_callbacks++] = rv_terminate_on_nan();
}

static void callbacks_go_on_with_what_they_knew(void **state)
{
    (void)state;
    char *expected_csv, *csv;
    size_t expected_size, size;
    trial straight = {.task = trial_ordinary, .folder = trial_folder("all", 0)};
    add_all(&straight, straight.folder);
    const trial_outcome expected = trial_run(&straight);
    trial_check(expected);
    trial_read(test_path("all-0.csv"), &expected_csv, &expected_size);
    for (size_t k = 1; k < TRIAL_EPOCHS * TRIAL_BATCHES; k++) {
        char name[32];
        trial t = {.task = trial_ordinary, .folder = trial_folder("all", k), .stop_after = k};
        add_all(&t, t.folder);
        trial_check(trial_run(&t));
        t.stop_after = 0;
        t.resume_from = t.folder;
        const trial_outcome out = trial_run(&t);
        trial_check(out);
        snprintf(name, sizeof name, "all-%zu.csv", k);
        trial_read(test_path(name), &csv, &size);
        assert_string_equal(csv, expected_csv);
        free(csv);
        assert_int_equal(out.weights, expected.weights);
        assert_int_equal(trial_hash(t.folder, "2-state.npz"), trial_hash(straight.folder, "2-state.npz"));
    }
    free(expected_csv);
}

static void callbacks_change_no_bits(void **state)
{
    (void)state;
    trial bare = {.task = trial_ordinary, .no_checkpoint = true};
    trial full = {.task = trial_ordinary, .folder = trial_folder("bits", 0), .batch_interval = 1};
    full.add_firing_rate = "hid";
    full.callbacks[full.num_callbacks++] = rv_csv_logger((rv_csv_logger_desc){.path = test_path("bits.csv")});
    full.callbacks[full.num_callbacks++] =
        rv_tensor_board((rv_tensor_board_desc){.folder = test_path("bits-logs"), .batch_interval = 1});
    full.callbacks[full.num_callbacks++] = rv_timer((rv_timer_desc){.path = test_path("bits.times")});
    full.callbacks[full.num_callbacks++] =
        rv_early_stopping((rv_early_stopping_desc){.monitor = "hid.rate", .patience = 50});
    full.callbacks[full.num_callbacks++] = rv_progress((rv_progress_desc){.mode = RV_PROGRESS_QUIET});
    const trial_outcome a = trial_run(&bare), b = trial_run(&full);
    trial_check(a);
    trial_check(b);
    assert_memory_equal(a.losses, b.losses, sizeof a.losses);
    assert_int_equal(a.weights, b.weights);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_goes_on_from_any_batch_as_if_it_had_never_stopped),
        cmocka_unit_test(threads_and_schedule_may_change_on_the_way),
        cmocka_unit_test(learnt_delays_and_regularisation_go_on),
        cmocka_unit_test(eprop_goes_on),
        cmocka_unit_test(every_optimiser_goes_on),
        cmocka_unit_test(variables_of_custom_updates_go_on),
        cmocka_unit_test(validation_and_augmentation_go_on),
        cmocka_unit_test(an_iterator_is_asked_again_for_what_was_done),
        cmocka_unit_test(what_was_recorded_goes_on),
        cmocka_unit_test(a_run_that_stops_in_its_validation_goes_on),
        cmocka_unit_test(callbacks_go_on_with_what_they_knew),
        cmocka_unit_test(callbacks_change_no_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
