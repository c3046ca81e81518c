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

#define MAX_BATCHES 64

/* The gradients of every batch of one epoch, in which the weights stay as they were unless it learns. */
typedef struct observer {
    const training_task *task;
    rv_compiled_network *model;
    bool learns;
    float *weights;                /* before the first batch */
    float *after[MAX_BATCHES];     /* weights after each batch, if it learns */
    float *gradients[MAX_BATCHES]; /* of each batch */
    size_t num_examples[MAX_BATCHES];
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
    if (code < 0)
        return code;
    return o->learns ? training_task_get(&o->after[batch], &o->size, o->task, o->model, "g")
                     : training_task_set(o->task, o->model, "g", o->weights);
}

/* Trains for an epoch in batches of batch_size; clear the observer. */
static void observe(observer *o, const training_task *task, const rv_spikes *spikes, size_t batch_size, bool learns)
{
    rv_result *result = NULL;
    size_t size;
    *o = (observer){.task = task, .learns = learns};
    succeed(task, training_task_compile(&o->model, task, batch_size));
    succeed(task, training_task_get(&o->weights, &size, task, o->model, "g"));
    const rv_callback callback = {
        .name = "observer", .user = o, .set_params = set_params, .on_batch_end = on_batch_end};
    succeed(task, rv_train(&result, o->model,
                           &(rv_train_desc){.data = training_task_data(task, spikes),
                                            .num_epochs = 1,
                                            .shuffle = RV_OFF,
                                            .callbacks = &callback,
                                            .num_callbacks = 1}));
    rv_result_free(result);
}

static void clear(observer *o)
{
    for (size_t b = 0; b < o->num_batches; b++) {
        free(o->gradients[b]);
        free(o->after[b]);
    }
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

/* Of networks. */
typedef enum kind {
    AT_ONCE,
    DELAYED,
    FIRST_SPIKES, /* outputs that spike, some of which never do */
    RELATIVE,     /* the same with the relative mean square error of their times */
} kind;

static void a_batch_has_the_mean_gradient_of_its_examples(void **state)
{
    static const size_t batch_sizes[] = {2, 3, 4, 5, 8, 11, 32};
    training_task_desc desc = small;
    training_task task;
    observer singles, batches;
    desc.delays = *(const kind *)*state == DELAYED;
    desc.first_spikes = *(const kind *)*state == FIRST_SPIKES || *(const kind *)*state == RELATIVE;
    succeed(&task, training_task_create(&task, &desc));
    if (*(const kind *)*state == RELATIVE)
        task.loss = rv_relative_mean_square_error(5);
    observe(&singles, &task, task.spikes, 1, false);
    assert_int_equal(singles.num_batches, small.examples);
    for (size_t k = 0; k < sizeof batch_sizes / sizeof *batch_sizes; k++) {
        const size_t size = batch_sizes[k];
        observe(&batches, &task, task.spikes, size, false);
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
    observe(&copies, &task, equal, 5, false);
    observe(&one, &task, equal, 1, false);
    assert_true(relative_error(copies.gradients[0], one.gradients[0], one.size) < TOLERANCE);
    observe(&singles, &task, task.spikes, 1, false);
    observe(&batches, &task, task.spikes, desc.examples, false);
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

/* Adam in double on the gradients that were read: every batch is learnt from when it is over, and what has no gradient
 * in a batch is moved by its moments all the same. */
static void adam_learns_from_every_batch_at_once(void **state)
{
    training_task_desc desc = small;
    desc.spikes_per_input = 2;
    training_task task;
    observer o;
    (void)state;
    succeed(&task, training_task_create(&task, &desc));
    observe(&o, &task, task.spikes, 2, true);
    size_t idle = 0, moved = 0;
    for (size_t i = 0; i < o.size; i++) {
        double w = (double)o.weights[i], m = 0, v = 0;
        for (size_t b = 0; b < o.num_batches; b++) {
            const double g = (double)o.gradients[b][i], n = (double)b + 1;
            idle += g == 0 && m != 0;
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            w -= 1e-2 * (m / (1 - pow(0.9, n))) / (sqrt(v / (1 - pow(0.999, n))) + 1e-8);
            if (fabs((double)o.after[b][i] - w) > 2e-6)
                fail_msg("weight %zu: %.9g after batch %zu, expected %.9g", i, (double)o.after[b][i], b, w);
        }
        moved += o.after[o.num_batches - 1][i] != o.weights[i];
    }
    assert_true(moved > o.size / 4 && idle > 0);
    clear(&o);
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
    const rv_evaluate_desc desc = {.data = training_task_data(&task, task.spikes), .no_callbacks = true};
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
    static kind at_once = AT_ONCE, delayed = DELAYED, first_spikes = FIRST_SPIKES, relative = RELATIVE;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_batch_has_the_mean_gradient_of_its_examples, &at_once),
        {"a_batch_has_the_mean_gradient_of_its_examples_where_spikes_are_delayed",
         a_batch_has_the_mean_gradient_of_its_examples, NULL, NULL, &delayed},
        {"a_batch_has_the_mean_gradient_of_its_examples_where_outputs_spike",
         a_batch_has_the_mean_gradient_of_its_examples, NULL, NULL, &first_spikes},
        {"a_batch_has_the_mean_gradient_of_its_examples_with_the_relative_mean_square_error",
         a_batch_has_the_mean_gradient_of_its_examples, NULL, NULL, &relative},
        cmocka_unit_test(regularisation_goes_by_the_mean_count_of_the_batch),
        cmocka_unit_test(adam_learns_from_every_batch_at_once),
        cmocka_unit_test(reported_loss_and_accuracy_are_those_of_the_readouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
