/* Step by step: the same bits as a run, inputs that change on the way, state that is read and written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ranvier.h>

#define EXAMPLES 5
#define T 40
#define N 9
#define HIDDEN 21
#define OUT 3
#define FRAMES 4

typedef struct net {
    rv_context *context;
    rv_network *network;
    rv_population *spikes_in, *shown, *noise, *hid, *out, *last;
    rv_compiled_network *model;
    rv_spikes *spikes;
    float frames[EXAMPLES][FRAMES][N], rates[EXAMPLES][N];
} net;

static void succeed(const net *n, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(n->context));
}

static rv_population *add(const net *n, const char *name, size_t size, rv_neuron neuron)
{
    rv_population *population;
    succeed(n, rv_population_add(&population, n->network,
                                 &(rv_population_desc){.name = name, .shape = {size}, .neuron = neuron}));
    return population;
}

static void connect(const net *n, rv_population *source, rv_population *target, double mean)
{
    rv_connection *connection;
    succeed(n, rv_connection_add(
                   &connection, n->network, source, target,
                   &(rv_connection_desc){.connectivity = rv_dense(rv_normal(mean, 0.3)),
                                         .synapse = rv_exponential((rv_exponential_params){.tau = rv_const(4)})}));
}

static void add_data(net *n)
{
    succeed(n, rv_spikes_create(&n->spikes, n->context, N));
    for (int e = 0; e < EXAMPLES; e++) {
        double times[50];
        int32_t ids[50];
        for (int k = 0; k < 50; k++) {
            times[k] = (k * 13 + e * 7) % T;
            ids[k] = (k + e) % N;
        }
        succeed(n, rv_spikes_append(n->spikes, times, ids, 50));
        for (int j = 0; j < N; j++) {
            n->rates[e][j] = (float)((e + j) % 4) / 10.0F;
            for (int f = 0; f < FRAMES; f++)
                n->frames[e][f][j] = (float)((e * 5 + f * 3 + j) % 7 - 2);
        }
    }
}

static net *create(size_t frames, size_t frame_timesteps)
{
    net *n = calloc(1, sizeof *n);
    assert_non_null(n);
    assert_int_equal(rv_context_create(&n->context, &(rv_context_desc){.num_threads = 2}), RV_OK);
    succeed(n, rv_network_create(&n->network, n->context, RV_CLASS_DEFAULTS));
    n->spikes_in = add(n, "spikes", N, rv_spike_input());
    n->shown = add(n, "shown", N,
                   rv_binary_spike_input(
                       RV_ON, (rv_input_frames){.input_frames = frames, .input_frame_timesteps = frame_timesteps}));
    n->noise = add(n, "noise", N, rv_poisson_input(RV_OFF, (rv_input_frames){0}));
    n->hid = add(n, "hid", HIDDEN, rv_leaky_integrate_fire((rv_lif){.tau_refrac = rv_const(2)}));
    n->out = add(n, "out", OUT, rv_leaky_integrate((rv_li){.readout = rv_avg_var()}));
    n->last = add(n, "last", OUT, rv_leaky_integrate((rv_li){.readout = rv_var()}));
    connect(n, n->spikes_in, n->hid, 0.3);
    connect(n, n->shown, n->hid, 0);
    connect(n, n->noise, n->hid, 0.2);
    connect(n, n->hid, n->hid, -0.1);
    connect(n, n->hid, n->out, 0.1);
    connect(n, n->hid, n->last, 0.2);
    succeed(n, rv_compile_inference(&n->model, n->network,
                                    &(rv_inference_desc){.example_timesteps = T, .batch_size = EXAMPLES}));
    add_data(n);
    return n;
}

static void destroy(net *n)
{
    rv_compiled_network_free(n->model);
    rv_network_free(n->network);
    rv_spikes_free(n->spikes);
    rv_context_free(n->context);
    free(n);
}

static rv_input spikes_of(const net *n)
{
    return (rv_input){.population = n->spikes_in, .spikes = n->spikes};
}

static rv_input frames_of(const net *n)
{
    return (rv_input){.population = n->shown, .values = &n->frames[0][0][0], .num_values = EXAMPLES * FRAMES * N};
}

static rv_input rates_of(const net *n)
{
    return (rv_input){.population = n->noise, .values = &n->rates[0][0], .num_values = EXAMPLES * N};
}

/* What a run gives: readouts (EXAMPLES, OUT), and V of hidden neurons. */
static rv_result *run(const net *n)
{
    rv_result *result;
    const rv_callback recorder = rv_var_recorder((rv_var_recorder_desc){.population = n->hid, .var = "v", .key = "v"});
    succeed(n, rv_predict(&result, n->model,
                          &(rv_evaluate_desc){.data = {.inputs = {spikes_of(n), frames_of(n), rates_of(n)},
                                                       .outputs = {{.population = n->out}, {.population = n->last}}},
                                              .callbacks = &recorder,
                                              .num_callbacks = 1}));
    return result;
}

static rv_simulation *simulation_of(const net *n)
{
    rv_simulation *s;
    succeed(n, rv_simulation_create(&s, n->model, 0));
    assert_int_equal(rv_simulation_num_examples(s), EXAMPLES);
    return s;
}

static void feed(const net *n, rv_simulation *s, rv_input input)
{
    succeed(n, rv_simulation_set_input(s, &input));
}

/* V of all hidden neurons in step t is what the run recorded */
static void compare_step(const net *n, const rv_simulation *s, const rv_result *result, size_t t)
{
    for (size_t e = 0; e < EXAMPLES; e++) {
        float v[HIDDEN];
        succeed(n, rv_simulation_get_state(s, n->hid, "V", e, v, HIDDEN));
        const rv_entry *entry = &rv_result_data(result, "v")->items[e];
        if (memcmp(v, entry->values + t * HIDDEN, sizeof v))
            fail_msg("example %zu, step %zu: V differs from the run's", e, t);
    }
}

static void compare_readout(const net *n, const rv_simulation *s, const rv_population *mine, const rv_result *result,
                            const rv_population *theirs)
{
    float readout[EXAMPLES * OUT];
    size_t num;
    succeed(n, rv_simulation_get_readout(s, mine, readout, EXAMPLES * OUT));
    assert_memory_equal(readout, rv_result_prediction(result, theirs, &num), sizeof readout);
}

static void steps_give_the_bits_of_a_run(void **state)
{
    (void)state;
    net *n = create(FRAMES, 6);
    rv_result *result = run(n);
    rv_simulation *s = simulation_of(n);
    feed(n, s, spikes_of(n));
    feed(n, s, frames_of(n));
    feed(n, s, rates_of(n));
    size_t spikes = 0;
    for (size_t t = 0; t < T; t++) {
        const uint32_t *ids;
        size_t num;
        assert_int_equal(rv_simulation_timestep(s), t);
        succeed(n, rv_simulation_step_time(s));
        compare_step(n, s, result, t);
        succeed(n, rv_simulation_get_spikes(s, n->hid, 2, &ids, &num));
        spikes += num;
    }
    assert_true(spikes > 20);
    compare_readout(n, s, n->out, result, n->out);
    compare_readout(n, s, n->last, result, n->last);
    assert_int_equal(rv_simulation_step_time(s), RV_ERR_STATE);
    rv_simulation_free(s);
    rv_result_free(result);
    destroy(n);
}

static void inputs_may_change_on_the_way(void **state)
{
    (void)state;
    net *moving = create(FRAMES, 6), *still = create(1, 1);
    rv_result *result = run(moving);
    rv_simulation *s = simulation_of(still);
    feed(still, s, spikes_of(still));
    feed(still, s, rates_of(still));
    for (size_t t = 0; t < T; t++) {
        float frame[EXAMPLES][N];
        for (size_t e = 0; e < EXAMPLES; e++)
            memcpy(frame[e], still->frames[e][t / 6 < FRAMES ? t / 6 : FRAMES - 1], sizeof frame[e]);
        if (t % 6 == 0)
            feed(still, s, (rv_input){.population = still->shown, .values = frame[0], .num_values = EXAMPLES * N});
        succeed(still, rv_simulation_step_time(s));
        compare_step(still, s, result, t);
    }
    compare_readout(still, s, still->out, result, moving->out);
    rv_simulation_free(s);
    rv_result_free(result);
    destroy(moving);
    destroy(still);
}

static void spikes_set_later_count_from_then_on(void **state)
{
    (void)state;
    net *n = create(1, 1);
    rv_spikes *one;
    rv_simulation *s;
    const uint32_t *ids;
    size_t num;
    succeed(n, rv_spikes_create(&one, n->context, N));
    succeed(n, rv_spikes_append(one, (const double[]){0, 3, 3}, (const int32_t[]){4, 1, 2}, 3));
    succeed(n, rv_simulation_create(&s, n->model, 1));
    for (size_t t = 0; t < 12; t++) {
        if (t == 1 || t == 6)
            feed(n, s, (rv_input){.population = n->spikes_in, .spikes = one});
        succeed(n, rv_simulation_step_time(s));
        succeed(n, rv_simulation_get_spikes(s, n->spikes_in, 0, &ids, &num));
        const size_t expected = t == 1 || t == 6 ? 1 : t == 4 || t == 9 ? 2 : 0;
        assert_int_equal(num, expected);
        if (expected == 2)
            assert_true(ids[0] == 1 && ids[1] == 2);
    }
    rv_simulation_free(s);
    rv_spikes_free(one);
    destroy(n);
}

static void a_reset_leads_back_to_rest_and_silence(void **state)
{
    (void)state;
    net *n = create(FRAMES, 6);
    rv_simulation *s = simulation_of(n);
    feed(n, s, spikes_of(n));
    feed(n, s, rates_of(n));
    for (size_t t = 0; t < 20; t++)
        succeed(n, rv_simulation_step_time(s));
    succeed(n, rv_simulation_reset_time(s));
    for (size_t t = 0; t < T; t++) {
        const uint32_t *ids;
        size_t num;
        float v[HIDDEN];
        succeed(n, rv_simulation_step_time(s));
        succeed(n, rv_simulation_get_spikes(s, n->noise, 1, &ids, &num));
        assert_int_equal(num, 0);
        succeed(n, rv_simulation_get_state(s, n->hid, "v", 1, v, HIDDEN));
        for (size_t j = 0; j < HIDDEN; j++)
            assert_true(v[j] == 0);
    }
    rv_simulation_free(s);
    destroy(n);
}

static void state_can_be_set_and_misuse_is_named(void **state)
{
    (void)state;
    net *n = create(FRAMES, 6);
    rv_simulation *s = simulation_of(n);
    float v[HIDDEN], readout[EXAMPLES * OUT];
    const uint32_t *ids;
    size_t num;
    for (size_t j = 0; j < HIDDEN; j++)
        v[j] = j == 3 ? 5.0F : 0.0F;
    succeed(n, rv_simulation_set_state(s, n->hid, "V", 1, v, HIDDEN));
    assert_int_equal(rv_simulation_get_readout(s, n->out, readout, EXAMPLES * OUT), RV_ERR_STATE);
    succeed(n, rv_simulation_step_time(s));
    succeed(n, rv_simulation_get_spikes(s, n->hid, 1, &ids, &num));
    assert_true(num == 1 && ids[0] == 3);
    succeed(n, rv_simulation_get_spikes(s, n->hid, 0, &ids, &num));
    assert_int_equal(num, 0);

    assert_int_equal(rv_simulation_get_state(s, n->hid, "A", 0, v, HIDDEN), RV_ERR_NAME);
    assert_string_equal(rv_last_error(n->context), "population 'hid' (LeakyIntegrateFire) has no state variable 'A'");
    assert_int_equal(rv_simulation_get_state(s, n->hid, "V", EXAMPLES, v, HIDDEN), RV_ERR_ARGUMENT);
    assert_int_equal(rv_simulation_get_readout(s, n->hid, readout, EXAMPLES * OUT), RV_ERR_ARGUMENT);
    assert_int_equal(rv_simulation_get_readout(s, n->out, readout, 1), RV_ERR_SHAPE);
    rv_input input = frames_of(n);
    input.num_values = FRAMES * N;
    assert_int_equal(rv_simulation_set_input(s, &input), RV_ERR_SHAPE);
    assert_string_equal(rv_last_error(n->context), "input 'shown' has 1 examples, the simulation has 5");
    input.population = n->hid;
    assert_int_equal(rv_simulation_set_input(s, &input), RV_ERR_ARGUMENT);
    rv_simulation_free(s);
    rv_simulation_free(NULL);
    destroy(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_give_the_bits_of_a_run),
        cmocka_unit_test(inputs_may_change_on_the_way),
        cmocka_unit_test(spikes_set_later_count_from_then_on),
        cmocka_unit_test(a_reset_leads_back_to_rest_and_silence),
        cmocka_unit_test(state_can_be_set_and_misuse_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
