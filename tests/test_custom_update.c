/* Custom updates of one's own: what a function sees and writes, reductions, and that nothing else changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ranvier.h>

#include "support/tiny.h"

#define WEIGHTS (TINY_INPUTS * TINY_HIDDEN)

static tiny net;

static void create(int num_threads, bool learns)
{
    tiny_create(&net, num_threads, learns);
}

static int tear_down(void **state)
{
    (void)state;
    tiny_free(&net);
    return 0;
}

static void add(const rv_custom_update_desc *desc)
{
    TINY_OK(&net, rv_custom_update_add(net.model, desc));
}

static void add_variable(rv_update_variable_desc desc)
{
    TINY_OK(&net, rv_update_variable_add(net.model, &desc));
}

static void get(rv_variable variable, float *out, size_t size)
{
    TINY_OK(&net, rv_variable_get(net.model, variable, out, size));
}

/* ---- functions ---- */

static void copy(const rv_update_step *step)
{
    memcpy(step->value[1], step->value[0], step->n * sizeof(float));
}

static void copy_twice(const rv_update_step *step)
{
    memcpy(step->value[1], step->value[0], step->n * sizeof(float));
    memcpy(step->value[2], step->value[0], step->n * sizeof(float));
}

static void add_tenth(const rv_update_step *step)
{
    for (size_t j = 0; j < step->n; j++)
        step->value[0][j] += 0.1F;
}

static void shrink(const rv_update_step *step)
{
    const float *factor = step->user;
    for (size_t j = 0; j < step->n; j++)
        step->value[0][j] *= *factor;
}

static void set_half(const rv_update_step *step)
{
    for (size_t j = 0; j < step->n; j++)
        step->value[0][j] = 0.5F;
}

static void exponentials(const rv_update_step *step)
{
    for (size_t j = 0; j < step->n; j++)
        step->value[2][j] = expf(step->value[0][j] - step->value[1][j]);
}

static void share(const rv_update_step *step)
{
    for (size_t j = 0; j < step->n; j++)
        step->value[3][j] = expf(step->value[0][j] - step->value[1][j]) / step->value[2][j];
}

/* ---- state of examples ---- */

static void get_state(const rv_simulation *s, const rv_population *p, const char *name, size_t example, float *out,
                      size_t size)
{
    TINY_OK(&net, rv_simulation_get_state(s, p, name, example, out, size));
}

static void an_update_reads_and_writes_the_state_of_every_example(void **state)
{
    (void)state;
    create(2, false);
    add(&(rv_custom_update_desc){
        .group = "Lift", .references = {{net.hidden, NULL, "V", RV_ACCESS_READ_WRITE}}, .update = add_tenth});
    rv_simulation *s = tiny_simulate(&net, 7);
    float before[4][TINY_HIDDEN], after[TINY_HIDDEN];
    for (size_t e = 0; e < 4; e++)
        get_state(s, net.hidden, "V", e, before[e], TINY_HIDDEN);
    TINY_OK(&net, rv_simulation_custom_update(s, "Lift"));
    TINY_OK(&net, rv_simulation_custom_update(s, "Lift"));
    for (size_t e = 0; e < 4; e++) {
        get_state(s, net.hidden, "V", e, after, TINY_HIDDEN);
        for (size_t j = 0; j < TINY_HIDDEN; j++)
            assert_true(after[j] == before[e][j] + 0.1F + 0.1F);
    }
    rv_simulation_free(s);
}

static void reductions_over_the_batch_are_sums_and_maxima_by_example(void **state)
{
    (void)state;
    create(3, false);
    add_variable((rv_update_variable_desc){.population = net.hidden, .name = "Sum"});
    add_variable((rv_update_variable_desc){.population = net.hidden, .name = "Max"});
    add(&(rv_custom_update_desc){.group = "Reduce",
                                 .references = {{net.hidden, NULL, "V", RV_ACCESS_READ},
                                                {net.hidden, NULL, "Sum", RV_ACCESS_SUM_BATCH},
                                                {net.hidden, NULL, "Max", RV_ACCESS_MAX_BATCH}},
                                 .update = copy_twice});
    rv_simulation *s = tiny_simulate(&net, 9);
    TINY_OK(&net, rv_simulation_custom_update(s, "Reduce"));
    float v[4][TINY_HIDDEN], sum[TINY_HIDDEN], max[TINY_HIDDEN];
    for (size_t e = 0; e < 4; e++)
        get_state(s, net.hidden, "V", e, v[e], TINY_HIDDEN);
    get((rv_variable){.population = net.hidden, .name = "Sum"}, sum, TINY_HIDDEN);
    get((rv_variable){.population = net.hidden, .name = "Max"}, max, TINY_HIDDEN);
    float any = 0;
    for (size_t j = 0; j < TINY_HIDDEN; j++) {
        double expected = 0;
        float largest = v[0][j];
        for (size_t e = 0; e < 4; e++) {
            expected += (double)v[e][j];
            largest = v[e][j] > largest ? v[e][j] : largest;
        }
        assert_true(sum[j] == (float)expected);
        assert_true(max[j] == largest);
        any += fabsf(sum[j]);
    }
    assert_true(any > 0);
    rv_simulation_free(s);
}

/* mlGeNN's three stages: the largest V, the sum of the exponentials, their quotient. */
static void a_softmax_can_be_written_with_reductions_over_neurons(void **state)
{
    (void)state;
    create(2, false);
    const rv_population *out = net.output;
    add_variable((rv_update_variable_desc){.population = out, .name = "MaxVal", .per_example = true, .single = true});
    add_variable((rv_update_variable_desc){.population = out, .name = "SumExp", .per_example = true, .single = true});
    add_variable((rv_update_variable_desc){.population = out, .name = "P", .per_example = true, .initial = -1});
    const rv_reference v = {out, NULL, "V", RV_ACCESS_READ}, max = {out, NULL, "MaxVal", RV_ACCESS_READ};
    add(&(rv_custom_update_desc){
        .group = "P", .references = {v, {out, NULL, "MaxVal", RV_ACCESS_MAX_NEURONS}}, .update = copy});
    add(&(rv_custom_update_desc){
        .group = "P", .references = {v, max, {out, NULL, "SumExp", RV_ACCESS_SUM_NEURONS}}, .update = exponentials});
    add(&(rv_custom_update_desc){
        .group = "P",
        .references = {v, max, {out, NULL, "SumExp", RV_ACCESS_READ}, {out, NULL, "P", RV_ACCESS_READ_WRITE}},
        .update = share});
    rv_simulation *s = tiny_simulate(&net, TINY_STEPS);
    float p[TINY_OUTPUTS], x[TINY_OUTPUTS];
    get_state(s, out, "P", 0, p, TINY_OUTPUTS);
    assert_true(p[0] == -1 && p[2] == -1);
    TINY_OK(&net, rv_simulation_custom_update(s, "P"));
    for (size_t e = 0; e < 4; e++) {
        get_state(s, out, "P", e, p, TINY_OUTPUTS);
        get_state(s, out, "V", e, x, TINY_OUTPUTS);
        const double sum = exp((double)x[0]) + exp((double)x[1]) + exp((double)x[2]);
        for (size_t k = 0; k < TINY_OUTPUTS; k++)
            assert_true(fabs((double)p[k] - exp((double)x[k]) / sum) < 1e-6);
        assert_true(x[0] != x[1]);
    }
    rv_simulation_free(s);
}

static void a_variable_per_example_is_recorded_and_starts_anew(void **state)
{
    (void)state;
    create(2, false);
    add_variable(
        (rv_update_variable_desc){.population = net.hidden, .name = "Age", .per_example = true, .initial = 2});
    add(&(rv_custom_update_desc){
        .group = "Grow", .references = {{net.hidden, NULL, "Age", RV_ACCESS_READ_WRITE}}, .update = add_tenth});
    rv_callback callbacks[] = {
        rv_custom_update_on_timestep_begin((rv_custom_update_on_desc){.name = "Grow"}),
        rv_var_recorder((rv_var_recorder_desc){.population = net.hidden, .genn_var = "Age", .key = "age"}),
    };
    rv_result *result = tiny_evaluate(&net, callbacks, 2);
    const rv_entries *age = rv_result_data(result, "age");
    assert_int_equal(age->num, TINY_EXAMPLES);
    for (size_t e = 0; e < age->num; e++) {
        float expected = 2;
        for (size_t t = 0; t < TINY_STEPS; t++) {
            expected += 0.1F;
            assert_true(age->items[e].values[t * TINY_HIDDEN + 3] == expected);
        }
    }
    rv_result_free(result);
}

/* ---- the callbacks ---- */

static float trained(rv_callback *callbacks, size_t num, float *weights)
{
    double loss;
    rv_result *result = tiny_train(&net, callbacks, num, 3);
    TINY_OK(&net, rv_metrics_get(rv_result_metrics(result), "loss", &loss));
    tiny_weights(&net, weights);
    rv_result_free(result);
    return (float)loss;
}

static void updates_that_read_change_no_bit_of_training(void **state)
{
    (void)state;
    float plain[TINY_WEIGHTS], watched[TINY_WEIGHTS];
    create(1, true);
    const float loss = trained(NULL, 0, plain);
    for (int threads = 1; threads <= 3; threads++) {
        tiny_free(&net);
        create(threads, true);
        add_variable((rv_update_variable_desc){.population = net.hidden, .name = "Sum"});
        add(&(rv_custom_update_desc){
            .group = "Look",
            .references = {{net.hidden, NULL, "Isyn", RV_ACCESS_READ}, {net.hidden, NULL, "Sum", RV_ACCESS_SUM_BATCH}},
            .update = copy});
        rv_callback callbacks[] = {
            rv_custom_update_on_batch_begin((rv_custom_update_on_desc){.name = "Look"}),
            rv_custom_update_on_timestep_begin((rv_custom_update_on_desc){.name = "Look"}),
            rv_custom_update_on_timestep_end((rv_custom_update_on_desc){.name = "Look"}),
            rv_custom_update_on_batch_end((rv_custom_update_on_desc){.name = "Look"}),
            rv_custom_update_on_batch_end((rv_custom_update_on_desc){.name = "GradientBatchReduce"}),
        };
        assert_true(trained(callbacks, 5, watched) == loss);
        assert_memory_equal(plain, watched, sizeof plain);
    }
}

static void updates_that_write_do_so_to_the_same_bits_on_any_number_of_threads(void **state)
{
    (void)state;
    float plain[TINY_WEIGHTS], first[TINY_WEIGHTS], other[TINY_WEIGHTS], last[TINY_HIDDEN], sum[TINY_HIDDEN];
    create(1, true);
    trained(NULL, 0, plain);
    for (int threads = 1; threads <= 3; threads++) {
        tiny_free(&net);
        create(threads, true);
        add_variable((rv_update_variable_desc){.population = net.hidden, .name = "Sum"});
        add(&(rv_custom_update_desc){.group = "Lift",
                                     .references = {{net.hidden, NULL, "V", RV_ACCESS_READ_WRITE},
                                                    {net.hidden, NULL, "Sum", RV_ACCESS_SUM_BATCH}},
                                     .update = set_half});
        add(&(rv_custom_update_desc){
            .group = "Lift",
            .references = {{net.hidden, NULL, "V", RV_ACCESS_READ}, {net.hidden, NULL, "Sum", RV_ACCESS_SUM_BATCH}},
            .update = copy});
        rv_callback callback = rv_custom_update_on_timestep_end((rv_custom_update_on_desc){.name = "Lift"});
        trained(&callback, 1, threads == 1 ? first : other);
        get((rv_variable){.population = net.hidden, .name = "Sum"}, threads == 1 ? last : sum, TINY_HIDDEN);
        assert_true((threads == 1 ? last : sum)[0] == 0.5F * 3); /* the last batch has 3 examples */
        if (threads > 1)
            assert_memory_equal(first, other, sizeof first);
    }
    assert_memory_not_equal(plain, first, sizeof first);
}

/* Nobody watches timesteps, and yet the state of all examples is there at the end. */
static void a_group_at_the_end_of_batches_sees_the_state_that_is_recorded(void **state)
{
    (void)state;
    float plain[TINY_WEIGHTS], watched[TINY_WEIGHTS], sum[TINY_OUTPUTS], mean[TINY_OUTPUTS];
    create(1, true);
    trained(NULL, 0, plain);
    tiny_free(&net);
    create(2, true);
    add_variable((rv_update_variable_desc){.population = net.output, .name = "Sum"});
    add_variable((rv_update_variable_desc){.population = net.output, .name = "Mean"});
    const rv_reference into = {net.output, NULL, "Sum", RV_ACCESS_SUM_BATCH};
    add(&(rv_custom_update_desc){
        .group = "Look", .references = {{net.output, NULL, "V", RV_ACCESS_READ}, into}, .update = copy});
    add(&(rv_custom_update_desc){
        .group = "Look",
        .references = {{net.output, NULL, "VAvg", RV_ACCESS_READ}, {net.output, NULL, "Mean", RV_ACCESS_SUM_BATCH}},
        .update = copy});
    rv_callback callbacks[] = {
        rv_custom_update_on_batch_end((rv_custom_update_on_desc){.name = "Look"}),
        rv_var_recorder((rv_var_recorder_desc){.population = net.output, .var = "v", .key = "v"}),
    };
    rv_result_free(tiny_train(&net, callbacks, 2, 3));
    tiny_weights(&net, watched);
    assert_memory_equal(plain, watched, sizeof plain);

    rv_result *result = tiny_evaluate(&net, callbacks, 2);
    get((rv_variable){.population = net.output, .name = "Sum"}, sum, TINY_OUTPUTS);
    get((rv_variable){.population = net.output, .name = "Mean"}, mean, TINY_OUTPUTS);
    const rv_entry *last = rv_result_data(result, "v")->items + TINY_EXAMPLES - 3; /* the last batch */
    for (size_t k = 0; k < TINY_OUTPUTS; k++) {
        double end = 0, average = 0;
        for (size_t e = 0; e < 3; e++) {
            end += (double)last[e].values[(TINY_STEPS - 1) * TINY_OUTPUTS + k];
            for (size_t step = 0; step < TINY_STEPS; step++)
                average += (double)last[e].values[step * TINY_OUTPUTS + k] / TINY_STEPS;
        }
        assert_true(sum[k] == (float)end && end != 0);
        assert_true(fabs((double)mean[k] - average) < 1e-5);
    }
    rv_result_free(result);
}

/* As a parameter of the neurons would do it. */
static void a_batch_begins_with_the_state_that_an_update_gives_it(void **state)
{
    (void)state;
    float half[TINY_HIDDEN];
    for (size_t j = 0; j < TINY_HIDDEN; j++)
        half[j] = 0.5F;
    double expected, loss;
    create(2, false);
    TINY_OK(&net, rv_variable_set(net.model, (rv_variable){.population = net.hidden, .name = "v"}, half, TINY_HIDDEN));
    rv_result *result = tiny_evaluate(&net, NULL, 0);
    TINY_OK(&net, rv_metrics_get(rv_result_metrics(result), "loss", &expected));
    rv_result_free(result);
    tiny_free(&net);
    create(2, false);
    add(&(rv_custom_update_desc){
        .group = "Start", .references = {{net.hidden, NULL, "V", RV_ACCESS_READ_WRITE}}, .update = set_half});
    rv_callback callback = rv_custom_update_on_batch_begin((rv_custom_update_on_desc){.name = "Start"});
    result = tiny_evaluate(&net, &callback, 1);
    TINY_OK(&net, rv_metrics_get(rv_result_metrics(result), "loss", &loss));
    rv_result_free(result);
    assert_true(loss == expected);
    result = tiny_evaluate(&net, NULL, 0);
    TINY_OK(&net, rv_metrics_get(rv_result_metrics(result), "loss", &loss));
    rv_result_free(result);
    assert_true(loss != expected);
}

static bool of_two_or_four(void *user, size_t number)
{
    (void)user;
    return number == 2 || number == 4;
}

static void a_filter_says_when(void **state)
{
    (void)state;
    float count;
    create(1, true);
    const struct {
        rv_callback (*make)(rv_custom_update_on_desc desc);
        double expected; /* in 5 epochs of 3 batches of 20 timesteps */
    } cases[] = {
        {rv_custom_update_on_batch_begin, 5},         {rv_custom_update_on_batch_end, 5},
        {rv_custom_update_on_timestep_begin, 2 * 15}, {rv_custom_update_on_timestep_end, 2 * 15},
        {rv_custom_update_on_epoch_begin, 2},         {rv_custom_update_on_epoch_end, 2},
    };
    add_variable((rv_update_variable_desc){.population = net.hidden, .name = "Count", .single = true});
    add(&(rv_custom_update_desc){
        .group = "Count", .references = {{net.hidden, NULL, "Count", RV_ACCESS_READ_WRITE}}, .update = add_tenth});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        count = 0;
        TINY_OK(&net, rv_variable_set(net.model, (rv_variable){.population = net.hidden, .name = "Count"}, &count, 1));
        rv_callback callback = cases[i].make((rv_custom_update_on_desc){.name = "Count", .filter_fn = of_two_or_four});
        rv_result_free(tiny_train(&net, &callback, 1, 5));
        get((rv_variable){.population = net.hidden, .name = "Count"}, &count, 1);
        assert_true(fabs((double)count - 0.1 * cases[i].expected) < 1e-4);
    }
}

static void weights_are_updated_as_if_they_were_read_and_set(void **state)
{
    (void)state;
    float factor = 0.75F, before[WEIGHTS], after[WEIGHTS];
    create(2, true);
    add(&(rv_custom_update_desc){.group = "Decay",
                                 .references = {{NULL, net.input_hidden, "g", RV_ACCESS_READ_WRITE}},
                                 .update = shrink,
                                 .user = &factor});
    get((rv_variable){.connection = net.input_hidden, .name = "g"}, before, WEIGHTS);
    TINY_OK(&net, rv_custom_update(net.model, "Decay"));
    get((rv_variable){.connection = net.input_hidden, .name = "g"}, after, WEIGHTS);
    for (size_t k = 0; k < WEIGHTS; k++)
        assert_true(after[k] == 0.75F * before[k]);
}

/* ---- errors ---- */

static void expect(int code, int expected, const char *part)
{
    assert_int_equal(code, expected);
    if (!strstr(rv_last_error(net.context), part))
        fail_msg("'%s' is not in: %s", part, rv_last_error(net.context));
}

static void an_unknown_group_is_an_error_that_lists_those_there_are(void **state)
{
    (void)state;
    rv_run *run;
    create(1, true);
    add(&(rv_custom_update_desc){
        .group = "Mine", .references = {{net.hidden, NULL, "V", RV_ACCESS_READ_WRITE}}, .update = add_tenth});
    const char *list =
        "'Mien', expected one of: Reset, ZeroOutPost, GradientLearn, GradientBatchReduce, ZeroGradient, Mine";
    rv_callback callback = rv_custom_update_on_epoch_end((rv_custom_update_on_desc){.name = "Mien"});
    rv_train_desc desc = {.data = tiny_data(&net), .num_epochs = 1, .callbacks = &callback, .num_callbacks = 1};
    expect(rv_custom_update(net.model, "Mien"), RV_ERR_NAME, list);
    expect(rv_train_prepare(&run, net.model, &desc), RV_ERR_NAME, list);
    callback = rv_custom_update_on_epoch_end((rv_custom_update_on_desc){.name = "Mine"});
    expect(rv_train_prepare(&run, net.model, &desc), RV_ERR_ARGUMENT, "only within a batch");
    callback = rv_custom_update_on_batch_end((rv_custom_update_on_desc){.name = "GradientLearn"});
    expect(rv_train_prepare(&run, net.model, &desc), RV_ERR_STATE, "keep_gradients");
    expect(rv_custom_update(net.model, "Mine"), RV_ERR_STATE, "batches and simulations");
}

static void what_an_access_does_not_allow_is_found_when_the_update_is_added(void **state)
{
    (void)state;
    create(1, true);
    add_variable((rv_update_variable_desc){.population = net.hidden, .name = "One", .single = true});
    const struct {
        rv_reference references[3];
        int code;
        const char *part;
    } cases[] = {
        {{{net.hidden, NULL, "Q", RV_ACCESS_READ}}, RV_ERR_NAME, "no variable 'Q', expected one of: V, "},
        {{{NULL, net.input_hidden, "Q", RV_ACCESS_READ}}, RV_ERR_NAME, "expected one of: g"},
        {{{net.hidden, NULL, "V", RV_ACCESS_READ}, {net.output, NULL, "V", RV_ACCESS_READ}},
         RV_ERR_SHAPE,
         "3 elements"},
        {{{net.hidden, NULL, "V", RV_ACCESS_READ}, {net.hidden, NULL, "Vthresh", RV_ACCESS_READ_WRITE}},
         RV_ERR_ARGUMENT,
         "reduction over the batch"},
        {{{net.hidden, NULL, "V", RV_ACCESS_SUM_BATCH}}, RV_ERR_ARGUMENT, "each example has its own"},
        {{{net.hidden, NULL, "Vthresh", RV_ACCESS_SUM_BATCH}}, RV_ERR_ARGUMENT, "reads no state"},
        {{{net.hidden, NULL, "V", RV_ACCESS_SUM_NEURONS}}, RV_ERR_ARGUMENT, "not a single number"},
        {{{net.hidden, NULL, "V", RV_ACCESS_READ}, {net.hidden, NULL, "One", RV_ACCESS_SUM_NEURONS}},
         RV_ERR_ARGUMENT,
         "per_example"},
        {{{net.hidden, NULL, "Vthresh", RV_ACCESS_READ}, {net.hidden, NULL, "One", RV_ACCESS_READ_WRITE}},
         RV_ERR_ARGUMENT,
         "reduction over the neurons"},
        {{{net.hidden, NULL, "Isyn", RV_ACCESS_READ_WRITE}}, RV_ERR_ARGUMENT, "only be read"},
        {{{net.hidden, net.input_hidden, "V", RV_ACCESS_READ}},
         RV_ERR_ARGUMENT,
         "either a population or a connection"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_custom_update_desc desc = {.group = "Bad", .update = copy};
        memcpy(desc.references, cases[i].references, sizeof cases[i].references);
        expect(rv_custom_update_add(net.model, &desc), cases[i].code, cases[i].part);
    }
    expect(rv_custom_update_add(net.model, &(rv_custom_update_desc){.group = "Reset"}), RV_ERR_NAME, "library's own");
    expect(rv_custom_update(net.model, "Bad"), RV_ERR_NAME, "'Bad'");
    expect(rv_update_variable_add(net.model, &(rv_update_variable_desc){.population = net.hidden, .name = "V"}),
           RV_ERR_NAME, "has a variable of that name");
    rv_simulation *s;
    TINY_OK(&net, rv_simulation_create(&s, net.model, 1));
    expect(rv_update_variable_add(net.model, &(rv_update_variable_desc){.population = net.hidden, .name = "W"}),
           RV_ERR_STATE, "before runs and simulations");
    rv_simulation_free(s);
}

static void a_number_out_of_range_ends_the_run_with_its_name(void **state)
{
    (void)state;
    float factor = -1;
    rv_result *result;
    create(1, true);
    add(&(rv_custom_update_desc){.group = "Negate",
                                 .references = {{net.hidden, NULL, "tau_mem", RV_ACCESS_READ_WRITE}},
                                 .update = shrink,
                                 .user = &factor});
    rv_callback callback = rv_custom_update_on_epoch_begin((rv_custom_update_on_desc){.name = "Negate"});
    expect(rv_train(
               &result, net.model,
               &(rv_train_desc){.data = tiny_data(&net), .num_epochs = 1, .callbacks = &callback, .num_callbacks = 1}),
           RV_ERR_VALUE, "tau_mem must be > 0");
    rv_result_free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_update_reads_and_writes_the_state_of_every_example, tear_down),
        cmocka_unit_test_teardown(reductions_over_the_batch_are_sums_and_maxima_by_example, tear_down),
        cmocka_unit_test_teardown(a_softmax_can_be_written_with_reductions_over_neurons, tear_down),
        cmocka_unit_test_teardown(a_variable_per_example_is_recorded_and_starts_anew, tear_down),
        cmocka_unit_test_teardown(updates_that_read_change_no_bit_of_training, tear_down),
        cmocka_unit_test_teardown(updates_that_write_do_so_to_the_same_bits_on_any_number_of_threads, tear_down),
        cmocka_unit_test_teardown(a_group_at_the_end_of_batches_sees_the_state_that_is_recorded, tear_down),
        cmocka_unit_test_teardown(a_batch_begins_with_the_state_that_an_update_gives_it, tear_down),
        cmocka_unit_test_teardown(a_filter_says_when, tear_down),
        cmocka_unit_test_teardown(weights_are_updated_as_if_they_were_read_and_set, tear_down),
        cmocka_unit_test_teardown(an_unknown_group_is_an_error_that_lists_those_there_are, tear_down),
        cmocka_unit_test_teardown(what_an_access_does_not_allow_is_found_when_the_update_is_added, tear_down),
        cmocka_unit_test_teardown(a_number_out_of_range_ends_the_run_with_its_name, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
