/* e-prop learns the weights of any connectivity as it learns those of the same synapses in a dense connection: shared
 * ones get the sum over their synapses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/training_task.h"

#define SIDE 6 /* of the source; a 3 x 3 kernel gives 4 x 4 positions */
#define POSITIONS 4
#define KERNEL 3
#define FILTERS 2
#define INPUTS (SIDE * SIDE)
#define HIDDEN (POSITIONS * POSITIONS * FILTERS)
#define OUTPUTS 3
#define STEPS 40
#define EXAMPLES 5

typedef struct net {
    rv_context *context;
    rv_network *network;
    rv_population *in, *hid, *out;
    rv_connection *in_hid, *hid_hid, *hid_out;
    rv_spikes *spikes;
    int32_t labels[EXAMPLES];
    rv_compiled_network *model;
} net;

static void succeed(const net *n, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(n->context));
}

static float kernel[KERNEL * KERNEL * FILTERS];
static float conv_as_dense[INPUTS * HIDDEN];

/* Every third recurrent pair, every second to the outputs. */
#define RECURRENT (HIDDEN * HIDDEN)
static uint32_t pre[RECURRENT], post[RECURRENT];
static float listed[RECURRENT], recurrent[RECURRENT], to_outputs[HIDDEN * OUTPUTS];
static size_t num_listed;
static uint32_t every_hidden[HIDDEN * OUTPUTS], every_output[HIDDEN * OUTPUTS];

static void fill(void)
{
    uint64_t x = 1;
    for (size_t i = 0; i < KERNEL * KERNEL * FILTERS; i++)
        kernel[i] = (float)(0.1 + 0.3 * sin((double)(x += 7 * i + 3)));
    for (size_t y = 0; y < POSITIONS * POSITIONS; y++)
        for (size_t k = 0; k < KERNEL * KERNEL; k++)
            for (size_t f = 0; f < FILTERS; f++) {
                const size_t source = (y / POSITIONS + k / KERNEL) * SIDE + y % POSITIONS + k % KERNEL;
                conv_as_dense[source * HIDDEN + y * FILTERS + f] = kernel[k * FILTERS + f];
            }
    for (uint32_t i = 0; i < HIDDEN; i++)
        for (uint32_t j = i % 3; j < HIDDEN; j += 3) {
            pre[num_listed] = i;
            post[num_listed] = j;
            recurrent[i * HIDDEN + j] = listed[num_listed++] = (float)(0.1 * cos((double)(x += 5 * i + j)));
        }
    for (uint32_t i = 0; i < HIDDEN * OUTPUTS; i++) {
        every_hidden[i] = i / OUTPUTS;
        every_output[i] = i % OUTPUTS;
    }
    for (size_t i = 0; i < HIDDEN * OUTPUTS; i++)
        to_outputs[i] = (float)(0.5 * sin((double)(x += i + 1)));
}

static void connect(net *n, rv_connection **out, rv_population *from, rv_population *to, rv_connectivity connectivity)
{
    succeed(n, rv_connection_add(out, n->network, from, to, &(rv_connection_desc){.connectivity = connectivity}));
}

static void add_data(net *n)
{
    double times[8 * STEPS];
    int32_t ids[8 * STEPS];
    succeed(n, rv_spikes_create(&n->spikes, n->context, INPUTS));
    for (size_t e = 0; e < EXAMPLES; e++) {
        for (size_t k = 0; k < 8 * STEPS; k++) {
            times[k] = (double)(k / 8);
            ids[k] = (int32_t)((13 * k + 5 * e + k * k) % INPUTS);
        }
        succeed(n, rv_spikes_append(n->spikes, times, ids, 8 * STEPS));
        n->labels[e] = (int32_t)(e % OUTPUTS);
    }
}

/* Learns from one batch; of weights that are listed and shared, or the same in dense connections. */
static void learn(net *n, bool dense, bool convolution, bool online)
{
    const rv_conv2d_desc conv = {
        .weight = rv_array(kernel, KERNEL * KERNEL * FILTERS), .filters = FILTERS, .conv_size = {KERNEL, KERNEL}};
    const rv_sparse_desc sparse = {
        .pre_ind = pre, .post_ind = post, .num_synapses = num_listed, .weight = rv_array(listed, num_listed)};
    const rv_sparse_desc full = { /* errors come back through listed synapses too */
        .pre_ind = every_hidden, .post_ind = every_output, .num_synapses = HIDDEN * OUTPUTS,
        .weight = rv_array(to_outputs, HIDDEN * OUTPUTS)};
    rv_result *result = NULL;
    *n = (net){0};
    succeed(n, rv_context_create(&n->context, &(rv_context_desc){.num_threads = 2}));
    succeed(n, rv_network_create(&n->network, n->context, RV_EPROP_DEFAULTS));
    succeed(n, rv_population_add(&n->in, n->network,
                                 &(rv_population_desc){.shape = {SIDE, SIDE, 1}, .neuron = rv_spike_input()}));
    succeed(n, rv_population_add(&n->hid, n->network,
                                 &(rv_population_desc){.shape = {POSITIONS, POSITIONS, FILTERS},
                                                       .neuron = rv_adaptive_leaky_integrate_fire(
                                                           (rv_alif){.beta = rv_const(0.2)})}));
    succeed(n, rv_population_add(&n->out, n->network,
                                 &(rv_population_desc){.shape = {OUTPUTS},
                                                       .neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()})}));
    connect(n, &n->in_hid, n->in, n->hid,
            convolution && !dense ? rv_conv2d(conv) : rv_dense(rv_array(conv_as_dense, INPUTS * HIDDEN)));
    connect(n, &n->hid_hid, n->hid, n->hid, dense ? rv_dense(rv_array(recurrent, RECURRENT)) : rv_sparse(sparse));
    connect(n, &n->hid_out, n->hid, n->out, dense ? rv_dense(rv_array(to_outputs, HIDDEN * OUTPUTS)) : rv_sparse(full));
    add_data(n);
    succeed(n, rv_compile_eprop(&n->model, n->network,
                                &(rv_eprop_desc){.example_timesteps = STEPS,
                                                 .batch_size = EXAMPLES,
                                                 .online = online,
                                                 .keep_gradients = true}));
    succeed(n, rv_train(&result, n->model,
                        &(rv_train_desc){.data = {.inputs = {{.population = n->in, .spikes = n->spikes}},
                                                  .outputs = {{.population = n->out,
                                                               .labels = n->labels,
                                                               .num_labels = EXAMPLES}}},
                                         .num_epochs = 1,
                                         .no_callbacks = true}));
    rv_result_free(result);
}

static float *delta_g(const net *n, const rv_connection *connection, size_t size)
{
    const rv_variable variable = {.connection = connection, .name = "DeltaG"};
    size_t there = 0;
    succeed(n, rv_variable_size(n->model, variable, &there));
    assert_int_equal(there, size);
    float *const out = malloc(size * sizeof *out);
    assert_non_null(out);
    succeed(n, rv_variable_get(n->model, variable, out, size));
    return out;
}

static void clear(net *n)
{
    rv_compiled_network_free(n->model);
    rv_spikes_free(n->spikes);
    rv_network_free(n->network);
    rv_context_free(n->context);
}

static void close_to(const char *what, const float *a, const float *b, size_t size)
{
    const double error = relative_error(a, b, size);
    if (!(error < 1e-5))
        fail_msg("%s: relative error %g", what, error);
}

static void listed_synapses_learn_as_they_do_among_all(void **state)
{
    (void)state;
    for (int online = 0; online < 2; online++) {
        net some, all;
        learn(&some, false, false, online);
        learn(&all, true, false, online);
        float *const a = delta_g(&some, some.hid_hid, num_listed), *const b = delta_g(&all, all.hid_hid, RECURRENT);
        for (size_t k = 0; k < num_listed; k++)
            b[k] = b[pre[k] * HIDDEN + post[k]];
        close_to("listed synapses", a, b, num_listed);
        free(a);
        free(b);
        clear(&some);
        clear(&all);
    }
}

static void a_kernel_learns_the_sum_over_its_positions(void **state)
{
    net shared, all;
    float sum[KERNEL * KERNEL * FILTERS] = {0};
    (void)state;
    learn(&shared, false, true, false);
    learn(&all, true, true, false);
    float *const a = delta_g(&shared, shared.in_hid, KERNEL * KERNEL * FILTERS);
    float *const b = delta_g(&all, all.in_hid, INPUTS * HIDDEN);
    for (size_t y = 0; y < POSITIONS * POSITIONS; y++)
        for (size_t k = 0; k < KERNEL * KERNEL; k++)
            for (size_t f = 0; f < FILTERS; f++) {
                const size_t source = (y / POSITIONS + k / KERNEL) * SIDE + y % POSITIONS + k % KERNEL;
                sum[k * FILTERS + f] += b[source * HIDDEN + y * FILTERS + f];
            }
    close_to("kernel", a, sum, KERNEL * KERNEL * FILTERS);
    free(a);
    free(b);
    clear(&shared);
    clear(&all);
}

static void a_kernel_has_no_traces(void **state)
{
    net n;
    rv_compiled_network *model = NULL;
    (void)state;
    learn(&n, false, true, false);
    assert_int_equal(rv_compile_eprop(&model, n.network,
                                      &(rv_eprop_desc){.example_timesteps = STEPS, .online = true}),
                     RV_ERR_UNSUPPORTED);
    assert_non_null(strstr(rv_last_error(n.context), "no traces for the shared weights of Conv2D"));
    clear(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listed_synapses_learn_as_they_do_among_all),
        cmocka_unit_test(a_kernel_learns_the_sum_over_its_positions),
        cmocka_unit_test(a_kernel_has_no_traces),
    };
    fill();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
