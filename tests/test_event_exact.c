/* EventProp's gradient against finite differences of a solver without timesteps, as dt -> 0.
 *
 * The two share nothing but the network. With the factors that turn `Gradient` into the true gradient of the loss
 * (tau_mem of the output for means over time; times the number of steps T for sums and maxima; 1 for losses of spike
 * times), the error must fall linearly with dt and be below 1 % at 0.01 ms. */
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
#define TTFS_ALPHA 20.0 /* far above the default, so that it matters */
#define DELTA 4.0       /* ms */

/* The gradient jumps where an arrival passes a neuron's crossing of the threshold, for I - V jumps there, and knows no
 * bounds where a crossing is flat. No timestep tells them apart that is longer than the time between them, so problems
 * are chosen without such near misses. */
#define MIN_GAP 0.06 /* ms */
#define MIN_SLOPE 0.5

typedef enum loss_kind {
    OF_READOUT, /* cross-entropy */
    OVER_TIME,  /* the mean over time of that of V(t) */
    SQUARES,    /* half the mean over time of (V - target)^2 */
    FIRST_SPIKES,
    RELATIVE, /* of first spikes: half the sum of (t_k - t_label - DELTA)^2 */
} loss_kind;

/* What differs between the tests. */
typedef struct variant {
    const char *readout;
    event_readout exact;
    loss_kind loss;
    double v_reset;
    bool recurrent, delayed, delays_learn, heterogeneous, equal_taus;
    uint64_t seed; /* where the search for a problem begins */
} variant;

typedef struct problem {
    const variant *variant;
    event_network network;
    event_neuron neurons[HIDDEN + OUTPUTS];
    event_synapse synapses[WEIGHTS]; /* in -> hid, hid -> hid, hid -> out; weights are floats exactly */
    double times[SPIKES];
    int32_t ids[SPIKES];
} problem;

static bool of_spikes(const variant *v)
{
    return v->loss == FIRST_SPIKES || v->loss == RELATIVE;
}

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

static double target_of(size_t k)
{
    return 0.2 + 0.1 * (double)k;
}

static double entropy(const double *y)
{
    double sum = 0;
    for (size_t k = 0; k < OUTPUTS; k++)
        sum += exp(y[k] - y[LABEL]);
    return log(sum);
}

static double entropy_density(const double *v, const void *user)
{
    (void)user;
    return entropy(v + HIDDEN);
}

static double square_density(const double *v, const void *user)
{
    double sum = 0;
    (void)user;
    for (size_t k = 0; k < OUTPUTS; k++)
        sum += 0.5 * (v[HIDDEN + k] - target_of(k)) * (v[HIDDEN + k] - target_of(k));
    return sum;
}

static void make_neurons(problem *p, uint64_t *random)
{
    const variant *const v = p->variant;
    for (size_t j = 0; j < HIDDEN + OUTPUTS; j++) {
        const bool hidden = j < HIDDEN;
        const double mem = uniform(random) - 0.5, syn = uniform(random) - 0.5;
        const double spread = v->heterogeneous ? 0.5 : 0;
        event_neuron *const n = &p->neurons[j];
        n->tau_mem = (double)(float)((hidden ? 20 : 14) * (1 + spread * mem));
        n->tau_syn = (double)(float)((hidden ? 5 : 8) * (1 + spread * syn));
        if (v->equal_taus)
            n->tau_syn = n->tau_mem = hidden ? 8 : 12;
        n->v_thresh = hidden ? 1 : of_spikes(v) ? 0.5 : (double)INFINITY;
        n->v_reset = hidden ? v->v_reset : 0;
    }
}

static void make_synapses(problem *p, uint64_t *random)
{
    const variant *const v = p->variant;
    for (size_t i = 0; i < WEIGHTS; i++) {
        const size_t rec = i - IN_HID, out = i - IN_HID - HID_HID;
        const double x = uniform(random), delay = 1 + floor(uniform(random) * 5);
        event_synapse *const s = &p->synapses[i];
        if (i < IN_HID)
            *s = (event_synapse){.source = i / HIDDEN, .target = i % HIDDEN, .weight = 0.5 + 1.5 * x};
        else if (rec < HID_HID)
            *s = (event_synapse){.source = INPUTS + rec / HIDDEN, .target = rec % HIDDEN, .weight = 1.5 * (x - 0.5)};
        else
            *s = (event_synapse){
                .source = INPUTS + out / OUTPUTS, .target = HIDDEN + out % OUTPUTS, .weight = 4 * (x - 0.4)};
        /* a maximum has a derivative where V is smooth, so nothing may pull V down at its peak; and outputs must spike */
        if (i >= IN_HID + HID_HID && (v->exact == EVENT_MAX || of_spikes(v)))
            s->weight = fabs(s->weight);
        if (i >= IN_HID && i < IN_HID + HID_HID && !v->recurrent)
            s->weight = 0;
        s->weight = (double)(float)(v->equal_taus ? 0.6 * s->weight : s->weight);
        s->delay = v->delayed ? delay : 0;
    }
}

static void make_problem(problem *p, const variant *v, uint64_t seed)
{
    uint64_t random = seed;
    *p = (problem){.variant = v};
    make_neurons(p, &random);
    make_synapses(p, &random);
    for (size_t s = 0; s < SPIKES; s++) {
        p->times[s] = uniform(&random) * 0.8 * DURATION;
        p->ids[s] = (int32_t)(uniform(&random) * INPUTS);
    }
    qsort(p->times, SPIKES, sizeof *p->times, ascending);
    p->network = (event_network){
        .num_inputs = INPUTS,
        .num_neurons = HIDDEN + OUTPUTS,
        .num_synapses = WEIGHTS,
        .neurons = p->neurons,
        .synapses = p->synapses,
        .times = p->times,
        .ids = p->ids,
        .num_spikes = SPIKES,
        .duration = DURATION,
        .density = v->loss == OVER_TIME ? entropy_density
                   : v->loss == SQUARES ? square_density
                                        : NULL,
    };
}

/* ---- without timesteps ------------------------------------------------------------------------------------------ */

typedef struct answer {
    double y[HIDDEN + OUTPUTS], first[HIDDEN + OUTPUTS];
    size_t counts[HIDDEN + OUTPUTS];
    event_solution solution;
} answer;

static double exact_loss(const problem *p, answer *a)
{
    double loss = 0, early[OUTPUTS];
    a->solution = (event_solution){.y = a->y, .first = a->first, .counts = a->counts};
    assert_int_equal(event_solve(&a->solution, &p->network, p->variant->exact), 0);
    const double *const first = a->first + HIDDEN;
    for (size_t k = 0; k < OUTPUTS; k++)
        early[k] = -first[k];
    switch (p->variant->loss) {
    case OF_READOUT:
        return entropy(a->y + HIDDEN);
    case FIRST_SPIKES:
        return entropy(early) + TTFS_ALPHA / (1.01 * DURATION - first[LABEL]);
    case RELATIVE:
        for (size_t k = 0; k < OUTPUTS; k++)
            loss += k == LABEL ? 0 : 0.5 * pow(first[k] - first[LABEL] - DELTA, 2);
        return loss;
    default:
        return a->solution.mean;
    }
}

/* Whether dt can vanish before anything is too close to something else, and the network is neither silent nor wild. */
static bool is_fair(const problem *p, const answer *a)
{
    size_t total = 0;
    for (size_t j = 0; j < HIDDEN; j++)
        total += a->counts[j];
    for (size_t k = HIDDEN; of_spikes(p->variant) && k < HIDDEN + OUTPUTS; k++)
        if (!a->counts[k])
            return false;
    return a->solution.gap > MIN_GAP && a->solution.slope > MIN_SLOPE && total >= 2 * HIDDEN && total <= 12 * HIDDEN;
}

static void find_problem(problem *p, const variant *v)
{
    answer a;
    for (uint64_t seed = v->seed; seed < v->seed + 20000; seed++) {
        make_problem(p, v, seed);
        exact_loss(p, &a);
        if (!is_fair(p, &a))
            continue;
        print_message("# seed %llu: gap %.3f ms, slope %.3f\n", (unsigned long long)seed, a.solution.gap,
                      a.solution.slope);
        return;
    }
    fail_msg("no problem was found");
}

/* Central differences by one number of the network; a step that adds or removes a spike would be no derivative. */
static double exact_derivative(const problem *p, double *number)
{
    const double step = 1e-6, x = *number;
    answer here, moved;
    exact_loss(p, &here);
    *number = x + step;
    const double above = exact_loss(p, &moved);
    assert_memory_equal(moved.counts, here.counts, sizeof here.counts);
    *number = x - step;
    const double below = exact_loss(p, &moved);
    assert_memory_equal(moved.counts, here.counts, sizeof here.counts);
    *number = x;
    return (above - below) / (2 * step);
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

static void connect(stepped *s, int which, rv_population *source, rv_population *target, const problem *p,
                    const event_synapse *synapses, const event_neuron *targets, double dt)
{
    const size_t n = rv_population_size(target), size = rv_population_size(source) * n;
    float weights[WEIGHTS], delays[WEIGHTS], taus[HIDDEN];
    for (size_t i = 0; i < size; i++) {
        weights[i] = (float)synapses[i].weight;
        delays[i] = (float)round(synapses[i].delay / dt);
    }
    for (size_t j = 0; j < n; j++)
        taus[j] = (float)targets[j].tau_syn;
    rv_connectivity connectivity = rv_dense(rv_array(weights, size));
    if (p->variant->delayed)
        connectivity.delay = rv_array(delays, size);
    succeed(s, rv_connection_add(
                   &s->connections[which], s->network, source, target,
                   &(rv_connection_desc){.connectivity = connectivity,
                                         .synapse = rv_exponential((rv_exponential_params){.tau = rv_array(taus, n)}),
                                         .max_delay_steps = (size_t)(8 / dt)}));
}

static rv_neuron neuron_of(const problem *p, const event_neuron *neurons, size_t n, float *taus)
{
    const bool is_output = neurons != p->neurons, spikes = !is_output || of_spikes(p->variant);
    for (size_t j = 0; j < n; j++)
        taus[j] = (float)neurons[j].tau_mem;
    const rv_readout readout = is_output ? rv_readout_by_name(p->variant->readout) : NULL;
    if (!spikes)
        return rv_leaky_integrate((rv_li){.tau_mem = rv_array(taus, n), .readout = readout});
    return rv_leaky_integrate_fire((rv_lif){.v_thresh = rv_const(neurons->v_thresh),
                                            .v_reset = rv_const(neurons->v_reset),
                                            .tau_mem = rv_array(taus, n),
                                            .readout = readout});
}

static void make_stepped(stepped *s, const problem *p, double dt)
{
    const size_t T = (size_t)llround(DURATION / dt);
    float taus[HIDDEN];
    *s = (stepped){0};
    assert_int_equal(rv_context_create(&s->context, &(rv_context_desc){.num_threads = 1}), 0);
    succeed(s, rv_network_create(&s->network, s->context, RV_EVENTPROP_DEFAULTS));
    succeed(s, rv_population_add(&s->in, s->network,
                                 &(rv_population_desc){.shape = {INPUTS}, .neuron = rv_spike_input()}));
    succeed(s, rv_population_add(
                   &s->hid, s->network,
                   &(rv_population_desc){.shape = {HIDDEN}, .neuron = neuron_of(p, p->neurons, HIDDEN, taus)}));
    succeed(s, rv_population_add(&s->out, s->network,
                                 &(rv_population_desc){.shape = {OUTPUTS},
                                                       .neuron = neuron_of(p, p->neurons + HIDDEN, OUTPUTS, taus)}));
    connect(s, 0, s->in, s->hid, p, p->synapses, p->neurons, dt);
    if (p->variant->recurrent)
        connect(s, 1, s->hid, s->hid, p, p->synapses + IN_HID, p->neurons, dt);
    connect(s, 2, s->hid, s->out, p, p->synapses + IN_HID + HID_HID, p->neurons + HIDDEN, dt);
    /* a sum over T steps, divided by T inside the softmax, is the mean that the exact solver looks at */
    const double temperature = strcmp(p->variant->readout, "SumVar") == 0 ? (double)T : 1;
    const rv_connection *learn[] = {s->connections[0], s->connections[2], s->connections[1]};
    succeed(s, rv_compile_eventprop(&s->model, s->network,
                                    &(rv_eventprop_desc){.example_timesteps = T,
                                                         .dt = dt,
                                                         .softmax_temperature = temperature,
                                                         .ttfs_alpha = TTFS_ALPHA,
                                                         .per_timestep_loss = p->variant->loss == OVER_TIME,
                                                         .delay_learn_conns = learn,
                                                         .num_delay_learn_conns = p->variant->delays_learn
                                                                                      ? (p->variant->recurrent ? 3 : 2)
                                                                                      : 0,
                                                         .keep_gradients = true}));
    succeed(s, rv_spikes_create(&s->spikes, s->context, INPUTS));
    succeed(s, rv_spikes_append(s->spikes, p->times, p->ids, SPIKES));
}

static double factor_of(const problem *p, double dt)
{
    double tau_mem = 0;
    for (size_t k = 0; k < OUTPUTS; k++)
        tau_mem += p->neurons[HIDDEN + k].tau_mem / OUTPUTS;
    if (of_spikes(p->variant))
        return 1;
    const bool of_a_mean = p->variant->loss != OF_READOUT || strncmp(p->variant->readout, "AvgVar", 6) == 0;
    return tau_mem * (of_a_mean ? 1 : DURATION / dt);
}

/* The true gradient by weights or, with "DelayGradient", by delays in ms. */
static void stepped_gradient(double *gradient, const problem *p, const char *name, double dt)
{
    stepped s;
    rv_result *result = NULL;
    const int32_t label = LABEL;
    float floats[WEIGHTS] = {0};
    make_stepped(&s, p, dt);
    const size_t T = (size_t)llround(DURATION / dt);
    float *const targets = malloc(T * OUTPUTS * sizeof *targets);
    assert_non_null(targets);
    for (size_t i = 0; i < T * OUTPUTS; i++)
        targets[i] = (float)target_of(i % OUTPUTS);
    rv_output output = {.population = s.out, .labels = &label, .num_labels = 1};
    if (p->variant->loss == SQUARES)
        output = (rv_output){.population = s.out, .targets = targets, .num_targets = T * OUTPUTS};
    if (p->variant->loss == RELATIVE)
        output.loss = rv_relative_mean_square_error(DELTA);
    succeed(&s, rv_train(&result, s.model,
                         &(rv_train_desc){
                             .data = {.inputs = {{.population = s.in, .spikes = s.spikes}}, .outputs = {output}},
                             .num_epochs = 1,
                             .no_callbacks = true}));
    const size_t sizes[] = {IN_HID, HID_HID, HID_OUT};
    float *at = floats;
    for (int i = 0; i < 3; at += sizes[i++])
        if (s.connections[i])
            succeed(&s, rv_variable_get(s.model, (rv_variable){.connection = s.connections[i], .name = name}, at,
                                        sizes[i]));
    for (size_t i = 0; i < WEIGHTS; i++)
        gradient[i] = factor_of(p, dt) * (double)floats[i];
    free(targets);
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

static void compare(const problem *p, const double *exact, const char *name)
{
    static const double dts[] = {0.08, 0.04, 0.02, 0.01};
    double found[WEIGHTS], errors[4];
    for (size_t i = 0; i < 4; i++) {
        stepped_gradient(found, p, name, dts[i]);
        errors[i] = distance(found, exact);
    }
    print_message("# %s: relative errors at 0.08, 0.04, 0.02, 0.01 ms: %.4f %.4f %.4f %.4f\n", name, errors[0],
                  errors[1], errors[2], errors[3]);
    if (errors[3] >= 0.01 || errors[0] < 4 * errors[3])
        fail_msg("the error of %s does not vanish with dt", name);
}

static void error_falls_with_dt(void **state)
{
    const variant *const v = *state;
    double exact[WEIGHTS] = {0};
    problem p;
    find_problem(&p, v);
    for (size_t i = 0; i < WEIGHTS; i++)
        if (v->recurrent || i < IN_HID || i >= IN_HID + HID_HID)
            exact[i] = exact_derivative(&p, &p.synapses[i].weight);
    compare(&p, exact, "Gradient");
    if (!v->delays_learn)
        return;
    for (size_t i = 0; i < WEIGHTS; i++)
        if (v->recurrent || i < IN_HID || i >= IN_HID + HID_HID)
            exact[i] = exact_derivative(&p, &p.synapses[i].delay);
    compare(&p, exact, "DelayGradient");
}

int main(void)
{
    static variant avg_var = {.readout = "AvgVar"};
    static variant recurrent = {.readout = "AvgVar", .recurrent = true};
    static variant reset = {.readout = "AvgVar", .v_reset = -0.5, .recurrent = true};
    static variant exp_weight = {.readout = "AvgVarExpWeight", .exact = EVENT_EXP_MEAN, .recurrent = true};
    static variant sum_var = {.readout = "SumVar", .recurrent = true};
    static variant max_var = {.readout = "MaxVar", .exact = EVENT_MAX, .recurrent = true};
    static variant var = {.readout = "Var", .exact = EVENT_LAST, .recurrent = true};
    static variant over_time = {.readout = "AvgVar", .loss = OVER_TIME, .recurrent = true};
    static variant squares = {.readout = "Var", .loss = SQUARES, .recurrent = true};
    static variant first_spikes = {.readout = "FirstSpikeTime", .loss = FIRST_SPIKES, .recurrent = true};
    static variant relative = {.readout = "FirstSpikeTime", .loss = RELATIVE, .recurrent = true};
    static variant equal_taus = {.readout = "AvgVar", .recurrent = true, .equal_taus = true};
    static variant heterogeneous = {.readout = "AvgVar", .recurrent = true, .heterogeneous = true};
    static variant heterogeneous_spikes = {
        .readout = "FirstSpikeTime", .loss = FIRST_SPIKES, .recurrent = true, .heterogeneous = true};
    static variant delayed = {.readout = "AvgVar", .recurrent = true, .delayed = true};
    static variant delays = {.readout = "AvgVar", .recurrent = true, .delayed = true, .delays_learn = true};
    static variant delays_of_spikes = {.readout = "FirstSpikeTime",
                                       .loss = FIRST_SPIKES,
                                       .recurrent = true,
                                       .delayed = true,
                                       .delays_learn = true,
                                       .heterogeneous = true};
    const struct CMUnitTest tests[] = {
        {"gradient_of_avg_var_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &avg_var},
        {"gradient_of_a_recurrent_network_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &recurrent},
        {"gradient_with_a_reset_level_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &reset},
        {"gradient_of_avg_var_exp_weight_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &exp_weight},
        {"gradient_of_sum_var_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &sum_var},
        {"gradient_of_max_var_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &max_var},
        {"gradient_of_var_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &var},
        {"gradient_of_cross_entropy_over_time_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &over_time},
        {"gradient_of_mean_square_error_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &squares},
        {"gradient_of_first_spikes_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &first_spikes},
        {"gradient_of_relative_first_spikes_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &relative},
        {"gradient_with_equal_time_constants_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &equal_taus},
        {"gradient_with_heterogeneous_time_constants_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL,
         &heterogeneous},
        {"gradient_of_heterogeneous_first_spikes_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL,
         &heterogeneous_spikes},
        {"gradient_through_delays_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &delayed},
        {"gradient_of_delays_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL, &delays},
        {"gradient_of_delays_to_first_spikes_is_exact_as_dt_vanishes", error_falls_with_dt, NULL, NULL,
         &delays_of_spikes},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
