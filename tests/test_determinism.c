/* The same bits, however a run is carried out: on any number of threads, again, on every instruction set, with and
 * without recorders, step by step or example by example. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/training_task.h"

/* How a run is carried out; nothing of it may show in what comes out. */
typedef struct manner {
    const char *name;
    int threads;
    const char *isa;
    bool records;
    bool steps;   /* has timestep hooks, so the whole batch advances step by step */
    bool forgets; /* keeps no gradients, so that they go straight into the optimiser */
    rv_schedule schedule;
} manner;

typedef struct outcome {
    uint64_t weights; /* and the optimiser's moments, and the history of losses */
    uint64_t records; /* 0 if nothing was recorded */
} outcome;

static const training_task_desc plain = {
    .inputs = 40, .hidden = 70, .outputs = 5, .examples = 37, .timesteps = 60, .spikes_per_input = 3, .seed = 5};

/* Wider than a block of a dot product, and with a reduction between the two phases of a batch. */
static const training_task_desc wide = {.inputs = 90,
                                        .hidden = 530,
                                        .outputs = 20,
                                        .examples = 21,
                                        .timesteps = 30,
                                        .spikes_per_input = 2,
                                        .regularisation = 1e-4,
                                        .seed = 6};

/* Where spikes arrive at different times, and delays learn too. */
static const training_task_desc delayed = {.inputs = 30,
                                           .hidden = 45,
                                           .outputs = 5,
                                           .examples = 20,
                                           .timesteps = 50,
                                           .spikes_per_input = 4,
                                           .delays = true,
                                           .learn_delays = true,
                                           .seed = 7};

/* Both kinds of neurons that e-prop learns, and the form with traces. */
static const training_task_desc eprop = {.rule = TRAINING_EPROP,
                                         .inputs = 40,
                                         .hidden = 70,
                                         .outputs = 5,
                                         .examples = 37,
                                         .timesteps = 60,
                                         .spikes_per_input = 3,
                                         .seed = 8};
static const training_task_desc eprop_adaptive = {.rule = TRAINING_EPROP_ADAPTIVE,
                                                  .inputs = 30,
                                                  .hidden = 300,
                                                  .outputs = 20,
                                                  .examples = 21,
                                                  .timesteps = 40,
                                                  .spikes_per_input = 4,
                                                  .delays = true,
                                                  .seed = 9};
static const training_task_desc eprop_online = {.rule = TRAINING_EPROP_ADAPTIVE,
                                                .online = true,
                                                .inputs = 20,
                                                .hidden = 33,
                                                .outputs = 4,
                                                .examples = 21,
                                                .timesteps = 40,
                                                .spikes_per_input = 4,
                                                .seed = 10};

/* Outputs that spike. */
static const training_task_desc first_spikes = {.inputs = 40,
                                                .hidden = 70,
                                                .outputs = 5,
                                                .examples = 37,
                                                .timesteps = 60,
                                                .spikes_per_input = 4,
                                                .first_spikes = true,
                                                .seed = 11};

/* Whatever needs the gradient whole. */
static const training_task_desc demanding = {.inputs = 40,
                                             .hidden = 70,
                                             .outputs = 5,
                                             .examples = 37,
                                             .timesteps = 60,
                                             .spikes_per_input = 3,
                                             .demanding = true,
                                             .seed = 12};

/* Sparse connections whose synapses move. */
static const training_task_desc deep_r = {.inputs = 40,
                                          .hidden = 70,
                                          .outputs = 5,
                                          .examples = 37,
                                          .timesteps = 60,
                                          .spikes_per_input = 3,
                                          .deep_r = true,
                                          .seed = 13};

static const manner base = {.name = "one thread", .threads = 1};

static void succeed(const training_task *task, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(task->context));
}

static uint64_t hash_variable(const training_task *task, const rv_compiled_network *model, const char *name,
                              uint64_t hash)
{
    float *values = NULL;
    size_t size;
    succeed(task, training_task_get(&values, &size, task, model, name));
    hash = hash_bytes(hash, values, size * sizeof *values);
    free(values);
    return hash;
}

static uint64_t hash_biases(const training_task *task, const rv_compiled_network *model, uint64_t hash)
{
    static const char *const names[] = {"bias", "BiasM", "BiasV"};
    float values[100];
    assert_in_range(task->desc.outputs, 1, 100);
    for (size_t i = 0; i < 3; i++) {
        succeed(task, rv_variable_get(model, (rv_variable){.population = task->out, .name = names[i]}, values,
                                      task->desc.outputs));
        hash = hash_bytes(hash, values, task->desc.outputs * sizeof *values);
    }
    return hash;
}

static uint64_t hash_delays(const training_task *task, const rv_compiled_network *model, uint64_t hash)
{
    const rv_variable delay = {.connection = task->connections[0], .name = "d"};
    size_t size = 0;
    succeed(task, rv_variable_size(model, delay, &size));
    float *const values = malloc((size + 1) * sizeof *values);
    assert_non_null(values);
    succeed(task, rv_variable_get(model, delay, values, size));
    hash = hash_bytes(hash, values, size * sizeof *values);
    free(values);
    return hash;
}

static uint64_t hash_entries(const rv_entries *entries, uint64_t hash)
{
    assert_non_null(entries);
    for (size_t i = 0; i < entries->num; i++) {
        const rv_entry *const e = &entries->items[i];
        hash = hash_bytes(hash, (const size_t[]){e->epoch, e->example, e->num}, 3 * sizeof(size_t));
        if (e->times)
            hash = hash_bytes(hash, e->times, e->num * sizeof *e->times);
        if (e->ids)
            hash = hash_bytes(hash, e->ids, e->num * sizeof *e->ids);
        if (e->values)
            hash = hash_bytes(hash, e->values, e->num * sizeof *e->values);
    }
    return hash;
}

static int count_step(void *user, size_t timestep)
{
    (void)timestep;
    ++*(size_t *)user;
    return 0;
}

static size_t make_callbacks(rv_callback callbacks[5], const training_task *task, const manner *how, size_t *steps)
{
    size_t num = 0;
    const char *const learnt_from = task->desc.rule == TRAINING_EVENTPROP ? "LambdaV" : "E";
    if (how->records) {
        callbacks[num++] = rv_spike_recorder((rv_spike_recorder_desc){.population = task->hid, .key = "spikes"});
        callbacks[num++] =
            rv_var_recorder((rv_var_recorder_desc){.population = task->hid, .var = "v", .key = "voltages"});
        callbacks[num++] =
            rv_var_recorder((rv_var_recorder_desc){.population = task->hid, .genn_var = learnt_from, .key = "learnt_from"});
        callbacks[num++] = rv_spike_recorder((rv_spike_recorder_desc){
            .population = task->in, .key = "counts", .record_counts = true, .examples = rv_slice("::3")});
    }
    if (how->steps)
        callbacks[num++] = (rv_callback){
            .name = "steps", .user = steps, .on_timestep_begin = count_step, .on_timestep_end = count_step};
    return num;
}

static outcome train(const training_task_desc *desc, const manner *how)
{
    static const char *const keys[] = {"spikes", "voltages", "learnt_from", "counts"};
    training_task_desc in_this_manner = *desc;
    training_task task;
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    rv_callback callbacks[5];
    outcome out = {0};
    size_t steps = 0;
    in_this_manner.num_threads = how->threads;
    in_this_manner.isa = how->isa;
    in_this_manner.schedule = desc->online ? RV_SCHEDULE_AUTO : how->schedule; /* which has one alone */
    in_this_manner.forget_gradients = how->forgets;
    succeed(&task, training_task_create(&task, &in_this_manner));
    succeed(&task, training_task_compile(&model, &task, 16));
    const size_t num_callbacks = make_callbacks(callbacks, &task, how, &steps);
    succeed(&task, rv_train(&result, model,
                            &(rv_train_desc){.data = training_task_data(&task, task.spikes),
                                             .num_epochs = 2,
                                             .callbacks = callbacks,
                                             .num_callbacks = num_callbacks,
                                             .no_callbacks = num_callbacks == 0}));
    assert_int_equal(steps, how->steps ? 2 * 2 * desc->timesteps * ((desc->examples + 15) / 16) : 0);
    out.weights = hash_variable(&task, model, "g", out.weights);
    out.weights = hash_variable(&task, model, "M", out.weights);
    out.weights = hash_variable(&task, model, "V", out.weights);
    if (desc->rule != TRAINING_EVENTPROP || desc->demanding)
        out.weights = hash_biases(&task, model, out.weights);
    if (desc->learn_delays)
        out.weights = hash_delays(&task, model, out.weights);
    for (size_t epoch = 0; epoch < rv_result_num_epochs(result); epoch++) {
        double loss = 0, accuracy = 0;
        succeed(&task, rv_metrics_get(rv_result_history(result, epoch), "loss", &loss));
        succeed(&task, rv_metrics_get(rv_result_history(result, epoch), "accuracy", &accuracy));
        out.weights = hash_bytes(out.weights, (const double[]){loss, accuracy}, 2 * sizeof(double));
    }
    for (size_t i = 0; how->records && i < sizeof keys / sizeof *keys; i++)
        out.records = hash_entries(rv_result_data(result, keys[i]), out.records);
    rv_result_free(result);
    rv_compiled_network_free(model);
    training_task_free(&task);
    return out;
}

static void compare(const training_task_desc *desc, const manner *a, const manner *b)
{
    const outcome x = train(desc, a), y = train(desc, b);
    if (x.weights != y.weights)
        fail_msg("weights, moments or losses differ between '%s' and '%s'", a->name, b->name);
    if (a->records && b->records && x.records != y.records)
        fail_msg("recordings differ between '%s' and '%s'", a->name, b->name);
}

static void a_repeated_run_gives_the_same_bits(void **state)
{
    compare(*state, &base, &base);
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    static const manner one = {.name = "one thread", .threads = 1, .records = true};
    static const manner two = {.name = "two threads", .threads = 2, .records = true};
    static const manner three = {.name = "three threads", .threads = 3, .records = true};
    static const manner many = {.name = "twenty threads", .threads = 20, .records = true};
    compare(*state, &one, &two);
    compare(*state, &one, &three);
    compare(*state, &one, &many);
}

/* Slots, examples and rows are three orders of work for one sum. */
static void all_schedules_of_the_gradient_give_the_same_bits(void **state)
{
    static const manner slots = {.name = "slots", .threads = 1, .schedule = RV_SCHEDULE_SLOTS};
    static const manner slots_of_three = {
        .name = "slots, three threads", .threads = 3, .records = true, .schedule = RV_SCHEDULE_SLOTS};
    static const manner slots_by_steps = {
        .name = "slots, step by step", .threads = 2, .steps = true, .schedule = RV_SCHEDULE_SLOTS};
    static const manner rows = {.name = "rows", .threads = 1, .schedule = RV_SCHEDULE_ROWS};
    static const manner rows_of_three = {
        .name = "rows, three threads", .threads = 3, .records = true, .schedule = RV_SCHEDULE_ROWS};
    static const manner slots_forget = {
        .name = "slots, no gradients kept", .threads = 1, .forgets = true, .schedule = RV_SCHEDULE_SLOTS};
    static const manner rows_forget = {
        .name = "rows, no gradients kept", .threads = 2, .forgets = true, .schedule = RV_SCHEDULE_ROWS};
    static const manner examples = {.name = "examples", .threads = 1, .schedule = RV_SCHEDULE_EXAMPLES};
    static const manner examples_of_three = {
        .name = "examples, three threads", .threads = 3, .records = true, .schedule = RV_SCHEDULE_EXAMPLES};
    static const manner examples_by_steps = {
        .name = "examples, step by step", .threads = 2, .steps = true, .schedule = RV_SCHEDULE_EXAMPLES};
    compare(*state, &slots, &examples);
    compare(*state, &slots_of_three, &examples_of_three);
    compare(*state, &slots, &examples_by_steps);
    compare(*state, &slots, &rows);
    compare(*state, &slots, &slots_forget);
    compare(*state, &slots, &rows_forget);
    compare(*state, &slots, &slots_of_three);
    compare(*state, &slots, &slots_by_steps);
    compare(*state, &slots_of_three, &rows_of_three);
}

static void compare_instruction_sets(const training_task_desc *desc, const char *isa, rv_schedule schedule)
{
    const manner best = {.name = "the best instruction set", .threads = 2, .records = true, .schedule = schedule};
    const manner other = {.name = isa, .isa = isa, .threads = 2, .records = true, .schedule = schedule};
    compare(desc, &best, &other);
}

static void any_instruction_set_gives_the_same_bits(void **state)
{
    static const char *const names[] = {"base", "v2", "v3", "v4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        rv_context *context = NULL;
        const bool has = rv_context_create(&context, &(rv_context_desc){.isa = names[i]}) >= 0;
        rv_context_free(context);
        print_message("# instruction set %s: %s\n", names[i], has ? "compared" : "not on this machine");
        if (has) {
            compare_instruction_sets(*state, names[i], RV_SCHEDULE_SLOTS);
            compare_instruction_sets(*state, names[i], RV_SCHEDULE_EXAMPLES);
            compare_instruction_sets(*state, names[i], RV_SCHEDULE_ROWS);
        }
    }
}

static void recorders_change_no_bit(void **state)
{
    static const manner records = {.name = "two threads and recorders", .threads = 2, .records = true};
    compare(*state, &base, &records);
}

static void advancing_step_by_step_changes_no_bit(void **state)
{
    static const manner plainly = {.name = "example by example", .threads = 2, .records = true};
    static const manner steps = {.name = "step by step", .threads = 2, .records = true, .steps = true};
    static const manner steps_alone = {.name = "step by step, one thread", .threads = 1, .steps = true};
    compare(*state, &plainly, &steps);
    compare(*state, &plainly, &steps_alone);
}

/* Without learning the batch size is no more than a matter of memory. */
static void predictions_do_not_hang_on_batch_size_or_threads(void **state)
{
    static const size_t batch_sizes[] = {1, 4, 16, 100};
    uint64_t first = 0;
    for (size_t i = 0; i < 4; i++) {
        training_task_desc desc = *(const training_task_desc *)*state;
        training_task task;
        rv_compiled_network *model = NULL;
        rv_result *result = NULL;
        desc.num_threads = (int)i + 1;
        succeed(&task, training_task_create(&task, &desc));
        succeed(&task, rv_compile_inference(
                           &model, task.network,
                           &(rv_inference_desc){.example_timesteps = desc.timesteps, .batch_size = batch_sizes[i]}));
        succeed(&task,
                rv_predict(&result, model,
                           &(rv_evaluate_desc){.data = training_task_data(&task, task.spikes), .no_callbacks = true}));
        size_t num = 0;
        const float *const y = rv_result_prediction(result, task.out, &num);
        assert_int_equal(num, desc.examples);
        const uint64_t hash = hash_bytes(0, y, num * desc.outputs * sizeof *y);
        first = i == 0 ? hash : first;
        if (hash != first)
            fail_msg("predictions differ between batch sizes 1 and %zu", batch_sizes[i]);
        rv_result_free(result);
        rv_compiled_network_free(model);
        training_task_free(&task);
    }
}

/* The comparison can fail: another seed, another result. */
static void another_seed_gives_other_bits(void **state)
{
    training_task_desc other = *(const training_task_desc *)*state;
    other.seed++;
    assert_true(train(*state, &base).weights != train(&other, &base).weights);
}

#define EACH(function)                                                                                                \
    {#function, function, NULL, NULL, &tasks[0]},                                                                     \
        {#function "_where_layers_are_wide", function, NULL, NULL, &tasks[1]},                                        \
        {#function "_where_spikes_are_delayed", function, NULL, NULL, &tasks[2]},                                     \
        {#function "_with_eprop", function, NULL, NULL, &tasks[3]},                                                   \
        {#function "_with_eprop_of_adaptive_neurons", function, NULL, NULL, &tasks[4]},                               \
    {                                                                                                                 \
#function "_with_traces", function, NULL, NULL, &tasks[5]                                                     \
    },                                                                                                                \
        {#function "_with_outputs_that_spike", function, NULL, NULL, &tasks[6]},                                      \
        {#function "_with_demanding_options", function, NULL, NULL, &tasks[7]},                                       \
    {                                                                                                                 \
#function "_with_deep_r", function, NULL, NULL, &tasks[8]                                                     \
    }

int main(void)
{
    static training_task_desc tasks[9];
    tasks[0] = plain;
    tasks[1] = wide;
    tasks[2] = delayed;
    tasks[3] = eprop;
    tasks[4] = eprop_adaptive;
    tasks[5] = eprop_online;
    tasks[6] = first_spikes;
    tasks[7] = demanding;
    tasks[8] = deep_r;
    const struct CMUnitTest tests[] = {
        EACH(a_repeated_run_gives_the_same_bits),
        EACH(any_number_of_threads_gives_the_same_bits),
        EACH(all_schedules_of_the_gradient_give_the_same_bits),
        EACH(any_instruction_set_gives_the_same_bits),
        EACH(recorders_change_no_bit),
        EACH(advancing_step_by_step_changes_no_bit),
        EACH(predictions_do_not_hang_on_batch_size_or_threads),
        EACH(another_seed_gives_other_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
