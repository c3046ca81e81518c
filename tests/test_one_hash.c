/* One hash of a training run - weights, moments, losses, recorded data - however it is carried out: on 1 to 4 threads and
 * 1 to 4 ranks, on every instruction set, with both schedules of the gradient, recorded or not, step by step or example by
 * example, in one go or resumed from a checkpoint. All of them at once, in pairs drawn at random, not one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/files.h"
#include "support/mesh.h"
#include "support/training_task.h"

#define NUM_WAYS 24 /* beside the plainest one, for each network */

static const char *const all_isas[] = {"base", "v2", "v3", "v4"};
static const char *isas[4]; /* (num_isas) what this machine has */
static int num_isas;

/* How a run is carried out; nothing of it may show. */
typedef struct way {
    const training_task_desc *desc;
    int ranks, threads;
    const char *isa;
    rv_schedule schedule;
    bool forgets, records, steps, resumes;
    const char *folder; /* of checkpoints, if it resumes */
} way;

typedef struct outcome {
    uint64_t learnt, recorded; /* recorded: 0 if nothing was, and on ranks but the first */
    char message[128];
} outcome;

static const training_task_desc tasks[] = {
    {.inputs = 40, .hidden = 70, .outputs = 5, .examples = 37, .timesteps = 50, .spikes_per_input = 3, .seed = 5,
     .regularisation = 1e-4},
    {.inputs = 30, .hidden = 45, .outputs = 5, .examples = 20, .timesteps = 50, .spikes_per_input = 4, .seed = 7,
     .delays = true, .learn_delays = true},
    {.inputs = 40, .hidden = 60, .outputs = 5, .examples = 37, .timesteps = 40, .spikes_per_input = 3, .seed = 6,
     .deep_r = true},
    {.inputs = 30, .hidden = 300, .outputs = 20, .examples = 21, .timesteps = 40, .spikes_per_input = 4, .seed = 9,
     .rule = TRAINING_EPROP_ADAPTIVE},
    {.inputs = 30, .hidden = 45, .outputs = 5, .examples = 37, .timesteps = 40, .spikes_per_input = 4, .seed = 3,
     .demanding = true},
};

static int ignore(void *user, size_t timestep)
{
    (void)user;
    (void)timestep;
    return 0;
}

static uint64_t hash_entries(uint64_t hash, const rv_entries *entries)
{
    for (size_t i = 0; entries && i < entries->num; i++) {
        const rv_entry *e = &entries->items[i];
        if (e->epoch == 0)
            continue; /* which a resumed run has not seen */
        hash = hash_bytes(hash, (const size_t[]){e->epoch, e->example, e->num}, 3 * sizeof(size_t));
        hash = e->times ? hash_bytes(hash, e->times, e->num * sizeof *e->times) : hash;
        hash = e->ids ? hash_bytes(hash, e->ids, e->num * sizeof *e->ids) : hash;
        hash = e->values ? hash_bytes(hash, e->values, e->num * sizeof *e->values) : hash;
    }
    return hash;
}

static int hash_variables(uint64_t *hash, const training_task *task, const rv_compiled_network *model)
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

/* Trains up to an epoch, from the beginning or from the checkpoint in the folder. */
static int train(rv_result **result, const training_task *task, rv_compiled_network *model, const way *w,
                 size_t num_epochs, bool resume)
{
    rv_callback callbacks[4];
    size_t num = 0;
    if (w->records) {
        callbacks[num++] = rv_spike_recorder((rv_spike_recorder_desc){.population = task->hid, .key = "spikes"});
        callbacks[num++] = rv_var_recorder((rv_var_recorder_desc){.population = task->out, .var = "v", .key = "v"});
    }
    if (w->steps)
        callbacks[num++] = (rv_callback){.name = "Steps", .on_timestep_end = ignore};
    if (w->resumes && !resume)
        callbacks[num++] = rv_checkpoint((rv_checkpoint_desc){.folder = w->folder, .epoch_interval = 1, .resumable = 1});
    return rv_train(result, model,
                    &(rv_train_desc){.data = training_task_data(task, task->spikes),
                                     .num_epochs = num_epochs,
                                     .callbacks = callbacks,
                                     .num_callbacks = num,
                                     .no_callbacks = num == 0,
                                     .resume_from = resume ? w->folder : NULL});
}

static int run_part(outcome *out, const way *w, const rv_communicator *communicator, size_t num_epochs, bool resume)
{
    training_task_desc desc = *w->desc;
    training_task task;
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    desc.num_threads = w->threads;
    desc.isa = w->isa;
    desc.schedule = w->schedule;
    desc.forget_gradients = w->forgets;
    int code = training_task_create(&task, &desc);
    if (code >= 0)
        code = rv_context_set_communicator(task.context, communicator);
    if (code >= 0)
        code = training_task_compile(&model, &task, 16);
    if (code >= 0)
        code = train(&result, &task, model, w, num_epochs, resume);
    *out = (outcome){0};
    if (code >= 0)
        code = hash_variables(&out->learnt, &task, model);
    for (size_t epoch = 0; code >= 0 && epoch < rv_result_num_epochs(result); epoch++) {
        double loss = 0;
        rv_metrics_get(rv_result_history(result, epoch), "loss", &loss);
        out->learnt = hash_bytes(out->learnt, &loss, sizeof loss);
    }
    if (code >= 0 && w->records && communicator->rank == 0)
        out->recorded = hash_entries(hash_entries(0, rv_result_data(result, "spikes")), rv_result_data(result, "v"));
    if (code < 0)
        snprintf(out->message, sizeof out->message, "%s", rv_last_error(task.context));
    rv_result_free(result);
    rv_compiled_network_free(model);
    training_task_free(&task);
    return code;
}

static void run(void *result, const rv_communicator *communicator, const void *arg)
{
    const way *w = arg;
    int code = 0;
    if (w->resumes)
        code = run_part(result, w, communicator, 1, false);
    if (code >= 0)
        run_part(result, w, communicator, 2, w->resumes);
}

/* splitmix64 */
static uint64_t draw(uint64_t *state, uint64_t below)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (x ^ (x >> 31)) % below;
}

/* The first 16 ways go through all numbers of ranks and threads. */
static way draw_way(const training_task_desc *desc, int number, uint64_t *random)
{
    way w = {.desc = desc, .ranks = number % 4 + 1, .threads = number / 4 % 4 + 1};
    w.isa = isas[draw(random, (uint64_t)num_isas)];
    w.schedule = draw(random, 2) ? RV_SCHEDULE_SLOTS : RV_SCHEDULE_ROWS;
    w.forgets = draw(random, 2);
    w.records = draw(random, 2);
    w.steps = draw(random, 3) == 0;
    w.resumes = draw(random, 3) == 0;
    return w;
}

static void describe(char *text, size_t size, const way *w)
{
    snprintf(text, size, "%d ranks, %d threads, %s, %s%s%s%s%s", w->ranks, w->threads, w->isa,
             w->schedule == RV_SCHEDULE_SLOTS ? "slots" : "rows", w->forgets ? ", no gradients kept" : "",
             w->records ? ", recorded" : "", w->steps ? ", step by step" : "", w->resumes ? ", resumed" : "");
}

static void run_way(outcome *out, way *w)
{
    outcome all[MESH_MAX_RANKS];
    static int number;
    char name[24], text[160];
    snprintf(name, sizeof name, "run-%d", number++);
    w->folder = test_path(name);
    mesh_run(all, sizeof all[0], w->ranks, run, w);
    describe(text, sizeof text, w);
    for (int rank = 0; rank < w->ranks; rank++) {
        if (all[rank].message[0])
            fail_msg("%s: rank %d: %s", text, rank, all[rank].message);
        if (all[rank].learnt != all[0].learnt)
            fail_msg("%s: rank %d has learnt other weights than rank 0", text, rank);
    }
    *out = all[0];
}

static void one_hash_for_all_ways(void **state)
{
    const training_task_desc *desc = *state;
    way plainest = {.desc = desc, .ranks = 1, .threads = 1, .records = true};
    uint64_t random = desc->seed;
    outcome first, other;
    char text[160];
    plainest.isa = isas[0];
    run_way(&first, &plainest);
    assert_true(first.recorded != 0);
    for (int i = 0; i < NUM_WAYS; i++) {
        way w = draw_way(desc, i, &random);
        run_way(&other, &w);
        describe(text, sizeof text, &w);
        if (other.learnt != first.learnt)
            fail_msg("%s: the hash is %016llx, expected %016llx", text, (unsigned long long)other.learnt,
                     (unsigned long long)first.learnt);
        if (w.records && other.recorded != first.recorded)
            fail_msg("%s: recorded data have the hash %016llx, expected %016llx", text,
                     (unsigned long long)other.recorded, (unsigned long long)first.recorded);
    }
    print_message("# %d ways, all %016llx, recorded %016llx\n", NUM_WAYS + 1, (unsigned long long)first.learnt,
                  (unsigned long long)first.recorded);
}

static void another_seed_gives_another_hash(void **state)
{
    training_task_desc changed = tasks[0];
    way a = {.desc = &tasks[0], .ranks = 2, .threads = 1, .isa = isas[0]}, b = a;
    outcome x, y;
    (void)state;
    changed.seed++;
    b.desc = &changed;
    run_way(&x, &a);
    run_way(&y, &b);
    assert_true(x.learnt != y.learnt);
}

static void find_isas(void)
{
    for (int i = 0; i < 4; i++) {
        rv_context *context = NULL;
        if (rv_context_create(&context, &(rv_context_desc){.isa = all_isas[i]}) >= 0)
            isas[num_isas++] = all_isas[i];
        rv_context_free(context);
    }
}

int main(void)
{
#define ONE_HASH(name, task) {"one_hash_for_all_ways_" name, one_hash_for_all_ways, NULL, NULL, (void *)(uintptr_t)&(task)}
    const struct CMUnitTest tests[] = {
        ONE_HASH("with_regularisation", tasks[0]), ONE_HASH("where_delays_learn", tasks[1]),
        ONE_HASH("with_deep_r", tasks[2]),         ONE_HASH("with_eprop", tasks[3]),
        ONE_HASH("with_demanding_options", tasks[4]), cmocka_unit_test(another_seed_gives_another_hash),
    };
    find_isas();
    if (access("/dev/shm", W_OK) == 0) /* checkpoints are synced, which takes long on a slow disk */
        setenv("TMPDIR", "/dev/shm", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
