#include "support/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/files.h"

const training_task_desc trial_ordinary = {
    .inputs = 7,
    .hidden = 9,
    .outputs = 3,
    .examples = 11,
    .timesteps = 25,
    .spikes_per_input = 3,
    .seed = 5,
    .num_threads = 2,
};

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

/* Batches of TRIAL_BATCH examples, copied from the task. */
typedef struct batches {
    const training_task *task;
    rv_spikes *spikes;
} batches;

static int next_batch(void *user, size_t batch, rv_input *inputs, rv_output *outputs)
{
    batches *self = user;
    const rv_spikes *all = self->task->spikes;
    const size_t first = batch * TRIAL_BATCH, num = rv_spikes_num_examples(all);
    if (first >= num)
        return 0;
    rv_spikes_free(self->spikes);
    int code = rv_spikes_create(&self->spikes, self->task->context, rv_spikes_num_neurons(all));
    for (size_t e = first; e < num && e < first + TRIAL_BATCH && code >= 0; e++) {
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

static void note(trial_outcome *out, const training_task *task, const rv_compiled_network *model,
                 const rv_result *result)
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

trial_outcome trial_run(const trial *t)
{
    trial_outcome out = {0};
    training_task task = {0};
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    stopper stop = {.of = t};
    float length = (float)t->task.timesteps;
    batches source = {.task = &task};
    rv_callback callbacks[TRIAL_CALLBACKS + 4];
    rv_callback validation[4];
    size_t num = 0, num_validation = 0;

    out.code = training_task_create(&task, &t->task);
    if (out.code >= 0)
        out.code = (t->compile ? t->compile : training_task_compile)(&model, &task, t->batch ? t->batch : TRIAL_BATCH);
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
        .num_epochs = t->epochs ? t->epochs : TRIAL_EPOCHS,
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

void trial_check(trial_outcome out)
{
    if (out.code < 0)
        fail_msg("%d: %s", out.code, out.error);
}

void trial_read(const char *path, char **data, size_t *size)
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

const char *trial_file(const char *folder, const char *name)
{
    char joined[256];
    snprintf(joined, sizeof joined, "%s/%s", strrchr(folder, '/') + 1, name);
    return test_path(joined);
}

uint64_t trial_hash(const char *folder, const char *name)
{
    char *data;
    size_t size;
    trial_read(trial_file(folder, name), &data, &size);
    const uint64_t hash = hash_bytes(0, data, size);
    free(data);
    return hash;
}

const char *trial_marked(const char *folder, const char *mark)
{
    static char text[4][64];
    static int next;
    char *out = text[next++ % 4], *data;
    size_t size;
    trial_read(trial_file(folder, mark), &data, &size);
    snprintf(out, 64, "%.*s", (int)strcspn(data, "\n"), data);
    free(data);
    return out;
}

const char *trial_folder(const char *name, size_t i)
{
    char text[64];
    snprintf(text, sizeof text, "%s-%zu", name, i);
    return test_path(text);
}
