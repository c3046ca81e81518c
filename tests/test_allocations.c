/* Nothing is allocated while a batch is swept, once tapes have grown to their size: every call of malloc and its like in
 * this process is counted, the C library's own included, from the beginning of an epoch's first batch to the end of its
 * last. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/process.h"
#include "support/training_task.h"

static atomic_bool counting;
static atomic_size_t calls;

/* glibc lets a program define these itself, and hands its own on under other names. */
#ifndef TEST_HAS_SANITIZER
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static void count_call(void)
{
    if (atomic_load_explicit(&counting, memory_order_relaxed))
        atomic_fetch_add(&calls, 1);
}

void *malloc(size_t size)
{
    count_call();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    count_call();
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    count_call();
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count_call();
    return __libc_memalign(alignment, size);
}
#endif

/* ---- counting over an epoch ---- */

#define NUM_EPOCHS 3
#define BATCH_SIZE 16

typedef struct watch {
    size_t epoch, num_batches;
} watch;

static int begin_epoch(void *user, size_t epoch)
{
    ((watch *)user)->epoch = epoch;
    return 0;
}

static int begin_batch(void *user, size_t batch)
{
    if (((watch *)user)->epoch == NUM_EPOCHS - 1 && batch == 0)
        atomic_store(&counting, true);
    return 0;
}

static int end_batch(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)metrics;
    if (batch + 1 == ((watch *)user)->num_batches)
        atomic_store(&counting, false);
    return 0;
}

static int ignore(void *user, size_t timestep)
{
    (void)user;
    (void)timestep;
    return 0;
}

/* The control: a transform that allocates once for each example. */
static void *volatile leak;
static int allocate(void *user, const rv_population *population, size_t epoch, size_t example, const uint32_t random[4],
                    size_t capacity, float *times, int32_t *ids, size_t *num)
{
    (void)user, (void)population, (void)epoch, (void)example, (void)random, (void)capacity, (void)times, (void)ids;
    (void)num;
    leak = malloc(8);
    free(leak);
    return 0;
}

static size_t count(const training_task_desc *desc, bool steps, rv_transform_fn transform)
{
    training_task task;
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    watch w = {.num_batches = (desc->examples + BATCH_SIZE - 1) / BATCH_SIZE};
    const rv_callback callbacks[] = {{.name = "Count",
                                      .user = &w,
                                      .on_epoch_begin = begin_epoch,
                                      .on_batch_begin = begin_batch,
                                      .on_batch_end = end_batch,
                                      .on_timestep_end = steps ? ignore : NULL}};
    atomic_store(&calls, 0);
    int code = training_task_create(&task, desc);
    if (code >= 0)
        code = training_task_compile(&model, &task, BATCH_SIZE);
    if (code >= 0)
        code = rv_train(&result, model,
                        &(rv_train_desc){.data = training_task_data(&task, task.spikes),
                                         .num_epochs = NUM_EPOCHS,
                                         .shuffle = RV_OFF, /* tapes belong to positions */
                                         .transform = transform,
                                         .callbacks = callbacks,
                                         .num_callbacks = 1});
    if (code < 0)
        fail_msg("%s", rv_last_error(task.context));
    rv_result_free(result);
    rv_compiled_network_free(model);
    training_task_free(&task);
    return atomic_load(&calls);
}

static void skip_where_malloc_is_not_ours(void)
{
#ifdef TEST_HAS_SANITIZER
    print_message("# a sanitizer has replaced malloc\n");
    skip();
#endif
}

static const training_task_desc plain = {
    .inputs = 40, .hidden = 70, .outputs = 5, .examples = 40, .timesteps = 60, .spikes_per_input = 3, .seed = 5};

static void none_with(const char *what, const training_task_desc *desc)
{
    training_task_desc d = *desc;
    for (d.num_threads = 1; d.num_threads <= 2; d.num_threads++)
        for (int steps = 0; steps < 2; steps++) {
            const size_t n = count(&d, steps, NULL);
            if (n)
                fail_msg("%s, %d threads%s: %zu allocations in %zu batches", what, d.num_threads,
                         steps ? ", step by step" : "", n, (d.examples + BATCH_SIZE - 1) / BATCH_SIZE);
        }
}

static void nothing_is_allocated_while_a_batch_is_swept(void **state)
{
    training_task_desc desc = plain;
    (void)state;
    skip_where_malloc_is_not_ours();
    desc.schedule = RV_SCHEDULE_SLOTS;
    none_with("slots", &desc);
    desc.schedule = RV_SCHEDULE_ROWS;
    none_with("rows", &desc);
    desc.forget_gradients = true;
    none_with("rows, no gradients kept", &desc);
    desc = plain;
    desc.regularisation = 1e-4;
    none_with("regularisation", &desc);
    desc = plain;
    desc.delays = desc.learn_delays = true;
    none_with("delays that learn", &desc);
    desc = plain;
    desc.demanding = true;
    none_with("demanding options", &desc);
}

static void nothing_is_allocated_with_eprop(void **state)
{
    training_task_desc desc = plain;
    (void)state;
    skip_where_malloc_is_not_ours();
    for (desc.rule = TRAINING_EPROP; desc.rule <= TRAINING_EPROP_ADAPTIVE; desc.rule++)
        none_with("e-prop", &desc);
    desc.online = true;
    desc.rule = TRAINING_EPROP;
    none_with("e-prop with traces", &desc);
}

static void what_a_user_allocates_is_counted(void **state)
{
    training_task_desc desc = plain;
    (void)state;
    skip_where_malloc_is_not_ours();
    desc.num_threads = 1; /* others grow when they first get work, and the control must be exact */
    assert_int_equal(count(&desc, false, allocate), desc.examples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_allocated_while_a_batch_is_swept),
        cmocka_unit_test(nothing_is_allocated_with_eprop),
        cmocka_unit_test(what_a_user_allocates_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
