/* What a run says that it will take, held against what it takes; budgets of recorders. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <ranvier.h>

#include "support/files.h"

#define HIDDEN 400
#define STEPS 100
#define EXAMPLES 50

typedef struct net {
    rv_context *context;
    rv_network *network;
    rv_population *in, *hid, *out;
    rv_connection *in_hid;
    rv_compiled_network *model;
    rv_spikes *spikes;
    int32_t labels[EXAMPLES];
} net;

static void succeed(const net *n, int rc)
{
    if (rc < 0)
        fail_msg("%s", rv_last_error(n->context));
}

static void make(net *n)
{
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)});
    memset(n, 0, sizeof *n);
    succeed(n, rv_context_create(&n->context, &(rv_context_desc){.seed_given = true, .num_threads = 2}));
    succeed(n, rv_network_create(&n->network, n->context, RV_EVENTPROP_DEFAULTS));
    succeed(n, rv_population_add(&n->in, n->network,
                                 &(rv_population_desc){.name = "in", .shape = {50}, .neuron = rv_spike_input()}));
    succeed(n, rv_population_add(
                   &n->hid, n->network,
                   &(rv_population_desc){.name = "hid",
                                         .shape = {HIDDEN},
                                         .neuron = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)})}));
    succeed(n, rv_population_add(
                   &n->out, n->network,
                   &(rv_population_desc){
                       .name = "out", .shape = {5}, .neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()})}));
    rv_connection *hid_out;
    succeed(n, rv_connection_add(
                   &n->in_hid, n->network, n->in, n->hid,
                   &(rv_connection_desc){.connectivity = rv_dense(rv_normal(0.6, 0.3)), .synapse = synapse}));
    succeed(n,
            rv_connection_add(&hid_out, n->network, n->hid, n->out,
                              &(rv_connection_desc){.connectivity = rv_dense(rv_normal(0, 0.3)), .synapse = synapse}));
    succeed(n, rv_spikes_create(&n->spikes, n->context, 50));
    for (size_t e = 0; e < EXAMPLES; e++) {
        double times[400];
        int32_t ids[400];
        for (size_t k = 0; k < 400; k++) {
            times[k] = (double)((k * 7 + e) % (STEPS - 10));
            ids[k] = (int32_t)((k + e) % 50);
        }
        succeed(n, rv_spikes_append(n->spikes, times, ids, 400));
        n->labels[e] = (int32_t)(e % 5);
    }
    succeed(n, rv_compile_eventprop(
                   &n->model, n->network,
                   &(rv_eventprop_desc){.example_timesteps = STEPS, .batch_size = 8, .optimiser = rv_adam(0.001)}));
}

static void unmake(net *n)
{
    rv_compiled_network_free(n->model);
    rv_network_free(n->network);
    rv_spikes_free(n->spikes);
    rv_context_free(n->context);
}

/* Bytes of the heap, 0 where the allocator does not say. */
static size_t heap(void)
{
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static size_t most;

static int look(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)user, (void)batch, (void)metrics;
    const size_t now = heap();
    most = now > most ? now : most;
    return 0;
}

static int prepare(rv_run **run, const net *n, const rv_callback *callbacks, size_t num)
{
    const rv_data data = {.inputs = {{.population = n->in, .spikes = n->spikes}},
                          .outputs = {{.population = n->out, .labels = n->labels, .num_labels = EXAMPLES}}};
    return rv_train_prepare(
        run, n->model, &(rv_train_desc){.data = data, .num_epochs = 2, .callbacks = callbacks, .num_callbacks = num});
}

/* Trains with recorders; what it took, what was announced. */
static void measure(const rv_callback *callbacks, size_t num, const net *n, size_t *taken, size_t *fixed,
                    size_t *bound)
{
    rv_run *run = NULL;
    rv_result *result = NULL;
    const size_t before = heap();
    most = 0;
    succeed(n, prepare(&run, n, callbacks, num));
    *fixed = rv_run_memory_fixed(run);
    *bound = rv_run_memory_tape_bound(run);
    succeed(n, rv_run_execute(&result, run));
    *taken = most - before;
    rv_result_free(result);
    rv_run_free(run);
}

/* What is known before is taken, and no more than the bound. */
static void holds(const char *what, size_t taken, size_t fixed, size_t bound)
{
    if (taken + taken / 20 < fixed || taken > fixed + fixed / 20 + bound)
        fail_msg("%s: took %zu bytes, announced %zu and at most %zu more", what, taken, fixed, bound);
}

static void the_fixed_part_is_within_5_percent_and_the_bound_holds(void **state)
{
    (void)state;
    net n;
    size_t taken, fixed, bound;
    if (heap() == 0)
        skip(); /* a sanitizer's allocator does not say */
    make(&n);
    const rv_callback values[] = {
        rv_var_recorder((rv_var_recorder_desc){.population = n.hid, .var = "v", .examples = rv_slice("::2")}),
        rv_var_recorder(
            (rv_var_recorder_desc){.population = n.hid, .genn_var = "LambdaV", .timesteps = rv_slice("::2")}),
        rv_conn_var_recorder((rv_conn_var_recorder_desc){.connection = n.in_hid,
                                                         .genn_var = "Gradient",
                                                         .examples = rv_slice(":3"),
                                                         .src_neurons = rv_slice("::5")}),
        {.name = "look", .on_batch_end = look}};
    measure(values, 4, &n, &taken, &fixed, &bound);
    holds("values", taken, fixed, bound);
    assert_true(fixed > 10 << 20);
    const size_t with_values = fixed;

    const rv_callback spikes[] = {
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.in}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.hid, .keep = {.budget = 40 << 20}}),
        {.name = "look", .on_batch_end = look}};
    measure(spikes, 3, &n, &taken, &fixed, &bound);
    holds("spikes", taken, fixed, bound);

    const rv_callback streamed[] = {rv_var_recorder((rv_var_recorder_desc){
                                        .population = n.hid, .var = "v", .keep = {.stream = test_path("streamed")}}),
                                    {.name = "look", .on_batch_end = look}};
    measure(streamed, 2, &n, &taken, &fixed, &bound);
    holds("stream", taken, fixed, bound);
    assert_true(fixed < with_values / 2); /* 16 MB go to the file */
    unmake(&n);
}

/* ---- budgets ---- */

static void expect_error(const net *n, rv_callback callback, const char *message)
{
    rv_run *run = NULL;
    const int code = prepare(&run, n, &callback, 1);
    if (code != RV_ERR_MEMORY || !strstr(rv_last_error(n->context), message))
        fail_msg("%d: '%s', expected '%s'", code, rv_last_error(n->context), message);
    assert_null(run);
}

static void values_beyond_the_budget_are_refused_before_the_run(void **state)
{
    (void)state;
    net n;
    rv_run *run = NULL;
    make(&n);
    rv_var_recorder_desc desc = {.population = n.hid, .var = "v", .keep = {.budget = 3 << 20}};
    expect_error(&n, rv_var_recorder(desc), "100 entries of 100 x 400 numbers need 16");
    expect_error(&n, rv_var_recorder(desc), "its budget is 3145728; examples \":9\" would fit");
    desc.examples = rv_slice(":9");
    const rv_callback fits = rv_var_recorder(desc);
    succeed(&n, prepare(&run, &n, &fits, 1));
    rv_run_free(run);
    desc.examples = rv_slice(":10");
    expect_error(&n, rv_var_recorder(desc), "examples \":9\" would fit");
    expect_error(&n,
                 rv_conn_var_recorder(
                     (rv_conn_var_recorder_desc){.connection = n.in_hid, .genn_var = "g", .keep = {.budget = 100}}),
                 "ConnVarRecorder of connection 'Conn_in_hid'");
    unmake(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fixed_part_is_within_5_percent_and_the_bound_holds),
        cmocka_unit_test(values_beyond_the_budget_are_refused_before_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
