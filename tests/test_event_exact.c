/* EventProp's gradient against finite differences of a solver without timesteps, as dt -> 0.
 *
 * The two share nothing but the network. With the factors that turn `Gradient` into the true gradient of the loss
 * (tau_mem of the output for means over time; times the number of steps T for sums and maxima), the error must fall
 * linearly with dt and be below 1 % at 0.01 ms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ranvier.h>

#include "support/event_solver.h"

enum {
    INPUTS = 6,
    HIDDEN = 5,
    OUTPUTS = 3,
    SPIKES = 20
};
enum {
    IN_HID = INPUTS * HIDDEN,
    HID_HID = HIDDEN * HIDDEN,
    HID_OUT = HIDDEN * OUTPUTS
};
enum {
    WEIGHTS = IN_HID + HID_HID + HID_OUT
};

#define DURATION 40.0 /* ms */
#define LABEL 1

/* The gradient jumps where an arrival passes a neuron's crossing of the threshold, for I - V jumps there. No timestep
 * tells them apart that is longer than the time between them, so problems are chosen without such near misses. */
#define MIN_GAP 0.06 /* ms */

/* What differs between the tests. */
typedef struct variant {
    const char *readout;
    event_readout exact;
    double v_reset;
    bool recurrent;
    uint64_t seed;
} variant;

typedef struct problem {
    const variant *variant;
    event_network network;
    double weights[WEIGHTS]; /* in -> hid, hid -> hid, hid -> out; each a float exactly */
    double times[SPIKES];
    int32_t ids[SPIKES];
} problem;

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) * 0x1p-53;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void make_problem(problem *p, const variant *v)
{
    uint64_t random = v->seed;
    *p = (problem){.variant = v};
    for (size_t i = 0; i < WEIGHTS; i++) {
        const double x = uniform(&random);
        const double w = i < IN_HID ? 0.5 + 1.5 * x : i < IN_HID + HID_HID ? 1.5 * (x - 0.5) : 4 * (x - 0.4);
        /* a maximum has a derivative where V is smooth, so nothing may pull V down at its peak */
        p->weights[i] = (double)(float)(v->exact == EVENT_MAX && i >= IN_HID + HID_HID ? fabs(w) : w);
    }
    for (size_t s = 0; s < SPIKES; s++) {
        p->times[s] = uniform(&random) * 0.9 * DURATION;
        p->ids[s] = (int32_t)(uniform(&random) * INPUTS);
    }
    qsort(p->times, SPIKES, sizeof *p->times, ascending);
    p->network = (event_network){
        .hidden = {.size = HIDDEN, .tau_mem = 20, .tau_syn = 5, .v_thresh = 1, .v_reset = v->v_reset},
        .output = {.size = OUTPUTS, .tau_mem = 14, .tau_syn = 8},
        .num_inputs = INPUTS,
        .in_hid = p->weights,
        .hid_hid = v->recurrent ? p->weights + IN_HID : NULL,
        .hid_out = p->weights + IN_HID + HID_HID,
        .times = p->times,
        .ids = p->ids,
        .num_spikes = SPIKES,
        .duration = DURATION,
    };
}

/* ---- without timesteps ------------------------------------------------------------------------------------------ */

static double exact_loss(const problem *p, size_t *counts, double *gap)
{
    double y[OUTPUTS], sum = 0;
    event_solution solution = {.y = y, .counts = counts};
    assert_int_equal(event_solve(&solution, &p->network, p->variant->exact), 0);
    *gap = solution.gap;
    for (size_t k = 0; k < OUTPUTS; k++)
        sum += exp(y[k] - y[LABEL]);
    return log(sum);
}

/* Central differences; a step that adds or removes a spike would be no derivative. */
static void exact_gradient(double *gradient, problem *p)
{
    const double step = 1e-6;
    size_t counts[HIDDEN], moved[HIDDEN], total = 0;
    double gap;
    exact_loss(p, counts, &gap);
    assert_true(gap > MIN_GAP);
    for (size_t j = 0; j < HIDDEN; j++)
        total += counts[j];
    assert_in_range(total, 2 * HIDDEN, 12 * HIDDEN);
    for (size_t i = 0; i < WEIGHTS; i++) {
        const double w = p->weights[i];
        p->weights[i] = w + step;
        const double above = exact_loss(p, moved, &gap);
        assert_memory_equal(moved, counts, sizeof counts);
        p->weights[i] = w - step;
        const double below = exact_loss(p, moved, &gap);
        assert_memory_equal(moved, counts, sizeof counts);
        p->weights[i] = w;
        gradient[i] = (above - below) / (2 * step);
    }
}

/* ---- in timesteps ----------------------------------------------------------------------------------------------- */

/* A network in the engine, its parts in the order of the weights. */
typedef struct stepped {
    rv_context *context;
    rv_network *network;
    rv_population *in, *hid, *out;
    rv_connection *connections[3];
    rv_compiled_network *model;
    rv_spikes *spikes;
} stepped;

static void succeed(const stepped *s, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(s->context));
}

static void connect(stepped *s, int which, rv_population *source, rv_population *target, const double *weights,
                    double tau)
{
    const size_t size = rv_population_size(source) * rv_population_size(target);
    float floats[HID_HID > IN_HID ? HID_HID : IN_HID];
    for (size_t i = 0; i < size; i++)
        floats[i] = (float)weights[i];
    succeed(s, rv_connection_add(
                   &s->connections[which], s->network, source, target,
                   &(rv_connection_desc){.connectivity = rv_dense(rv_array(floats, size)),
                                         .synapse = rv_exponential((rv_exponential_params){.tau = rv_const(tau)})}));
}

static void make_stepped(stepped *s, const problem *p, double dt)
{
    const event_network *const n = &p->network;
    const size_t T = (size_t)llround(DURATION / dt);
    const rv_lif lif = {.v_thresh = rv_const(n->hidden.v_thresh),
                        .v_reset = rv_const(n->hidden.v_reset),
                        .tau_mem = rv_const(n->hidden.tau_mem)};
    const rv_li li = {.tau_mem = rv_const(n->output.tau_mem), .readout = rv_readout_by_name(p->variant->readout)};
    *s = (stepped){0};
    assert_int_equal(rv_context_create(&s->context, &(rv_context_desc){.num_threads = 1}), 0);
    succeed(s, rv_network_create(&s->network, s->context, RV_EVENTPROP_DEFAULTS));
    succeed(s, rv_population_add(&s->in, s->network,
                                 &(rv_population_desc){.shape = {INPUTS}, .neuron = rv_spike_input()}));
    succeed(s, rv_population_add(&s->hid, s->network,
                                 &(rv_population_desc){.shape = {HIDDEN}, .neuron = rv_leaky_integrate_fire(lif)}));
    succeed(s, rv_population_add(&s->out, s->network,
                                 &(rv_population_desc){.shape = {OUTPUTS}, .neuron = rv_leaky_integrate(li)}));
    connect(s, 0, s->in, s->hid, n->in_hid, n->hidden.tau_syn);
    if (n->hid_hid)
        connect(s, 1, s->hid, s->hid, n->hid_hid, n->hidden.tau_syn);
    connect(s, 2, s->hid, s->out, n->hid_out, n->output.tau_syn);
    /* a sum over T steps, divided by T inside the softmax, is the mean that the exact solver looks at */
    const double temperature = strcmp(p->variant->readout, "SumVar") == 0 ? (double)T : 1;
    succeed(s, rv_compile_eventprop(
                   &s->model, s->network,
                   &(rv_eventprop_desc){
                       .example_timesteps = T, .dt = dt, .softmax_temperature = temperature, .keep_gradients = true}));
    succeed(s, rv_spikes_create(&s->spikes, s->context, INPUTS));
    succeed(s, rv_spikes_append(s->spikes, p->times, p->ids, SPIKES));
}

static void stepped_gradient(double *gradient, const problem *p, double dt)
{
    stepped s;
    rv_result *result = NULL;
    const int32_t label = LABEL;
    float floats[WEIGHTS] = {0};
    make_stepped(&s, p, dt);
    succeed(&s,
            rv_train(&result, s.model,
                     &(rv_train_desc){.data = {.inputs = {{.population = s.in, .spikes = s.spikes}},
                                               .outputs = {{.population = s.out, .labels = &label, .num_labels = 1}}},
                                      .num_epochs = 1,
                                      .no_callbacks = true}));
    const size_t sizes[] = {IN_HID, HID_HID, HID_OUT};
    float *at = floats;
    for (int i = 0; i < 3; at += sizes[i++])
        if (s.connections[i])
            succeed(&s, rv_variable_get(s.model, (rv_variable){.connection = s.connections[i], .name = "Gradient"}, at,
                                        sizes[i]));
    const bool of_a_mean = strncmp(p->variant->readout, "AvgVar", 6) == 0;
    const double factor = p->network.output.tau_mem * (of_a_mean ? 1 : DURATION / dt);
    for (size_t i = 0; i < WEIGHTS; i++)
        gradient[i] = factor * (double)floats[i];
    rv_result_free(result);
    rv_spikes_free(s.spikes);
    rv_compiled_network_free(s.model);
    rv_network_free(s.network);
    rv_context_free(s.context);
}

/* ---- the comparison --------------------------------------------------------------------------------------------- */

static double distance(const double *a, const double *b)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < WEIGHTS; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return sqrt(difference / norm);
}

static void error_falls_with_dt(void **state)
{
    const variant *const v = *state;
    static const double dts[] = {0.08, 0.04, 0.02, 0.01};
    double exact[WEIGHTS], found[WEIGHTS], errors[4];
    problem p;
    make_problem(&p, v);
    exact_gradient(exact, &p);
    for (size_t i = 0; i < 4; i++) {
        stepped_gradient(found, &p, dts[i]);
        errors[i] = distance(found, exact);
    }
    print_message("# relative errors at 0.08, 0.04, 0.02, 0.01 ms: %.4f %.4f %.4f %.4f\n", errors[0], errors[1],
                  errors[2], errors[3]);
    if (errors[3] >= 0.01 || errors[0] < 4 * errors[3])
        fail_msg("the error does not vanish with dt");
}

int main(void)
{
    static variant avg_var = {"AvgVar", EVENT_MEAN, 0, false, 152};
    static variant recurrent = {"AvgVar", EVENT_MEAN, 0, true, 9};
    static variant reset = {"AvgVar", EVENT_MEAN, -0.5, true, 7};
    static variant exp_weight = {"AvgVarExpWeight", EVENT_EXP_MEAN, 0, true, 9};
    static variant sum_var = {"SumVar", EVENT_MEAN, 0, true, 117};
    static variant max_var = {"MaxVar", EVENT_MAX, 0, true, 9};
    static variant var = {"Var", EVENT_LAST, 0, true, 9};
    const struct CMUnitTest tests[] = {
        {"gradient_of_avg_var_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &avg_var},
        {"gradient_of_a_recurrent_network_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &recurrent},
        {"gradient_with_a_reset_level_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &reset},
        {"gradient_of_avg_var_exp_weight_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &exp_weight},
        {"gradient_of_sum_var_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &sum_var},
        {"gradient_of_max_var_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &max_var},
        {"gradient_of_var_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &var},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
