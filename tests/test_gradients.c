/* The gradient of a batch: the mean over its examples, whatever its size, over the true number of examples, and
 * learnt from at once. Compared with batches of one example; tests/test_reference.py compares with numpy. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/training_task.h"

#define TOLERANCE 1e-5

static const training_task_desc small = {
    .inputs = 12, .hidden = 20, .outputs = 4, .examples = 11, .timesteps = 40, .spikes_per_input = 6, .seed = 1};

static void succeed(const training_task *task, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(task->context));
}

/* The gradients of every batch of one epoch, in which the weights stay as they were. */
typedef struct observer {
    const training_task *task;
    rv_compiled_network *model;
    float *weights;
    float *gradients[64]; /* of each batch */
    size_t num_examples[64];
    size_t num_batches, size;
    rv_run *run;
} observer;

static int set_params(void *user, rv_run *run)
{
    ((observer *)user)->run = run;
    return 0;
}

static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    observer *const o = user;
    (void)metrics;
    o->num_examples[batch] = rv_run_batch_count(o->run);
    o->num_batches = batch + 1;
    const int code = training_task_get(&o->gradients[batch], &o->size, o->task, o->model, "Gradient");
    return code < 0 ? code : training_task_set(o->task, o->model, "g", o->weights);
}

/* Trains for an epoch in batches of batch_size; clear the observer. */
static void observe(observer *o, const training_task *task, const rv_spikes *spikes, size_t batch_size)
{
    rv_result *result = NULL;
    size_t size;
    *o = (observer){.task = task};
    succeed(task, training_task_compile(&o->model, task, batch_size));
    succeed(task, training_task_get(&o->weights, &size, task, o->model, "g"));
    const rv_callback callback = {
        .name = "observer", .user = o, .set_params = set_params, .on_batch_end = on_batch_end};
    succeed(task, rv_train(&result, o->model,
                           &(rv_train_desc){.data = training_task_data(task, spikes, 0),
                                            .num_epochs = 1,
                                            .shuffle = RV_OFF,
                                            .callbacks = &callback,
                                            .num_callbacks = 1}));
    rv_result_free(result);
}

static void clear(observer *o)
{
    for (size_t b = 0; b < o->num_batches; b++)
        free(o->gradients[b]);
    free(o->weights);
    rv_compiled_network_free(o->model);
}

/* The mean of batches [first, first + num), in double. */
static float *mean_gradient(const observer *o, size_t first, size_t num)
{
    float *const mean = malloc(o->size * sizeof *mean);
    assert_non_null(mean);
    for (size_t i = 0; i < o->size; i++) {
        double sum = 0;
        for (size_t b = first; b < first + num; b++)
            sum += (double)o->gradients[b][i];
        mean[i] = (float)(sum / (double)num);
    }
    return mean;
}

static void a_batch_has_the_mean_gradient_of_its_examples(void **state)
{
    static const size_t batch_sizes[] = {2, 3, 4, 5, 8, 11, 32};
    training_task task;
    observer singles, batches;
    (void)state;
    succeed(&task, training_task_create(&task, &small));
    observe(&singles, &task, task.spikes, 1);
    assert_int_equal(singles.num_batches, small.examples);
    for (size_t k = 0; k < sizeof batch_sizes / sizeof *batch_sizes; k++) {
        const size_t size = batch_sizes[k];
        observe(&batches, &task, task.spikes, size);
        assert_int_equal(batches.num_batches, (small.examples + size - 1) / size);
        for (size_t b = 0; b < batches.num_batches; b++) {
            const size_t rest = small.examples - b * size, num = rest < size ? rest : size;
            float *const mean = mean_gradient(&singles, b * size, num);
            const double error = relative_error(batches.gradients[b], mean, singles.size);
            assert_int_equal(batches.num_examples[b], num);
            if (!(error < TOLERANCE))
                fail_msg("batch %zu of size %zu (%zu examples): relative error %g", b, size, num, error);
            free(mean);
        }
        clear(&batches);
    }
    clear(&singles);
    training_task_free(&task);
}

/* Regularisation goes by the mean count of the batch: that of equal examples is that of one, and of unequal ones it is
 * not what they give alone. */
static void regularisation_goes_by_the_mean_count_of_the_batch(void **state)
{
    training_task_desc desc = small;
    desc.regularisation = 1e-2;
    training_task task;
    observer one, copies, singles, batches;
    rv_spikes *equal = NULL;
    double times[200];
    int32_t ids[200];
    (void)state;
    succeed(&task, training_task_create(&task, &desc));
    assert_in_range(rv_spikes_count(task.spikes, 0), 1, 200);
    succeed(&task, rv_spikes_get(task.spikes, 0, times, ids));
    succeed(&task, rv_spikes_create(&equal, task.context, desc.inputs));
    for (size_t e = 0; e < 5; e++) {
        succeed(&task, rv_spikes_append(equal, times, ids, rv_spikes_count(task.spikes, 0)));
        task.labels[e] = task.labels[0];
    }
    observe(&copies, &task, equal, 5);
    observe(&one, &task, equal, 1);
    assert_true(relative_error(copies.gradients[0], one.gradients[0], one.size) < TOLERANCE);
    observe(&singles, &task, task.spikes, 1);
    observe(&batches, &task, task.spikes, desc.examples);
    float *const mean = mean_gradient(&singles, 0, desc.examples);
    assert_true(relative_error(batches.gradients[0], mean, singles.size) > 1e-3);
    free(mean);
    clear(&copies);
    clear(&one);
    clear(&singles);
    clear(&batches);
    rv_spikes_free(equal);
    training_task_free(&task);
}

/* One step of Adam from zero moments moves every weight by alpha G / (|G| + epsilon): that of this batch, now. */
static void a_batch_is_learnt_from_at_once(void **state)
{
    training_task task;
    rv_compiled_network *model = NULL;
    rv_result *result = NULL;
    rv_spikes *spikes = NULL;
    float *before, *after, *gradient;
    size_t size;
    (void)state;
    succeed(&task, training_task_create(&task, &small));
    succeed(&task, training_task_cut(&spikes, &task, 0, 3));
    succeed(&task, training_task_compile(&model, &task, 4));
    succeed(&task, training_task_get(&before, &size, &task, model, "g"));
    succeed(&task, rv_train(&result, model,
                            &(rv_train_desc){
                                .data = training_task_data(&task, spikes, 0), .num_epochs = 1, .no_callbacks = true}));
    succeed(&task, training_task_get(&after, &size, &task, model, "g"));
    succeed(&task, training_task_get(&gradient, &size, &task, model, "Gradient"));
    size_t moved = 0;
    for (size_t i = 0; i < size; i++) {
        const double g = (double)gradient[i], wanted = (double)before[i] - 1e-2 * g / (fabs(g) + 1e-8);
        if (fabs((double)after[i] - wanted) > 2e-6)
            fail_msg("weight %zu: %.9g after the batch, expected %.9g", i, (double)after[i], wanted);
        moved += after[i] != before[i];
    }
    assert_true(moved > size / 2);
    free(before);
    free(after);
    free(gradient);
    rv_result_free(result);
    rv_compiled_network_free(model);
    rv_spikes_free(spikes);
    training_task_free(&task);
}

/* Mean cross-entropy in nats and share of hits, over the true number of examples, as the readouts have it. */
static void reported_loss_and_accuracy_are_those_of_the_readouts(void **state)
{
    training_task task;
    rv_compiled_network *model = NULL;
    rv_result *tested = NULL, *predicted = NULL;
    (void)state;
    succeed(&task, training_task_create(&task, &small));
    succeed(&task, rv_compile_inference(
                       &model, task.network,
                       &(rv_inference_desc){.example_timesteps = small.timesteps, .dt = 1, .batch_size = 4}));
    const rv_evaluate_desc desc = {.data = training_task_data(&task, task.spikes, 0), .no_callbacks = true};
    succeed(&task, rv_evaluate(&tested, model, &desc));
    succeed(&task, rv_predict(&predicted, model, &desc));
    size_t num = 0;
    const float *const y = rv_result_prediction(predicted, task.out, &num);
    assert_int_equal(num, small.examples);
    double loss = 0, hits = 0, found;
    for (size_t e = 0; e < num; e++) {
        const float *const row = y + e * small.outputs;
        double sum = 0;
        size_t best = 0;
        for (size_t k = 0; k < small.outputs; k++) {
            sum += exp((double)row[k] - (double)row[task.labels[e]]);
            best = row[k] > row[best] ? k : best;
        }
        loss += log(sum) / (double)num;
        hits += (double)((int32_t)best == task.labels[e]) / (double)num;
    }
    succeed(&task, rv_metrics_get(rv_result_metrics(tested), "loss", &found));
    assert_true(fabs(found - loss) < 1e-6 * loss);
    succeed(&task, rv_metrics_get(rv_result_metrics(tested), "accuracy", &found));
    assert_true(fabs(found - hits) < 1e-12);
    rv_result_free(tested);
    rv_result_free(predicted);
    rv_compiled_network_free(model);
    training_task_free(&task);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_has_the_mean_gradient_of_its_examples),
        cmocka_unit_test(regularisation_goes_by_the_mean_count_of_the_batch),
        cmocka_unit_test(a_batch_is_learnt_from_at_once),
        cmocka_unit_test(reported_loss_and_accuracy_are_those_of_the_readouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
