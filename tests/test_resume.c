/* Checkpoints with state, and going on from them to the same bits. The state of a finished run is a file; two runs that
 * end in the same state leave equal files. */
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

#include "support/files.h"
#include "support/training_task.h"

#define EPOCHS 3
#define BATCH 4 /* of 11 examples: 3 batches an epoch */
#define BATCHES 3
#define MAX_CALLBACKS 16

static const training_task_desc ordinary = {
    .inputs = 7,
    .hidden = 9,
    .outputs = 3,
    .examples = 11,
    .timesteps = 25,
    .spikes_per_input = 3,
    .seed = 5,
    .num_threads = 2,
};

/* One training run on a network of its own. */
typedef struct trial {
    training_task_desc task;
    const char *folder, *resume_from, *resume_key;
    size_t stop_after;     /* batches; 0 = never */
    bool stop_in_test;     /* in the validation of epoch 1 instead */
    size_t epochs;         /* default EPOCHS */
    size_t batch;          /* default BATCH */
    size_t batch_interval; /* of checkpoints; default 0 */
    bool iterator, transform, no_shuffle, no_checkpoint;
    double validation_split;
    rv_callback callbacks[MAX_CALLBACKS], validation_callbacks[2];
    size_t num_callbacks, num_validation_callbacks;
    const char *add_firing_rate; /* population of a FiringRate */
    bool record;                 /* spikes and voltages of hid; in a validation, counts */
    int (*compile)(rv_compiled_network **out, const training_task *task, size_t batch_size);
} trial;

/* What it left. */
typedef struct outcome {
    int code;
    char error[512];
    size_t num_epochs;
    double losses[8];
    uint64_t weights;  /* hash of all */
    uint64_t recorded; /* likewise */
} outcome;

typedef struct stopper {
    const trial *of;
    size_t batches;
} stopper;

static int count_batch(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)batch;
    (void)metrics;
    stopper *self = user;
    return ++self->batches == self->of->stop_after && !self->of->stop_in_test;
}

/* Batches of validations: the first of the second one. */
static int count_test_batch(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)metrics;
    const stopper *self = user;
    return self->of->stop_in_test && self->batches == self->of->stop_after && batch == 0;
}

/* Mirrors time where the random bits say so. */
static int mirror(void *user, const rv_population *population, size_t epoch, size_t example, const uint32_t random[4],
                  size_t capacity, float *times, int32_t *ids, size_t *num)
{
    (void)population;
    (void)epoch;
    (void)example;
    (void)capacity;
    (void)ids;
    const float length = *(const float *)user;
    for (size_t k = 0; k < *num; k++)
        times[k] = random[0] & 1 ? length - times[k] : times[k];
    return 0;
}

/* Batches of BATCH examples, copied from the task. */
typedef struct batches {
    const training_task *task;
    rv_spikes *spikes;
} batches;

static int next_batch(void *user, size_t batch, rv_input *inputs, rv_output *outputs)
{
    batches *self = user;
    const rv_spikes *all = self->task->spikes;
    const size_t first = batch * BATCH, num = rv_spikes_num_examples(all);
    if (first >= num)
        return 0;
    rv_spikes_free(self->spikes);
    int code = rv_spikes_create(&self->spikes, self->task->context, rv_spikes_num_neurons(all));
    for (size_t e = first; e < num && e < first + BATCH && code >= 0; e++) {
        double times[256];
        int32_t ids[256];
        assert_true(rv_spikes_count(all, e) <= 256);
        rv_spikes_get(all, e, times, ids);
        code = rv_spikes_append(self->spikes, times, ids, rv_spikes_count(all, e));
    }
    inputs[0].spikes = self->spikes;
    outputs[0].labels = self->task->labels + first;
    outputs[0].num_labels = rv_spikes_num_examples(self->spikes);
    return code < 0 ? code : 1;
}

static uint64_t hash_entries(uint64_t hash, const rv_entries *entries)
{
    for (size_t i = 0; entries && i < entries->num; i++) {
        const rv_entry *e = &entries->items[i];
        const size_t numbers[] = {e->epoch, e->example, e->num, e->shape[0], e->shape[1]};
        hash = hash_bytes(hash, numbers, sizeof numbers);
        hash = hash_bytes(hash, e->times, e->times ? e->num * sizeof *e->times : 0);
        hash = hash_bytes(hash, e->ids, e->ids ? e->num * sizeof *e->ids : 0);
        hash = hash_bytes(hash, e->values, e->values ? e->num * sizeof *e->values : 0);
    }
    return hash;
}

static void note(outcome *out, const training_task *task, const rv_compiled_network *model, const rv_result *result)
{
    float *weights = NULL;
    size_t size = 0;
    out->num_epochs = rv_result_num_epochs(result);
    for (size_t e = 0; e < out->num_epochs && e < 8; e++)
        out->losses[e] = rv_result_history(result, e)->items[0].value;
    assert_int_equal(training_task_get(&weights, &size, task, model, "g"), 0);
    out->weights = hash_bytes(0, weights, size * sizeof *weights);
    out->recorded = hash_entries(0, rv_result_data(result, "spikes"));
    out->recorded = hash_entries(out->recorded, rv_result_data(result, "v"));
    out->recorded = hash_entries(out->recorded, rv_result_validation_data(result, "counts"));
    free(weights);
}

static outcome run(const trial *t)
{
    outcome out = {0};
    training_task task = {0};
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    stopper stop = {.of = t};
    float length = (float)t->task.timesteps;
    batches source = {.task = &task};
    rv_callback callbacks[MAX_CALLBACKS + 4];
    rv_callback validation[4];
    size_t num = 0, num_validation = 0;

    out.code = training_task_create(&task, &t->task);
    if (out.code >= 0)
        out.code = (t->compile ? t->compile : training_task_compile)(&model, &task, t->batch ? t->batch : BATCH);
    if (t->add_firing_rate)
        callbacks[num++] = rv_firing_rate(
            (rv_firing_rate_desc){.population = rv_population_by_name(task.network, t->add_firing_rate)});
    if (t->record) {
        callbacks[num++] = rv_spike_recorder(
            (rv_spike_recorder_desc){.population = task.hid, .key = "spikes", .neurons = rv_slice("::2")});
        callbacks[num++] = rv_var_recorder((rv_var_recorder_desc){
            .population = task.hid, .var = "v", .key = "v", .examples = rv_slice(":3"), .neurons = rv_index(1)});
        validation[num_validation++] = rv_spike_recorder(
            (rv_spike_recorder_desc){.population = task.hid, .key = "counts", .record_counts = true});
    }
    /* the checkpoint comes before others: their states must be taken after they have seen the same */
    if (!t->no_checkpoint)
        callbacks[num++] = rv_checkpoint(
            (rv_checkpoint_desc){.folder = t->folder, .resumable = 1, .batch_interval = t->batch_interval});
    for (size_t i = 0; i < t->num_callbacks; i++)
        callbacks[num++] = t->callbacks[i];
    for (size_t i = 0; i < t->num_validation_callbacks; i++)
        validation[num_validation++] = t->validation_callbacks[i];
    if (t->stop_after) {
        callbacks[num++] = (rv_callback){.name = "Stop", .user = &stop, .on_batch_end = count_batch};
        validation[num_validation++] = (rv_callback){.name = "Stop", .user = &stop, .on_batch_end = count_test_batch};
    }
    rv_train_desc desc = {
        .data = training_task_data(&task, task.spikes),
        .num_epochs = t->epochs ? t->epochs : EPOCHS,
        .resume_from = t->resume_from,
        .resume_key = t->resume_key,
        .shuffle = t->no_shuffle ? RV_OFF : RV_ON,
        .callbacks = callbacks,
        .num_callbacks = num,
        .no_callbacks = num == 0,
        .validation_split = t->validation_split,
        .validation_callbacks = validation,
        .num_validation_callbacks = num_validation,
        .no_validation_callbacks = num_validation == 0,
        .transform = t->transform ? mirror : NULL,
        .transform_user = &length,
    };
    if (t->iterator) {
        desc.data.inputs[0].spikes = NULL;
        desc.data.outputs[0].labels = NULL;
        desc.data.next_batch = next_batch;
        desc.data.next_batch_user = &source;
    }
    if (out.code >= 0)
        out.code = rv_train(&result, model, &desc);
    if (out.code >= 0)
        note(&out, &task, model, result);
    else
        snprintf(out.error, sizeof out.error, "%s", rv_last_error(task.context));
    rv_result_free(result);
    rv_spikes_free(source.spikes);
    rv_compiled_network_free(model);
    training_task_free(&task);
    return out;
}

static void check(outcome out)
{
    if (out.code < 0)
        fail_msg("%d: %s", out.code, out.error);
}

static void read_whole(const char *path, char **data, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s is missing", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    *data = malloc(*size + 1);
    assert_int_equal(fread(*data, 1, *size, file), *size);
    (*data)[*size] = '\0';
    fclose(file);
}

static const char *in(const char *folder, const char *name)
{
    char joined[256];
    snprintf(joined, sizeof joined, "%s/%s", strrchr(folder, '/') + 1, name);
    return test_path(joined);
}

static uint64_t hash_of(const char *folder, const char *name)
{
    char *data;
    size_t size;
    read_whole(in(folder, name), &data, &size);
    const uint64_t hash = hash_bytes(0, data, size);
    free(data);
    return hash;
}

static const char *marked(const char *folder, const char *mark)
{
    static char text[4][64];
    static int next;
    char *out = text[next++ % 4], *data;
    size_t size;
    read_whole(in(folder, mark), &data, &size);
    snprintf(out, 64, "%.*s", (int)strcspn(data, "\n"), data);
    free(data);
    return out;
}

/* A fresh folder. */
static const char *folder_for(const char *name, size_t i)
{
    char text[64];
    snprintf(text, sizeof text, "%s-%zu", name, i);
    return test_path(text);
}

/* Stops after every number of batches in turn, and goes on: state and history must be those of the run that never
 * stopped. `change` may alter what comes after the interruption. */
static void goes_on_to_the_same_state(const char *name, const trial *of, void (*change)(trial *after))
{
    trial straight = *of;
    straight.folder = folder_for(name, 0);
    straight.stop_after = 0;
    const outcome expected = run(&straight);
    check(expected);
    const uint64_t state = hash_of(straight.folder, "2-state.npz");
    for (size_t k = 1; k <= EPOCHS * BATCHES; k++) {
        trial before = *of, after;
        before.folder = folder_for(name, k);
        before.stop_after = k;
        check(run(&before));
        after = before;
        after.stop_after = 0;
        after.stop_in_test = false;
        after.resume_from = after.folder;
        if (change)
            change(&after);
        const outcome out = run(&after);
        check(out);
        assert_int_equal(out.num_epochs, EPOCHS);
        assert_memory_equal(out.losses, expected.losses, sizeof out.losses);
        assert_int_equal(out.recorded, expected.recorded);
        if (out.weights != expected.weights || hash_of(after.folder, "2-state.npz") != state)
            fail_msg("%s: stopped after %zu batches it came to another state", name, k);
    }
}

static void a_run_goes_on_from_any_batch_as_if_it_had_never_stopped(void **state)
{
    (void)state;
    const trial t = {.task = ordinary};
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
    trial t = {.task = ordinary};
    t.task.schedule = RV_SCHEDULE_ROWS;
    goes_on_to_the_same_state("threads", &t, with_other_threads);
}

static void learnt_delays_and_regularisation_go_on(void **state)
{
    (void)state;
    trial t = {.task = ordinary};
    t.task.delays = t.task.learn_delays = true;
    t.task.regularisation = 1e-3;
    goes_on_to_the_same_state("delays", &t, NULL);
}

static void eprop_goes_on(void **state)
{
    (void)state;
    trial t = {.task = ordinary};
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
    const trial t = {.task = ordinary, .compile = with_other_optimisers};
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
    const trial t = {.task = ordinary,
                     .compile = with_updates,
                     .callbacks = {rv_custom_update_on_batch_end((rv_custom_update_on_desc){.name = "Shrink"})},
                     .num_callbacks = 1};
    goes_on_to_the_same_state("updates", &t, NULL);
}

static void validation_and_augmentation_go_on(void **state)
{
    (void)state;
    trial t = {.task = ordinary, .validation_split = 0.2, .transform = true};
    t.task.examples = 14; /* 11 train */
    goes_on_to_the_same_state("split", &t, NULL);
}

static void an_iterator_is_asked_again_for_what_was_done(void **state)
{
    (void)state;
    const trial t = {.task = ordinary, .iterator = true};
    goes_on_to_the_same_state("iterator", &t, NULL);
}

static void what_was_recorded_goes_on(void **state)
{
    (void)state;
    trial t = {.task = ordinary, .validation_split = 0.2, .record = true};
    t.task.examples = 14;
    goes_on_to_the_same_state("recorded", &t, NULL);
}

/* A test that did not come to its end is done again. */
static void a_run_that_stops_in_its_validation_goes_on(void **state)
{
    (void)state;
    trial straight = {.task = ordinary, .validation_split = 0.2, .record = true, .folder = folder_for("test", 0)};
    straight.task.examples = 14;
    const outcome expected = run(&straight);
    check(expected);
    trial t = straight;
    t.folder = folder_for("test", 1);
    t.stop_after = 2 * BATCHES;
    t.stop_in_test = true;
    check(run(&t));
    assert_string_equal(marked(t.folder, "latest"), "1.3");
    t.resume_from = t.folder;
    t.stop_after = 0;
    const outcome out = run(&t);
    check(out);
    assert_memory_equal(out.losses, expected.losses, sizeof out.losses);
    assert_int_equal(out.recorded, expected.recorded);
    assert_int_equal(hash_of(t.folder, "2-state.npz"), hash_of(straight.folder, "2-state.npz"));
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
    trial straight = {.task = ordinary, .folder = folder_for("all", 0)};
    add_all(&straight, straight.folder);
    const outcome expected = run(&straight);
    check(expected);
    read_whole(test_path("all-0.csv"), &expected_csv, &expected_size);
    for (size_t k = 1; k < EPOCHS * BATCHES; k++) {
        char name[32];
        trial t = {.task = ordinary, .folder = folder_for("all", k), .stop_after = k};
        add_all(&t, t.folder);
        check(run(&t));
        t.stop_after = 0;
        t.resume_from = t.folder;
        const outcome out = run(&t);
        check(out);
        snprintf(name, sizeof name, "all-%zu.csv", k);
        read_whole(test_path(name), &csv, &size);
        assert_string_equal(csv, expected_csv);
        free(csv);
        assert_int_equal(out.weights, expected.weights);
        assert_int_equal(hash_of(t.folder, "2-state.npz"), hash_of(straight.folder, "2-state.npz"));
    }
    free(expected_csv);
}

static void callbacks_change_no_bits(void **state)
{
    (void)state;
    trial bare = {.task = ordinary, .no_checkpoint = true};
    trial full = {.task = ordinary, .folder = folder_for("bits", 0), .batch_interval = 1};
    full.add_firing_rate = "hid";
    full.callbacks[full.num_callbacks++] = rv_csv_logger((rv_csv_logger_desc){.path = test_path("bits.csv")});
    full.callbacks[full.num_callbacks++] =
        rv_tensor_board((rv_tensor_board_desc){.folder = test_path("bits-logs"), .batch_interval = 1});
    full.callbacks[full.num_callbacks++] = rv_timer((rv_timer_desc){.path = test_path("bits.times")});
    full.callbacks[full.num_callbacks++] =
        rv_early_stopping((rv_early_stopping_desc){.monitor = "hid.rate", .patience = 50});
    full.callbacks[full.num_callbacks++] = rv_progress((rv_progress_desc){.mode = RV_PROGRESS_QUIET});
    const outcome a = run(&bare), b = run(&full);
    check(a);
    check(b);
    assert_memory_equal(a.losses, b.losses, sizeof a.losses);
    assert_int_equal(a.weights, b.weights);
}

/* ---- checkpoints ---- */

static void checkpoints_come_every_few_batches_and_the_newest_can_be_resumed(void **state)
{
    (void)state;
    trial t = {.task = ordinary, .folder = folder_for("interval", 0), .batch_interval = 2, .stop_after = 5};
    check(run(&t));
    assert_string_equal(marked(t.folder, "latest"), "1.2");
    assert_true(test_exists(in(t.folder, "1.2-state.npz")));
    assert_true(test_exists(in(t.folder, "1.2-in-hid-g.npy")) || test_exists(in(t.folder, "1.2-Conn_in_hid-g.npy")));
    assert_true(test_exists(in(t.folder, "0-Conn_in_hid-g.npy")));
    assert_false(test_exists(in(t.folder, "0-state.npz")));
    assert_false(test_exists(in(t.folder, "0.2-manifest.json")));
}

static void an_older_checkpoint_can_be_chosen(void **state)
{
    (void)state;
    trial t = {.task = ordinary, .folder = folder_for("older", 0), .no_checkpoint = true};
    t.callbacks[t.num_callbacks++] = rv_checkpoint((rv_checkpoint_desc){.folder = t.folder, .resumable = 9});
    const outcome expected = run(&t);
    check(expected);
    const uint64_t last = hash_of(t.folder, "2-state.npz");
    t.resume_from = t.folder;
    t.resume_key = "0";
    const outcome out = run(&t);
    check(out);
    assert_int_equal(out.num_epochs, EPOCHS);
    assert_int_equal(hash_of(t.folder, "2-state.npz"), last);
}

static void a_finished_run_has_nothing_to_go_on_with_but_more_epochs(void **state)
{
    (void)state;
    trial t = {.task = ordinary, .folder = folder_for("finished", 0)};
    const outcome done = run(&t);
    check(done);
    t.resume_from = t.folder;
    const outcome again = run(&t);
    check(again);
    assert_int_equal(again.num_epochs, EPOCHS);
    assert_int_equal(again.weights, done.weights);
    t.epochs = 5;
    const outcome more = run(&t);
    check(more);
    trial straight = {.task = ordinary, .folder = folder_for("finished", 1), .epochs = 5};
    const outcome expected = run(&straight);
    check(expected);
    assert_int_equal(more.num_epochs, 5);
    assert_memory_equal(more.losses, expected.losses, sizeof more.losses);
    assert_int_equal(more.weights, expected.weights);
}

static void the_best_and_the_last_few_are_kept(void **state)
{
    (void)state;
    trial t = {.task = ordinary, .folder = folder_for("keep", 0), .no_checkpoint = true, .epochs = 5};
    const char *folder = t.folder;
    t.callbacks[t.num_callbacks++] = rv_model_checkpoint(
        (rv_model_checkpoint_desc){.folder = folder, .monitor = "loss", .mode = RV_MODE_MAX, .keep = 2});
    const outcome out = run(&t);
    check(out);
    size_t worst = 0;
    for (size_t e = 1; e < 5; e++)
        worst = out.losses[e] > out.losses[worst] ? e : worst;
    assert_int_equal(atoi(marked(folder, "best")), worst);
    assert_string_equal(marked(folder, "latest"), "4");
    for (size_t e = 0; e < 5; e++) {
        char name[32];
        snprintf(name, sizeof name, "%zu-manifest.json", e);
        assert_int_equal(test_exists(in(folder, name)), e >= 3 || e == worst);
    }
}

static void backups_are_found_again_and_removed_at_the_end(void **state)
{
    (void)state;
    trial straight = {.task = ordinary, .no_checkpoint = true};
    const outcome expected = run(&straight);
    check(expected);
    trial t = {.task = ordinary, .no_checkpoint = true, .stop_after = 4};
    const char *folder = folder_for("backup", 0);
    t.callbacks[t.num_callbacks++] =
        rv_backup_and_restore((rv_backup_and_restore_desc){.folder = folder, .batch_interval = 1});
    check(run(&t));
    assert_string_equal(marked(folder, "latest"), "1.1");
    t.stop_after = 0;
    const outcome out = run(&t);
    check(out);
    assert_int_equal(out.weights, expected.weights);
    assert_memory_equal(out.losses, expected.losses, sizeof out.losses);
    assert_false(test_exists(in(folder, "latest")));
    assert_false(test_exists(in(folder, "2-state.npz")));
}

/* ---- what does not fit ---- */

static void refuses(const trial *t, int code, const char *words)
{
    const outcome out = run(t);
    assert_int_equal(out.code, code);
    if (!strstr(out.error, words))
        fail_msg("'%s' does not say '%s'", out.error, words);
}

static void what_differs_is_named(void **state)
{
    (void)state;
    trial t = {.task = ordinary, .folder = folder_for("differs", 0), .stop_after = 4};
    check(run(&t));
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

    trial more = {.task = ordinary, .folder = folder_for("differs", 1), .stop_after = 4};
    more.callbacks[more.num_callbacks++] = rv_early_stopping((rv_early_stopping_desc){.monitor = "loss"});
    check(run(&more));
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
    trial t = {.task = ordinary, .folder = folder_for("damage", 0), .stop_after = 4};
    check(run(&t));
    t.stop_after = 0;
    t.resume_from = t.folder;
    const char *path = in(t.folder, "1.1-state.npz");
    damage(path, 2000, false);
    refuses(&t, RV_ERR_CHECKPOINT, "1.1-state.npz: is damaged: its checksum is");
    damage(path, 2000, false);
    damage(in(t.folder, "1.1-Conn_in_hid-g.npy"), 100, false);
    refuses(&t, RV_ERR_CHECKPOINT, "1.1-Conn_in_hid-g.npy: is damaged");
    damage(in(t.folder, "1.1-Conn_in_hid-g.npy"), 100, false);
    damage(path, 1000, true);
    refuses(&t, RV_ERR_CHECKPOINT, "1.1-state.npz: has 1000 bytes");
    unlink(path);
    refuses(&t, RV_ERR_CHECKPOINT, "1.1-state.npz: is missing, though its manifest names it");
    damage(in(t.folder, "1.1-manifest.json"), 40, true);
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
    trial t = {.task = ordinary, .folder = folder_for("refused", 0), .stop_after = 4};
    check(run(&t));
    assert_int_equal(training_task_create(&task, &ordinary), 0);
    assert_int_equal(training_task_compile(&model, &task, BATCH), 0);
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
    trial t = {.task = ordinary, .folder = folder_for("unwritable", 0), .stop_after = 4};
    check(run(&t));
    t.stop_after = 0;
    t.resume_from = t.folder;
    trial blocked = t;
    assert_int_equal(system(NULL) != 0, 1);
    char command[2048];
    /* a folder where the file of the next checkpoint should go */
    snprintf(command, sizeof command, "mkdir '%s'", in(t.folder, "1-state.npz"));
    assert_int_equal(system(command), 0);
    refuses(&blocked, RV_ERR_FILE, "1-state.npz: is a folder, cannot be replaced by a file");
    assert_string_equal(marked(t.folder, "latest"), "1.1");
    snprintf(command, sizeof command, "rmdir '%s'", in(t.folder, "1-state.npz"));
    assert_int_equal(system(command), 0);
    const outcome out = run(&t);
    check(out);
    trial straight = {.task = ordinary, .folder = folder_for("unwritable", 1)};
    const outcome expected = run(&straight);
    assert_int_equal(out.weights, expected.weights);
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
