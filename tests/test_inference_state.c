/* State that goes on from batch to batch: examples of 2 T steps, shown in halves of T steps as two batches, are what they
 * are in one go, where neither variables nor synaptic inputs are reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ranvier.h>

#define EXAMPLES 5
#define T 23 /* not a multiple of the delays' ring */
#define N 9
#define HIDDEN 21
#define OUT 3

typedef struct net {
    rv_context *context;
    rv_network *network;
    rv_population *in, *shown, *hid, *out;
    rv_compiled_network *model;
    rv_spikes *spikes;
    float *values; /* (examples, N) of `shown`, signed */
    size_t num_examples;
    rv_result *result;
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

static void connect(const net *n, rv_population *source, rv_population *target, double mean, rv_value delay,
                    rv_synapse synapse)
{
    rv_connection *connection;
    rv_connectivity dense = rv_dense(rv_normal(mean, 0.3));
    dense.delay = delay;
    succeed(n, rv_connection_add(&connection, n->network, source, target,
                                 &(rv_connection_desc){.connectivity = dense, .synapse = synapse}));
}

static bool spikes_at(size_t example, size_t step, size_t neuron)
{
    return (example * 31 + step * 17 + neuron * 7 + step * neuron) % 11 == 0;
}

/* `parts` batches of EXAMPLES examples, each of steps / parts of the steps. */
static void add_data(net *n, size_t parts, size_t steps)
{
    const size_t length = steps / parts;
    n->num_examples = parts * EXAMPLES;
    n->values = calloc(n->num_examples * N, sizeof *n->values);
    assert_non_null(n->values);
    succeed(n, rv_spikes_create(&n->spikes, n->context, N));
    for (size_t e = 0; e < n->num_examples; e++) {
        double times[2 * T * N];
        int32_t ids[2 * T * N];
        size_t num = 0;
        for (size_t t = 0; t < length; t++)
            for (int32_t j = 0; j < N; j++)
                if (spikes_at(e % EXAMPLES, e / EXAMPLES * length + t, (size_t)j)) {
                    times[num] = (double)t;
                    ids[num++] = j;
                }
        succeed(n, rv_spikes_append(n->spikes, times, ids, num));
        for (size_t j = 0; j < N; j++)
            n->values[e * N + j] = (float)((e % EXAMPLES * 5 + j) % 7) - 3.0F;
    }
}

static void describe(net *n, size_t threads)
{
    const rv_synapse slow = rv_exponential((rv_exponential_params){.tau = rv_const(6)});
    assert_int_equal(rv_context_create(&n->context, &(rv_context_desc){.num_threads = (int)threads}), RV_OK);
    succeed(n, rv_network_create(&n->network, n->context, RV_CLASS_DEFAULTS));
    n->in = add(n, "in", N, rv_spike_input());
    n->shown = add(n, "shown", N, rv_binary_spike_input(RV_ON, (rv_input_frames){0}));
    n->hid = add(n, "hid", HIDDEN, rv_leaky_integrate_fire((rv_lif){.tau_refrac = rv_const(4)}));
    n->out = add(n, "out", OUT, rv_leaky_integrate((rv_li){.readout = rv_avg_var()}));
    connect(n, n->in, n->hid, 0.3, rv_const(0), slow);
    connect(n, n->shown, n->hid, 0.1, rv_const(3), rv_delta());
    connect(n, n->hid, n->hid, 0, rv_uniform(0, 6), slow);
    connect(n, n->hid, n->out, 0.1, rv_const(T - 1), rv_delta());
}

/* Runs it; `reset` is the fields of rv_inference_desc that matter. */
static void run(net *n, size_t parts, rv_inference_desc reset)
{
    reset.example_timesteps = 2 * T / parts;
    reset.batch_size = EXAMPLES;
    succeed(n, rv_compile_inference(&n->model, n->network, &reset));
    add_data(n, parts, 2 * T);
    const rv_callback recorders[] = {
        rv_var_recorder((rv_var_recorder_desc){.population = n->hid, .var = "v", .key = "hid"}),
        rv_var_recorder((rv_var_recorder_desc){.population = n->out, .var = "v", .key = "out"}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = n->hid, .key = "spikes"}),
    };
    succeed(n, rv_predict(&n->result, n->model,
                          &(rv_evaluate_desc){.data = {.inputs = {{.population = n->in, .spikes = n->spikes},
                                                                  {.population = n->shown,
                                                                   .values = n->values,
                                                                   .num_values = n->num_examples * N}},
                                                       .outputs = {{.population = n->out}}},
                                              .callbacks = recorders,
                                              .num_callbacks = 3}));
}

static net *create(size_t parts, size_t threads, rv_inference_desc reset)
{
    net *n = calloc(1, sizeof *n);
    assert_non_null(n);
    describe(n, threads);
    run(n, parts, reset);
    return n;
}

static void destroy(net *n)
{
    rv_result_free(n->result);
    rv_compiled_network_free(n->model);
    rv_network_free(n->network);
    rv_spikes_free(n->spikes);
    rv_context_free(n->context);
    free(n->values);
    free(n);
}

/* V (steps, size) of an example */
static const float *v_of(const net *n, const char *key, size_t example)
{
    return rv_result_data(n->result, key)->items[example].values;
}

static const rv_inference_desc all_goes_on = {.reset_vars_between_batches = RV_OFF,
                                              .reset_in_syn_between_batches = RV_OFF};

static void halves_are_the_whole_where_nothing_is_reset(void **state)
{
    (void)state;
    net *whole = create(1, 1, (rv_inference_desc){0}), *halves = create(2, 3, all_goes_on);
    size_t spikes = 0;
    for (size_t e = 0; e < EXAMPLES; e++)
        for (size_t half = 0; half < 2; half++) {
            const size_t at = half * EXAMPLES + e;
            assert_memory_equal(v_of(halves, "hid", at), v_of(whole, "hid", e) + half * T * HIDDEN,
                                T * HIDDEN * sizeof(float));
            assert_memory_equal(v_of(halves, "out", at), v_of(whole, "out", e) + half * T * OUT,
                                T * OUT * sizeof(float));
            spikes += rv_result_data(halves->result, "spikes")->items[at].num;
        }
    assert_true(spikes > 100);
    destroy(whole);
    destroy(halves);
}

/* Step 0 of the second half, of a LIF neuron: V <- alpha V + Isyn. */
static void each_of_the_two_goes_on_by_itself(void **state)
{
    (void)state;
    net *rest = create(2, 1, (rv_inference_desc){0});
    net *vars = create(2, 1, (rv_inference_desc){.reset_vars_between_batches = RV_OFF});
    net *in_syn = create(2, 1, (rv_inference_desc){.reset_in_syn_between_batches = RV_OFF});
    net *both = create(2, 1, all_goes_on);
    size_t kept = 0, arrived = 0;
    for (size_t j = 0; j < HIDDEN; j++) {
        const float *before = v_of(both, "hid", 0) + (T - 1) * HIDDEN;
        assert_true(v_of(rest, "hid", EXAMPLES)[j] == 0);
        assert_memory_equal(v_of(vars, "hid", 0), v_of(both, "hid", 0), T * HIDDEN * sizeof(float));
        kept += v_of(vars, "hid", EXAMPLES)[j] != 0;
        arrived += v_of(in_syn, "hid", EXAMPLES)[j] != 0;
        if (v_of(vars, "hid", EXAMPLES)[j] != 0)
            assert_true(before[j] != 0);
    }
    assert_true(kept > HIDDEN / 2 && arrived > HIDDEN / 2);
    destroy(rest);
    destroy(vars);
    destroy(in_syn);
    destroy(both);
}

static void every_run_begins_at_rest(void **state)
{
    (void)state;
    net *n = create(2, 2, all_goes_on), *again = create(2, 2, all_goes_on);
    rv_result_free(again->result);
    rv_spikes_free(again->spikes);
    rv_compiled_network_free(again->model);
    free(again->values);
    again->model = NULL;
    run(again, 2, all_goes_on);
    for (size_t e = 0; e < 2 * EXAMPLES; e++)
        assert_memory_equal(v_of(n, "hid", e), v_of(again, "hid", e), T * HIDDEN * sizeof(float));
    destroy(n);
    destroy(again);
}

static void time_goes_on_in_what_is_recorded(void **state)
{
    (void)state;
    net *from_0 = create(2, 1, all_goes_on);
    rv_inference_desc desc = all_goes_on;
    desc.reset_time_between_batches = RV_OFF;
    net *on = create(2, 1, desc);
    for (size_t e = 0; e < 2 * EXAMPLES; e++) {
        const rv_entry *a = &rv_result_data(from_0->result, "spikes")->items[e];
        const rv_entry *b = &rv_result_data(on->result, "spikes")->items[e];
        assert_int_equal(a->num, b->num);
        for (size_t k = 0; k < a->num; k++)
            assert_true(b->times[k] == a->times[k] + (e < EXAMPLES ? 0 : T));
    }
    destroy(from_0);
    destroy(on);
}

static void delays_must_be_shorter_than_an_example(void **state)
{
    (void)state;
    net n = {0};
    describe(&n, 1);
    rv_inference_desc desc = all_goes_on;
    desc.example_timesteps = T - 1;
    assert_int_equal(rv_compile_inference(&n.model, n.network, &desc), RV_ERR_NETWORK);
    assert_string_equal(rv_last_error(n.context),
                        "connection 'Conn_hid_out': its delays must be shorter than an example of 22 timesteps where "
                        "reset_in_syn_between_batches is off");
    rv_network_free(n.network);
    rv_context_free(n.context);
}

static void a_simulation_goes_on_after_a_reset_of_time(void **state)
{
    (void)state;
    net *n = create(2, 1, all_goes_on);
    rv_simulation *s;
    succeed(n, rv_simulation_create(&s, n->model, EXAMPLES));
    for (size_t half = 0; half < 2; half++) {
        rv_spikes *spikes;
        succeed(n, rv_spikes_create(&spikes, n->context, N));
        for (size_t e = 0; e < EXAMPLES; e++) {
            double times[2 * T * N];
            int32_t ids[2 * T * N];
            succeed(n, rv_spikes_get(n->spikes, half * EXAMPLES + e, times, ids));
            succeed(n, rv_spikes_append(spikes, times, ids, rv_spikes_count(n->spikes, half * EXAMPLES + e)));
        }
        if (half)
            succeed(n, rv_simulation_reset_time(s));
        succeed(n, rv_simulation_set_input(s, &(rv_input){.population = n->in, .spikes = spikes}));
        succeed(n, rv_simulation_set_input(
                       s, &(rv_input){.population = n->shown, .values = n->values, .num_values = EXAMPLES * N}));
        for (size_t t = 0; t < T; t++) {
            float v[HIDDEN];
            succeed(n, rv_simulation_step_time(s));
            succeed(n, rv_simulation_get_state(s, n->hid, "V", 3, v, HIDDEN));
            assert_memory_equal(v, v_of(n, "hid", half * EXAMPLES + 3) + t * HIDDEN, sizeof v);
        }
        rv_spikes_free(spikes);
    }
    rv_simulation_free(s);
    destroy(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_are_the_whole_where_nothing_is_reset),
        cmocka_unit_test(each_of_the_two_goes_on_by_itself),
        cmocka_unit_test(every_run_begins_at_rest),
        cmocka_unit_test(time_goes_on_in_what_is_recorded),
        cmocka_unit_test(delays_must_be_shorter_than_an_example),
        cmocka_unit_test(a_simulation_goes_on_after_a_reset_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
