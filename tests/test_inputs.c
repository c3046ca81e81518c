/* Inputs that take values: what is shown when, what fires how often, which data are refused, and that none of it depends
 * on how a run is carried out. The equations are held against numpy by test_reference.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "support/population.h"

#define EXAMPLES 7
#define FRAMES 5
#define NEURONS 37

static float frames[EXAMPLES][FRAMES][NEURONS];

static int fill_frames(void **state)
{
    (void)state;
    for (int e = 0; e < EXAMPLES; e++)
        for (int f = 0; f < FRAMES; f++)
            for (int j = 0; j < NEURONS; j++)
                frames[e][f][j] = (float)((e * 31 + f * 17 + j * 7) % 23 - 8) / 10.0F;
    return 0;
}

static const rv_input_frames five = {.input_frames = FRAMES, .input_frame_timesteps = 3};

static population_desc shown(rv_neuron neuron)
{
    return (population_desc){.neuron = neuron,
                             .n = NEURONS,
                             .values = &frames[0][0][0],
                             .num_values = sizeof frames / sizeof(float),
                             .timesteps = 40};
}

static population_record record(const population_desc *desc, const run_manner *manner)
{
    population_record r;
    if (population_run(&r, desc, manner) < 0)
        fail_msg("%s", r.error);
    return r;
}

static void fails_with(const population_desc *desc, int code, const char *message)
{
    population_record r;
    assert_int_equal(population_run(&r, desc, &(run_manner){0}), code);
    if (!strstr(r.error, message))
        fail_msg("\"%s\" does not say \"%s\"", r.error, message);
    population_record_clear(&r);
}

/* ---- frames ---- */

static void frame_f_is_shown_from_its_step_on_and_the_last_one_stays(void **state)
{
    (void)state;
    population_desc desc = shown(rv_integrate_fire_input((rv_if){.v_thresh = rv_const(1e6)}, five));
    desc.var = "Input";
    population_record r = record(&desc, &(run_manner){0});
    assert_int_equal(r.num_values, EXAMPLES * 40 * NEURONS);
    for (size_t e = 0; e < EXAMPLES; e++)
        for (size_t t = 0; t < 40; t++)
            for (size_t j = 0; j < NEURONS; j++) {
                const size_t f = t / 3 < FRAMES ? t / 3 : FRAMES - 1;
                const float got = r.values[(e * 40 + t) * NEURONS + j];
                if (got != frames[e][f][j])
                    fail_msg("example %zu, step %zu, neuron %zu: %g, expected %g", e, t, j, got, frames[e][f][j]);
            }
    population_record_clear(&r);
}

static void values_are_refused_unless_they_are_whole_examples_of_finite_numbers(void **state)
{
    (void)state;
    population_desc desc = shown(rv_binary_spike_input(RV_DEFAULT, five));
    desc.num_values--;
    fails_with(&desc, RV_ERR_SHAPE, "expected a multiple of 185: 37 neurons x 5 input_frames");
    desc = shown(rv_binary_spike_input(RV_DEFAULT, five));
    desc.values = NULL;
    fails_with(&desc, RV_ERR_DATA, "BinarySpikeInput takes values");
    float values[2 * NEURONS] = {0};
    values[NEURONS + 4] = NAN;
    desc = (population_desc){.neuron = rv_poisson_input(RV_DEFAULT, (rv_input_frames){0}),
                             .n = NEURONS,
                             .values = values,
                             .num_values = 2 * NEURONS,
                             .timesteps = 3};
    fails_with(&desc, RV_ERR_DATA, "value 4 of example 1 must be finite, got nan");
}

static void frames_must_be_whole_numbers(void **state)
{
    (void)state;
    rv_neuron neuron = rv_poisson_input(RV_DEFAULT, (rv_input_frames){0});
    neuron.value[1] = rv_const(2.5);
    population_desc desc = shown(neuron);
    fails_with(&desc, RV_ERR_VALUE, "input_frames must be a whole number >= 1");
    neuron.value[1] = rv_const(0);
    desc = shown(neuron);
    fails_with(&desc, RV_ERR_VALUE, "input_frames must be a whole number >= 1");
}

/* ---- random spikes ---- */

#define RATES 5
#define PRESENTATIONS 40
#define STEPS 1500

/* spikes of each neuron over all examples */
static void count(const population_record *r, size_t counts[RATES])
{
    memset(counts, 0, RATES * sizeof *counts);
    for (size_t k = 0; k < r->num_spikes; k++)
        counts[r->id[k]]++;
}

static population_record poisson(rv_flag is_signed, uint64_t seed, float (*values)[RATES], double dt)
{
    const population_desc desc = {.neuron = rv_poisson_input(is_signed, (rv_input_frames){0}),
                                  .n = RATES,
                                  .values = values[0],
                                  .num_values = PRESENTATIONS * RATES,
                                  .timesteps = STEPS,
                                  .dt = dt};
    return record(&desc, &(run_manner){.seed = seed});
}

static void poisson_neurons_fire_with_probability_1_minus_exp_minus_x_dt(void **state)
{
    (void)state;
    static const float x[RATES] = {0, 0.02F, 0.7F, -0.7F, 12};
    float values[PRESENTATIONS][RATES];
    for (int e = 0; e < PRESENTATIONS; e++)
        memcpy(values[e], x, sizeof x);
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        const double dt = is_signed ? 1 : 0.5, draws = PRESENTATIONS * STEPS;
        population_record r = poisson(is_signed ? RV_ON : RV_OFF, 1, values, dt);
        size_t counts[RATES];
        count(&r, counts);
        for (int j = 0; j < RATES; j++) {
            const double rate = is_signed ? fabs(x[j]) : fmax(x[j], 0), p = 1 - exp(-rate * dt);
            const double off = fabs((double)counts[j] - p * draws), sigma = sqrt(p * (1 - p) * draws);
            if (off > 4.5 * sigma)
                fail_msg("x = %g: %zu spikes of %g, expected %g +- %g", x[j], counts[j], draws, p * draws, sigma);
        }
        population_record_clear(&r);
    }
}

/* how often two trains have a spike in the same step of the same example */
static size_t coincidences(const population_record *a, uint32_t i, const population_record *b, uint32_t j,
                           size_t shift)
{
    static bool fired[PRESENTATIONS * STEPS];
    size_t num = 0;
    memset(fired, 0, sizeof fired);
    for (size_t e = 0; e < PRESENTATIONS; e++)
        for (size_t k = a->offset[e]; k < a->offset[e + 1]; k++)
            if (a->id[k] == i)
                fired[e * STEPS + a->step[k]] = true;
    for (size_t e = 0; e < PRESENTATIONS; e++)
        for (size_t k = b->offset[e]; k < b->offset[e + 1]; k++)
            num += b->id[k] == j && fired[(e * STEPS + b->step[k] + shift) % (PRESENTATIONS * STEPS)];
    return num;
}

static void poisson_spikes_of_neurons_steps_examples_and_seeds_are_independent(void **state)
{
    (void)state;
    float values[PRESENTATIONS][RATES];
    for (int e = 0; e < PRESENTATIONS; e++)
        for (int j = 0; j < RATES; j++)
            values[e][j] = 0.3F;
    population_record a = poisson(RV_OFF, 1, values, 1), b = poisson(RV_OFF, 2, values, 1);
    const double draws = PRESENTATIONS * STEPS, p = 1 - exp(-0.3), q = p * p;
    const double expected = q * draws, sigma = sqrt(q * (1 - q) * draws);
    const struct {
        const char *what;
        size_t num;
    } pairs[] = {
        {"neurons", coincidences(&a, 0, &a, 1, 0)},      {"neurons of two draws", coincidences(&a, 1, &a, 4, 0)},
        {"seeds", coincidences(&a, 2, &b, 2, 0)},        {"steps", coincidences(&a, 3, &a, 3, 1)},
        {"examples", coincidences(&a, 0, &a, 0, STEPS)},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (fabs((double)pairs[i].num - expected) > 5 * sigma)
            fail_msg("two %s: %zu coincidences, expected %g +- %g", pairs[i].what, pairs[i].num, expected, sigma);
    assert_int_equal(coincidences(&a, 0, &a, 0, 0), coincidences(&a, 0, &a, 0, PRESENTATIONS * STEPS));
    population_record_clear(&a);
    population_record_clear(&b);
}

static void poisson_spikes_differ_from_epoch_to_epoch_and_come_again_with_the_epoch(void **state)
{
    (void)state;
    float values[3][2] = {{0.3F, 0.3F}, {0.3F, 0.3F}, {0.3F, 0.3F}};
    const int32_t labels[3] = {0};
    uint32_t trains[2][3] = {{0}};
    for (size_t start = 0; start < 2; start++) {
        rv_context *context;
        rv_network *network;
        rv_population *in, *out;
        rv_connection *connection;
        rv_compiled_network *model;
        rv_result *result;
        assert_int_equal(rv_context_create(&context, NULL), RV_OK);
        assert_int_equal(rv_network_create(&network, context, RV_EVENTPROP_DEFAULTS), RV_OK);
        assert_int_equal(
            rv_population_add(
                &in, network,
                &(rv_population_desc){.shape = {2}, .neuron = rv_poisson_input(RV_DEFAULT, (rv_input_frames){0})}),
            RV_OK);
        assert_int_equal(
            rv_population_add(
                &out, network,
                &(rv_population_desc){.shape = {1}, .neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()})}),
            RV_OK);
        assert_int_equal(rv_connection_add(&connection, network, in, out,
                                           &(rv_connection_desc){.connectivity = rv_dense(rv_const(1)),
                                                                 .synapse = rv_exponential(
                                                                     (rv_exponential_params){.tau = rv_const(5)})}),
                         RV_OK);
        assert_int_equal(rv_compile_eventprop(&model, network, &(rv_eventprop_desc){.example_timesteps = 30}), RV_OK);
        const rv_callback recorder = rv_spike_recorder((rv_spike_recorder_desc){.population = in, .key = "in"});
        const rv_train_desc desc = {
            .data = {.inputs = {{.population = in, .values = values[0], .num_values = 6}},
                     .outputs = {{.population = out, .labels = labels, .num_labels = 3}}},
            .num_epochs = 3 - start,
            .start_epoch = start,
            .shuffle = start ? RV_ON : RV_OFF, /* a position in the epoch does not matter */
            .callbacks = &recorder,
            .num_callbacks = 1,
        };
        assert_int_equal(rv_train(&result, model, &desc), RV_OK);
        const rv_entries *entries = rv_result_data(result, "in");
        for (size_t i = 0; i < entries->num; i++)
            for (size_t k = 0; entries->items[i].example == 1 && k < entries->items[i].num; k++)
                if (entries->items[i].ids[k] == 0)
                    trains[start][entries->items[i].epoch] |= 1U << (int)entries->items[i].times[k];
        rv_result_free(result);
        rv_compiled_network_free(model);
        rv_network_free(network);
        rv_context_free(context);
    }
    assert_true(trains[0][0] && trains[0][0] != trains[0][1] && trains[0][1] != trains[0][2]);
    assert_int_equal(trains[1][1], trains[0][1]);
    assert_int_equal(trains[1][2], trains[0][2]);
}

/* ---- the same bits ---- */

static void inputs_do_the_same_however_a_run_is_carried_out(void **state)
{
    (void)state;
    const rv_neuron neurons[] = {
        rv_poisson_input(RV_ON, five),
        rv_binary_spike_input(RV_ON, five),
        rv_integrate_fire_input((rv_if){.v_thresh = rv_uniform(0.5, 2)}, five),
        rv_leaky_integrate_fire_input((rv_lif){.v_thresh = rv_const(0.7), .tau_mem = rv_uniform(5, 30)}, five),
    };
    static const run_manner manners[] = {
        {.threads = 3, .batch_size = 4},
        {.threads = 2, .batch_size = EXAMPLES, .steps = true},
        {.batch_size = 2, .iterates = true},
        {.threads = 3, .batch_size = 5, .iterates = true, .steps = true},
#if defined(__x86_64__)
        {.isa = "v2"},
#endif
    };
    for (size_t i = 0; i < sizeof neurons / sizeof *neurons; i++) {
        population_desc desc = shown(neurons[i]);
        desc.var = "Input";
        population_record first = record(&desc, &(run_manner){0});
        const uint64_t hash = population_record_hash(&first);
        assert_true(first.num_spikes > 100);
        for (size_t m = 0; m < sizeof manners / sizeof *manners; m++) {
            population_record other = record(&desc, &manners[m]);
            if (population_record_hash(&other) != hash)
                fail_msg("neuron %zu: manner %zu gave other bits", i, m);
            population_record_clear(&other);
        }
        population_record_clear(&first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_f_is_shown_from_its_step_on_and_the_last_one_stays),
        cmocka_unit_test(values_are_refused_unless_they_are_whole_examples_of_finite_numbers),
        cmocka_unit_test(frames_must_be_whole_numbers),
        cmocka_unit_test(poisson_neurons_fire_with_probability_1_minus_exp_minus_x_dt),
        cmocka_unit_test(poisson_spikes_of_neurons_steps_examples_and_seeds_are_independent),
        cmocka_unit_test(poisson_spikes_differ_from_epoch_to_epoch_and_come_again_with_the_epoch),
        cmocka_unit_test(inputs_do_the_same_however_a_run_is_carried_out),
    };
    return cmocka_run_group_tests(tests, fill_frames, NULL);
}
