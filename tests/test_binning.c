/* Spike times to timesteps: each spike fires in the first step at or after its time, the second spike of a neuron in one
 * step moves to the next free one, and a step's spikes are sorted by neuron; however many there are, and on every
 * instruction set. Held against the rule, neuron by neuron. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <ranvier.h>

#define STEPS 24
#define EXAMPLES 6
#define MOST 4000 /* spikes of an example */

typedef struct layout {
    const char *name;
    size_t neurons, spikes;
} layout;

static const layout layouts[] = {{"few spikes", 100, 40},
                                 {"several a step, some twice", 300, 330},
                                 {"many a step, some twice", 1000, 800},
                                 {"nearly all neurons in every step", 40, 900},
                                 {"many neurons, few spikes", 70000, 500},
                                 {"none", 5, 0}};

static double times[EXAMPLES][MOST];
static int32_t ids[EXAMPLES][MOST];

static uint32_t next(uint32_t *random)
{
    return *random = *random * 1664525U + 1013904223U;
}

/* Times in quarters of a step, which floats hold exactly, up to beyond the end. */
static void draw(const layout *l, uint32_t seed)
{
    uint32_t random = seed;
    for (size_t e = 0; e < EXAMPLES; e++)
        for (size_t k = 0; k < l->spikes; k++) {
            times[e][k] = (next(&random) >> 8) % (4 * STEPS + 8) * 0.25;
            ids[e][k] = (int32_t)((next(&random) >> 4) % l->neurons);
        }
}

static int ascending(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* (STEPS, neurons) who fires when, by the rule. */
static unsigned char *expected(const layout *l, size_t e)
{
    unsigned char *const fires = calloc(STEPS * l->neurons, 1);
    int *const steps = malloc((l->spikes + 1) * sizeof *steps);
    assert_true(fires && steps);
    for (size_t j = 0; j < l->neurons; j++) {
        size_t num = 0;
        int last = -1;
        for (size_t k = 0; k < l->spikes; k++)
            if (ids[e][k] == (int32_t)j)
                steps[num++] = (int)times[e][k] + (times[e][k] > (int)times[e][k]);
        qsort(steps, num, sizeof *steps, ascending);
        for (size_t k = 0; k < num; k++) {
            last = steps[k] > last ? steps[k] : last + 1;
            if (last < STEPS)
                fires[(size_t)last * l->neurons + j] = 1;
        }
    }
    free(steps);
    return fires;
}

static void compare(const layout *l, size_t e, const rv_entry *got, const char *isa)
{
    unsigned char *const fires = expected(l, e);
    size_t num = 0;
    for (size_t at = 0; at < STEPS * l->neurons; at++) {
        if (!fires[at])
            continue;
        if (num >= got->num || (size_t)got->ids[num] != at % l->neurons || (size_t)got->times[num] != at / l->neurons)
            fail_msg("%s, %s, example %zu: spike %zu of %zu is not neuron %zu in step %zu", isa, l->name, e, num,
                     got->num, at % l->neurons, at / l->neurons);
        num++;
    }
    assert_int_equal(got->num, num);
    free(fires);
}

static void check(const layout *l, const char *isa)
{
    rv_context *context = NULL;
    rv_network *network = NULL;
    rv_population *in = NULL, *out = NULL;
    rv_connection *connection = NULL;
    rv_compiled_network *model = NULL;
    rv_spikes *spikes = NULL;
    rv_result *result = NULL;
    const bool has = rv_context_create(&context, &(rv_context_desc){.isa = isa}) >= 0;
    const rv_li li = {.readout = rv_avg_var()};
    const int32_t labels[EXAMPLES] = {0};
    int code = has ? rv_network_create(&network, context, RV_EVENTPROP_DEFAULTS) : RV_ERR_UNSUPPORTED;
    if (code >= 0)
        code = rv_population_add(
            &in, network, &(rv_population_desc){.name = "in", .shape = {l->neurons}, .neuron = rv_spike_input()});
    if (code >= 0)
        code = rv_population_add(&out, network,
                                 &(rv_population_desc){.name = "out", .shape = {2}, .neuron = rv_leaky_integrate(li)});
    if (code >= 0)
        code = rv_connection_add(&connection, network, in, out,
                                 &(rv_connection_desc){.connectivity = rv_dense(rv_const(0))});
    if (code >= 0)
        code = rv_compile_inference(&model, network,
                                    &(rv_inference_desc){.example_timesteps = STEPS, .batch_size = EXAMPLES});
    if (code >= 0)
        code = rv_spikes_create(&spikes, context, l->neurons);
    for (size_t e = 0; e < EXAMPLES && code >= 0; e++)
        code = rv_spikes_append(spikes, times[e], ids[e], l->spikes);
    if (code >= 0) {
        const rv_callback recorder = rv_spike_recorder((rv_spike_recorder_desc){.population = in, .key = "in"});
        code = rv_predict(
            &result, model,
            &(rv_evaluate_desc){.data = {.inputs = {{.population = in, .spikes = spikes}},
                                         .outputs = {{.population = out, .labels = labels, .num_labels = EXAMPLES}}},
                                .callbacks = &recorder,
                                .num_callbacks = 1});
    }
    if (has && code < 0)
        fail_msg("%s", rv_last_error(context));
    const rv_entries *const entries = has ? rv_result_data(result, "in") : NULL;
    for (size_t e = 0; has && e < EXAMPLES; e++)
        compare(l, e, &entries->items[e], isa);
    rv_result_free(result);
    rv_spikes_free(spikes);
    rv_compiled_network_free(model);
    rv_network_free(network);
    rv_context_free(context);
}

static void spikes_fire_in_the_first_free_step_sorted_by_neuron(void **state)
{
    static const char *const isas[] = {"base", "v2", "v3", "v4"};
    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        draw(&layouts[i], (uint32_t)i + 1);
        for (size_t k = 0; k < sizeof isas / sizeof *isas; k++)
            check(&layouts[i], isas[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spikes_fire_in_the_first_free_step_sorted_by_neuron)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
