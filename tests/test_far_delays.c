/* Delays of thousands of timesteps: spikes go through them one by one where a ring over their timesteps would be large,
 * and everything comes out as with the ring, which a network has whose max_delay_steps are few. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compile/plan.h"
#include "support/training_task.h"

enum {
    STEPS = 34000,
    INPUTS = 6,
    HIDDEN = 120,
    OUTPUTS = 120,
    EXAMPLES = 3,
    MAX_CONNECTIONS = 6,
    LONGEST = 1500,
    FEW_SYNAPSES = 12
};

#define TOLERANCE 1e-5

typedef struct desc {
    size_t max_delay_steps; /* 0 = the longest delay, which a ring serves */
    bool learn;             /* delays learn too; else compiled for inference */
    int num_threads;
} desc;

typedef struct task {
    rv_context *context;
    rv_network *network;
    rv_population *in, *out;
    rv_connection *connections[MAX_CONNECTIONS];
    size_t num_connections;
    rv_compiled_network *model;
} task;

static void ok(const task *t, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(t->context));
}

static rv_population *add(task *t, size_t n, rv_neuron neuron)
{
    rv_population *p = NULL;
    ok(t, rv_population_add(&p, t->network, &(rv_population_desc){.shape = {n}, .neuron = neuron}));
    return p;
}

static void connect(task *t, rv_population *source, rv_population *target, rv_connectivity connectivity, size_t max)
{
    ok(t,
       rv_connection_add(&t->connections[t->num_connections++], t->network, source, target,
                         &(rv_connection_desc){.connectivity = connectivity,
                                               .synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)}),
                                               .max_delay_steps = max}));
}

static rv_neuron lif(void)
{
    return rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)});
}

/* Weights are quarters, whose sums are exact in any order: the ring and the lists do not add in the same one. */
static rv_connectivity delayed(rv_connectivity c, size_t num, uint64_t seed)
{
    static float weights[HIDDEN * OUTPUTS], delays[HIDDEN * OUTPUTS]; /* copied when the connection is added */
    uint64_t random = seed;
    for (size_t k = 0; k < num; k++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        weights[k] = 7 + (float)(random >> 60) / 4;
        delays[k] = (float)(random >> 33) * 0x1p-31F * LONGEST;
    }
    delays[0] = LONGEST;
    c.weight = rv_array(weights, num);
    c.delay = rv_array(delays, num);
    return c;
}

/* Signed inputs to hidden neurons, densely, from these one to one to others, back to the first through few synapses, and
 * on to the output, which sees the inputs too; every synapse has a delay. */
static void make(task *t, const desc *d)
{
    uint32_t pre[FEW_SYNAPSES], post[FEW_SYNAPSES];
    for (uint32_t k = 0; k < FEW_SYNAPSES; k++) {
        pre[k] = k / 2;
        post[k] = (7 * k + 23) % HIDDEN;
    }
    *t = (task){0};
    assert_int_equal(
        rv_context_create(&t->context,
                          &(rv_context_desc){.seed = 3, .seed_given = true, .num_threads = d->num_threads}),
        0);
    ok(t, rv_network_create(&t->network, t->context, RV_EVENTPROP_DEFAULTS));
    t->in = add(t, INPUTS, rv_poisson_input(RV_ON, (rv_input_frames){.input_frames = 1}));
    rv_population *const a = add(t, HIDDEN, lif()), *const b = add(t, HIDDEN, lif());
    t->out = add(t, OUTPUTS, rv_leaky_integrate((rv_li){.readout = rv_avg_var()}));
    connect(t, t->in, a, delayed(rv_dense(rv_const(0)), INPUTS * HIDDEN, 1), d->max_delay_steps);
    connect(t, a, b, delayed(rv_one_to_one(rv_const(0)), HIDDEN, 2), d->max_delay_steps);
    connect(t, b, a,
            delayed(rv_sparse((rv_sparse_desc){.pre_ind = pre, .post_ind = post, .num_synapses = FEW_SYNAPSES}),
                    FEW_SYNAPSES, 3),
            d->max_delay_steps);
    connect(t, b, t->out, delayed(rv_dense(rv_const(0)), HIDDEN * OUTPUTS, 4), d->max_delay_steps);
    connect(t, t->in, t->out, delayed(rv_dense(rv_const(0)), INPUTS * OUTPUTS, 5), d->max_delay_steps);
    const rv_connection *learn[MAX_CONNECTIONS];
    memcpy(learn, t->connections, sizeof learn);
    if (!d->learn)
        ok(t, rv_compile_inference(&t->model, t->network,
                                   &(rv_inference_desc){.example_timesteps = STEPS, .batch_size = 2}));
    else
        ok(t, rv_compile_eventprop(&t->model, t->network,
                                   &(rv_eventprop_desc){.example_timesteps = STEPS,
                                                        .batch_size = 4,
                                                        .max_spikes = STEPS,
                                                        .optimiser = rv_sgd(0.25, 0),
                                                        .delay_learn_conns = learn,
                                                        .num_delay_learn_conns = t->num_connections,
                                                        .delay_optimiser = rv_adam(5),
                                                        .keep_gradients = true}));
}

static void clear(task *t)
{
    rv_compiled_network_free(t->model);
    rv_network_free(t->network);
    rv_context_free(t->context);
}

/* spikes per timestep */
static const float values[EXAMPLES][INPUTS] = {
    {9e-5F, -5e-5F, 1e-4F, 0, 7e-5F, 3e-5F},
    {3e-5F, 9e-5F, -6e-5F, 1e-4F, 0, 4e-5F},
    {-4e-5F, 6e-5F, 9e-5F, 5e-5F, 8e-5F, 0},
};
static const int32_t labels[EXAMPLES] = {0, 2, 1};

static rv_data data_of(const task *t)
{
    return (rv_data){
        .inputs = {{.population = t->in, .values = values[0], .num_values = EXAMPLES * INPUTS}},
        .outputs = {{.population = t->out, .labels = labels, .num_labels = EXAMPLES}},
    };
}

static void train(task *t, size_t num_epochs)
{
    rv_result *result = NULL;
    ok(t, rv_train(&result, t->model,
                   &(rv_train_desc){
                       .data = data_of(t), .num_epochs = num_epochs, .shuffle = RV_OFF, .no_callbacks = true}));
    rv_result_free(result);
}

static size_t get(const task *t, size_t connection, const char *name, float *out)
{
    const rv_variable variable = {.connection = t->connections[connection], .name = name};
    size_t size;
    ok(t, rv_variable_size(t->model, variable, &size));
    ok(t, rv_variable_get(t->model, variable, out, size));
    return size;
}

static size_t count_far(const task *t)
{
    size_t num = 0;
    for (size_t i = 0; i < t->num_connections; i++)
        num += rv_plan_find_connection(t->model, t->connections[i])->far != NULL;
    return num;
}

static void what_arrives_is_the_same(void **state)
{
    task near, far;
    rv_result *results[2] = {NULL};
    (void)state;
    make(&near, &(desc){.num_threads = 1});
    make(&far, &(desc){.num_threads = 2, .max_delay_steps = STEPS});
    assert_int_equal(count_far(&near), 0);
    assert_int_equal(count_far(&far), 5);
    for (int i = 0; i < 2; i++) {
        const task *t = i ? &far : &near;
        ok(t, rv_predict(&results[i], t->model, &(rv_evaluate_desc){.data = data_of(t), .no_callbacks = true}));
    }
    size_t num[2];
    const float *const a = rv_result_prediction(results[0], near.out, &num[0]);
    const float *const b = rv_result_prediction(results[1], far.out, &num[1]);
    assert_true(num[0] == num[1] && a[0] > 0);
    assert_memory_equal(a, b, num[0] * OUTPUTS * sizeof *a);
    rv_result_free(results[0]);
    rv_result_free(results[1]);
    clear(&near);
    clear(&far);
}

static void compare(const task *a, const task *b, const char *name, double tolerance)
{
    static float x[HIDDEN * OUTPUTS], y[HIDDEN * OUTPUTS];
    for (size_t i = 0; i < 5; i++) {
        double norm = 0;
        const size_t size = get(a, i, name, x);
        get(b, i, name, y);
        for (size_t k = 0; k < size; k++)
            norm += fabs((double)x[k]);
        const double error = relative_error(x, y, size);
        if (!(error <= tolerance) || !(norm > 0))
            fail_msg("connection %zu: %s has relative error %g, norm %g", i, name, error, norm);
    }
}

static void what_is_learnt_is_the_same(void **state)
{
    task near, far;
    (void)state;
    make(&near, &(desc){.learn = true, .num_threads = 2});
    make(&far, &(desc){.learn = true, .num_threads = 2, .max_delay_steps = STEPS});
    assert_true(count_far(&near) == 0 && count_far(&far) == 5);
    train(&near, 1);
    train(&far, 1);
    compare(&near, &far, "Gradient", TOLERANCE);
    compare(&near, &far, "DelayGradient", TOLERANCE);
    clear(&near);
    clear(&far);
}

/* After an epoch delays are no longer in the order in which they were sorted. */
static void bits_do_not_depend_on_threads(void **state)
{
    task one, three;
    (void)state;
    make(&one, &(desc){.learn = true, .num_threads = 1, .max_delay_steps = STEPS});
    make(&three, &(desc){.learn = true, .num_threads = 3, .max_delay_steps = STEPS});
    train(&one, 2);
    train(&three, 2);
    compare(&one, &three, "g", 0);
    compare(&one, &three, "d", 0);
    compare(&one, &three, "Gradient", 0);
    clear(&one);
    clear(&three);
}

static void gradients_cannot_be_recorded_where_adjoints_are_not_kept(void **state)
{
    task t;
    rv_run *run = NULL;
    char expected[256];
    (void)state;
    make(&t, &(desc){.learn = true, .num_threads = 1, .max_delay_steps = STEPS});
    const rv_callback recorder = rv_conn_var_recorder(
        (rv_conn_var_recorder_desc){.connection = t.connections[0], .genn_var = "Gradient", .key = "gradient"});
    snprintf(
        expected, sizeof expected,
        "connection 'Conn_Pop0_Pop1': Gradient cannot be recorded step by step, for its delays may be %d timesteps "
        "long, and the adjoint is not kept for as many",
        STEPS);
    assert_int_equal(
        rv_train_prepare(
            &run, t.model,
            &(rv_train_desc){.data = data_of(&t), .num_epochs = 1, .callbacks = &recorder, .num_callbacks = 1}),
        RV_ERR_UNSUPPORTED);
    assert_string_equal(rv_last_error(t.context), expected);
    clear(&t);
}

static size_t memory_of(const desc *d)
{
    task t;
    rv_run *run = NULL;
    make(&t, d);
    const rv_train_desc train_desc = {.data = data_of(&t), .num_epochs = 1, .no_callbacks = true};
    const rv_evaluate_desc evaluate_desc = {.data = data_of(&t), .no_callbacks = true};
    ok(&t,
       d->learn ? rv_train_prepare(&run, t.model, &train_desc) : rv_evaluate_prepare(&run, t.model, &evaluate_desc));
    const size_t bytes = rv_run_memory_fixed(run) + rv_compiled_network_memory(t.model);
    rv_run_free(run);
    clear(&t);
    return bytes;
}

/* ---- one delay for all ---- */

enum {
    WIDE_STEPS = 12000,
    DELAY = 5500,
    FEW = 5,
    WIDE = 800
};

static float wide_weight(size_t source, size_t target)
{
    return 2 + (float)((source * 31 + target * 17) % 64) / 8;
}

/* Few neurons to `parts` populations that are WIDE in all, through one delay, and from these to the output. */
static void make_wide(task *t, size_t parts)
{
    static float to_wide[2][FEW * WIDE], to_out[2][WIDE * OUTPUTS];
    const size_t n = WIDE / parts;
    *t = (task){0};
    assert_int_equal(rv_context_create(&t->context, NULL), 0);
    ok(t, rv_network_create(&t->network, t->context, RV_EVENTPROP_DEFAULTS));
    t->in = add(t, FEW, rv_spike_input());
    rv_population *const few = add(t, FEW, lif());
    t->out = add(t, OUTPUTS, rv_leaky_integrate((rv_li){.readout = rv_avg_var()}));
    connect(t, t->in, few, rv_one_to_one(rv_const(9)), 0);
    for (size_t p = 0; p < parts; p++) {
        for (size_t i = 0; i < FEW * n; i++)
            to_wide[p][i] = wide_weight(i / n, p * n + i % n);
        for (size_t i = 0; i < n * OUTPUTS; i++)
            to_out[p][i] = wide_weight(p * n + i / OUTPUTS, i % OUTPUTS) - 4;
        rv_population *const wide = add(t, n, lif());
        rv_connectivity c = rv_dense(rv_array(to_wide[p], FEW * n));
        c.delay = rv_const(DELAY);
        connect(t, few, wide, c, 0);
        connect(t, wide, t->out, rv_dense(rv_array(to_out[p], n * OUTPUTS)), 0);
    }
    ok(t, rv_compile_eventprop(&t->model, t->network,
                               &(rv_eventprop_desc){.example_timesteps = WIDE_STEPS, .keep_gradients = true}));
}

static void train_wide(task *t)
{
    rv_spikes *spikes = NULL;
    rv_result *result = NULL;
    double times[2 * FEW];
    int32_t ids[2 * FEW];
    for (int k = 0; k < 2 * FEW; k++) {
        times[k] = 100 + 350 * k + (k % 3) * 5;
        ids[k] = k % FEW;
    }
    ok(t, rv_spikes_create(&spikes, t->context, FEW));
    ok(t, rv_spikes_append(spikes, times, ids, 2 * FEW));
    const rv_data data = {.inputs = {{.population = t->in, .spikes = spikes}},
                          .outputs = {{.population = t->out, .labels = labels, .num_labels = 1}}};
    ok(t, rv_train(&result, t->model, &(rv_train_desc){.data = data, .num_epochs = 1, .no_callbacks = true}));
    rv_result_free(result);
    rv_spikes_free(spikes);
}

/* Connections: in -> few, few -> wide, wide -> out, and, where it is split, the same two of the second half. */
static void one_far_delay_is_learnt_through(void **state)
{
    static float whole[FEW * WIDE], half[FEW * WIDE];
    task one, two;
    (void)state;
    make_wide(&one, 1);
    make_wide(&two, 2);
    assert_true(count_far(&one) == 1 && count_far(&two) == 0);
    train_wide(&one);
    train_wide(&two);
    assert_int_equal(get(&one, 0, "Gradient", whole), FEW);
    get(&two, 0, "Gradient", half);
    assert_true(whole[0] != 0);
    if (!(relative_error(whole, half, FEW) <= TOLERANCE))
        fail_msg("through the delay: relative error %g", relative_error(whole, half, FEW));
    get(&one, 1, "Gradient", whole);
    for (size_t p = 0; p < 2; p++) {
        get(&two, 1 + 2 * p, "Gradient", half);
        for (size_t i = 0; i < FEW * WIDE / 2; i++) {
            const double x = (double)whole[i / (WIDE / 2) * WIDE + p * WIDE / 2 + i % (WIDE / 2)];
            if (!(fabs(x - (double)half[i]) <= 1e-5 * fabs(x) + 1e-9))
                fail_msg("half %zu, weight %zu: %g and %g", p, i, x, (double)half[i]);
        }
    }
    clear(&one);
    clear(&two);
}

/* ---- memory ---- */

/* A number for each of 34,000 timesteps and 128 (padded) targets would be 17.4 MB, for each of three populations, and, to
 * learn, as much again for each of two adjoints; what is here is a list of each timestep, and what near delays take too. */
static void memory_is_that_of_spikes_not_of_timesteps_and_targets(void **state)
{
    (void)state;
    for (int learn = 0; learn < 2; learn++) {
        const size_t near = memory_of(&(desc){.learn = learn, .num_threads = 1});
        const size_t far = memory_of(&(desc){.learn = learn, .num_threads = 1, .max_delay_steps = STEPS});
        const size_t ring = (size_t)STEPS * 128 * sizeof(float);
        print_message("# %s: %zu bytes with near delays, %zu with far ones; one ring is %zu\n",
                      learn ? "learning" : "inference", near, far, ring);
        assert_true(far < near + ring / 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_arrives_is_the_same),
        cmocka_unit_test(what_is_learnt_is_the_same),
        cmocka_unit_test(bits_do_not_depend_on_threads),
        cmocka_unit_test(one_far_delay_is_learnt_through),
        cmocka_unit_test(gradients_cannot_be_recorded_where_adjoints_are_not_kept),
        cmocka_unit_test(memory_is_that_of_spikes_not_of_timesteps_and_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
