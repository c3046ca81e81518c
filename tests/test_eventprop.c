/* Options of the EventProp compiler: biases against finite differences, regularisation of single populations, what more
 * than max_spikes spikes do, and networks and options that are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ranvier.h>

enum {
    INPUTS = 10,
    HIDDEN = 12,
    OUTPUTS = 3,
    EXAMPLES = 5,
    STEPS = 30
};

/* in -> first -> second -> out; `first` and `second` of 12 neurons each. */
typedef struct net {
    rv_context *context;
    rv_network *network;
    rv_layer in, first, second, out;
    rv_compiled_network *model;
    rv_spikes *spikes;
    int32_t labels[EXAMPLES];
    float targets[EXAMPLES * STEPS * OUTPUTS];
    int warnings;
    char warning[256];
} net;

static void must(const net *n, int code)
{
    if (code < 0)
        fail_msg("%s", rv_last_error(n->context));
}

static void note(void *user, rv_log_level level, const char *message)
{
    net *const n = user;
    if (level != RV_LOG_WARNING)
        return;
    n->warnings++;
    snprintf(n->warning, sizeof n->warning, "%s", message);
}

static void add_data(net *n)
{
    must(n, rv_spikes_create(&n->spikes, n->context, INPUTS));
    for (int e = 0; e < EXAMPLES; e++) {
        double times[STEPS * INPUTS];
        int32_t ids[STEPS * INPUTS];
        size_t num = 0;
        for (int t = 0; t < STEPS - 4; t++)
            for (int i = 0; i < INPUTS; i++)
                if ((7 * e + 5 * t + 3 * i + e * i * t) % 5 == 0) {
                    times[num] = t;
                    ids[num++] = i;
                }
        must(n, rv_spikes_append(n->spikes, times, ids, num));
        n->labels[e] = e % OUTPUTS;
    }
    for (size_t i = 0; i < EXAMPLES * STEPS * OUTPUTS; i++)
        n->targets[i] = (float)(i * 7919 % 100) / 100;
}

static void make(net *n, const char *readout)
{
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)});
    const rv_neuron lif = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(15)});
    const rv_neuron li = rv_leaky_integrate(
        (rv_li){.tau_mem = rv_const(12), .bias = rv_const(0.05), .readout = rv_readout_by_name(readout)});
    *n = (net){0};
    must(n, rv_context_create(&n->context,
                              &(rv_context_desc){.seed_given = true, .num_threads = 2, .log = note, .log_user = n}));
    must(n, rv_network_create(&n->network, n->context, RV_EVENTPROP_DEFAULTS));
    must(n, rv_input_layer_add(&n->in, n->network,
                               &(rv_layer_desc){.name = "in", .shape = {INPUTS}, .neuron = rv_spike_input()}));
    must(n, rv_layer_add(&n->first, n->network,
                         &(rv_layer_desc){.name = "first",
                                          .shape = {HIDDEN},
                                          .neuron = lif,
                                          .synapse = synapse,
                                          .connectivity = rv_dense(rv_uniform(0.2, 1.2))}));
    must(n, rv_layer_add(&n->second, n->network,
                         &(rv_layer_desc){.name = "second",
                                          .shape = {HIDDEN},
                                          .neuron = lif,
                                          .synapse = synapse,
                                          .connectivity = rv_dense(rv_uniform(0, 1))}));
    must(n, rv_layer_add(&n->out, n->network,
                         &(rv_layer_desc){.name = "out",
                                          .shape = {OUTPUTS},
                                          .neuron = li,
                                          .synapse = synapse,
                                          .connectivity = rv_dense(rv_normal(0, 0.5))}));
    add_data(n);
}

static void compile(net *n, rv_eventprop_desc desc)
{
    desc.example_timesteps = STEPS;
    desc.batch_size = EXAMPLES;
    desc.keep_gradients = true;
    must(n, rv_compile_eventprop(&n->model, n->network, &desc));
}

static void free_net(net *n)
{
    rv_compiled_network_free(n->model);
    rv_network_free(n->network);
    rv_spikes_free(n->spikes);
    rv_context_free(n->context);
}

static rv_data data_of(const net *n, bool regression)
{
    rv_data data = {.inputs = {{.population = n->in.population, .spikes = n->spikes}},
                    .outputs = {{.population = n->out.population, .labels = n->labels, .num_labels = EXAMPLES}}};
    if (regression)
        data.outputs[0] = (rv_output){
            .population = n->out.population, .targets = n->targets, .num_targets = EXAMPLES * STEPS * OUTPUTS};
    return data;
}

static double loss_of(const net *n, bool regression)
{
    rv_result *result = NULL;
    double loss;
    must(n, rv_evaluate(&result, n->model, &(rv_evaluate_desc){.data = data_of(n, regression), .no_callbacks = true}));
    assert_int_equal(rv_metrics_get(rv_result_metrics(result), "loss", &loss), 0);
    rv_result_free(result);
    return loss;
}

static void learn(const net *n, bool regression)
{
    rv_result *result = NULL;
    must(n, rv_train(&result, n->model,
                     &(rv_train_desc){.data = data_of(n, regression), .num_epochs = 1, .no_callbacks = true}));
    rv_result_free(result);
}

static void read_all(const net *n, rv_variable variable, float *out, size_t size)
{
    must(n, rv_variable_get(n->model, variable, out, size));
}

/* ---- biases ---- */

static rv_variable variable_of_out(const net *n, const char *name)
{
    return (rv_variable){.population = n->out.population, .name = name};
}

/* DeltaBias times the factor of Gradient against differences of the reported loss times `scale`. */
static void compare_biases(const char *readout, bool regression, bool per_timestep, double factor, double scale)
{
    net n;
    float bias[OUTPUTS], gradient[OUTPUTS], moved[OUTPUTS];
    make(&n, readout);
    compile(&n, (rv_eventprop_desc){
                    .train_output_bias = true, .optimiser = rv_sgd(0, 0), .per_timestep_loss = per_timestep});
    learn(&n, regression);
    read_all(&n, variable_of_out(&n, "bias"), bias, OUTPUTS);
    read_all(&n, variable_of_out(&n, "DeltaBias"), gradient, OUTPUTS);
    for (size_t k = 0; k < OUTPUTS; k++) {
        const float step = factor > 100 ? 0x1p-12F : 0x1p-9F;
        double side[2];
        for (int s = 0; s < 2; s++) {
            memcpy(moved, bias, sizeof bias);
            moved[k] += s ? step : -step;
            must(&n, rv_variable_set(n.model, variable_of_out(&n, "bias"), moved, OUTPUTS));
            side[s] = loss_of(&n, regression);
        }
        must(&n, rv_variable_set(n.model, variable_of_out(&n, "bias"), bias, OUTPUTS));
        const double expected = scale * (side[1] - side[0]) / (2 * (double)step);
        const double found = factor * (double)gradient[k];
        if (!(fabs(found - expected) < 3e-3 * fmax(fabs(expected), 0.1)))
            fail_msg("%s: gradient of bias %zu is %.6g, expected %.6g", readout, k, found, expected);
    }
    free_net(&n);
}

static void gradients_of_biases_are_those_of_the_loss(void **state)
{
    const double tau_mem = 12;
    (void)state;
    compare_biases("AvgVar", false, false, tau_mem, 1);
    compare_biases("AvgVar", false, true, tau_mem, 1);
    compare_biases("AvgVar", true, false, tau_mem, OUTPUTS / 2.0);
    compare_biases("Var", false, false, tau_mem * STEPS, 1);
    compare_biases("SumVar", false, false, tau_mem * STEPS, 1);
    compare_biases("MaxVar", false, false, tau_mem * STEPS, 1);
}

static void biases_learn_only_if_asked_to(void **state)
{
    net n;
    float bias[OUTPUTS], first[OUTPUTS];
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        make(&n, "AvgVar");
        compile(&n, (rv_eventprop_desc){.train_output_bias = asked, .bias_optimiser = rv_sgd(1, 0)});
        learn(&n, false);
        read_all(&n, variable_of_out(&n, "bias"), bias, OUTPUTS);
        for (size_t k = 0; k < OUTPUTS; k++)
            assert_true((bias[k] != 0.05F) == asked);
        if (asked) {
            read_all(&n, variable_of_out(&n, "DeltaBias"), first, OUTPUTS);
            assert_true(bias[0] == 0.05F - first[0]);
            assert_string_equal(rv_compiled_network_optimiser(n.model, 1), "bias_optimiser");
        }
        free_net(&n);
    }
}

/* ---- regularisation ---- */

/* `Gradient` of the connections into the two hidden populations. */
static void hidden_gradients(float out[2][INPUTS * HIDDEN + HIDDEN * HIDDEN], rv_eventprop_desc desc)
{
    net n;
    rv_regularisation own[2];
    make(&n, "AvgVar");
    for (size_t i = 0; i < desc.num_regularisations; i++) {
        own[i] = desc.regularisations[i];
        own[i].population = i == 0 ? n.second.population : n.first.population;
    }
    desc.regularisations = own;
    compile(&n, desc);
    learn(&n, false);
    read_all(&n, (rv_variable){.connection = n.first.connection, .name = "Gradient"}, out[0], INPUTS * HIDDEN);
    read_all(&n, (rv_variable){.connection = n.second.connection, .name = "Gradient"}, out[1], HIDDEN * HIDDEN);
    free_net(&n);
}

static void one_population_may_be_regularised_differently(void **state)
{
    static float none[2][INPUTS * HIDDEN + HIDDEN * HIDDEN], all[2][INPUTS * HIDDEN + HIDDEN * HIDDEN],
        both[2][INPUTS * HIDDEN + HIDDEN * HIDDEN], first[2][INPUTS * HIDDEN + HIDDEN * HIDDEN];
    const rv_regularisation off = {NULL, 0, 0, 0}, on = {NULL, 1e-3, 1e-3, 2};
    (void)state;
    hidden_gradients(none, (rv_eventprop_desc){0});
    hidden_gradients(all, (rv_eventprop_desc){.reg_lambda_upper = 1e-3, .reg_lambda_lower = 1e-3, .reg_nu_upper = 2});
    hidden_gradients(both,
                     (rv_eventprop_desc){.regularisations = (rv_regularisation[]){on, on}, .num_regularisations = 2});
    hidden_gradients(first, (rv_eventprop_desc){.reg_lambda_upper = 1e-3,
                                                .reg_lambda_lower = 1e-3,
                                                .reg_nu_upper = 2,
                                                .regularisations = &off,
                                                .num_regularisations = 1});
    assert_memory_equal(all, both, sizeof all);
    assert_memory_not_equal(all[0], none[0], sizeof all[0]);
    assert_memory_not_equal(all[1], none[1], sizeof all[1]);
    assert_memory_not_equal(first[0], none[0], sizeof all[0]);
    assert_memory_equal(first[1], none[1], sizeof all[1]); /* `second` is not regularised */
}

/* ---- max_spikes ---- */

static void spikes_beyond_max_spikes_are_an_error_unless_told_otherwise(void **state)
{
    net n;
    float strict[HIDDEN * HIDDEN], lenient[HIDDEN * HIDDEN];
    rv_result *result = NULL;
    (void)state;
    make(&n, "AvgVar");
    compile(&n, (rv_eventprop_desc){.max_spikes = 2});
    const int code = rv_train(&result, n.model,
                              &(rv_train_desc){.data = data_of(&n, false), .num_epochs = 1, .no_callbacks = true});
    assert_int_equal(code, RV_ERR_TAPE);
    assert_non_null(strstr(rv_last_error(n.context), "spiked more than max_spikes = 2 times in example"));
    rv_result_free(result);
    free_net(&n);

    make(&n, "AvgVar");
    compile(&n, (rv_eventprop_desc){0});
    learn(&n, false);
    assert_int_equal(n.warnings, 0);
    read_all(&n, (rv_variable){.connection = n.second.connection, .name = "g"}, strict, HIDDEN * HIDDEN);
    free_net(&n);

    make(&n, "AvgVar");
    compile(&n, (rv_eventprop_desc){.max_spikes = 2, .strict_buffer_checking = RV_OFF});
    learn(&n, false);
    assert_int_equal(n.warnings, 1);
    assert_non_null(strstr(n.warning, "spiked more than max_spikes = 2 times in example"));
    read_all(&n, (rv_variable){.connection = n.second.connection, .name = "g"}, lenient, HIDDEN * HIDDEN);
    assert_memory_equal(strict, lenient, sizeof strict); /* all spikes were learnt from */
    free_net(&n);
}

/* So many spikes that tapes have to grow again and again. */
static void a_lenient_tape_grows_beyond_max_spikes(void **state)
{
    enum {
        MANY = 200
    };
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)});
    static const double times[] = {0, 5, 10, 15, 20, 25};
    static const int32_t ids[6] = {0}, label = 0;
    net n = {0};
    (void)state;
    must(&n, rv_context_create(&n.context, &(rv_context_desc){.num_threads = 1, .log = note, .log_user = &n}));
    must(&n, rv_network_create(&n.network, n.context, RV_EVENTPROP_DEFAULTS));
    must(&n, rv_input_layer_add(&n.in, n.network, &(rv_layer_desc){.shape = {1}, .neuron = rv_spike_input()}));
    must(&n, rv_layer_add(&n.first, n.network,
                          &(rv_layer_desc){.shape = {MANY},
                                           .connectivity = rv_dense(rv_const(100)),
                                           .synapse = synapse,
                                           .neuron = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)})}));
    must(&n, rv_layer_add(&n.out, n.network,
                          &(rv_layer_desc){.shape = {2},
                                           .connectivity = rv_dense(rv_const(0)),
                                           .synapse = synapse,
                                           .neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()})}));
    must(&n, rv_compile_eventprop(
                 &n.model, n.network,
                 &(rv_eventprop_desc){.example_timesteps = STEPS, .max_spikes = 1, .strict_buffer_checking = RV_OFF}));
    must(&n, rv_spikes_create(&n.spikes, n.context, 1));
    must(&n, rv_spikes_append(n.spikes, times, ids, 6));
    rv_result *result = NULL;
    const rv_callback counter = rv_spike_recorder(
        (rv_spike_recorder_desc){.population = n.first.population, .key = "counts", .record_counts = true});
    must(&n, rv_train(&result, n.model,
                      &(rv_train_desc){
                          .data = {.inputs = {{.population = n.in.population, .spikes = n.spikes}},
                                   .outputs = {{.population = n.out.population, .labels = &label, .num_labels = 1}}},
                          .num_epochs = 1,
                          .callbacks = &counter,
                          .num_callbacks = 1}));
    const rv_entries *const counts = rv_result_data(result, "counts");
    assert_true(counts->items[0].values[0] > 20); /* times 200: thousands on one tape */
    assert_int_equal(n.warnings, 1);
    rv_result_free(result);
    free_net(&n);
}

/* ---- first spikes ---- */

/* in -> hid -> out, one neuron each: a hidden spike in the last step but one meets what a silent label starts from. */
static void a_silent_label_pulls_to_the_last_step_that_can_reach_it(void **state)
{
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)});
    static const double times[] = {STEPS - 8, STEPS - 3};
    static const int32_t ids[] = {0, 1}, label = 0;
    static const float in_hid[] = {0.5F, 60};
    float gradient[2], crossing = 0;
    net n = {0};
    rv_result *result = NULL;
    (void)state;
    must(&n, rv_context_create(&n.context, NULL));
    must(&n, rv_network_create(&n.network, n.context, RV_EVENTPROP_DEFAULTS));
    must(&n, rv_input_layer_add(&n.in, n.network, &(rv_layer_desc){.shape = {2}, .neuron = rv_spike_input()}));
    must(&n, rv_layer_add(&n.first, n.network,
                          &(rv_layer_desc){.shape = {1},
                                           .connectivity = rv_dense(rv_array(in_hid, 2)),
                                           .synapse = synapse,
                                           .neuron = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)})}));
    must(&n, rv_layer_add(
                 &n.out, n.network,
                 &(rv_layer_desc){.shape = {1},
                                  .connectivity = rv_dense(rv_const(0.25)),
                                  .synapse = synapse,
                                  .neuron = rv_leaky_integrate_fire((rv_lif){.readout = rv_first_spike_time()})}));
    must(&n, rv_compile_eventprop(
                 &n.model, n.network,
                 &(rv_eventprop_desc){.example_timesteps = STEPS, .ttfs_alpha = 0.5, .keep_gradients = true}));
    must(&n, rv_spikes_create(&n.spikes, n.context, 2));
    must(&n, rv_spikes_append(n.spikes, times, ids, 2));
    const rv_callback recorders[] = {
        rv_var_recorder((rv_var_recorder_desc){.population = n.first.population, .genn_var = "Isyn", .key = "i"}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.first.population, .key = "spikes"}),
        rv_spike_recorder((rv_spike_recorder_desc){.population = n.out.population, .key = "out"}),
        rv_var_recorder((rv_var_recorder_desc){.population = n.first.population, .genn_var = "V", .key = "v"})};
    must(&n, rv_train(&result, n.model,
                      &(rv_train_desc){
                          .data = {.inputs = {{.population = n.in.population, .spikes = n.spikes}},
                                   .outputs = {{.population = n.out.population, .labels = &label, .num_labels = 1}}},
                          .num_epochs = 1,
                          .callbacks = recorders,
                          .num_callbacks = 4}));
    read_all(&n, (rv_variable){.connection = n.first.connection, .name = "Gradient"}, gradient, 2);
    const rv_entry *const spikes = &rv_result_data(result, "spikes")->items[0];
    assert_int_equal(rv_result_data(result, "out")->items[0].num, 0);
    assert_int_equal(spikes->num, 2);
    assert_true(spikes->times[0] == STEPS - 2);
    /* V before the reset follows from V of the step before; I is Isyn without its scale */
    const double alpha = exp(-1.0 / 20), beta = exp(-1.0 / 5);
    const double scaled = (double)rv_result_data(result, "i")->items[0].values[STEPS - 2];
    const double v = alpha * (double)rv_result_data(result, "v")->items[0].values[STEPS - 3] + (1 - alpha) * scaled;
    crossing = (float)(scaled / (5 * (1 - beta)) - v);
    const double pull = 0.5 / pow(0.01 * STEPS, 2), flow = 20.0 / 15 * (alpha - beta);
    double lambda_v = 0.25 * pull / (double)crossing, lambda_i = 0;
    for (int t = STEPS - 3; t > STEPS - 8; t--) {
        lambda_i = flow * lambda_v + beta * lambda_i;
        lambda_v *= alpha;
    }
    const double expected = -5 * lambda_i;
    if (!(fabs((double)gradient[0] - expected) < 1e-4 * fabs(expected)))
        fail_msg("the gradient is %.7g, expected %.7g", (double)gradient[0], expected);
    rv_result_free(result);
    free_net(&n);
}

/* ---- what is refused ---- */

static void refuse(net *n, rv_eventprop_desc desc, int code, const char *text)
{
    desc.example_timesteps = STEPS;
    const int found = rv_compile_eventprop(&n->model, n->network, &desc);
    if (found != code || !strstr(rv_last_error(n->context), text))
        fail_msg("code %d with '%s', expected %d with '%s'", found, rv_last_error(n->context), code, text);
}

static void wrong_options_are_found_at_set_up(void **state)
{
    net n, other;
    (void)state;
    make(&n, "AvgVar");
    make(&other, "AvgVar");
    const rv_regularisation foreign = {other.first.population, 0, 0, 0}, input = {n.in.population, 0, 0, 0},
                            negative = {n.first.population, 0, -1, 0};
    refuse(&n, (rv_eventprop_desc){.regularisations = &foreign, .num_regularisations = 1}, RV_ERR_ARGUMENT,
           "regularisations: a population is of another network");
    refuse(&n, (rv_eventprop_desc){.regularisations = &input, .num_regularisations = 1}, RV_ERR_ARGUMENT,
           "regularisations: population 'in' has no spikes that learning could change");
    refuse(&n, (rv_eventprop_desc){.regularisations = &negative, .num_regularisations = 1}, RV_ERR_VALUE,
           "reg_lambda_lower must be >= 0, got -1");
    refuse(&n, (rv_eventprop_desc){.num_regularisations = 1}, RV_ERR_ARGUMENT, "regularisations is NULL");
    refuse(&n, (rv_eventprop_desc){.ttfs_alpha = (double)INFINITY}, RV_ERR_VALUE, "ttfs_alpha must be >= 0");
    free_net(&n);
    free_net(&other);
}

/* An output that spikes learns from first spikes only. */
static void outputs_that_spike_need_a_readout_of_first_spikes(void **state)
{
    net n;
    (void)state;
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)});
    for (int i = 0; i < 2; i++) {
        const rv_readout readout = i == 0 ? rv_spike_count() : rv_first_spike_time();
        make(&n, "AvgVar");
        rv_population *population = NULL;
        must(&n,
             rv_population_add(
                 &population, n.network,
                 &(rv_population_desc){
                     .name = "last", .shape = {2}, .neuron = rv_leaky_integrate_fire((rv_lif){.readout = readout})}));
        rv_connection *connection = NULL;
        must(&n, rv_connection_add(&connection, n.network, n.second.population, population,
                                   &(rv_connection_desc){.connectivity = rv_dense(rv_const(1)), .synapse = synapse}));
        if (i == 0)
            refuse(&n, (rv_eventprop_desc){0}, RV_ERR_NETWORK,
                   "population 'last': EventProp has no rule for readout SpikeCount of LeakyIntegrateFire");
        else
            refuse(&n, (rv_eventprop_desc){.per_timestep_loss = true}, RV_ERR_NETWORK,
                   "population 'last': per_timestep_loss needs an output that does not spike");
        free_net(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_biases_are_those_of_the_loss),
        cmocka_unit_test(biases_learn_only_if_asked_to),
        cmocka_unit_test(one_population_may_be_regularised_differently),
        cmocka_unit_test(spikes_beyond_max_spikes_are_an_error_unless_told_otherwise),
        cmocka_unit_test(a_lenient_tape_grows_beyond_max_spikes),
        cmocka_unit_test(a_silent_label_pulls_to_the_last_step_that_can_reach_it),
        cmocka_unit_test(wrong_options_are_found_at_set_up),
        cmocka_unit_test(outputs_that_spike_need_a_readout_of_first_spikes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
