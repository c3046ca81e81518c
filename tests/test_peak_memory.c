/* What training takes beyond its data: the peak of the process's resident memory, as the kernel counts it, for the network
 * and batch size of the Spiking Heidelberg Digits; and what a spike of the data takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/spikes.h"
#include "support/process.h"
#include "support/training_task.h"

#define MB 1e6

/* 700-256 recurrent-20, 1,000 steps, 8,000 spikes an example, batches of 32. */
static const training_task_desc shd256 = {
    .inputs = 700, .hidden = 256, .outputs = 20, .examples = 64, .timesteps = 1000, .spikes_per_input = 11.43, .seed = 3};

/* Trains two batches, in a process of its own so that nothing else counts; bytes beyond data, threads and code. */
static double measure(const training_task_desc *desc)
{
    int ends[2];
    double taken = -1;
    assert_int_equal(pipe(ends), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        training_task task;
        rv_compiled_network *model = NULL;
        rv_result *result = NULL;
        int code = training_task_create(&task, desc);
        const double before = test_process_status("VmRSS");
        if (code >= 0)
            code = training_task_compile(&model, &task, 32);
        if (code >= 0)
            code = rv_train(&result, model,
                            &(rv_train_desc){.data = training_task_data(&task, task.spikes), .num_epochs = 1,
                                             .no_callbacks = true});
        taken = code < 0 ? -1 : test_process_status("VmHWM") - before;
        if (code < 0)
            fprintf(stderr, "%s\n", rv_last_error(task.context));
        const bool told = write(ends[1], &taken, sizeof taken) == (ssize_t)sizeof taken;
        _exit(!told);
    }
    close(ends[1]);
    const ssize_t got = read(ends[0], &taken, sizeof taken);
    close(ends[0]);
    waitpid(pid, NULL, 0);
    assert_int_equal(got, sizeof taken);
    return taken;
}

static void training_shd256_takes_at_most_64_mb_beyond_its_data(void **state)
{
    training_task_desc desc = shd256;
    (void)state;
#ifdef TEST_HAS_SANITIZER
    print_message("# a sanitizer takes memory of its own\n");
    skip();
#endif
    for (desc.num_threads = 1; desc.num_threads <= 2; desc.num_threads++) {
        const double taken = measure(&desc);
        print_message("# %d threads: %.1f MB\n", desc.num_threads, taken / MB);
        assert_true(taken > 1 * MB); /* it cannot take nothing */
        if (taken > 64 * MB)
            fail_msg("%.1f MB beyond the data, at most 64 were expected", taken / MB);
    }
}

static void a_spike_of_the_data_takes_6_bytes(void **state)
{
    enum { NUM_EXAMPLES = 500, NUM_SPIKES = 8000 };
    static double times[NUM_SPIKES];
    static int32_t ids[NUM_SPIKES];
    rv_context *context;
    rv_spikes *spikes;
    (void)state;
    assert_int_equal(rv_context_create(&context, NULL), 0);
    assert_int_equal(rv_spikes_create(&spikes, context, 700), 0);
    for (size_t i = 0; i < NUM_EXAMPLES; i++)
        assert_int_equal(rv_spikes_append(spikes, times, ids, NUM_SPIKES), 0);
    rv_spikes_trim(spikes); /* as readers do in the end */
    const double bytes = (double)rv_spikes_memory(spikes), num = (double)NUM_EXAMPLES * NUM_SPIKES;
    print_message("# %.4f bytes a spike, offsets and all\n", bytes / num);
    assert_true(bytes <= 6 * num + (NUM_EXAMPLES + 1) * 8 + 1000);
    rv_spikes_free(spikes);
    rv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_shd256_takes_at_most_64_mb_beyond_its_data),
        cmocka_unit_test(a_spike_of_the_data_takes_6_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
