/* Learning through convolutions, pools and few of all pairs: what a dense connection with the same matrix learns, to
 * rounding; and the same bits however it is computed. (tests/test_reference_layers.py compares with numpy.) */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compile/plan.h"
#include "network/network.h"
#include "support/layered.h"
#include "support/training_task.h"

#define TOLERANCE 1e-4

static layered_desc networks[] = {
    {.name = "convolution",
     .shape = {9, 8, 2},
     .connectivity = {CONV(.filters = 5, .conv_size = {3}, .conv_padding = RV_PADDING_SAME), DENSE},
     .num_layers = 2,
     .gain = 0.5},
    {.name = "wide convolution",
     .shape = {6, 7, 3},
     .connectivity = {CONV(.filters = 32, .conv_size = {3, 2}, .conv_strides = {2, 1}, .flatten = true), DENSE},
     .num_layers = 2,
     .gain = 0.5},
    {.name = "stack",
     .shape = {12, 12, 1},
     .connectivity = {CONV(.filters = 4, .conv_size = {3}), POOL(.pool_size = {2}),
                      CONV(.filters = 18, .conv_size = {2}, .conv_padding = RV_PADDING_SAME),
                      POOL_DENSE(.pool_size = {2}, .pool_strides = {1})},
     .num_layers = 4},
    {.name = "transposed",
     .shape = {4, 5, 2},
     .connectivity = {TRANSPOSE(.filters = 3, .conv_size = {3}, .conv_strides = {2}),
                      POOL_CONV(.pool_size = {3, 2}, .pool_strides = {2}, .filters = 6, .conv_size = {2}), DENSE},
     .num_layers = 3},
    {.name = "sparse",
     .shape = {40},
     .connectivity = {RANDOM(0.3), RANDOM(0.4), ONE_TO_ONE, DENSE},
     .sizes = {60, 20},
     .num_layers = 4,
     .recurrent = 2},
    {.name = "wide sparse", .shape = {90}, .connectivity = {RANDOM(0.1), RANDOM(0.2)}, .sizes = {300}, .num_layers = 2},
    {.name = "sparse with delays",
     .shape = {30},
     .connectivity = {RANDOM(0.3), ONE_TO_ONE, RANDOM(0.9)},
     .sizes = {50},
     .num_layers = 3,
     .recurrent = 1,
     .gain = 2.5,
     .max_delay = 6},
    {.name = "sparse with learnt delays",
     .shape = {30},
     .connectivity = {RANDOM(0.3), ONE_TO_ONE, RANDOM(0.9)},
     .sizes = {50},
     .num_layers = 3,
     .recurrent = 1,
     .gain = 2.5,
     .max_delay = 6,
     .learn_delays = true},
};

#define NUM_NETWORKS (sizeof networks / sizeof *networks)

static void prepare(layered_desc *d, size_t index)
{
    *d = networks[index % NUM_NETWORKS];
    d->tau_per_neuron = index >= NUM_NETWORKS && index < 2 * NUM_NETWORKS;
    d->eprop = index >= 2 * NUM_NETWORKS;
    d->seed = 11 + index;
}

/* ---- as dense connections ---- */

/* A variable of a sparse or shared connection against that of the dense one, summed over a weight's synapses. */
static void compare_variable(const layered *l, const layered *dense, int index, const char *name, const layered_desc *d)
{
    size_t num, num_dense;
    const rv_plan_connection *c = rv_plan_find_connection(l->model, l->connections[index]);
    const rv_connectivity_model *model = l->connections[index]->connectivity.model;
    float *flat = layered_get(l, index, name, &num), *all = layered_get(dense, index, name, &num_dense);
    float *rows = calloc(c->links.rows.size + 1, sizeof *rows), *expected = calloc(num + 1, sizeof *expected);
    for (uint32_t i = 0; i < c->links.num_source; i++) {
        const size_t fan_out = model->synapses(&c->links, i, NULL, NULL);
        uint32_t *targets = calloc(fan_out + 1, sizeof *targets);
        size_t *places = calloc(fan_out + 1, sizeof *places);
        model->synapses(&c->links, i, targets, places);
        for (size_t k = 0; k < fan_out; k++)
            rows[places[k]] += c->links.scale * all[i * c->links.num_target + targets[k]];
        free(targets);
        free(places);
    }
    rv_links_unpack(&c->links, model, expected, rows);
    const double error = relative_error(flat, expected, num);
    double norm = 0;
    for (size_t k = 0; k < num; k++)
        norm += fabs((double)flat[k]);
    if (!(error < TOLERANCE) || !(norm > 0))
        fail_msg("%s%s%s, connection %d (%s): %s has relative error %g, norm %g", d->name,
                 d->tau_per_neuron ? ", a time constant per neuron" : "", d->eprop ? ", e-prop" : "", index, model->name,
                 name, error, norm);
    free(flat);
    free(all);
    free(rows);
    free(expected);
}

static void gradients_are_those_of_dense_connections(void **state)
{
    (void)state;
    for (size_t index = 0; index < 3 * NUM_NETWORKS; index++) {
        layered_desc d;
        layered l, dense;
        prepare(&d, index);
        if (d.eprop && d.learn_delays)
            continue;
        d.batch_size = 16; /* one batch, so that weights change after all gradients are known */
        layered_create(&l, &d);
        layered_create_dense(&dense, &d, &l);
        layered_train(&l, 1);
        layered_train(&dense, 1);
        for (int i = 0; i < l.num_connections; i++) {
            const bool delays = d.learn_delays && rv_plan_find_connection(l.model, l.connections[i])->delays;
            if (!l.connections[i]->connectivity.model->fixed)
                compare_variable(&l, &dense, i, l.gradient, &d);
            if (delays)
                compare_variable(&l, &dense, i, "DelayGradient", &d);
        }
        layered_free(&l);
        layered_free(&dense);
    }
}

/* ---- the same bits ---- */

static uint64_t train_and_hash(const layered_desc *d)
{
    layered l;
    uint64_t hash = 0;
    layered_create(&l, d);
    layered_train(&l, 2);
    for (int i = 0; i < l.num_connections; i++) {
        const char *const names[] = {"g", l.gradient, "M", "d"};
        const rv_plan_connection *c = rv_plan_find_connection(l.model, l.connections[i]);
        for (size_t k = 0; k < 4; k++) {
            size_t size;
            if ((k && !c->weight.optimiser) || (k == 3 && !c->delay_parameter.value))
                continue;
            float *values = layered_get(&l, i, names[k], &size);
            hash = hash_bytes(hash, values, size * sizeof *values);
            free(values);
        }
    }
    layered_free(&l);
    return hash;
}

static void bits_do_not_depend_on_how_it_is_computed(void **state)
{
    static const struct {
        const char *name;
        int num_threads;
        const char *isa;
        rv_schedule schedule;
    } ways[] = {
        {"one thread, examples", 1, NULL, RV_SCHEDULE_EXAMPLES},
        {"two threads, examples", 2, "v3", RV_SCHEDULE_EXAMPLES},
        {"one thread, slots", 1, NULL, RV_SCHEDULE_SLOTS},
        {"one thread, rows", 1, NULL, RV_SCHEDULE_ROWS},
        {"three threads, slots", 3, NULL, RV_SCHEDULE_SLOTS},
        {"three threads, rows", 3, NULL, RV_SCHEDULE_ROWS},
        {"base", 2, "base", RV_SCHEDULE_SLOTS},
        {"v2", 1, "v2", RV_SCHEDULE_ROWS},
        {"v3", 2, "v3", RV_SCHEDULE_SLOTS},
        {"v4", 2, "v4", RV_SCHEDULE_ROWS},
    };
    (void)state;
    for (size_t index = 0; index < 3 * NUM_NETWORKS; index++) {
        layered_desc d;
        uint64_t first = 0;
        prepare(&d, index);
        for (size_t w = 0; w < sizeof ways / sizeof *ways && !(d.eprop && d.learn_delays); w++) {
            rv_context *context = NULL;
            const bool has = rv_context_create(&context, &(rv_context_desc){.isa = ways[w].isa}) >= 0;
            rv_context_free(context);
            d.num_threads = ways[w].num_threads;
            d.isa = ways[w].isa;
            d.schedule = ways[w].schedule;
            const uint64_t hash = has ? train_and_hash(&d) : first;
            first = w ? first : hash;
            if (hash != first)
                fail_msg("%s%s%s: '%s' and '%s' differ", d.name, d.tau_per_neuron ? ", a time constant per neuron" : "",
                         d.eprop ? ", e-prop" : "", ways[0].name, ways[w].name);
        }
    }
}

/* Nothing but delays learns: threads that would share their sums without waiting are seen in most of these runs. */
static void delays_of_frozen_weights_do_not_depend_on_threads(void **state)
{
    (void)state;
    layered_desc d = {.shape = {200},
                      .connectivity = {{.model = rv_dense(rv_const(0)).model}, {.model = rv_dense(rv_const(0)).model}},
                      .sizes = {300},
                      .num_layers = 2,
                      .gain = 2.5,
                      .max_delay = 6,
                      .learn_delays = true,
                      .frozen = true,
                      .batch_size = 7,
                      .seed = 5};
    for (int round = 0; round < 3; round++) {
        layered one, many;
        d.num_threads = 1;
        layered_create(&one, &d);
        layered_train(&one, 5);
        d.num_threads = 4;
        layered_create(&many, &d);
        layered_train(&many, 5);
        for (int i = 0; i < one.num_connections; i++) {
            size_t num;
            float *expected = layered_get(&one, i, "d", &num), *delays = layered_get(&many, i, "d", &num);
            for (size_t k = 0; k < num; k++)
                if (delays[k] != expected[k])
                    fail_msg("delay %zu of connection %d is %.9g on 4 threads, expected %.9g", k, i,
                             (double)delays[k], (double)expected[k]);
            free(expected);
            free(delays);
        }
        layered_free(&one);
        layered_free(&many);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_dense_connections),
        cmocka_unit_test(bits_do_not_depend_on_how_it_is_computed),
        cmocka_unit_test(delays_of_frozen_weights_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
