/* Neuron models of the user's own: written anew, a built-in model does the same bit for bit; variables and parameters
 * are recorded by name; what is wrong with a table is said when a population is added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/population.h"

#define N 21
#define T 50
#define EXAMPLES 4

static float input[EXAMPLES][T][N];

static int fill_input(void **state)
{
    (void)state;
    for (int e = 0; e < EXAMPLES; e++)
        for (int t = 0; t < T; t++)
            for (int j = 0; j < N; j++)
                input[e][t][j] = (float)((e * 29 + t * 13 + j * 5) % 19 - 6) / 12.0F;
    return 0;
}

/* ---- integrate-and-fire, written anew ---- */

enum {
    V_THRESH,
    V_RESET,
    START
};

static const rv_param params[] = {
    {.name = "v_thresh", .unit = "mV", .value = {1, 1, 1}, .min = 0, .max = 100},
    {.name = "v_reset", .value = {0, 0, 0}, .min = -10, .max = 10},
    {.name = "start", .value = {0, 0, 0}, .min = -10, .max = 10},
};
static const rv_custom_variable variables[] = {{"Count", NULL}, {"Level", "start"}};

static void step(const rv_custom_step *s)
{
    float *v = s->variable[1];
    for (size_t j = 0; j < s->n; j++) {
        v[j] += s->input[j];
        s->spiked[j] = v[j] >= s->param[V_THRESH][j];
    }
}

static void reset(const rv_custom_step *s, const uint32_t *neurons, size_t num)
{
    for (size_t k = 0; k < num; k++) {
        s->variable[0][neurons[k]] += 1;
        s->variable[1][neurons[k]] = s->param[V_RESET][neurons[k]];
    }
}

static const rv_custom_neuron integrator = {
    .name = "Integrator",
    .params = params,
    .num_params = 3,
    .variables = variables,
    .num_variables = 2,
    .voltage = "Level",
    .step = step,
    .reset = reset,
};

static population_record record(rv_neuron neuron, const char *var, const run_manner *manner)
{
    const population_desc desc = {.neuron = neuron,
                                  .n = N,
                                  .values = &input[0][0][0],
                                  .num_values = EXAMPLES * T * N,
                                  .timesteps = T,
                                  .var = var};
    population_record r;
    if (population_run(&r, &desc, manner) < 0)
        fail_msg("%s", r.error);
    return r;
}

static void same(population_record a, population_record b)
{
    assert_true(a.num_spikes > 50);
    assert_int_equal(a.num_spikes, b.num_spikes);
    assert_memory_equal(a.step, b.step, a.num_spikes * sizeof *a.step);
    assert_memory_equal(a.id, b.id, a.num_spikes * sizeof *a.id);
    assert_int_equal(a.num_values, b.num_values);
    assert_memory_equal(a.values, b.values, a.num_values * sizeof *a.values);
    population_record_clear(&a);
    population_record_clear(&b);
}

static rv_neuron dressed(const rv_custom_neuron *custom)
{
    rv_neuron neuron = rv_custom(custom, NULL);
    rv_context *context;
    assert_int_equal(rv_context_create(&context, NULL), RV_OK);
    assert_int_equal(rv_neuron_set(&neuron, context, "v_thresh", rv_const(0.8)), RV_OK);
    assert_int_equal(rv_neuron_set(&neuron, context, "start", rv_const(0.3)), RV_OK);
    assert_int_equal(rv_neuron_set(&neuron, context, "tau", rv_const(1)), RV_ERR_NAME);
    assert_string_equal(rv_last_error(context),
                        "Integrator has no parameter 'tau', expected one of: v_thresh, v_reset, start");
    rv_context_free(context);
    return neuron;
}

static void a_model_written_anew_does_what_the_built_in_one_does(void **state)
{
    (void)state;
    const rv_if same_params = {.v_thresh = rv_const(0.8), .v = rv_const(0.3)};
    same(record(dressed(&integrator), "Level", &(run_manner){.threads = 2, .batch_size = 3}),
         record(rv_integrate_fire(same_params), "V", &(run_manner){0}));
}

static void so_does_an_input(void **state)
{
    (void)state;
    rv_custom_neuron custom = integrator;
    custom.is_input = true;
    custom.frames.input_frames = T;
    const rv_if same_params = {.v_thresh = rv_const(0.8), .v = rv_const(0.3)};
    same(record(dressed(&custom), "Level", &(run_manner){.threads = 2, .batch_size = 3, .steps = true}),
         record(rv_integrate_fire_input(same_params, (rv_input_frames){.input_frames = T}), "V", &(run_manner){0}));
}

static void variables_and_parameters_are_recorded_by_name(void **state)
{
    (void)state;
    population_record counts = record(dressed(&integrator), "Count", &(run_manner){0});
    population_record thresholds = record(dressed(&integrator), "v_thresh", &(run_manner){0});
    for (size_t e = 0; e < EXAMPLES; e++)
        for (size_t j = 0; j < N; j++) {
            size_t spikes = 0;
            for (size_t k = counts.offset[e]; k < counts.offset[e + 1]; k++)
                spikes += counts.id[k] == j;
            assert_int_equal(spikes, counts.values[(e * T + T - 1) * N + j]);
            assert_true(thresholds.values[e * T * N + j] == 0.8F);
        }
    population_record_clear(&counts);
    population_record_clear(&thresholds);
    const population_desc desc = {.neuron = dressed(&integrator),
                                  .n = N,
                                  .values = &input[0][0][0],
                                  .num_values = EXAMPLES * T * N,
                                  .timesteps = T,
                                  .var = "U"};
    assert_int_equal(population_run(&counts, &desc, &(run_manner){0}), RV_ERR_NAME);
    assert_string_equal(counts.error, "population 'watched' has no variable 'U', expected one of: Isyn, inSyn, Count, Level, "
                                      "v_thresh, v_reset, start");
    population_record_clear(&counts);
}

/* ---- random numbers ---- */

static void coin(const rv_custom_step *s)
{
    for (size_t j = 0; j < s->n; j++) {
        uint32_t random[4];
        rv_custom_random(s, j, random);
        s->spiked[j] = random[0] % 4 == 0;
    }
}

static void random_numbers_do_not_depend_on_how_a_run_is_carried_out(void **state)
{
    (void)state;
    static const rv_custom_neuron coins = {.name = "Coin", .step = coin};
    population_record first = record(rv_custom(&coins, NULL), NULL, &(run_manner){0});
    population_record other = record(rv_custom(&coins, NULL), NULL, &(run_manner){.threads = 3, .batch_size = 2});
    population_record seed = record(rv_custom(&coins, NULL), NULL, &(run_manner){.seed = 1});
    assert_in_range(first.num_spikes, EXAMPLES * T * N / 4 - 150, EXAMPLES * T * N / 4 + 150);
    assert_true(population_record_hash(&first) == population_record_hash(&other));
    assert_true(population_record_hash(&first) != population_record_hash(&seed));
    population_record_clear(&first);
    population_record_clear(&other);
    population_record_clear(&seed);
}

/* ---- tables that are wrong ---- */

static void fails_with(const rv_custom_neuron *custom, const char *message)
{
    rv_context *context;
    rv_network *network;
    rv_population *population;
    assert_int_equal(rv_context_create(&context, NULL), RV_OK);
    assert_int_equal(rv_network_create(&network, context, RV_CLASS_DEFAULTS), RV_OK);
    assert_int_equal(
        rv_population_add(&population, network,
                          &(rv_population_desc){.name = "p", .shape = {2}, .neuron = rv_custom(custom, NULL)}),
        RV_ERR_ARGUMENT);
    assert_string_equal(rv_last_error(context), message);
    rv_network_free(network);
    rv_context_free(context);
}

static void what_is_wrong_with_a_table_is_named(void **state)
{
    (void)state;
    rv_custom_neuron custom = integrator;
    custom.step = NULL;
    fails_with(&custom, "population 'p': neuron model 'Integrator': a step function is required");
    custom = integrator;
    custom.voltage = "V";
    fails_with(&custom, "population 'p': neuron model 'Integrator': voltage must be a variable, got 'V'");
    custom = integrator;
    custom.num_variables = 7;
    fails_with(&custom, "population 'p': neuron model 'Integrator': num_variables must be <= 6, got 7");
    custom = integrator;
    custom.num_coefficients = 1;
    fails_with(&custom, "population 'p': neuron model 'Integrator': num_coefficients is 1, but coefficients is NULL");
    custom = integrator;
    const rv_custom_variable twice[] = {{"Level", NULL}, {"Level", NULL}};
    custom.variables = twice;
    fails_with(&custom, "population 'p': neuron model 'Integrator': there are two variables 'Level'");
    const rv_custom_variable lost[] = {{"Count", NULL}, {"Level", "v_start"}};
    custom.variables = lost;
    fails_with(&custom,
               "population 'p': neuron model 'Integrator': a variable starts at a parameter that there is not, "
               "'v_start'");
    custom = integrator;
    const rv_param outside[] = {{.name = "v_thresh", .value = {1, 1, 200}, .min = 0, .max = 100}};
    custom.params = outside;
    custom.num_params = 1;
    fails_with(&custom, "population 'p': neuron model 'Integrator': the default is out of the range of parameter "
                        "'v_thresh'");
}

static void a_learning_compiler_says_that_it_cannot_train_it(void **state)
{
    (void)state;
    rv_context *context;
    rv_network *network;
    rv_population *population;
    rv_compiled_network *model;
    assert_int_equal(rv_context_create(&context, NULL), RV_OK);
    assert_int_equal(rv_network_create(&network, context, RV_EVENTPROP_DEFAULTS), RV_OK);
    assert_int_equal(rv_population_add(
                         &population, network,
                         &(rv_population_desc){.name = "p", .shape = {2}, .neuron = rv_custom(&integrator, rv_var())}),
                     RV_OK);
    assert_int_equal(rv_compile_eventprop(&model, network, &(rv_eventprop_desc){.example_timesteps = 5}),
                     RV_ERR_NETWORK);
    assert_string_equal(rv_last_error(context), "population 'p': EventProp cannot train Integrator neurons");
    rv_network_free(network);
    rv_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_written_anew_does_what_the_built_in_one_does),
        cmocka_unit_test(so_does_an_input),
        cmocka_unit_test(variables_and_parameters_are_recorded_by_name),
        cmocka_unit_test(random_numbers_do_not_depend_on_how_a_run_is_carried_out),
        cmocka_unit_test(what_is_wrong_with_a_table_is_named),
        cmocka_unit_test(a_learning_compiler_says_that_it_cannot_train_it),
    };
    return cmocka_run_group_tests(tests, fill_input, NULL);
}
