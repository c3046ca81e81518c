/* Quantities, and the callbacks that watch them: EarlyStopping, ReduceLROnPlateau and schedules, against sequences worked
 * out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/math.h"
#include "support/files.h"
#include "support/tiny.h"

#define MAX_EPOCHS 16

static tiny t;

static int set_up(void **state)
{
    (void)state;
    tiny_create(&t, 1, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tiny_free(&t);
    return 0;
}

/* ---- a quantity whose values the test gives: "hidden.score" ---- */

typedef struct script {
    double values[MAX_EPOCHS];
    rv_quantity *score;
    rv_run *run;
    double alpha[MAX_EPOCHS];       /* seen at the end of each epoch */
    double batch_alpha[MAX_EPOCHS * 3];
    size_t num_epochs, num_batches;
    float weights[MAX_EPOCHS][TINY_WEIGHTS];
} script;

static int add_score(void *user, rv_run *run)
{
    script *self = user;
    self->run = run;
    return rv_quantity_add(&self->score, run, t.hidden, "score");
}

static int set_score(void *user, size_t epoch, const rv_metrics *metrics)
{
    (void)metrics;
    script *self = user;
    rv_quantity_set(self->score, self->values[epoch]);
    rv_optimiser_param_get(t.model, "alpha", &self->alpha[epoch]);
    tiny_weights(&t, self->weights[epoch]);
    self->num_epochs = epoch + 1;
    return 0;
}

static int see_batch(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)batch;
    (void)metrics;
    script *self = user;
    rv_optimiser_param_get(t.model, "alpha", &self->batch_alpha[self->num_batches++]);
    return 0;
}

static rv_callback scripted(script *self)
{
    return (rv_callback){.name = "Script",
                         .user = self,
                         .set_params = add_score,
                         .on_epoch_end = set_score,
                         .on_batch_end = see_batch};
}

/* Trains for num_epochs with the script and one callback; the number of epochs that there were. */
static size_t epochs_with(script *self, rv_callback watched, size_t num_epochs)
{
    const rv_callback callbacks[] = {scripted(self), watched};
    rv_result *result = tiny_train(&t, callbacks, 2, num_epochs);
    const size_t num = rv_result_num_epochs(result);
    rv_result_free(result);
    return num;
}

static size_t stops_after(rv_early_stopping_desc desc, const double *values, size_t num)
{
    script self = {.num_epochs = 0};
    desc.monitor = "hidden.score";
    memcpy(self.values, values, num * sizeof *values);
    return epochs_with(&self, rv_early_stopping(desc), num);
}

#define STOPS_AFTER(expected, desc, ...)                                                                              \
    do {                                                                                                              \
        const double values[] = {__VA_ARGS__};                                                                        \
        assert_int_equal(stops_after(desc, values, sizeof values / sizeof *values), expected);                        \
    } while (0)

#define EARLY(...) ((rv_early_stopping_desc){__VA_ARGS__})

static void early_stopping_waits_for_patience_epochs(void **state)
{
    (void)state;
    STOPS_AFTER(8, EARLY(.patience = 3), 5, 4, 4.5, 4.5, 3, 3, 4, 5, 1, 1);
    STOPS_AFTER(3, EARLY(.patience = 1), 5, 4, 4, 3, 2, 1);
    STOPS_AFTER(2, EARLY(.patience = 0), 5, 5, 3);
    STOPS_AFTER(4, EARLY(.patience = 0), 5, 4, 3, 3, 2);
    STOPS_AFTER(5, EARLY(.patience = 9), 5, 5, 5, 5, 5);
}

static void early_stopping_knows_which_way_is_better(void **state)
{
    (void)state;
    STOPS_AFTER(4, EARLY(.patience = 2, .mode = RV_MODE_MAX), 1, 2, 1, 1, 9, 9);
    STOPS_AFTER(3, EARLY(.patience = 2, .mode = RV_MODE_MIN), 1, 2, 2, 1, 1);
}

static void early_stopping_asks_for_more_than_min_delta(void **state)
{
    (void)state;
    /* 4.6 is better than 5 by less than 0.5, 4.4 by more */
    STOPS_AFTER(5, EARLY(.patience = 2, .min_delta = 0.5), 5, 4.6, 4.4, 4, 4.3, 4.2);
    STOPS_AFTER(3, EARLY(.patience = 2, .min_delta = 0.7), 5, 4.6, 4.4, 4, 4);
}

static void early_stopping_waits_for_the_baseline(void **state)
{
    (void)state;
    /* Keras: becoming better without being better than the baseline does not end the waiting */
    STOPS_AFTER(5, EARLY(.patience = 3, .has_baseline = true, .baseline = 2), 5, 4, 3, 2.5, 2.5, 1);
    STOPS_AFTER(7, EARLY(.patience = 3, .has_baseline = true, .baseline = 2), 5, 4, 3, 1, 1.5, 1.5, 1.5, 0);
}

static void early_stopping_looks_at_nothing_before_start_from_epoch(void **state)
{
    (void)state;
    STOPS_AFTER(6, EARLY(.patience = 2, .start_from_epoch = 3), 1, 9, 9, 5, 5, 5, 5, 5);
}

static void a_value_that_is_not_a_number_is_never_better(void **state)
{
    (void)state;
    STOPS_AFTER(4, EARLY(.patience = 2), 5, 4, NAN, NAN, 1);
    STOPS_AFTER(5, EARLY(.patience = 3), NAN, NAN, 4, NAN, 3);
}

static void weights_of_the_best_epoch_come_back(void **state)
{
    (void)state;
    script self = {.values = {5, 3, 4, 4, 1}};
    float now[TINY_WEIGHTS];
    const rv_early_stopping_desc desc = {.monitor = "hidden.score", .patience = 2, .restore_best_weights = true};
    assert_int_equal(epochs_with(&self, rv_early_stopping(desc), 5), 4);
    tiny_weights(&t, now);
    assert_memory_equal(now, self.weights[1], sizeof now);
    assert_memory_not_equal(now, self.weights[3], sizeof now);
}

static void weights_of_the_best_epoch_come_back_at_the_end_too(void **state)
{
    (void)state;
    script self = {.values = {5, 3, 4}};
    float now[TINY_WEIGHTS];
    const rv_early_stopping_desc desc = {.monitor = "hidden.score", .patience = 9, .restore_best_weights = true};
    assert_int_equal(epochs_with(&self, rv_early_stopping(desc), 3), 3);
    tiny_weights(&t, now);
    assert_memory_equal(now, self.weights[1], sizeof now);
}

static void the_checkpoint_of_the_last_epoch_has_the_weights_that_came_back(void **state)
{
    (void)state;
    script self = {.values = {5, 3, 4, 4, 1}};
    float trained[TINY_WEIGHTS], loaded[TINY_WEIGHTS];
    const char *folder = test_path("restored");
    const rv_callback callbacks[] = {
        scripted(&self), rv_checkpoint((rv_checkpoint_desc){.folder = folder}),
        rv_early_stopping((rv_early_stopping_desc){
            .monitor = "hidden.score", .patience = 2, .restore_best_weights = true})};
    rv_result_free(tiny_train(&t, callbacks, 3, 5));
    tiny_weights(&t, trained);
    rv_result_free(tiny_train(&t, NULL, 0, 1));
    const rv_serialiser files = rv_numpy_serialiser(folder);
    TINY_OK(&t, rv_compiled_network_load(t.model, &files, (const char *[]){"latest"}, 1));
    tiny_weights(&t, loaded);
    assert_memory_equal(loaded, trained, sizeof loaded);
    TINY_OK(&t, rv_compiled_network_load(t.model, &files, (const char *[]){"1"}, 1));
    tiny_weights(&t, loaded);
    assert_memory_equal(loaded, self.weights[1], sizeof loaded);
}

/* ---- ReduceLROnPlateau ---- */

static void the_learning_rate_falls_on_a_plateau(void **state)
{
    (void)state;
    script self = {.values = {5, 4, 4, 4, 3, 3, 3, 3, 3, 3}};
    const double expected[] = {1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125};
    epochs_with(&self,
                rv_reduce_lr_on_plateau((rv_reduce_lr_on_plateau_desc){
                    .monitor = "hidden.score", .factor = 0.5, .patience = 2}),
                10);
    for (size_t e = 0; e < 10; e++)
        assert_float_equal(self.alpha[e], 0.01 * expected[e], 1e-15);
}

static void after_a_fall_the_learning_rate_cools_down(void **state)
{
    (void)state;
    /* epoch 2: two without better, falls; 3 and 4 cool; 5, 6 wait; falls; ... down to min_lr */
    script self = {.values = {5, 5, 5, 5, 5, 5, 5, 5, 5, 5}};
    const double expected[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3};
    epochs_with(&self,
                rv_reduce_lr_on_plateau((rv_reduce_lr_on_plateau_desc){
                    .monitor = "hidden.score", .factor = 0.5, .patience = 2, .cooldown = 2, .min_lr = 0.003}),
                10);
    for (size_t e = 0; e < 10; e++)
        if (fabs(self.alpha[e] - 0.01 * expected[e]) > 1e-15)
            fail_msg("epoch %zu: alpha is %g, expected %g", e, self.alpha[e], 0.01 * expected[e]);
}

static void better_by_less_than_min_delta_is_a_plateau(void **state)
{
    (void)state;
    script self = {.values = {1, 1 - 5e-5, 1 - 9e-5, 1}};
    epochs_with(&self,
                rv_reduce_lr_on_plateau(
                    (rv_reduce_lr_on_plateau_desc){.monitor = "hidden.score", .factor = 0.5, .patience = 2}),
                4);
    assert_float_equal(self.alpha[3], 0.005, 1e-15);
    tear_down(NULL), set_up(NULL);
    script exact = {.values = {1, 1 - 5e-5, 1 - 9e-5, 1}};
    epochs_with(&exact,
                rv_reduce_lr_on_plateau((rv_reduce_lr_on_plateau_desc){
                    .monitor = "hidden.score", .factor = 0.5, .patience = 2, .min_delta = DBL_MIN}),
                4);
    assert_float_equal(exact.alpha[3], 0.01, 1e-15);
}

/* ---- schedules ---- */

static void sees_alphas(rv_learning_rate_schedule_desc desc, const double *expected, size_t num)
{
    script self = {.num_epochs = 0};
    tear_down(NULL), set_up(NULL);
    epochs_with(&self, rv_learning_rate_schedule(desc), desc.per_batch ? num / 3 : num);
    for (size_t i = 0; i < num; i++) {
        const double alpha = desc.per_batch ? self.batch_alpha[i] : self.alpha[i];
        if (fabs(alpha - expected[i]) > 1e-15 + 1e-12 * fabs(expected[i]))
            fail_msg("decay %d, number %zu: alpha is %.17g, expected %.17g", (int)desc.decay, i, alpha, expected[i]);
    }
}

static void schedules_are_what_their_formulas_say(void **state)
{
    (void)state;
    const double step[] = {0.8, 0.8, 0.4, 0.4, 0.2};
    sees_alphas((rv_learning_rate_schedule_desc){.decay = RV_DECAY_STEP, .from = 0.8, .factor = 0.5, .every = 2}, step,
                5);
    const double exponential[] = {0.8, 0.72, 0.648, 0.5832};
    sees_alphas((rv_learning_rate_schedule_desc){.decay = RV_DECAY_EXPONENTIAL, .from = 0.8, .factor = 0.9},
                exponential, 4);
    const double linear[] = {0.8, 0.6, 0.4, 0.2, 0.2};
    sees_alphas((rv_learning_rate_schedule_desc){.decay = RV_DECAY_LINEAR, .from = 0.8, .to = 0.2, .length = 3},
                linear, 5);
    double cosine[8];
    for (int n = 0; n < 8; n++)
        cosine[n] = n < 6 ? 0.1 + 0.7 * 0.5 * (1 + cos(acos(-1) * n / 6.0)) : 0.1;
    sees_alphas((rv_learning_rate_schedule_desc){.decay = RV_DECAY_COSINE, .from = 0.8, .to = 0.1, .length = 6},
                cosine, 8);
    const double warm[] = {0.2, 0.4, 0.6, 0.8, 0.4, 0.2};
    sees_alphas((rv_learning_rate_schedule_desc){
                    .decay = RV_DECAY_EXPONENTIAL, .from = 0.8, .factor = 0.5, .warm_up = 3},
                warm, 6);
    const double constant[] = {0.005, 0.01, 0.01}; /* from what the optimiser has */
    sees_alphas((rv_learning_rate_schedule_desc){.warm_up = 1}, constant, 3);
}

static void schedules_may_count_batches_to_the_end_of_the_run(void **state)
{
    (void)state;
    double cosine[9]; /* 3 epochs of 3 batches */
    for (int n = 0; n < 9; n++)
        cosine[n] = n < 2 ? 0.01 * (n + 1) / 3.0 : 0.01 * 0.5 * (1 + cos(acos(-1) * (n - 2) / 7.0));
    sees_alphas((rv_learning_rate_schedule_desc){.decay = RV_DECAY_COSINE, .warm_up = 2, .per_batch = true}, cosine,
                9);
}

static void cos_pi_is_the_cosine(void **state)
{
    (void)state;
    for (int i = 0; i <= 4096; i++) {
        const double x = i / 4096.0, expected = (double)cosl(acosl(-1.0L) * (long double)x);
        if (fabs(rv_cos_pi(x) - expected) > 0x1p-52)
            fail_msg("cos(pi %.17g) is %.17g, expected %.17g", x, rv_cos_pi(x), expected);
    }
    assert_true(rv_cos_pi(0) == 1 && rv_cos_pi(1) == -1 && rv_cos_pi(0.5) == 0);
}

/* ---- names ---- */

static void refuses(const rv_callback *callbacks, size_t num, int code, const char *words)
{
    rv_run *run;
    assert_int_equal(rv_train_prepare(&run, t.model,
                                      &(rv_train_desc){.data = tiny_data(&t),
                                                       .num_epochs = 2,
                                                       .callbacks = callbacks,
                                                       .num_callbacks = num}),
                     code);
    if (!strstr(rv_last_error(t.context), words))
        fail_msg("'%s' does not say '%s'", rv_last_error(t.context), words);
}

static void an_unknown_quantity_is_an_error_before_the_run(void **state)
{
    (void)state;
    script self = {.num_epochs = 0};
    const rv_callback a[] = {rv_early_stopping((rv_early_stopping_desc){.patience = 1}), scripted(&self)};
    refuses(a, 2, RV_ERR_NAME, "EarlyStopping: nothing is called 'val_loss', expected one of: loss, accuracy, hidden.score");
    const rv_callback b[] = {rv_model_checkpoint((rv_model_checkpoint_desc){.monitor = "hidden.rate"})};
    refuses(b, 1, RV_ERR_NAME, "ModelCheckpoint: nothing is called 'hidden.rate', expected one of: loss, accuracy");
    const rv_callback c[] = {scripted(&self), scripted(&self)};
    refuses(c, 2, RV_ERR_NAME, "quantity 'hidden.score' is added twice");
}

static void a_quantity_may_be_watched_before_it_is_added_in_the_list(void **state)
{
    (void)state;
    script self = {.values = {1, 1, 1}};
    const rv_callback callbacks[] = {
        rv_early_stopping((rv_early_stopping_desc){.monitor = "hidden.score", .patience = 1}), scripted(&self)};
    /* it then sees the value of the epoch before */
    rv_result *result = tiny_train(&t, callbacks, 2, 3);
    assert_int_equal(rv_result_num_epochs(result), 2);
    rv_result_free(result);
}

static void outputs_go_by_either_name(void **state)
{
    (void)state;
    rv_result *result = tiny_train(&t, (const rv_callback[]){rv_early_stopping((rv_early_stopping_desc){
                                           .monitor = "output.accuracy", .patience = 5})},
                                   1, 1);
    assert_string_equal(rv_result_metrics(result)->items[1].label, "accuracy");
    rv_result_free(result);
}

static void wrong_arguments_are_errors_before_the_run(void **state)
{
    (void)state;
    const struct {
        rv_callback callback;
        const char *words;
    } cases[] = {
        {rv_early_stopping((rv_early_stopping_desc){.monitor = "loss", .min_delta = -1}), "min_delta must be >= 0"},
        {rv_early_stopping((rv_early_stopping_desc){.monitor = "loss", .mode = (rv_mode)7}), "mode must be one of"},
        {rv_reduce_lr_on_plateau((rv_reduce_lr_on_plateau_desc){.monitor = "loss", .factor = 1}), "factor must be"},
        {rv_reduce_lr_on_plateau((rv_reduce_lr_on_plateau_desc){.monitor = "loss", .min_lr = NAN}), "min_lr must be"},
        {rv_learning_rate_schedule((rv_learning_rate_schedule_desc){.decay = RV_DECAY_STEP}), "factor must be > 0"},
        {rv_progress((rv_progress_desc){.interval = -1}), "interval must be > 0 s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuses(&cases[i].callback, 1, RV_ERR_VALUE, cases[i].words);
    const rv_callback unknown = rv_learning_rate_schedule((rv_learning_rate_schedule_desc){.param_name = "gamma"});
    refuses(&unknown, 1, RV_ERR_NAME, "gamma");
    const rv_callback needs_state =
        rv_checkpoint((rv_checkpoint_desc){.folder = test_path("x"), .batch_interval = 3});
    refuses(&needs_state, 1, RV_ERR_ARGUMENT, "batch_interval needs resumable");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(early_stopping_waits_for_patience_epochs),
        TEST(early_stopping_knows_which_way_is_better),
        TEST(early_stopping_asks_for_more_than_min_delta),
        TEST(early_stopping_waits_for_the_baseline),
        TEST(early_stopping_looks_at_nothing_before_start_from_epoch),
        TEST(a_value_that_is_not_a_number_is_never_better),
        TEST(weights_of_the_best_epoch_come_back),
        TEST(weights_of_the_best_epoch_come_back_at_the_end_too),
        TEST(the_checkpoint_of_the_last_epoch_has_the_weights_that_came_back),
        TEST(the_learning_rate_falls_on_a_plateau),
        TEST(after_a_fall_the_learning_rate_cools_down),
        TEST(better_by_less_than_min_delta_is_a_plateau),
        TEST(schedules_are_what_their_formulas_say),
        TEST(schedules_may_count_batches_to_the_end_of_the_run),
        TEST(cos_pi_is_the_cosine),
        TEST(an_unknown_quantity_is_an_error_before_the_run),
        TEST(a_quantity_may_be_watched_before_it_is_added_in_the_list),
        TEST(outputs_go_by_either_name),
        TEST(wrong_arguments_are_errors_before_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
