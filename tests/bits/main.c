/* bits: trains small networks and prints a hash of what each has learnt, a line for each: what must be the same on every
 * machine. It drives the engine itself and touches no files, so that it builds with a bare cross-compiler
 * (scripts/aarch64.sh). */
#include <stdio.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "support/training_task.h"
#include "train/run.h"

#define BATCH_SIZE 16
#define NUM_EPOCHS 2

static const struct {
    const char *name;
    training_task_desc desc;
} trials[] = {
    {"dense", {.inputs = 40, .hidden = 300, .outputs = 20, .examples = 37, .timesteps = 50, .spikes_per_input = 3,
               .regularisation = 1e-4, .seed = 5, .schedule = RV_SCHEDULE_SLOTS}},
    {"dense, rows", {.inputs = 40, .hidden = 300, .outputs = 20, .examples = 37, .timesteps = 50, .spikes_per_input = 3,
                     .regularisation = 1e-4, .seed = 5, .schedule = RV_SCHEDULE_ROWS}},
    {"delays", {.inputs = 30, .hidden = 45, .outputs = 5, .examples = 20, .timesteps = 50, .spikes_per_input = 4,
                .delays = true, .learn_delays = true, .seed = 7}},
    {"deep r", {.inputs = 40, .hidden = 60, .outputs = 5, .examples = 37, .timesteps = 40, .spikes_per_input = 3,
                .deep_r = true, .seed = 6}},
    {"eprop", {.rule = TRAINING_EPROP, .inputs = 40, .hidden = 70, .outputs = 5, .examples = 37, .timesteps = 60,
               .spikes_per_input = 3, .seed = 8}},
    {"eprop, adaptive", {.rule = TRAINING_EPROP_ADAPTIVE, .inputs = 30, .hidden = 100, .outputs = 20, .examples = 21,
                         .timesteps = 40, .spikes_per_input = 4, .seed = 9}},
    {"first spikes", {.inputs = 40, .hidden = 70, .outputs = 5, .examples = 37, .timesteps = 60, .spikes_per_input = 3,
                      .first_spikes = true, .seed = 11}},
    {"demanding", {.inputs = 40, .hidden = 70, .outputs = 5, .examples = 37, .timesteps = 60, .spikes_per_input = 3,
                   .demanding = true, .seed = 12}},
};

typedef struct loader {
    const rv_engine *engine;
    const rv_feed *feed;
} loader;

static int load(void *user, rv_example *example, int worker)
{
    const loader *l = user;
    return rv_feed_load(l->feed, l->engine, example, worker);
}

static int train(uint64_t *hash, rv_engine *engine, const rv_feed *feed)
{
    const size_t scores = (size_t)engine->num_targets * RV_SCORES;
    loader l = {engine, feed};
    int error = 0;
    for (size_t epoch = 0; epoch < NUM_EPOCHS; epoch++)
        for (size_t first = 0; !error && first < feed->num_examples; first += BATCH_SIZE) {
            const size_t left = feed->num_examples - first, num = left < BATCH_SIZE ? left : BATCH_SIZE;
            for (size_t e = 0; e < num; e++) {
                rv_example *example = &engine->examples[e];
                example->index = example->number = first + e;
                example->epoch = epoch;
                rv_feed_expect(feed, example);
            }
            error = rv_engine_run(engine, &(rv_batch){.num = num, .load = load, .user = &l});
            *hash = hash_bytes(*hash, engine->scores, num * scores * sizeof *engine->scores);
        }
    return error;
}

static int hash_learnt(uint64_t *hash, const training_task *task, const rv_compiled_network *model)
{
    static const char *const names[] = {"g", "M", "V", "d"};
    int code = 0;
    for (int i = 0; i < 4 && code >= 0; i++) {
        float *values = NULL;
        size_t size = 0;
        code = training_task_get(&values, &size, task, model, names[i]);
        if (code >= 0)
            *hash = hash_bytes(*hash, values, size * sizeof *values);
        free(values);
    }
    return code;
}

static int run(uint64_t *hash, const training_task_desc *desc)
{
    training_task task;
    rv_compiled_network *model = NULL;
    rv_feed *feed = NULL;
    rv_engine *engine = NULL;
    rv_engine_options options = {.capacity = BATCH_SIZE, .learn = true};
    *hash = 0;
    int code = training_task_create(&task, desc);
    if (code >= 0)
        code = training_task_compile(&model, &task, BATCH_SIZE);
    if (code >= 0) {
        const rv_data data = training_task_data(&task, task.spikes);
        code = rv_feed_create(&feed, model, &data, true, true);
    }
    if (code >= 0) {
        rv_feed_set_targets(feed, &options);
        code = rv_engine_create(&engine, model, &options);
    }
    if (code >= 0)
        code = train(hash, engine, feed);
    if (code >= 0)
        code = hash_learnt(hash, &task, model);
    if (code < 0)
        fprintf(stderr, "bits: %s\n", rv_last_error(task.context));
    rv_engine_free(engine);
    rv_feed_free(feed);
    rv_compiled_network_free(model);
    training_task_free(&task);
    return code;
}

int main(void)
{
    for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++) {
        uint64_t hash;
        if (run(&hash, &trials[i].desc) < 0)
            return 1;
        printf("%016llx %s\n", (unsigned long long)hash, trials[i].name);
    }
    return 0;
}
