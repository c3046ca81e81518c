/* ConnVarRecorder: what it records of synapses, for every connectivity. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compile/plan.h"
#include "network/network.h"
#include "support/layered.h"
#include "support/tiny.h"
#include "support/training_task.h"

#define TOLERANCE 1e-4
#define STEPS 30 /* of layered networks */

/* Every connectivity, sparse recurrence among them; small, since all pairs of neurons are recorded in every step. */
static const layered_desc networks[] = {
    {.name = "stack",
     .shape = {8, 8, 1},
     .connectivity = {CONV(.filters = 3, .conv_size = {3}), POOL(.pool_size = {2}),
                      CONV(.filters = 4, .conv_size = {2}, .conv_padding = RV_PADDING_SAME),
                      POOL_DENSE(.pool_size = {2}, .pool_strides = {1})},
     .num_layers = 4,
     .gain = 2},
    {.name = "transposed, with windows that overlap",
     .shape = {4, 5, 2},
     .connectivity = {TRANSPOSE(.filters = 2, .conv_size = {3}, .conv_strides = {2}),
                      POOL_CONV(.pool_size = {3, 2}, .pool_strides = {2}, .filters = 4, .conv_size = {2}), DENSE},
     .num_layers = 3},
    {.name = "sparse",
     .shape = {30},
     .connectivity = {RANDOM(0.3), RANDOM(0.4), ONE_TO_ONE, DENSE},
     .sizes = {40, 20},
     .num_layers = 4,
     .recurrent = 2},
    {.name = "delays",
     .shape = {30},
     .connectivity = {RANDOM(0.3), ONE_TO_ONE, RANDOM(0.9)},
     .sizes = {30},
     .num_layers = 3,
     .recurrent = 1,
     .gain = 2.5,
     .max_delay = 6,
     .learn_delays = true},
};

#define NUM_NETWORKS (sizeof networks / sizeof *networks)

/* In one batch, so that what is read after it is of all examples. */
static layered_desc describe(size_t index)
{
    layered_desc d = networks[index % NUM_NETWORKS];
    d.tau_per_neuron = index >= NUM_NETWORKS && index < 2 * NUM_NETWORKS;
    d.eprop = index >= 2 * NUM_NETWORKS;
    d.batch_size = 16;
    d.seed = 23 + index;
    d.num_threads = 2;
    return d;
}

static rv_callback record(const layered *l, int connection, const char *variable, const char *key)
{
    return rv_conn_var_recorder(
        (rv_conn_var_recorder_desc){.connection = l->connections[connection], .genn_var = variable, .key = key});
}

static rv_result *train(const layered *l, const rv_callback *callbacks, size_t num, size_t first_epoch)
{
    rv_result *result = NULL;
    layered_ok(l, rv_train(&result, l->model,
                           &(rv_train_desc){.data = layered_data(l),
                                            .num_epochs = 1,
                                            .start_epoch = first_epoch,
                                            .callbacks = callbacks,
                                            .num_callbacks = num}));
    return result;
}

static const rv_plan_connection *plan_of(const layered *l, int connection)
{
    return rv_plan_find_connection(l->model, l->connections[connection]);
}

/* Number of synapses of every pair (sources, targets). */
static size_t *count_synapses(const rv_plan_connection *c)
{
    const rv_connectivity_model *model = c->connection->connectivity.model;
    size_t *count = calloc(c->links.num_source * c->links.num_target, sizeof *count);
    for (uint32_t i = 0; i < c->links.num_source; i++) {
        const size_t num = model->synapses(&c->links, i, NULL, NULL);
        uint32_t *targets = calloc(num + 1, sizeof *targets);
        size_t *places = calloc(num + 1, sizeof *places);
        model->synapses(&c->links, i, targets, places);
        for (size_t k = 0; k < num; k++)
            count[i * c->links.num_target + targets[k]]++;
        free(targets);
        free(places);
    }
    return count;
}

/* What belongs to pairs, summed into a variable as users read it; each of a pair's synapses has its part of it. */
static void sum_by_weight(const rv_plan_connection *c, const double *pairs, float *out)
{
    const rv_connectivity_model *model = c->connection->connectivity.model;
    const size_t n = c->links.num_target;
    size_t *count = count_synapses(c);
    float *rows = calloc(c->links.rows.size + 1, sizeof *rows);
    for (uint32_t i = 0; i < c->links.num_source; i++) {
        const size_t num = model->synapses(&c->links, i, NULL, NULL);
        uint32_t *targets = calloc(num + 1, sizeof *targets);
        size_t *places = calloc(num + 1, sizeof *places);
        model->synapses(&c->links, i, targets, places);
        for (size_t k = 0; k < num; k++)
            rows[places[k]] += (float)(pairs[i * n + targets[k]] / (double)count[i * n + targets[k]]);
        free(targets);
        free(places);
    }
    rv_links_unpack(&c->links, model, out, rows);
    free(rows);
    free(count);
}

/* ---- gradients ---- */

static void check_gradient(const layered *l, const layered_desc *d, int connection, const char *name)
{
    const rv_plan_connection *c = plan_of(l, connection);
    const size_t size = c->links.num_source * c->links.num_target;
    const rv_callback recorder = record(l, connection, name, "G");
    rv_result *result = train(l, &recorder, 1, 0);
    const rv_entries *entries = rv_result_data(result, "G");
    double *sum = calloc(size, sizeof *sum), norm = 0;
    size_t num, *count = count_synapses(c);
    assert_int_equal(entries->num, l->num_examples);
    for (size_t i = 0; i < entries->num; i++) {
        const rv_entry *e = &entries->items[i];
        assert_true(e->num_dims == 3 && e->shape[0] == STEPS && e->shape[1] == c->links.num_source &&
                    e->shape[2] == c->links.num_target && e->num == STEPS * size);
        for (size_t k = 0; k < size; k++) {
            if (isnan(e->values[k]) != (count[k] == 0))
                fail_msg("%s, connection %d: pair %zu has %zu synapses, but is %g", d->name, connection, k, count[k],
                         (double)e->values[k]);
            sum[k] += count[k] ? (double)e->values[k] : 0;
        }
    }
    float *expected = layered_get(l, connection, name, &num), *got = calloc(num + 1, sizeof *got);
    sum_by_weight(c, sum, got);
    for (size_t k = 0; k < num; k++)
        norm += fabs((double)expected[k]);
    const double error = relative_error(got, expected, num);
    if (!(error < TOLERANCE) || !(norm > 0))
        fail_msg("%s%s%s, connection %d (%s): %s has relative error %g, norm %g", d->name,
                 d->tau_per_neuron ? ", a time constant per neuron" : "", d->eprop ? ", e-prop" : "", connection,
                 c->connection->connectivity.model->name, name, error, norm);
    free(expected);
    free(got);
    free(sum);
    free(count);
    rv_result_free(result);
}

static void the_examples_gradients_are_the_batchs_for_every_connectivity(void **state)
{
    (void)state;
    for (size_t index = 0; index < 3 * NUM_NETWORKS; index++) {
        const layered_desc d = describe(index);
        layered l;
        if (d.eprop && d.learn_delays)
            continue;
        for (int i = 0; i == 0 || i < l.num_connections; i++) {
            layered_create(&l, &d);
            const bool fixed = l.connections[i]->connectivity.model->fixed;
            if (!fixed)
                check_gradient(&l, &d, i, l.gradient);
            if (d.learn_delays && plan_of(&l, i)->delays)
                check_gradient(&l, &d, i, "DelayGradient");
            const int num_connections = l.num_connections;
            layered_free(&l);
            l.num_connections = num_connections;
        }
    }
}

/* Row t holds what the spikes from step t on met: -tau_syn LambdaI of the step after each. */
static void row_t_of_a_gradient_is_that_of_the_steps_from_t_on(void **state)
{
    (void)state;
    tiny t;
    tiny_create(&t, 2, true);
    const rv_callback callbacks[] = {
        rv_conn_var_recorder(
            (rv_conn_var_recorder_desc){.connection = t.input_hidden, .genn_var = "Gradient", .key = "G"}),
        rv_var_recorder((rv_var_recorder_desc){.population = t.hidden, .genn_var = "LambdaI", .key = "L"})};
    rv_result *result = tiny_train(&t, callbacks, 2, 1);
    const rv_entries *gradient = rv_result_data(result, "G"), *lambda = rv_result_data(result, "L");
    size_t seen = 0;
    for (size_t e = 0; e < TINY_EXAMPLES; e++)
        for (size_t i = 0; i < TINY_INPUTS; i++)
            for (size_t j = 0; j < TINY_HIDDEN; j++) {
                double sum = 0;
                for (size_t step = TINY_STEPS; step-- > 0;) {
                    const double got = gradient->items[e].values[(step * TINY_INPUTS + i) * TINY_HIDDEN + j];
                    if (tiny_spikes(e, step, i) && step + 1 < TINY_STEPS)
                        sum -= 5 * (double)lambda->items[e].values[(step + 1) * TINY_HIDDEN + j];
                    if (fabs(got - sum) > 1e-5 * fabs(sum) + 1e-9)
                        fail_msg("example %zu, synapse %zu -> %zu, step %zu: %g, expected %g", e, i, j, step, got,
                                 sum);
                    seen += fabs(sum) > 0;
                }
            }
    assert_true(seen > 1000);
    rv_result_free(result);
    tiny_free(&t);
}

/* ---- weights, delays, moments ---- */

/* Every row of every entry must be the variable, which users read by weight; where windows overlap, the sum. */
static void check_variable(const layered *l, int connection, const char *name, const rv_entries *entries,
                           const float *flat)
{
    const rv_plan_connection *c = plan_of(l, connection);
    const rv_connectivity_model *model = c->connection->connectivity.model;
    const size_t n = c->links.num_target, size = c->links.num_source * n;
    float *rows = calloc(c->links.rows.size + 1, sizeof *rows), *expected = malloc((size + 1) * sizeof *expected);
    rv_links_pack(&c->links, model, rows, flat);
    for (size_t k = 0; k < size; k++)
        expected[k] = NAN;
    for (uint32_t i = 0; i < c->links.num_source; i++) {
        const size_t num = model->synapses(&c->links, i, NULL, NULL);
        uint32_t *targets = calloc(num + 1, sizeof *targets);
        size_t *places = calloc(num + 1, sizeof *places);
        model->synapses(&c->links, i, targets, places);
        for (size_t k = 0; k < num; k++) {
            float *pair = &expected[i * n + targets[k]];
            *pair = isnan(*pair) ? rows[places[k]] : *pair + rows[places[k]];
        }
        free(targets);
        free(places);
    }
    assert_int_equal(entries->num, l->num_examples);
    for (size_t e = 0; e < entries->num; e++)
        for (size_t t = 0; t < STEPS; t++)
            for (size_t k = 0; k < size; k++) {
                const float got = entries->items[e].values[t * size + k];
                if (got != expected[k] && !(isnan(got) && isnan(expected[k])))
                    fail_msg("connection %d (%s): %s of pair %zu is %g in step %zu, expected %g", connection,
                             model->name, name, k, (double)got, t, (double)expected[k]);
            }
    free(rows);
    free(expected);
}

/* In the second epoch, after one step of the optimiser: what the batch begins with. */
static void weights_delays_and_moments_are_as_the_batch_has_them(void **state)
{
    static const char *const names[] = {"g", "M", "V", "d"};
    (void)state;
    for (size_t index = 0; index < NUM_NETWORKS; index++) {
        const layered_desc d = describe(index);
        layered l;
        layered_create(&l, &d);
        layered_train(&l, 1);
        for (int i = 0; i < l.num_connections; i++) {
            const rv_plan_connection *c = plan_of(&l, i);
            for (size_t k = 0; k < 4; k++) {
                size_t num;
                if ((k > 0 && !c->weight.optimiser) || (k == 3 && !c->delay_parameter.value))
                    continue;
                float *before = layered_get(&l, i, names[k], &num);
                const rv_callback recorder = record(&l, i, names[k], names[k]);
                rv_result *result = train(&l, &recorder, 1, 1);
                check_variable(&l, i, names[k], rv_result_data(result, names[k]), before);
                rv_result_free(result);
                free(before);
            }
        }
        layered_free(&l);
    }
}

/* ---- filters ---- */

static void filters_select_a_part_of_the_whole(void **state)
{
    (void)state;
    const int64_t examples[] = {-1, 4};
    const rv_filter axes[] = {rv_index(1), rv_slice("::-2")}; /* of {2, 4}: 5 and 7 */
    const size_t targets[] = {5, 7}, sources[] = {1, 3, 5}, steps[] = {2, 7, 12, 17}, kept[] = {4, 10};
    tiny t;
    tiny_create(&t, 2, true);
    const rv_callback callbacks[] = {
        rv_conn_var_recorder(
            (rv_conn_var_recorder_desc){.connection = t.input_hidden, .genn_var = "Gradient", .key = "whole"}),
        rv_conn_var_recorder((rv_conn_var_recorder_desc){.connection = t.input_hidden,
                                                         .genn_var = "Gradient",
                                                         .key = "part",
                                                         .examples = rv_indices(examples, 2),
                                                         .src_neurons = rv_slice("1::2"),
                                                         .trg_neurons = rv_axes(axes, 2),
                                                         .timesteps = rv_slice("2::5")})};
    rv_result *result = tiny_train(&t, callbacks, 2, 2);
    const rv_entries *whole = rv_result_data(result, "whole"), *part = rv_result_data(result, "part");
    assert_int_equal(part->num, 4);
    for (size_t e = 0; e < 4; e++) {
        const rv_entry *p = &part->items[e], *w = &whole->items[e / 2 * TINY_EXAMPLES + kept[e % 2]];
        assert_true(p->epoch == w->epoch && p->example == w->example && p->example == kept[e % 2]);
        assert_true(p->num_dims == 3 && p->shape[0] == 4 && p->shape[1] == 3 && p->shape[2] == 2);
        for (size_t s = 0; s < 4; s++)
            for (size_t i = 0; i < 3; i++)
                for (size_t j = 0; j < 2; j++)
                    assert_true(p->values[(s * 3 + i) * 2 + j] ==
                                w->values[(steps[s] * TINY_INPUTS + sources[i]) * TINY_HIDDEN + targets[j]]);
    }
    rv_result_free(result);
    tiny_free(&t);
}

static void what_cannot_be_recorded_is_an_error_when_the_run_is_prepared(void **state)
{
    (void)state;
    tiny t, other;
    tiny_create(&t, 1, false);
    tiny_create(&other, 1, false);
    const struct {
        rv_conn_var_recorder_desc desc;
        const char *message;
    } wrong[] = {
        {{.genn_var = "g"}, "ConnVarRecorder: connection is NULL"},
        {{.connection = t.input_hidden}, "genn_var is NULL"},
        {{.connection = other.input_hidden, .genn_var = "g"}, "is of another network"},
        {{.connection = t.input_hidden, .genn_var = "x"},
         "connection 'Conn_input_hidden' has no variable 'x', expected one of: g, d"},
        {{.connection = t.input_hidden, .genn_var = "Gradient"}, "has no variable 'Gradient'"}, /* not learning */
        {{.connection = t.input_hidden, .genn_var = "g", .src_neurons = rv_index(TINY_INPUTS)},
         "sources of population"},
        {{.connection = t.input_hidden, .genn_var = "g", .timesteps = rv_index(TINY_STEPS)}, "timesteps"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const rv_callback callback = rv_conn_var_recorder(wrong[i].desc);
        rv_run *run = NULL;
        const int code = rv_evaluate_prepare(
            &run, t.model, &(rv_evaluate_desc){.data = tiny_data(&t), .callbacks = &callback, .num_callbacks = 1});
        if (code >= 0 || !strstr(rv_last_error(t.context), wrong[i].message))
            fail_msg("%zu: %d, '%s', expected '%s'", i, code, rv_last_error(t.context), wrong[i].message);
        assert_null(run);
    }
    tiny_free(&other);
    tiny_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_gradients_are_the_batchs_for_every_connectivity),
        cmocka_unit_test(row_t_of_a_gradient_is_that_of_the_steps_from_t_on),
        cmocka_unit_test(weights_delays_and_moments_are_as_the_batch_has_them),
        cmocka_unit_test(filters_select_a_part_of_the_whole),
        cmocka_unit_test(what_cannot_be_recorded_is_an_error_when_the_run_is_prepared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
