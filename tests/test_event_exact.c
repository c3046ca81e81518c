/* EventProp's gradient against finite differences of a solver without timesteps, as dt -> 0.
 *
 * The two share nothing but the network. With the factors that turn `Gradient` into the true gradient of the loss
 * (docs/learning.md, section 6), the error must fall linearly with dt and be below 1 % at 0.01 ms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "connectivity/model.h"
#include "support/event_problem.h"

/* ---- the comparison ---- */

/* Central differences by one number of the problem; a step that adds or removes a spike would be no derivative. */
static double exact_derivative(problem *p, double *number)
{
    const double step = 1e-6, x = *number;
    problem_answer here = {0}, moved = {0};
    double loss[2];
    problem_exact_loss(p, &here);
    for (int side = 0; side < 2; side++) {
        *number = side ? x + step : x - step;
        problem_apply(p);
        loss[side] = problem_exact_loss(p, &moved);
        assert_memory_equal(moved.counts, here.counts, sizeof here.counts);
    }
    *number = x;
    problem_apply(p);
    return (loss[1] - loss[0]) / (2 * step);
}

static double distance(const double *a, const double *b, size_t n)
{
    double difference = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return sqrt(difference / norm);
}

static void compare(const problem *p, const double *exact, size_t n, const char *name)
{
    static const double dts[] = {0.08, 0.04, 0.02, 0.01};
    double found[PROBLEM_WEIGHTS], errors[4];
    for (size_t i = 0; i < 4; i++) {
        problem_stepped_gradient(found, p, name, dts[i]);
        errors[i] = distance(found, exact, n);
    }
    print_message("# %s: relative errors at 0.08, 0.04, 0.02, 0.01 ms: %.4f %.4f %.4f %.4f\n", name, errors[0],
                  errors[1], errors[2], errors[3]);
    if (!(errors[3] < 0.01) || !(errors[0] >= 4 * errors[3]))
        fail_msg("the error of %s does not vanish with dt", name);
}

static void error_falls_with_dt(void **state)
{
    const problem_desc *const desc = *state;
    double exact[PROBLEM_WEIGHTS] = {0};
    static problem p;
    problem_find(&p, desc);
    for (int i = 0; i < p.num_connections; i++) {
        const problem_connection *const c = &p.connections[i];
        for (size_t k = c->first_weight; c->learns && k < c->first_weight + c->num_weights; k++)
            exact[k] = exact_derivative(&p, &p.weights[k]);
    }
    compare(&p, exact, p.num_weights, "Gradient");
    memset(exact, 0, sizeof exact);
    for (int i = 0; desc->delays_learn && i < p.num_connections; i++) {
        const problem_connection *const c = &p.connections[i];
        for (size_t k = c->first_weight; c->delayed && k < c->first_weight + c->num_weights; k++)
            exact[k] = exact_derivative(&p, &p.delays[k]);
    }
    if (desc->delays_learn)
        compare(&p, exact, p.num_weights, "DelayGradient");
    for (size_t k = 0; desc->biases_learn && k < PROBLEM_OUTPUTS; k++)
        exact[k] = exact_derivative(&p, &p.biases[k]);
    if (desc->biases_learn)
        compare(&p, exact, PROBLEM_OUTPUTS, "DeltaBias");
}

/* ---- the problems ---- */

#define TO_OUTPUT {.connectivity = {.model = &rv_dense_model}, .size = PROBLEM_OUTPUTS}
#define CONV(...) {.connectivity = {.model = &rv_conv2d_model, __VA_ARGS__}}

static const uint32_t sources[] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5};
static const uint32_t targets[] = {1, 5, 0, 3, 2, 4, 0, 5, 1, 3, 4, 2, 5};
#define LISTED                                                                                                         \
    {                                                                                                                  \
        .connectivity = {.model = &rv_sparse_model, .pre_ind = sources, .post_ind = targets, .num_synapses = 13},      \
        .size = 6, .low = 1.5, .high = 4                                                                               \
    }
#define ONE_TO_ONE                                                                                                     \
    {                                                                                                                  \
        .connectivity = {.model = &rv_one_to_one_model}, .size = 6, .low = 6, .high = 9                                \
    }

static const struct named_problem {
    const char *name;
    problem_desc desc;
} problems[] = {
    {"avg_var", {.readout = "AvgVar"}},
    {"a_recurrent_network", {.readout = "AvgVar", .recurrent = true}},
    {"a_reset_level", {.readout = "AvgVar", .v_reset = -0.5, .recurrent = true}},
    {"avg_var_exp_weight", {.readout = "AvgVarExpWeight", .exact = EVENT_EXP_MEAN, .recurrent = true}},
    {"sum_var", {.readout = "SumVar", .recurrent = true}},
    {"max_var", {.readout = "MaxVar", .exact = EVENT_MAX, .recurrent = true}},
    {"var", {.readout = "Var", .exact = EVENT_LAST, .recurrent = true}},
    {"cross_entropy_over_time", {.readout = "AvgVar", .loss = OVER_TIME, .recurrent = true}},
    {"mean_square_error", {.readout = "Var", .loss = SQUARES, .recurrent = true}},
    {"first_spikes", {.readout = "FirstSpikeTime", .loss = FIRST_SPIKES, .recurrent = true}},
    {"relative_first_spikes", {.readout = "FirstSpikeTime", .loss = RELATIVE, .recurrent = true}},
    {"equal_time_constants", {.readout = "AvgVar", .recurrent = true, .equal_taus = true}},
    {"heterogeneous_time_constants", {.readout = "AvgVar", .recurrent = true, .heterogeneous = true}},
    {"heterogeneous_first_spikes",
     {.readout = "FirstSpikeTime", .loss = FIRST_SPIKES, .heterogeneous = true, .seed = 6600}},
    {"delays", {.readout = "AvgVar", .recurrent = true, .delayed = true}},
    {"learnt_delays", {.readout = "AvgVar", .recurrent = true, .delayed = true, .delays_learn = true}},
    {"learnt_delays_to_first_spikes",
     {.readout = "FirstSpikeTime", .loss = FIRST_SPIKES, .recurrent = true, .delayed = true, .delays_learn = true,
      .heterogeneous = true}},
    {"learnt_delays_with_equal_time_constants",
     {.readout = "AvgVar", .recurrent = true, .delayed = true, .delays_learn = true, .equal_taus = true}},
    {"biases", {.readout = "AvgVar", .recurrent = true, .biases_learn = true}},
    {"biases_with_equal_time_constants",
     {.readout = "Var", .loss = SQUARES, .recurrent = true, .biases_learn = true, .equal_taus = true}},
    {"biases_over_time_with_heterogeneous_time_constants",
     {.readout = "AvgVar", .loss = OVER_TIME, .biases_learn = true, .heterogeneous = true, .num_spikes = 24}},
    {"a_convolution",
     {.readout = "AvgVar",
      .shape = {5, 5, 1},
      .layers = {CONV(.filters = 2, .conv_size = {3, 2}, .conv_strides = {2, 2}), TO_OUTPUT},
      .num_layers = 2}},
    {"a_padded_convolution_to_first_spikes",
     {.readout = "FirstSpikeTime",
      .loss = FIRST_SPIKES,
      .shape = {4, 4, 2},
      .layers = {CONV(.filters = 2, .conv_size = {3, 3}, .conv_strides = {2, 2}, .conv_padding = RV_PADDING_SAME),
                 TO_OUTPUT},
      .num_layers = 2}},
    {"a_heterogeneous_convolution",
     {.readout = "AvgVar",
      .shape = {5, 5, 1},
      .layers = {CONV(.filters = 2, .conv_size = {2, 2}, .conv_strides = {2, 2}), TO_OUTPUT},
      .num_layers = 2,
      .heterogeneous = true,
      .num_spikes = 30}},
    {"a_delayed_convolution",
     {.readout = "AvgVar",
      .shape = {5, 5, 1},
      .layers = {{.connectivity = {.model = &rv_conv2d_model, .filters = 2, .conv_size = {2, 3}, .conv_strides = {2, 2}},
                  .delay = 4},
                 {.connectivity = {.model = &rv_dense_model}, .size = PROBLEM_OUTPUTS, .delayed = true}},
      .num_layers = 2,
      .delays_learn = true}},
    {"a_recurrent_convolution",
     {.readout = "AvgVar",
      .shape = {5, 4, 1},
      .layers = {CONV(.filters = 2, .conv_size = {3, 3}, .conv_strides = {2, 1}), TO_OUTPUT},
      .num_layers = 2,
      .recurrent = true}},
    {"stacked_convolutions",
     {.readout = "AvgVar",
      .shape = {4, 4, 1},
      .layers = {CONV(.filters = 2, .conv_size = {2, 2}, .conv_strides = {2, 2}),
                 {.connectivity = {.model = &rv_conv2d_model, .filters = 3, .conv_size = {2, 2}, .conv_strides = {1, 1}},
                  .low = 0.2,
                  .high = 2},
                 TO_OUTPUT},
      .num_layers = 3,
      .num_spikes = 24}},
    {"a_pool_in_between",
     {.readout = "AvgVar",
      .shape = {5, 5, 1},
      .layers = {{.connectivity = {.model = &rv_conv2d_model, .filters = 1, .conv_size = {2, 2}, .conv_strides = {1, 1}},
                  .low = 2,
                  .high = 5},
                 {.connectivity = {.model = &rv_avg_pool2d_model, .pool_size = {2, 2}, .pool_strides = {2, 2}},
                  .v_thresh = 0.03},
                 TO_OUTPUT},
      .num_layers = 3}},
    {"a_transposed_convolution",
     {.readout = "AvgVar",
      .shape = {2, 2, 1},
      .layers = {{.connectivity = {.model = &rv_conv2d_transpose_model, .filters = 2, .conv_size = {2, 2},
                                   .conv_strides = {1, 1}}},
                 TO_OUTPUT},
      .num_layers = 2}},
    {"a_pooled_convolution",
     {.readout = "AvgVar",
      .shape = {6, 6, 1},
      .layers = {{.connectivity = {.model = &rv_avg_pool_conv2d_model, .pool_size = {2, 2}, .pool_strides = {2, 2},
                                   .filters = 2, .conv_size = {2, 2}, .conv_strides = {1, 1}},
                  .low = 3,
                  .high = 8},
                 TO_OUTPUT},
      .num_layers = 2}},
    {"a_pooled_dense_connection",
     {.readout = "AvgVar",
      .shape = {4, 4, 2},
      .layers = {{.connectivity = {.model = &rv_avg_pool_dense2d_model, .pool_size = {2, 2}, .pool_strides = {2, 2}},
                  .size = 5,
                  .low = 1,
                  .high = 8},
                 TO_OUTPUT},
      .num_layers = 2}},
    {"few_of_all_pairs", {.readout = "AvgVar", .layers = {LISTED, TO_OUTPUT}, .num_layers = 2, .recurrent = true}},
    {"few_of_all_pairs_one_to_one_with_learnt_delays",
     {.readout = "AvgVar",
      .layers = {LISTED, ONE_TO_ONE, TO_OUTPUT},
      .num_layers = 3,
      .delayed = true,
      .delays_learn = true}},
    {"an_adaptive_threshold", {.readout = "AvgVar", .beta = 0.3, .recurrent = true}},
    {"an_adaptive_threshold_and_a_reset_level", {.readout = "AvgVar", .beta = 0.4, .v_reset = -0.4, .recurrent = true}},
    {"an_adaptive_threshold_and_a_relative_reset",
     {.readout = "AvgVar", .beta = 0.3, .v_reset = -0.2, .relative_reset = true, .recurrent = true}},
    {"an_adaptive_threshold_with_heterogeneous_time_constants",
     {.readout = "MaxVar", .exact = EVENT_MAX, .beta = 0.3, .recurrent = true, .heterogeneous = true}},
    {"an_adaptive_threshold_before_first_spikes_with_learnt_delays",
     {.readout = "FirstSpikeTime", .loss = FIRST_SPIKES, .beta = 0.3, .recurrent = true, .delayed = true,
      .delays_learn = true}},
};

enum { NUM_PROBLEMS = sizeof problems / sizeof *problems };

int main(void)
{
    static char names[NUM_PROBLEMS][128];
    struct CMUnitTest tests[NUM_PROBLEMS];
    for (size_t i = 0; i < NUM_PROBLEMS; i++) {
        snprintf(names[i], sizeof names[i], "gradient_with_%s_is_exact_as_dt_vanishes", problems[i].name);
        tests[i] = (struct CMUnitTest){.name = names[i],
                                       .test_func = error_falls_with_dt,
                                       .initial_state = (void *)(uintptr_t)&problems[i].desc};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
