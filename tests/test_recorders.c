/* Recorders: what they record, and of whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/tiny.h"

#define HIDDEN_COLUMNS 4 /* of the hidden population's shape {2, 4} */

static tiny t;

static int set_up(void **state)
{
    (void)state;
    tiny_create(&t, 2, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tiny_free(&t);
    return 0;
}

/* The entry must hold the input spikes of its example, of those neurons with wanted[neuron]. */
static void holds_input(const rv_entry *entry, const bool *wanted)
{
    size_t num = 0;
    for (size_t step = 0; step < TINY_STEPS; step++)
        for (size_t neuron = 0; neuron < TINY_INPUTS; neuron++) {
            if (!wanted[neuron] || !tiny_spikes(entry->example, step, neuron))
                continue;
            assert_true(num < entry->num);
            assert_true(entry->times[num] == (double)step);
            assert_int_equal(entry->ids[num], neuron);
            num++;
        }
    assert_int_equal(entry->num, num);
    assert_null(entry->values);
}

static void every_example_of_a_short_last_batch_is_recorded_once(void **state)
{
    (void)state;
    const bool all[TINY_INPUTS] = {true, true, true, true, true, true};
    const rv_callback callbacks[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.input, .key = "input"})};
    rv_result *result = tiny_evaluate(&t, callbacks, 1);
    const rv_entries *entries = rv_result_data(result, "input");
    assert_non_null(entries);
    assert_int_equal(entries->num, TINY_EXAMPLES);
    for (size_t i = 0; i < entries->num; i++) {
        assert_int_equal(entries->items[i].epoch, 0);
        assert_int_equal(entries->items[i].example, i);
        holds_input(&entries->items[i], all);
    }
    rv_result_free(result);
}

static void filters_speak_of_positions_in_the_data_set_whatever_the_shuffle(void **state)
{
    (void)state;
    const int64_t examples[] = {-1, 3, 0, 3};
    const size_t expected[] = {0, 3, 10};
    const bool wanted[TINY_INPUTS] = {false, true, false, true, false, true};
    const rv_callback callbacks[] = {rv_spike_recorder((rv_spike_recorder_desc){
        .population = t.input, .examples = rv_indices(examples, 4), .neurons = rv_slice("1::2")})};
    rv_result *result = tiny_train(&t, callbacks, 1, 3);
    const rv_entries *entries = rv_result_data(result, "0");
    assert_non_null(entries);
    assert_int_equal(entries->num, 9);
    for (size_t i = 0; i < entries->num; i++) {
        assert_int_equal(entries->items[i].epoch, i / 3);
        assert_int_equal(entries->items[i].example, expected[i % 3]);
        holds_input(&entries->items[i], wanted);
    }
    rv_result_free(result);
}

/* The data set in pieces of three examples, the last one of two. */
static rv_spikes *pieces[4];

static int next_piece(void *user, size_t batch, rv_input *inputs, rv_output *outputs)
{
    (void)user;
    if (batch == 4)
        return 0;
    inputs[0].spikes = pieces[batch];
    outputs[0].labels = t.labels + 3 * batch;
    outputs[0].num_labels = batch < 3 ? 3 : 2;
    return 1;
}

static void the_examples_of_an_iterator_are_numbered_on(void **state)
{
    (void)state;
    const bool all[TINY_INPUTS] = {true, true, true, true, true, true};
    const rv_callback callbacks[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.input, .key = "input"})};
    rv_result *result = NULL;
    for (size_t i = 0; i < TINY_EXAMPLES; i++) {
        double times[TINY_STEPS * TINY_INPUTS];
        int32_t ids[TINY_STEPS * TINY_INPUTS];
        if (i % 3 == 0)
            TINY_OK(&t, rv_spikes_create(&pieces[i / 3], t.context, TINY_INPUTS));
        TINY_OK(&t, rv_spikes_get(t.spikes, i, times, ids));
        TINY_OK(&t, rv_spikes_append(pieces[i / 3], times, ids, rv_spikes_count(t.spikes, i)));
    }
    rv_data data = tiny_data(&t);
    data.next_batch = next_piece;
    data.inputs[0].spikes = NULL;
    data.outputs[0].labels = NULL;
    TINY_OK(&t, rv_train(&result, t.model,
                         &(rv_train_desc){.data = data, .num_epochs = 2, .callbacks = callbacks, .num_callbacks = 1}));
    const rv_entries *entries = rv_result_data(result, "input");
    assert_int_equal(entries->num, 2 * TINY_EXAMPLES);
    for (size_t i = 0; i < entries->num; i++) {
        assert_int_equal(entries->items[i].epoch, i / TINY_EXAMPLES);
        assert_int_equal(entries->items[i].example, i % TINY_EXAMPLES);
        holds_input(&entries->items[i], all);
    }
    rv_result_free(result);
    for (int i = 0; i < 4; i++)
        rv_spikes_free(pieces[i]);
}

static void counts_and_spikes_agree(void **state)
{
    (void)state;
    const rv_filter axes[] = {rv_index(1), rv_slice("::2")};
    const rv_callback callbacks[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.hidden, .key = "spikes"}),
        rv_spike_recorder((rv_spike_recorder_desc){
            .population = t.hidden, .key = "counts", .neurons = rv_axes(axes, 2), .record_counts = true}),
    };
    rv_result *result = tiny_evaluate(&t, callbacks, 2);
    const rv_entries *spikes = rv_result_data(result, "spikes"), *counts = rv_result_data(result, "counts");
    size_t total = 0;
    assert_int_equal(counts->num, TINY_EXAMPLES);
    for (size_t i = 0; i < counts->num; i++) {
        const rv_entry *s = &spikes->items[i], *c = &counts->items[i];
        float expected[2] = {0, 0};
        for (size_t k = 0; k < s->num; k++) {
            assert_true(k == 0 || s->times[k - 1] < s->times[k] ||
                        (s->times[k - 1] == s->times[k] && s->ids[k - 1] < s->ids[k]));
            expected[0] += s->ids[k] == HIDDEN_COLUMNS;
            expected[1] += s->ids[k] == HIDDEN_COLUMNS + 2;
        }
        total += s->num;
        assert_int_equal(c->num_dims, 1);
        assert_int_equal(c->shape[0], 2);
        assert_int_equal(c->num, 2);
        assert_null(c->times);
        assert_null(c->ids);
        assert_memory_equal(c->values, expected, sizeof expected);
    }
    assert_true(total > 100); /* there was something to compare */
    rv_result_free(result);
}

static void voltages_have_one_row_a_step_and_average_to_the_readout(void **state)
{
    (void)state;
    const rv_callback callbacks[] = {
        rv_var_recorder((rv_var_recorder_desc){.population = t.output, .var = "v", .key = "v"}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.output, .genn_var = "V", .key = "V"}),
        rv_var_recorder(
            (rv_var_recorder_desc){.population = t.output, .var = "v", .key = "some", .neurons = rv_index(-1)}),
    };
    rv_result *result = NULL;
    TINY_OK(&t, rv_predict(&result, t.model,
                           &(rv_evaluate_desc){.data = tiny_data(&t), .callbacks = callbacks, .num_callbacks = 3}));
    size_t num;
    const float *readout = rv_result_prediction(result, t.output, &num);
    const rv_entries *v = rv_result_data(result, "v"), *V = rv_result_data(result, "V");
    const rv_entries *some = rv_result_data(result, "some");
    assert_int_equal(num, TINY_EXAMPLES);
    assert_int_equal(v->num, TINY_EXAMPLES);
    for (size_t i = 0; i < v->num; i++) {
        const rv_entry *e = &v->items[i];
        assert_int_equal(e->num_dims, 2);
        assert_int_equal(e->shape[0], TINY_STEPS);
        assert_int_equal(e->shape[1], TINY_OUTPUTS);
        assert_int_equal(e->num, TINY_STEPS * TINY_OUTPUTS);
        assert_memory_equal(e->values, V->items[i].values, e->num * sizeof *e->values);
        for (size_t k = 0; k < TINY_OUTPUTS; k++) {
            double mean = 0;
            for (size_t step = 0; step < TINY_STEPS; step++)
                mean += e->values[step * TINY_OUTPUTS + k] / TINY_STEPS;
            if (fabs(mean - readout[i * TINY_OUTPUTS + k]) > 1e-5)
                fail_msg("example %zu, neuron %zu: %g, readout %g", i, k, mean, readout[i * TINY_OUTPUTS + k]);
        }
        assert_int_equal(some->items[i].shape[1], 1);
        for (size_t step = 0; step < TINY_STEPS; step++)
            assert_true(some->items[i].values[step] == e->values[step * TINY_OUTPUTS + TINY_OUTPUTS - 1]);
    }
    rv_result_free(result);
}

static void a_filtered_voltage_is_a_part_of_the_whole(void **state)
{
    (void)state;
    const rv_filter axes[] = {rv_slice("::-1"), rv_index(-2)}; /* ids 2 and 6 */
    const bool odd[TINY_EXAMPLES] = {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0};
    const rv_callback callbacks[] = {
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .var = "v", .key = "all"}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden,
                                               .var = "v",
                                               .key = "part",
                                               .examples = rv_mask(odd, TINY_EXAMPLES),
                                               .neurons = rv_axes(axes, 2)}),
    };
    rv_result *result = tiny_train(&t, callbacks, 2, 2);
    const rv_entries *all = rv_result_data(result, "all"), *part = rv_result_data(result, "part");
    assert_int_equal(all->num, 2 * TINY_EXAMPLES);
    assert_int_equal(part->num, 10);
    for (size_t i = 0; i < part->num; i++) {
        const rv_entry *p = &part->items[i];
        assert_int_equal(p->epoch, i / 5);
        assert_int_equal(p->example, i % 5 * 2 + 1);
        const rv_entry *a = &all->items[p->epoch * TINY_EXAMPLES + p->example];
        assert_int_equal(a->example, p->example);
        for (size_t step = 0; step < TINY_STEPS; step++) {
            assert_true(p->values[2 * step] == a->values[TINY_HIDDEN * step + 2]);
            assert_true(p->values[2 * step + 1] == a->values[TINY_HIDDEN * step + 6]);
        }
    }
    rv_result_free(result);
}

static void constants_currents_and_adjoints_can_be_recorded(void **state)
{
    (void)state;
    const rv_callback callbacks[] = {
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .var = "tau_mem"}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "Isyn"}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "LambdaV"}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.output, .genn_var = "LambdaI"}),
    };
    rv_result *result = tiny_train(&t, callbacks, 4, 1);
    for (int i = 0; i < 4; i++) {
        const rv_entries *entries = rv_result_data(result, (const char *[]){"0", "1", "2", "3"}[i]);
        double sum = 0;
        assert_int_equal(entries->num, TINY_EXAMPLES);
        for (size_t e = 0; e < entries->num; e++)
            for (size_t k = 0; k < entries->items[e].num; k++) {
                assert_true(isfinite(entries->items[e].values[k]));
                assert_true(i > 0 || entries->items[e].values[k] == 20);
                sum += fabs(entries->items[e].values[k]);
            }
        assert_true(sum > 0);
    }
    rv_result_free(result);
}

static void selecting_nothing_records_nothing(void **state)
{
    (void)state;
    const rv_callback callbacks[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.hidden, .examples = rv_slice("3:3")}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = t.hidden, .neurons = rv_indices(NULL, 0)}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .var = "v", .neurons = rv_slice("9:")}),
    };
    rv_result *result = tiny_evaluate(&t, callbacks, 3);
    assert_int_equal(rv_result_data(result, "0")->num, 0);
    const rv_entries *spikes = rv_result_data(result, "1"), *values = rv_result_data(result, "2");
    for (size_t i = 0; i < spikes->num; i++)
        assert_int_equal(spikes->items[i].num, 0);
    for (size_t i = 0; i < values->num; i++)
        assert_int_equal(values->items[i].num, 0);
    rv_result_free(result);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_example_of_a_short_last_batch_is_recorded_once),
        TEST(filters_speak_of_positions_in_the_data_set_whatever_the_shuffle),
        TEST(the_examples_of_an_iterator_are_numbered_on),
        TEST(counts_and_spikes_agree),
        TEST(voltages_have_one_row_a_step_and_average_to_the_readout),
        TEST(a_filtered_voltage_is_a_part_of_the_whole),
        TEST(constants_currents_and_adjoints_can_be_recorded),
        TEST(selecting_nothing_records_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
