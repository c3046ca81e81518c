/* Readouts, losses, metrics, optimisers and initializers that a program brings along: tables as the built-in ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tiny.h"

/* ---- the tables ---- */

/* mean of V over the second half */
static void late_step(float *state, const rv_output_shape *shape, const rv_readout_step *s)
{
    for (size_t j = 0; 2 * s->t >= shape->num_steps && j < shape->n_pad; j++)
        state[j] += 2 * s->v[j] / (float)shape->num_steps;
}

static void late_drive(float *drive, const float *base, const float *state, const rv_output_shape *shape, uint32_t t)
{
    (void)state;
    for (size_t j = 0; j < shape->n_pad; j++)
        drive[j] = 2 * t >= shape->num_steps ? 2 * base[j] : 0;
}

static const rv_readout_model late_mean = {.name = "LateMean", .num_state = 1, .step = late_step, .drive = late_drive};

/* the same, said in weights: a readout without a step sums V */
static double late_weight(uint32_t t, uint32_t num_steps)
{
    return 2 * t >= num_steps ? 2.0 / num_steps : 0;
}

static const rv_readout_model late_sum = {.name = "LateSum", .num_state = 1, .weight = late_weight, .drive = late_drive};

/* sum over the others of max(0, y_k - y_label + margin)^2 */
enum {
    MARGIN
};
static const rv_param hinge_params[] = {
    {.name = "margin", .kind = RV_PARAM_SCALAR, .value = {0.5, 0.5, 0.5}, .max = (double)INFINITY}};

static double hinge(const rv_output_sample *s, const float *y, const double *param, float *g)
{
    double sum = 0, all = 0;
    for (size_t k = 0; k < s->n; k++) {
        const double over = (double)y[k] - (double)y[s->label] + param[MARGIN];
        const double e = k == (size_t)s->label || over < 0 ? 0 : over;
        sum += e * e;
        all += 2 * e;
        if (g)
            g[k] = (float)(-2 * e);
    }
    if (g)
        g[s->label] = (float)all;
    return sum;
}

static const rv_loss_model squared_hinge = {
    .name = "SquaredHinge", .params = hinge_params, .num_params = 1, .loss = hinge};

static void lead(double *out, const rv_output_sample *s, const float *y, const double *param)
{
    (void)param;
    out[0] = -(double)INFINITY;
    for (size_t k = 0; k < s->n; k++)
        if (k != (size_t)s->label)
            out[0] = fmax(out[0], (double)y[k]);
    out[0] = (double)y[s->label] - out[0];
}

static const rv_metric_model mean_lead = {.name = "MeanLead", .report = "lead", .value = lead};

/* how often each label was seen; the one number is how many labels were */
static void its_label(double *out, const rv_output_sample *s, const float *y, const double *param)
{
    (void)y, (void)param;
    out[0] = s->label;
}

static size_t one_each(size_t n, const double *param)
{
    (void)param;
    return n;
}

static void count(double *sums, const double *value, size_t n, const double *param)
{
    (void)n, (void)param;
    sums[(size_t)value[0]]++;
}

static double seen(const double *sums, size_t n, const double *param)
{
    double num = 0;
    (void)param;
    for (size_t k = 0; k < n; k++)
        num += sums[k] > 0;
    return num;
}

static const rv_metric_model label_counts = {
    .name = "LabelCounts", .report = "labels", .value = its_label, .num_sums = one_each, .add = count, .result = seen};

/* w <- w - alpha sign(g), alpha halved in every step: in exact arithmetic */
static const rv_param sign_params[] = {
    {.name = "alpha", .kind = RV_PARAM_SCALAR, .value = {0.25, 0.25, 0.25}, .max = (double)INFINITY}};

static void sign_begin(rv_optimiser_state *state)
{
    state->memory[0] = 2;
}

static void sign_step(float *constant, rv_optimiser_state *state, const double *param)
{
    state->memory[0] /= 2;
    constant[0] = (float)(param[0] * state->memory[0]);
}

static void sign_row(const rv_optimiser_row *r)
{
    for (size_t j = 0; j < r->n; j++)
        r->w[j] -= r->g[j] > 0 ? r->constant[0] : r->g[j] < 0 ? -r->constant[0] : 0;
}

static const rv_optimiser_model sign_descent = {.name = "SignDescent",
                                                .params = sign_params,
                                                .num_params = 1,
                                                .rests = true,
                                                .begin = sign_begin,
                                                .step = sign_step,
                                                .row = sign_row};

/* low or high, at even odds */
static double coin_sample(const double *param, const uint32_t random[4])
{
    return param[random[0] & 1];
}

static const rv_initializer coin = {
    .name = "Coin", .num_params = 2, .param_name = {"low", "high"}, .param_default = {-1, 1}, .sample = coin_sample};

/* ---- the tests ---- */

/* tiny's network, but with the readout, and biases that learn */
static void create(tiny *t, rv_readout readout, rv_eventprop_desc desc)
{
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)});
    tiny_create(t, 2, false);
    rv_compiled_network_free(t->model);
    rv_network_free(t->network);
    t->model = NULL;
    TINY_OK(t, rv_network_create(&t->network, t->context, RV_EVENTPROP_DEFAULTS));
    rv_layer in, hid, out;
    TINY_OK(t,
            rv_input_layer_add(&in, t->network, &(rv_layer_desc){.shape = {TINY_INPUTS}, .neuron = rv_spike_input()}));
    TINY_OK(t, rv_layer_add(&hid, t->network,
                            &(rv_layer_desc){.shape = {TINY_HIDDEN},
                                             .synapse = synapse,
                                             .neuron = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)}),
                                             .connectivity = rv_dense(rv_uniform(0.2, 1.6))}));
    TINY_OK(t, rv_layer_add(&out, t->network,
                            &(rv_layer_desc){.shape = {TINY_OUTPUTS},
                                             .synapse = synapse,
                                             .name = "output",
                                             .neuron = rv_leaky_integrate((rv_li){.readout = readout}),
                                             .connectivity = rv_dense(rv_normal(0, 0.4))}));
    t->input = in.population;
    t->hidden = hid.population;
    t->output = out.population;
    t->input_hidden = hid.connection;
    t->hidden_output = out.connection;
    desc.example_timesteps = TINY_STEPS;
    desc.batch_size = desc.batch_size ? desc.batch_size : TINY_EXAMPLES;
    desc.train_output_bias = true;
    desc.keep_gradients = true;
    TINY_OK(t, rv_compile_eventprop(&t->model, t->network, &desc));
}

static double loss_of(tiny *t, rv_loss loss)
{
    rv_result *result = NULL;
    double value;
    rv_data data = tiny_data(t);
    data.outputs[0].loss = loss;
    TINY_OK(t, rv_evaluate(&result, t->model, &(rv_evaluate_desc){.data = data, .no_callbacks = true}));
    assert_int_equal(rv_metrics_get(rv_result_metrics(result), "loss", &value), 0);
    rv_result_free(result);
    return value;
}

static void train(tiny *t, rv_loss loss, size_t num_epochs)
{
    rv_result *result = NULL;
    rv_data data = tiny_data(t);
    data.outputs[0].loss = loss;
    TINY_OK(t, rv_train(
                   &result, t->model,
                   &(rv_train_desc){.data = data, .num_epochs = num_epochs, .shuffle = RV_OFF, .no_callbacks = true}));
    rv_result_free(result);
}

static void gradients_of_own_readouts_and_losses_are_those_of_the_loss(void **state)
{
    tiny t;
    float gradient[TINY_OUTPUTS], bias[TINY_OUTPUTS] = {0};
    const rv_loss losses[] = {rv_sparse_categorical_crossentropy(), {.model = &squared_hinge, .param = {0.75}}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        create(&t, &late_mean, (rv_eventprop_desc){.optimiser = rv_sgd(0, 0)});
        const rv_variable variable = {.population = t.output, .name = "bias"};
        train(&t, losses[i], 1);
        TINY_OK(&t, rv_variable_get(t.model, (rv_variable){.population = t.output, .name = "DeltaBias"}, gradient,
                                    TINY_OUTPUTS));
        for (size_t k = 0; k < TINY_OUTPUTS; k++) {
            double side[2];
            for (int s = 0; s < 2; s++) {
                bias[k] = s ? 0x1p-9F : -0x1p-9F;
                TINY_OK(&t, rv_variable_set(t.model, variable, bias, TINY_OUTPUTS));
                side[s] = loss_of(&t, losses[i]);
            }
            bias[k] = 0;
            const double expected = (side[1] - side[0]) / 0x1p-8, found = 20 * (double)gradient[k];
            if (!(fabs(found - expected) < 3e-3 * fmax(fabs(expected), 0.1)))
                fail_msg("loss %zu: gradient of bias %zu is %.6g, expected %.6g", i, k, found, expected);
        }
        tiny_free(&t);
    }
}

static void a_readout_without_a_step_sums_weighted_voltages(void **state)
{
    static const rv_readout_model *const readouts[] = {&late_mean, &late_sum};
    float y[2][TINY_EXAMPLES * TINY_OUTPUTS];
    (void)state;
    for (int i = 0; i < 2; i++) {
        tiny t;
        rv_result *result = NULL;
        size_t num;
        create(&t, readouts[i], (rv_eventprop_desc){0});
        TINY_OK(&t, rv_predict(&result, t.model, &(rv_evaluate_desc){.data = tiny_data(&t), .no_callbacks = true}));
        const float *const found = rv_result_prediction(result, t.output, &num);
        assert_int_equal(num, TINY_EXAMPLES);
        memcpy(y[i], found, sizeof y[i]);
        rv_result_free(result);
        tiny_free(&t);
    }
    for (size_t k = 0; k < TINY_EXAMPLES * TINY_OUTPUTS; k++)
        if (!(fabsf(y[0][k] - y[1][k]) <= 1e-5F * fabsf(y[0][k])) || y[0][k] == 0)
            fail_msg("readout %zu is %g, expected %g", k, (double)y[1][k], (double)y[0][k]);
}

static void own_readouts_and_metrics_are_reported(void **state)
{
    tiny t;
    rv_result *tested = NULL, *predicted = NULL;
    (void)state;
    create(&t, &late_mean, (rv_eventprop_desc){0});
    rv_data data = tiny_data(&t);
    data.outputs[0].metrics[0] = (rv_metric){.model = &mean_lead};
    data.outputs[0].metrics[1] = (rv_metric){.model = &label_counts};
    TINY_OK(&t, rv_evaluate(&tested, t.model, &(rv_evaluate_desc){.data = data, .no_callbacks = true}));
    TINY_OK(&t, rv_predict(&predicted, t.model, &(rv_evaluate_desc){.data = data, .no_callbacks = true}));
    size_t num;
    const float *const y = rv_result_prediction(predicted, t.output, &num);
    double expected = 0, found, sums[TINY_OUTPUTS] = {0};
    for (size_t e = 0; e < num; e++) {
        const rv_output_sample sample = {.n = TINY_OUTPUTS, .label = t.labels[e]};
        double out[RV_MAX_METRIC_VALUES];
        lead(out, &sample, y + e * TINY_OUTPUTS, NULL);
        expected += out[0] / (double)num;
        sums[t.labels[e]]++;
    }
    assert_int_equal(rv_metrics_get(rv_result_metrics(tested), "lead", &found), 0);
    assert_true(fabs(found - expected) < 1e-12);
    assert_int_equal(rv_metrics_get(rv_result_metrics(tested), "labels", &found), 0);
    assert_true(found == TINY_OUTPUTS);
    const rv_metric_value *const counts = &rv_result_metrics(tested)->items[2];
    assert_int_equal(counts->num_sums, TINY_OUTPUTS);
    assert_memory_equal(counts->sums, sums, sizeof sums);
    rv_result_free(tested);
    rv_result_free(predicted);
    tiny_free(&t);
}

static void own_optimisers_take_the_steps(void **state)
{
    tiny t;
    float before[TINY_WEIGHTS], after[TINY_WEIGHTS];
    size_t moved = 0;
    (void)state;
    create(&t, rv_avg_var(),
           (rv_eventprop_desc){.batch_size = 4, .optimiser = {.model = &sign_descent, .param = {0.25}}});
    tiny_weights(&t, before);
    train(&t, (rv_loss){0}, 1); /* three batches: 1/4, 1/8, 1/16 */
    tiny_weights(&t, after);
    for (size_t i = 0; i < TINY_WEIGHTS; i++) {
        const double steps = ((double)after[i] - (double)before[i]) * 16;
        if (fabs(steps - round(steps)) > 1e-5 || fabs(steps) > 7.00001)
            fail_msg("weight %zu moved by %g / 16", i, steps);
        moved += fabs(steps) > 0.5;
    }
    assert_true(moved > TINY_WEIGHTS / 4);
    double alpha;
    TINY_OK(&t, rv_optimiser_param_get(t.model, "alpha", &alpha));
    assert_true(alpha == 0.25);
    tiny_free(&t);
}

static void own_initializers_fill_weights(void **state)
{
    tiny t;
    rv_connection *connection = NULL;
    rv_compiled_network *model = NULL;
    float weights[TINY_INPUTS * TINY_HIDDEN];
    size_t high = 0;
    (void)state;
    tiny_create(&t, 1, false);
    TINY_OK(&t, rv_connection_add(
                    &connection, t.network, t.input, t.hidden,
                    &(rv_connection_desc){.name = "coins",
                                          .connectivity = rv_dense(rv_initialize(&coin, (const double[]){-2, 3}))}));
    TINY_OK(&t, rv_compile_inference(&model, t.network, &(rv_inference_desc){.example_timesteps = 5}));
    TINY_OK(&t, rv_variable_get(model, (rv_variable){.connection = connection, .name = "g"}, weights,
                                TINY_INPUTS * TINY_HIDDEN));
    for (size_t i = 0; i < TINY_INPUTS * TINY_HIDDEN; i++) {
        assert_true(weights[i] == -2 || weights[i] == 3);
        high += weights[i] == 3;
    }
    assert_in_range(high, 10, TINY_INPUTS * TINY_HIDDEN - 10);
    rv_compiled_network_free(model);
    tiny_free(&t);
}

/* ---- tables that are not whole ---- */

static void refuse_as(tiny *t, int expected, rv_loss loss, rv_metric metric, const char *text)
{
    rv_run *run = NULL;
    rv_data data = tiny_data(t);
    data.outputs[0].loss = loss;
    data.outputs[0].metrics[0] = metric;
    const int code = rv_evaluate_prepare(&run, t->model, &(rv_evaluate_desc){.data = data, .no_callbacks = true});
    rv_run_free(run);
    if (code != expected || !strstr(rv_last_error(t->context), text))
        fail_msg("code %d with '%s', expected %d with '%s'", code, rv_last_error(t->context), expected, text);
}

static void refuse(tiny *t, rv_loss loss, rv_metric metric, const char *text)
{
    refuse_as(t, RV_ERR_ARGUMENT, loss, metric, text);
}

static void tables_that_are_not_whole_are_found_at_set_up(void **state)
{
    static const rv_loss_model no_loss = {.name = "NoLoss"}, no_name = {.loss = hinge};
    static const rv_metric_model no_report = {.name = "NoReport", .value = lead},
                                 half = {.name = "Half", .report = "half", .value = lead, .num_sums = one_each};
    static const rv_readout_model no_step = {.name = "NoStep", .needs_spikes = true, .num_state = 1};
    static const rv_optimiser_model no_row = {.name = "NoRow"};
    tiny t;
    rv_population *population = NULL;
    rv_compiled_network *model = NULL;
    (void)state;
    tiny_create(&t, 1, false);
    refuse(&t, (rv_loss){.model = &no_loss}, (rv_metric){0}, "output 'output': loss NoLoss: its table must have");
    refuse(&t, (rv_loss){.model = &no_name}, (rv_metric){0}, "output 'output': loss without a name");
    refuse_as(&t, RV_ERR_VALUE, (rv_loss){.model = &squared_hinge, .param = {-1}}, (rv_metric){0},
              "output 'output': margin must be >= 0, got -1");
    refuse(&t, (rv_loss){0}, (rv_metric){.model = &no_report},
           "output 'output': metric NoReport: its table must have");
    refuse(&t, (rv_loss){0}, (rv_metric){.model = &half}, "num_sums, add and result all or none");
    assert_int_equal(rv_population_add(
                         &population, t.network,
                         &(rv_population_desc){
                             .name = "bad", .shape = {2}, .neuron = rv_leaky_integrate((rv_li){.readout = &no_step})}),
                     RV_ERR_ARGUMENT);
    assert_non_null(strstr(rv_last_error(t.context), "population 'bad': readout NoStep: its table must have"));
    assert_int_equal(
        rv_compile_eventprop(&model, t.network,
                             &(rv_eventprop_desc){.example_timesteps = 5, .optimiser = {.model = &no_row}}),
        RV_ERR_ARGUMENT);
    assert_non_null(strstr(rv_last_error(t.context), "EventProp: optimiser: the table of NoRow must have"));
    tiny_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_own_readouts_and_losses_are_those_of_the_loss),
        cmocka_unit_test(a_readout_without_a_step_sums_weighted_voltages),
        cmocka_unit_test(own_readouts_and_metrics_are_reported),
        cmocka_unit_test(own_optimisers_take_the_steps),
        cmocka_unit_test(own_initializers_fill_weights),
        cmocka_unit_test(tables_that_are_not_whole_are_found_at_set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
