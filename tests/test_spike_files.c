/* Data sets in files that are mapped: the same bits as in memory; less memory than the data; and files that are not what
 * they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/files.h"
#include "support/process.h"
#include "support/training_task.h"

#define MB 1e6

static const training_task_desc plain = {
    .inputs = 40, .hidden = 70, .outputs = 5, .examples = 37, .timesteps = 60, .spikes_per_input = 3, .seed = 5};

static void succeed(const training_task *task, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(task->context));
}

static rv_spike_files files_of(size_t num_neurons)
{
    return (rv_spike_files){.times = test_path("times.npy"),
                            .ids = test_path("ids.npy"),
                            .offsets = test_path("offsets.npy"),
                            .labels = test_path("labels.npy"),
                            .num_neurons = num_neurons};
}

static void write_files(const training_task *task)
{
    const rv_dataset in_memory = {
        .num_examples = task->desc.examples, .spikes = task->spikes, .labels = task->labels};
    const rv_spike_files files = files_of(task->desc.inputs);
    succeed(task, rv_write_spike_files(&in_memory, task->context, &files));
}

static uint64_t train(const training_task *task, const rv_spikes *spikes)
{
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    float *weights = NULL;
    size_t size;
    succeed(task, training_task_compile(&model, task, 8));
    succeed(task, rv_train(&result, model,
                           &(rv_train_desc){.data = training_task_data(task, spikes),
                                            .num_epochs = 2,
                                            .validation_split = 0.2,
                                            .validation_split_shuffled = RV_ON,
                                            .no_callbacks = true,
                                            .no_validation_callbacks = true}));
    succeed(task, training_task_get(&weights, &size, task, model, "g"));
    const uint64_t hash = hash_bytes(0, weights, size * sizeof *weights);
    free(weights);
    rv_result_free(result);
    rv_compiled_network_free(model);
    return hash;
}

static void spikes_in_files_give_the_bits_of_spikes_in_memory(void **state)
{
    training_task task;
    rv_dataset mapped;
    (void)state;
    succeed(&task, training_task_create(&task, &plain));
    write_files(&task);
    const rv_spike_files files = files_of(plain.inputs);
    succeed(&task, rv_read_spike_files(&mapped, task.context, &files));
    assert_int_equal(mapped.num_examples, plain.examples);
    assert_memory_equal(mapped.labels, task.labels, plain.examples * sizeof *task.labels);
    assert_int_equal(rv_spikes_max_count(mapped.spikes), rv_spikes_max_count(task.spikes));
    assert_true(rv_spikes_latest_time(mapped.spikes) == rv_spikes_latest_time(task.spikes));
    assert_true(rv_spikes_memory(mapped.spikes) < rv_spikes_memory(task.spikes));
    assert_int_equal(rv_spikes_append(mapped.spikes, NULL, NULL, 0), RV_ERR_STATE);
    assert_int_equal(train(&task, mapped.spikes), train(&task, task.spikes));
    rv_dataset_clear(&mapped);
    training_task_free(&task);
}

/* ---- memory ---- */

/* 48 MB of spikes for a network that takes little. */
static const training_task_desc large = {
    .inputs = 700, .hidden = 8, .outputs = 4, .examples = 1000, .timesteps = 100, .spikes_per_input = 11.43, .seed = 3};

/* Trains from the files, or reads them into memory, in a process that may take 24 MB more than it has; its result code. */
static int work_with_little_memory(bool in_memory)
{
    int ends[2], code = 0;
    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        training_task_desc small = large;
        training_task task;
        rv_dataset mapped;
        double *times = malloc(1 << 18);
        int32_t *ids = malloc(1 << 18);
        const rv_spike_files files = files_of(large.inputs);
        small.examples = 1;
        small.num_threads = 1;
        code = training_task_create(&task, &small);
        const rlim_t most = (rlim_t)(test_process_status("VmData") + 24 * MB);
        setrlimit(RLIMIT_DATA, &(struct rlimit){most, most}); /* of all but code and files */
        if (code >= 0)
            code = rv_read_spike_files(&mapped, task.context, &files);
        for (size_t i = 0; code >= 0 && in_memory && i < mapped.num_examples; i++) {
            code = rv_spikes_get(mapped.spikes, i, times, ids);
            if (code >= 0)
                code = rv_spikes_append(task.spikes, times, ids, rv_spikes_count(mapped.spikes, i));
        }
        task.labels = code >= 0 ? mapped.labels : NULL;
        if (code >= 0 && !in_memory)
            train(&task, mapped.spikes);
        const bool told = write(ends[1], &code, sizeof code) == (ssize_t)sizeof code;
        _exit(!told);
    }
    close(ends[1]);
    const ssize_t got = read(ends[0], &code, sizeof code);
    close(ends[0]);
    waitpid(pid, NULL, 0);
    assert_int_equal(got, sizeof code);
    return code;
}

static void a_data_set_may_be_larger_than_memory(void **state)
{
    training_task task;
    (void)state;
#ifdef TEST_HAS_SANITIZER
    print_message("# a sanitizer takes memory of its own\n");
    skip();
#endif
    const pid_t pid = fork(); /* what making the data takes is not free for anybody else */
    assert_true(pid >= 0);
    if (pid == 0) {
        succeed(&task, training_task_create(&task, &large));
        write_files(&task);
        _exit(0);
    }
    int made;
    waitpid(pid, &made, 0);
    assert_int_equal(made, 0);
    assert_int_equal(work_with_little_memory(false), 0);
    assert_int_equal(work_with_little_memory(true), RV_ERR_MEMORY);
}

/* ---- what is wrong with files ---- */

static void expect_fault(int code, const char *message, const rv_spike_files *files, size_t used)
{
    rv_context *context;
    rv_dataset set;
    double times[1000];
    assert_int_equal(rv_context_create(&context, NULL), 0);
    int rc = rv_read_spike_files(&set, context, files);
    if (rc >= 0)
        rc = rv_spikes_get(set.spikes, used, times, NULL);
    assert_int_equal(rc, code);
    if (!strstr(rv_last_error(context), message))
        fail_msg("'%s' is not in '%s'", message, rv_last_error(context));
    rv_dataset_clear(&set);
    rv_context_free(context);
}

static void write_list(const char *path, rv_dtype dtype, void *data, size_t num)
{
    rv_context *context;
    const rv_ndarray array = {.dtype = dtype, .num_dims = 1, .shape = {num}, .size = num, .data = data};
    assert_int_equal(rv_context_create(&context, NULL), 0);
    assert_int_equal(rv_npy_write(context, path, &array), 0);
    rv_context_free(context);
}

static void files_that_are_damaged_are_errors(void **state)
{
    float times[] = {1, 2, 3, 2.5F}, late[] = {1, 2, 3, -4};
    double wide[] = {1, 2, 3, 4};
    uint16_t ids[] = {0, 3, 4, 1};
    uint64_t offsets[] = {0, 2, 4}, falling[] = {0, 3, 2}, beyond[] = {0, 2, 5};
    const rv_spike_files files = {.times = test_path("t.npy"), .ids = test_path("i.npy"),
                                  .offsets = test_path("o.npy"), .num_neurons = 4};
    rv_spike_files none = files;
    (void)state;
    write_list(files.times, RV_FLOAT32, times, 4);
    write_list(files.ids, RV_UINT16, ids, 4);
    write_list(files.offsets, RV_UINT64, offsets, 3);
    expect_fault(RV_ERR_SPIKE, "example 1: spike 0: the id must be 0 to 3, got 4", &files, 1);
    expect_fault(0, "", &files, 0);
    ids[2] = 2;
    write_list(files.ids, RV_UINT16, ids, 4);
    expect_fault(RV_ERR_SPIKE, "example 1: spike 1: times in files must ascend, got 2.5 ms after 3", &files, 1);
    write_list(files.times, RV_FLOAT32, late, 4);
    expect_fault(RV_ERR_SPIKE, "example 1: spike 1: the time must be >= 0 ms and finite, got -4", &files, 1);
    write_list(files.offsets, RV_UINT64, falling, 3);
    expect_fault(RV_ERR_FORMAT, "offset 2 must be >= 3 and <= 4, got 2", &files, 0);
    write_list(files.offsets, RV_UINT64, beyond, 3);
    expect_fault(RV_ERR_FORMAT, "offset 2 must be >= 2 and <= 4, got 5", &files, 0);
    write_list(files.ids, RV_UINT16, ids, 3);
    expect_fault(RV_ERR_SHAPE, "has 3 ids, expected 4, one for each time", &files, 0);
    write_list(files.times, RV_FLOAT64, wide, 4);
    expect_fault(RV_ERR_FORMAT, "t.npy: expected a list of float32", &files, 0);
    write_list(files.times, RV_FLOAT32, times, 4);
    assert_int_equal(truncate(files.times, 128 + 12), 0);
    expect_fault(RV_ERR_FORMAT, "t.npy: ends before its 4 elements do", &files, 0);
    none.ids = test_path("missing.npy");
    write_list(files.times, RV_FLOAT32, times, 4);
    expect_fault(RV_ERR_FILE, "missing.npy", &none, 0);
    none.ids = NULL;
    expect_fault(RV_ERR_ARGUMENT, "times, ids and offsets must be named", &none, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spikes_in_files_give_the_bits_of_spikes_in_memory),
        cmocka_unit_test(a_data_set_may_be_larger_than_memory),
        cmocka_unit_test(files_that_are_damaged_are_errors),
    };
    if (access("/dev/shm", W_OK) == 0) /* files are synced, which takes long on a slow disk */
        setenv("TMPDIR", "/dev/shm", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
