/* Checkpoints: which there are, which are kept, and that what does not fit or is damaged is refused and changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/files.h"
#include "support/trial.h"

static void checkpoints_come_every_few_batches_and_the_newest_can_be_resumed(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary, .folder = trial_folder("interval", 0), .batch_interval = 2, .stop_after = 5};
    trial_check(trial_run(&t));
    assert_string_equal(trial_marked(t.folder, "latest"), "1.2");
    assert_true(test_exists(trial_file(t.folder, "1.2-state.npz")));
    assert_true(test_exists(trial_file(t.folder, "1.2-in-hid-g.npy")) ||
                test_exists(trial_file(t.folder, "1.2-Conn_in_hid-g.npy")));
    assert_true(test_exists(trial_file(t.folder, "0-Conn_in_hid-g.npy")));
    assert_false(test_exists(trial_file(t.folder, "0-state.npz")));
    assert_false(test_exists(trial_file(t.folder, "0.2-manifest.json")));
}

static void an_older_checkpoint_can_be_chosen(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary, .folder = trial_folder("older", 0), .no_checkpoint = true};
    t.callbacks[t.num_callbacks++] = rv_checkpoint((rv_checkpoint_desc){.folder = t.folder, .resumable = 9});
    const trial_outcome expected = trial_run(&t);
    trial_check(expected);
    const uint64_t last = trial_hash(t.folder, "2-state.npz");
    t.resume_from = t.folder;
    t.resume_key = "0";
    const trial_outcome out = trial_run(&t);
    trial_check(out);
    assert_int_equal(out.num_epochs, TRIAL_EPOCHS);
    assert_int_equal(trial_hash(t.folder, "2-state.npz"), last);
}

static void a_finished_run_has_nothing_to_go_on_with_but_more_epochs(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary, .folder = trial_folder("finished", 0)};
    const trial_outcome done = trial_run(&t);
    trial_check(done);
    t.resume_from = t.folder;
    const trial_outcome again = trial_run(&t);
    trial_check(again);
    assert_int_equal(again.num_epochs, TRIAL_EPOCHS);
    assert_int_equal(again.weights, done.weights);
    t.epochs = 5;
    const trial_outcome more = trial_run(&t);
    trial_check(more);
    trial straight = {.task = trial_ordinary, .folder = trial_folder("finished", 1), .epochs = 5};
    const trial_outcome expected = trial_run(&straight);
    trial_check(expected);
    assert_int_equal(more.num_epochs, 5);
    assert_memory_equal(more.losses, expected.losses, sizeof more.losses);
    assert_int_equal(more.weights, expected.weights);
}

static void the_best_and_the_last_few_are_kept(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary, .folder = trial_folder("keep", 0), .no_checkpoint = true, .epochs = 5};
    const char *folder = t.folder;
    t.callbacks[t.num_callbacks++] = rv_model_checkpoint(
        (rv_model_checkpoint_desc){.folder = folder, .monitor = "loss", .mode = RV_MODE_MAX, .keep = 2});
    const trial_outcome out = trial_run(&t);
    trial_check(out);
    size_t worst = 0;
    for (size_t e = 1; e < 5; e++)
        worst = out.losses[e] > out.losses[worst] ? e : worst;
    assert_int_equal(atoi(trial_marked(folder, "best")), worst);
    assert_string_equal(trial_marked(folder, "latest"), "4");
    for (size_t e = 0; e < 5; e++) {
        char name[32];
        snprintf(name, sizeof name, "%zu-manifest.json", e);
        assert_int_equal(test_exists(trial_file(folder, name)), e >= 3 || e == worst);
    }
}

static void backups_are_found_again_and_removed_at_the_end(void **state)
{
    (void)state;
    trial straight = {.task = trial_ordinary, .no_checkpoint = true};
    const trial_outcome expected = trial_run(&straight);
    trial_check(expected);
    trial t = {.task = trial_ordinary, .no_checkpoint = true, .stop_after = 4};
    const char *folder = trial_folder("backup", 0);
    t.callbacks[t.num_callbacks++] =
        rv_backup_and_restore((rv_backup_and_restore_desc){.folder = folder, .batch_interval = 1});
    trial_check(trial_run(&t));
    assert_string_equal(trial_marked(folder, "latest"), "1.1");
    t.stop_after = 0;
    const trial_outcome out = trial_run(&t);
    trial_check(out);
    assert_int_equal(out.weights, expected.weights);
    assert_memory_equal(out.losses, expected.losses, sizeof out.losses);
    assert_false(test_exists(trial_file(folder, "latest")));
    assert_false(test_exists(trial_file(folder, "2-state.npz")));
}

/* ---- what does not fit ---- */

static void refuses(const trial *t, int code, const char *words)
{
    const trial_outcome out = trial_run(t);
    assert_int_equal(out.code, code);
    if (!strstr(out.error, words))
        fail_msg("'%s' does not say '%s'", out.error, words);
}

static void what_differs_is_named(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary, .folder = trial_folder("differs", 0), .stop_after = 4};
    trial_check(trial_run(&t));
    t.stop_after = 0;
    t.resume_from = t.folder;
    trial other = t;
    other.task.seed = 6;
    refuses(&other, RV_ERR_CHECKPOINT, "seed was 5 when the checkpoint was made and is 6 now");
    other = t;
    other.batch = 3;
    refuses(&other, RV_ERR_CHECKPOINT, "batch_size was 4");
    other = t;
    other.no_shuffle = true;
    refuses(&other, RV_ERR_CHECKPOINT, "shuffle was 1");
    other = t;
    other.task.timesteps = 26;
    refuses(&other, RV_ERR_CHECKPOINT, "example_timesteps was 25");
    other = t;
    other.validation_split = 0.2;
    refuses(&other, RV_ERR_CHECKPOINT, "training_examples was 11");
    other = t;
    other.task.spikes_per_input = 4;
    refuses(&other, RV_ERR_CHECKPOINT, "checksum_of_data was");
    other = t;
    other.task.hidden = 33;
    refuses(&other, RV_ERR_CHECKPOINT, "elements in the checkpoint and");
    other = t;
    other.add_firing_rate = "hid";
    refuses(&other, RV_ERR_CHECKPOINT, "metrics were 'loss?accuracy?'");
    other = t;
    other.callbacks[other.num_callbacks++] = rv_early_stopping((rv_early_stopping_desc){.monitor = "loss"});
    refuses(&other, RV_ERR_CHECKPOINT, "callback EarlyStopping was not there when the checkpoint was made");
    other = t;
    other.resume_key = "7";
    refuses(&other, RV_ERR_CHECKPOINT, "there is no whole checkpoint '7': 7-manifest.json is missing");
    other.resume_key = "0";
    refuses(&other, RV_ERR_CHECKPOINT, "checkpoint '0' was saved without state");
    other = t;
    other.resume_from = test_path("nowhere");
    refuses(&other, RV_ERR_CHECKPOINT, "no file `latest` names one");

    trial more = {.task = trial_ordinary, .folder = trial_folder("differs", 1), .stop_after = 4};
    more.callbacks[more.num_callbacks++] = rv_early_stopping((rv_early_stopping_desc){.monitor = "loss"});
    trial_check(trial_run(&more));
    t.resume_from = more.folder;
    refuses(&t, RV_ERR_CHECKPOINT, "the checkpoint holds 'callback/EarlyStopping/0/saved', which this run has not");
}

static void damage(const char *path, long at, bool cut)
{
    if (cut) {
        assert_int_equal(truncate(path, at), 0);
        return;
    }
    FILE *file = fopen(path, "r+b");
    fseek(file, at, SEEK_SET);
    const int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 0x40, file);
    fclose(file);
}

static void damage_is_noticed_and_named(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary, .folder = trial_folder("damage", 0), .stop_after = 4};
    trial_check(trial_run(&t));
    t.stop_after = 0;
    t.resume_from = t.folder;
    const char *path = trial_file(t.folder, "1.1-state.npz");
    damage(path, 2000, false);
    refuses(&t, RV_ERR_CHECKPOINT, "1.1-state.npz: is damaged: its checksum is");
    damage(path, 2000, false);
    damage(trial_file(t.folder, "1.1-Conn_in_hid-g.npy"), 100, false);
    refuses(&t, RV_ERR_CHECKPOINT, "1.1-Conn_in_hid-g.npy: is damaged");
    damage(trial_file(t.folder, "1.1-Conn_in_hid-g.npy"), 100, false);
    damage(path, 1000, true);
    refuses(&t, RV_ERR_CHECKPOINT, "1.1-state.npz: has 1000 bytes");
    unlink(path);
    refuses(&t, RV_ERR_CHECKPOINT, "1.1-state.npz: is missing, though its manifest names it");
    damage(trial_file(t.folder, "1.1-manifest.json"), 40, true);
    refuses(&t, RV_ERR_CHECKPOINT, "1.1-manifest.json: ");
}

/* A refused checkpoint must leave the network as it was. */
static void nothing_changes_where_a_checkpoint_is_refused(void **state)
{
    (void)state;
    training_task task;
    rv_compiled_network *model;
    float *before, *after;
    size_t size;
    rv_run *prepared;
    trial t = {.task = trial_ordinary, .folder = trial_folder("refused", 0), .stop_after = 4};
    trial_check(trial_run(&t));
    assert_int_equal(training_task_create(&task, &trial_ordinary), 0);
    assert_int_equal(training_task_compile(&model, &task, TRIAL_BATCH), 0);
    assert_int_equal(training_task_get(&before, &size, &task, model, "g"), 0);
    const rv_callback stopping[] = {rv_early_stopping((rv_early_stopping_desc){.monitor = "loss"})};
    assert_int_equal(rv_train_prepare(&prepared, model,
                                      &(rv_train_desc){.data = training_task_data(&task, task.spikes),
                                                       .num_epochs = 2,
                                                       .resume_from = t.folder,
                                                       .callbacks = stopping,
                                                       .num_callbacks = 1}),
                     RV_ERR_CHECKPOINT);
    assert_int_equal(training_task_get(&after, &size, &task, model, "g"), 0);
    assert_memory_equal(before, after, size * sizeof *before);
    free(before);
    free(after);
    rv_compiled_network_free(model);
    training_task_free(&task);
}

/* A checkpoint that cannot be written fails the run, and the last whole one stays. */
static void the_last_whole_checkpoint_outlives_one_that_fails(void **state)
{
    (void)state;
    trial t = {.task = trial_ordinary, .folder = trial_folder("unwritable", 0), .stop_after = 4};
    trial_check(trial_run(&t));
    t.stop_after = 0;
    t.resume_from = t.folder;
    trial blocked = t;
    assert_int_equal(system(NULL) != 0, 1);
    char command[2048];
    /* a folder where the file of the next checkpoint should go */
    snprintf(command, sizeof command, "mkdir '%s'", trial_file(t.folder, "1-state.npz"));
    assert_int_equal(system(command), 0);
    refuses(&blocked, RV_ERR_FILE, "1-state.npz: is a folder, cannot be replaced by a file");
    assert_string_equal(trial_marked(t.folder, "latest"), "1.1");
    snprintf(command, sizeof command, "rmdir '%s'", trial_file(t.folder, "1-state.npz"));
    assert_int_equal(system(command), 0);
    const trial_outcome out = trial_run(&t);
    trial_check(out);
    trial straight = {.task = trial_ordinary, .folder = trial_folder("unwritable", 1)};
    const trial_outcome expected = trial_run(&straight);
    assert_int_equal(out.weights, expected.weights);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checkpoints_come_every_few_batches_and_the_newest_can_be_resumed),
        cmocka_unit_test(an_older_checkpoint_can_be_chosen),
        cmocka_unit_test(a_finished_run_has_nothing_to_go_on_with_but_more_epochs),
        cmocka_unit_test(the_best_and_the_last_few_are_kept),
        cmocka_unit_test(backups_are_found_again_and_removed_at_the_end),
        cmocka_unit_test(what_differs_is_named),
        cmocka_unit_test(damage_is_noticed_and_named),
        cmocka_unit_test(nothing_changes_where_a_checkpoint_is_refused),
        cmocka_unit_test(the_last_whole_checkpoint_outlives_one_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
