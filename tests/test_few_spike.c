/* Few-spike networks: every layer writes its activations in k binary digits, branches of different depth meet, and
 * outputs are read before their sources' last digits arrive. Held against the digits worked out here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "support/training_task.h"

#define EXAMPLES 9
#define IN 8
#define A 37
#define B 6
#define OUT 5
#define SIDE 3

typedef struct net {
    rv_context *context;
    rv_network *network;
    rv_population *in, *a, *b, *out, *side;
    rv_compiled_network *model;
} net;

/* in -> a -> b -> out, and from each to all that come later; a -> side */
enum {
    IN_A,
    IN_B,
    IN_OUT,
    A_B,
    A_OUT,
    B_OUT,
    A_SIDE,
    NUM_CONNECTIONS
};
static const size_t sources[] = {IN, IN, IN, A, A, B, A}, targets[] = {A, B, OUT, B, OUT, OUT, SIDE};
static float weights[NUM_CONNECTIONS][A * A];
static float values[EXAMPLES][IN], bias[B];
static const float alphas[] = {2, 6, 9}; /* of in, a and b */

static double uniform(unsigned *state, double min, double max)
{
    *state = *state * 1664525U + 1013904223U;
    return min + (max - min) * (*state >> 8) / 16777216.0;
}

static int fill(void **state)
{
    (void)state;
    unsigned random = 1;
    for (size_t c = 0; c < NUM_CONNECTIONS; c++)
        for (size_t i = 0; i < sources[c] * targets[c]; i++)
            weights[c][i] = (float)uniform(&random, -0.35, 0.65);
    for (int e = 0; e < EXAMPLES; e++)
        for (int i = 0; i < IN; i++)
            values[e][i] = (float)uniform(&random, -0.9, 1.1);
    for (int j = 0; j < B; j++)
        bias[j] = (float)j / 5.0F - 0.4F;
    return 0;
}

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

static void connect(const net *n, int c, rv_population *source, rv_population *target)
{
    rv_connection *connection;
    succeed(n, rv_connection_add(
                   &connection, n->network, source, target,
                   &(rv_connection_desc){.connectivity = rv_dense(rv_array(weights[c], sources[c] * targets[c]))}));
}

static void create(net *n, size_t k, rv_flag is_signed, int threads, size_t batch_size)
{
    *n = (net){0};
    assert_int_equal(rv_context_create(&n->context, &(rv_context_desc){.num_threads = threads}), RV_OK);
    succeed(n, rv_network_create(&n->network, n->context, RV_CLASS_DEFAULTS));
    n->in = add(n, "in", IN,
                rv_few_spike_relu_input(
                    (rv_few_spike_input){.k = k, .alpha = rv_const(alphas[0]), .signed_input = is_signed}));
    n->a = add(n, "a", A, rv_few_spike_relu((rv_few_spike){.k = k, .alpha = rv_const(alphas[1])}));
    n->b = add(n, "b", B,
               rv_few_spike_relu((rv_few_spike){.k = k, .alpha = rv_const(alphas[2]), .bias = rv_array(bias, B)}));
    n->out = add(n, "out", OUT, rv_few_spike_relu((rv_few_spike){.k = k, .readout = rv_var()}));
    n->side = add(n, "side", SIDE, rv_few_spike_relu((rv_few_spike){.k = k, .readout = rv_var()}));
    connect(n, IN_OUT, n->in, n->out);
    connect(n, B_OUT, n->b, n->out);
    connect(n, IN_B, n->in, n->b);
    connect(n, A_OUT, n->a, n->out);
    connect(n, A_B, n->a, n->b);
    connect(n, IN_A, n->in, n->a);
    connect(n, A_SIDE, n->a, n->side);
    succeed(n, rv_compile_few_spike(&n->model, n->network, &(rv_few_spike_desc){.k = k, .batch_size = batch_size}));
}

static void destroy(net *n)
{
    rv_compiled_network_free(n->model);
    rv_network_free(n->network);
    rv_context_free(n->context);
}

static rv_result *predict(const net *n, const rv_callback *callbacks, size_t num)
{
    rv_result *result;
    succeed(
        n, rv_predict(&result, n->model,
                      &(rv_evaluate_desc){
                          .data = {.inputs = {{.population = n->in, .values = values[0], .num_values = EXAMPLES * IN}},
                                   .outputs = {{.population = n->out}, {.population = n->side}}},
                          .callbacks = callbacks,
                          .num_callbacks = num,
                          .no_callbacks = num == 0}));
    return result;
}

/* ---- the digits ---- */

/* what is left of x when it is written in `num` of k digits */
static double digits(double x, double alpha, int num, bool is_signed)
{
    double sum = 0;
    for (int t = 0; t < num; t++) {
        const double h = alpha * ldexp(1, -((is_signed ? t / 2 : t) + 1));
        const int sign = is_signed && t % 2 ? -(x < -h) : x >= h;
        sum += sign * h;
        x -= sign * h;
    }
    return sum;
}

static double through(int c, size_t j, const double *x, double alpha, int num, bool is_signed)
{
    double sum = 0;
    for (size_t i = 0; i < sources[c]; i++)
        sum += (double)weights[c][i * targets[c] + j] * digits(x[i], alpha, num, is_signed);
    return sum;
}

static void expected(int example, int k, bool is_signed, double out[OUT], double side[SIDE])
{
    double x[IN], a[A], b[B];
    for (int i = 0; i < IN; i++)
        x[i] = (double)values[example][i];
    for (size_t j = 0; j < A; j++)
        a[j] = through(IN_A, j, x, alphas[0], k, is_signed);
    for (size_t j = 0; j < B; j++)
        b[j] =
            (double)bias[j] + through(IN_B, j, x, alphas[0], k, is_signed) + through(A_B, j, a, alphas[1], k, false);
    for (size_t j = 0; j < OUT; j++)
        out[j] = through(IN_OUT, j, x, alphas[0], k - 1, is_signed) + through(A_OUT, j, a, alphas[1], k - 1, false) +
                 through(B_OUT, j, b, alphas[2], k - 1, false);
    for (size_t j = 0; j < SIDE; j++)
        side[j] = through(A_SIDE, j, a, alphas[1], k - 1, false);
}

static void near(const char *what, int k, int example, size_t j, float got, double wanted)
{
    if (!(fabs((double)got - wanted) < 2e-5 * (1 + fabs(wanted))))
        fail_msg("k = %d, %s of example %d, neuron %zu: %.9g, expected %.9g", k, what, example, j, (double)got,
                 wanted);
}

static void outputs_are_the_weighted_digits_of_all_branches(void **state)
{
    (void)state;
    static const struct {
        int k;
        rv_flag is_signed;
    } forms[] = {{10, RV_OFF}, {4, RV_OFF}, {1, RV_OFF}, {8, RV_ON}, {2, RV_ON}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const int k = forms[i].k;
        net n;
        size_t num;
        create(&n, (size_t)k, forms[i].is_signed, 2, 4);
        assert_int_equal(rv_compiled_network_example_timesteps(n.model), 3 * k);
        rv_result *result = predict(&n, NULL, 0);
        const float *out = rv_result_prediction(result, n.out, &num),
                    *side = rv_result_prediction(result, n.side, &num);
        assert_int_equal(num, EXAMPLES);
        for (int e = 0; e < EXAMPLES; e++) {
            double wanted[OUT], beside[SIDE];
            expected(e, k, forms[i].is_signed == RV_ON, wanted, beside);
            for (size_t j = 0; j < OUT; j++)
                near("out", k, e, j, out[(size_t)e * OUT + j], wanted[j]);
            for (size_t j = 0; j < SIDE; j++)
                near("side", k, e, j, side[(size_t)e * SIDE + j], beside[j]);
        }
        rv_result_free(result);
        destroy(&n);
    }
}

static void layers_spike_in_their_own_timesteps_only(void **state)
{
    (void)state;
    net n;
    create(&n, 6, RV_ON, 1, 1);
    const rv_callback recorders[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.in, .key = "0"}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.a, .key = "1"}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.b, .key = "2"}),
        rv_var_recorder((rv_var_recorder_desc){.population = n.b, .genn_var = "Fx", .key = "Fx"}),
    };
    rv_result *result = predict(&n, recorders, 4);
    for (int depth = 0; depth < 3; depth++) {
        const rv_entries *spikes = rv_result_data(result, (const char *[]){"0", "1", "2"}[depth]);
        size_t num = 0;
        for (size_t e = 0; e < spikes->num; e++)
            for (size_t i = 0; i < spikes->items[e].num; i++, num++)
                assert_int_equal((int)spikes->items[e].times[i] / 6, depth);
        assert_true(num > 20);
    }
    const rv_entry *fx = &rv_result_data(result, "Fx")->items[2];
    for (size_t j = 0; j < B; j++) {
        assert_true(fx->values[j] == bias[j]);                         /* before anything has arrived */
        assert_true(fx->values[12 * B + j] == fx->values[17 * B + j]); /* and when all has */
    }
    rv_result_free(result);
    destroy(&n);
}

static void threads_and_batch_size_do_not_show(void **state)
{
    (void)state;
    static const struct {
        int threads;
        size_t batch_size;
    } manners[] = {{1, 1}, {3, 2}, {2, EXAMPLES}};
    uint64_t hash[3];
    for (size_t i = 0; i < 3; i++) {
        net n;
        size_t num;
        create(&n, 10, RV_ON, manners[i].threads, manners[i].batch_size);
        rv_result *result = predict(&n, NULL, 0);
        const float *out = rv_result_prediction(result, n.out, &num);
        hash[i] = hash_bytes(0, out, num * OUT * sizeof *out);
        assert_true(hash[i] == hash[0]);
        rv_result_free(result);
        destroy(&n);
    }
}

/* ---- what does not fit ---- */

typedef struct misfit {
    rv_neuron input, hidden, output;
    rv_connection_desc first; /* weight and all; connectivity is filled in */
    bool recurrent;
    size_t k;
} misfit;

static void fails_with(const misfit *m, const char *message)
{
    net n = {0};
    rv_connection *connection;
    const rv_connectivity dense = rv_dense(rv_const(1));
    assert_int_equal(rv_context_create(&n.context, NULL), RV_OK);
    succeed(&n, rv_network_create(&n.network, n.context, RV_CLASS_DEFAULTS));
    n.in = add(&n, "in", 2, m->input);
    n.a = add(&n, "hid", 2, m->hidden);
    n.out = add(&n, "out", 2, m->output);
    rv_connection_desc first = m->first;
    first.connectivity.model = dense.model;
    first.connectivity.weight = dense.weight;
    succeed(&n, rv_connection_add(&connection, n.network, n.in, n.a, &first));
    succeed(&n, rv_connection_add(&connection, n.network, n.a, n.out, &(rv_connection_desc){.connectivity = dense}));
    if (m->recurrent)
        succeed(&n, rv_connection_add(&connection, n.network, n.a, n.a,
                                      &(rv_connection_desc){.name = "loop", .connectivity = dense}));
    assert_int_equal(rv_compile_few_spike(&n.model, n.network, &(rv_few_spike_desc){.k = m->k}), RV_ERR_NETWORK);
    assert_null(n.model);
    assert_string_equal(rv_last_error(n.context), message);
    destroy(&n);
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    const misfit good = {
        .input = rv_few_spike_relu_input((rv_few_spike_input){0}),
        .hidden = rv_few_spike_relu((rv_few_spike){0}),
        .output = rv_few_spike_relu((rv_few_spike){.readout = rv_var()}),
    };
    misfit m = good;
    m.recurrent = true;
    fails_with(&m, "connection 'loop': a few-spike network cannot be recurrent");
    m = good;
    m.k = 8;
    fails_with(&m, "population 'in': k must be 8, as the compiler's, got 10");
    m = good;
    m.hidden = rv_few_spike_relu((rv_few_spike){.k = 9});
    fails_with(&m, "population 'hid': k must be 10, as the compiler's, got 9");
    m.k = 9;
    m.input = rv_few_spike_relu_input((rv_few_spike_input){.k = 9, .signed_input = RV_ON});
    fails_with(&m, "population 'in': signed_input needs an even k, got 9");
    m = good;
    m.input = rv_few_spike_relu_input((rv_few_spike_input){.frames = {.input_frames = 2}});
    fails_with(&m, "population 'in': input_frames must be 1 in a few-spike network, got 2");
    m = good;
    m.hidden = rv_integrate_fire((rv_if){0});
    fails_with(&m, "population 'hid': IntegrateFire is not for the few-spike compiler");
    m = good;
    m.output.readout = rv_sum_var();
    fails_with(&m, "population 'out': a few-spike network is read with Var, got SumVar");
    m = good;
    m.first.synapse = rv_exponential((rv_exponential_params){0});
    fails_with(&m, "connection 'Conn_in_hid': a few-spike network needs Delta synapses, got Exponential");
    m = good;
    m.first.connectivity.delay = rv_const(2);
    fails_with(&m, "connection 'Conn_in_hid': a few-spike network has no delays of yours");
}

static void other_compilers_refuse_few_spike_neurons(void **state)
{
    (void)state;
    net n = {0};
    assert_int_equal(rv_context_create(&n.context, NULL), RV_OK);
    succeed(&n, rv_network_create(&n.network, n.context, RV_CLASS_DEFAULTS));
    n.in = add(&n, "in", 2, rv_few_spike_relu_input((rv_few_spike_input){0}));
    assert_int_equal(rv_compile_inference(&n.model, n.network, &(rv_inference_desc){.example_timesteps = 5}),
                     RV_ERR_NETWORK);
    assert_string_equal(rv_last_error(n.context),
                        "population 'in': FewSpikeReluInput is only for the few-spike compiler");
    destroy(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_are_the_weighted_digits_of_all_branches),
        cmocka_unit_test(layers_spike_in_their_own_timesteps_only),
        cmocka_unit_test(threads_and_batch_size_do_not_show),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(other_compilers_refuse_few_spike_neurons),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
