/* Networks drawn at random, swept in blocks of timesteps and step by step, as they are where somebody watches timesteps
 * and records adjoints: all bits are the same, of losses, spikes, readouts, gradients, moments and weights, with every
 * instruction set and schedule, and where populations are recorded, which then take step by step in others' blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/drawn.h"
#include "support/wired.h"

#define NUM_NETWORKS 120 /* of each compiler */

static const char *const all_isas[] = {"base", "v2", "v3", "v4"};
static const char *isas[4]; /* (num_isas) what this machine has */
static int num_isas;

/* Who looks at steps. */
typedef enum observer {
    NOBODY = 0,
    RECORDER, /* of V of a population, which then takes step by step */
    WATCHER,  /* of timesteps, and, going back, of LambdaV: everything goes step by step */
} observer;

typedef struct way {
    drawn_way drawn;
    observer who;
} way;

/* One array that came out. */
typedef struct part {
    char name[64];
    size_t size; /* bytes */
    void *bytes;
} part;

#define MAX_PARTS 400
typedef struct outcome {
    part parts[MAX_PARTS];
    size_t num, num_spikes; /* of hidden populations and the output */
    char error[256];        /* a run may fail, if it fails in every way */
} outcome;

static void keep(outcome *o, const char *name, const void *bytes, size_t size)
{
    assert_true(o->num < MAX_PARTS);
    part *p = &o->parts[o->num++];
    snprintf(p->name, sizeof p->name, "%s", name);
    p->size = size;
    p->bytes = malloc(size + 1);
    if (size)
        memcpy(p->bytes, bytes, size);
}

static void forget(outcome *o)
{
    for (size_t i = 0; i < o->num; i++)
        free(o->parts[i].bytes);
    o->num = 0;
}

/* ---- what comes out of a run ---- */

static void keep_variables(outcome *o, const drawn *d)
{
    static const char *const names[] = {"g", "d", "M", "V", "Gradient", "DelayGradient", "DeltaG"};
    for (int i = 0; i < d->num_connections; i++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            const rv_variable variable = {.connection = d->connections[i], .name = names[k]};
            char name[64];
            size_t size;
            if (rv_variable_size(d->model, variable, &size) < 0)
                continue; /* there is none, or it is not kept */
            float *values = malloc((size + 1) * sizeof *values);
            drawn_ok(d, rv_variable_get(d->model, variable, values, size));
            snprintf(name, sizeof name, "%s of %s", names[k], rv_connection_name(d->connections[i]));
            keep(o, name, values, size * sizeof *values);
            free(values);
        }
}

static void keep_bias(outcome *o, const drawn *d)
{
    const rv_variable variable = {.population = d->populations[d->num_populations - 1], .name = "bias"};
    float bias[64];
    size_t size;
    if (d->output_spikes)
        return;
    drawn_ok(d, rv_variable_size(d->model, variable, &size));
    assert_true(size <= 64);
    drawn_ok(d, rv_variable_get(d->model, variable, bias, size));
    keep(o, "bias", bias, size * sizeof *bias);
}

static void keep_spikes(outcome *o, const drawn *d, const rv_result *result)
{
    for (int i = 0; i < d->num_populations; i++) {
        if (!drawn_spikes(d, i))
            continue;
        const char *name = rv_population_name(d->populations[i]);
        const rv_entries *entries = rv_result_data(result, name);
        for (size_t e = 0; e < entries->num; e++) {
            const rv_entry *entry = &entries->items[e];
            char what[64];
            snprintf(what, sizeof what, "times of %s in example %zu", name, entry->example);
            keep(o, what, entry->times, entry->num * sizeof *entry->times);
            snprintf(what, sizeof what, "ids of %s in example %zu", name, entry->example);
            keep(o, what, entry->ids, entry->num * sizeof *entry->ids);
            o->num_spikes += i < d->num_inputs ? 0 : entry->num;
        }
    }
}

static void keep_result(outcome *o, const drawn *d, const rv_result *result)
{
    const rv_metrics *metrics = rv_result_metrics(result);
    for (int i = 0; i < d->num_populations; i++) {
        size_t num = 0;
        const float *readouts = rv_result_prediction(result, d->populations[i], &num);
        if (readouts)
            keep(o, "readouts", readouts, num * rv_population_size(d->populations[i]) * sizeof *readouts);
    }
    for (size_t i = 0; i < metrics->num; i++)
        keep(o, metrics->items[i].label, &metrics->items[i].value, sizeof metrics->items[i].value);
    keep_spikes(o, d, result);
}

/* ---- runs ---- */

static int ignore(void *user, size_t timestep)
{
    (void)user;
    (void)timestep;
    return 0;
}

/* Spike recorders, which read tapes, and whoever looks at steps. */
static size_t add_callbacks(rv_callback *callbacks, const drawn *d, observer who, bool learns)
{
    const rv_population *hidden = d->populations[d->num_inputs], *output = d->populations[d->num_populations - 1];
    size_t num = 0;
    for (int i = 0; i < d->num_populations; i++)
        if (drawn_spikes(d, i))
            callbacks[num++] = rv_spike_recorder((rv_spike_recorder_desc){
                .population = d->populations[i], .key = rv_population_name(d->populations[i])});
    if (who == RECORDER)
        callbacks[num++] = rv_var_recorder((rv_var_recorder_desc){.population = hidden, .var = "v", .key = "v"});
    if (who == WATCHER)
        callbacks[num++] = (rv_callback){.name = "Watcher", .on_timestep_end = ignore};
    if (who == WATCHER && learns && d->compiler == DRAWN_EVENTPROP)
        callbacks[num++] =
            rv_var_recorder((rv_var_recorder_desc){.population = output, .genn_var = "LambdaV", .key = "LambdaV"});
    return num;
}

static int train(rv_result **out, const drawn *d, const rv_callback *callbacks, size_t num)
{
    return rv_train(
        out, d->model,
        &(rv_train_desc){
            .data = drawn_data(d), .num_epochs = 1, .shuffle = RV_OFF, .callbacks = callbacks, .num_callbacks = num});
}

static int evaluate(rv_result **out, const drawn *d, const rv_callback *callbacks, size_t num)
{
    return rv_evaluate(out, d->model,
                       &(rv_evaluate_desc){.data = drawn_data(d), .callbacks = callbacks, .num_callbacks = num});
}

static int predict(rv_result **out, const drawn *d, const rv_callback *callbacks, size_t num)
{
    return rv_predict(out, d->model,
                      &(rv_evaluate_desc){.data = drawn_data(d), .callbacks = callbacks, .num_callbacks = num});
}

/* Trains, if the network learns, and tests. */
static void run(outcome *o, const drawn *d, observer who)
{
    static int (*const acts[])(rv_result **, const drawn *, const rv_callback *, size_t) = {train, evaluate, predict};
    rv_callback callbacks[DRAWN_POPULATIONS + 2];
    for (int act = d->compiler == DRAWN_INFERENCE; act < 3; act++) {
        const size_t num = add_callbacks(callbacks, d, who, act == 0);
        rv_result *result = NULL;
        const int code = acts[act](&result, d, callbacks, num);
        if (code < 0)
            snprintf(o->error, sizeof o->error, "%s", rv_last_error(d->context));
        else
            keep_result(o, d, result);
        rv_result_free(result);
        if (code < 0)
            return;
        if (act == 0) {
            keep_variables(o, d);
            keep_bias(o, d);
        }
    }
}

/* ---- all ways ---- */

static way draw_way(observer who, uint64_t *random)
{
    static const rv_schedule schedules[] = {RV_SCHEDULE_SLOTS, RV_SCHEDULE_ROWS, RV_SCHEDULE_EXAMPLES};
    return (way){.who = who,
                 .drawn = {.isa = isas[wired_random(random, (uint32_t)num_isas)],
                           .num_threads = 1 + (int)wired_random(random, 2),
                           .schedule = schedules[wired_random(random, 3)]}};
}

static void compare_parts(const part *a, const part *b, const char *text)
{
    const uint32_t *x = a->bytes, *y = b->bytes;
    if (strcmp(a->name, b->name) != 0 || a->size != b->size)
        fail_msg("%s: %zu bytes are %s, expected %zu bytes of %s", text, b->size, b->name, a->size, a->name);
    for (size_t k = 0; k < a->size / sizeof *x; k++)
        if (x[k] != y[k])
            fail_msg("%s: word %zu of %s is %08x, expected %08x", text, k, a->name, y[k], x[k]);
}

static void compare(const outcome *expected, const outcome *o, const drawn *d, const way *w, uint64_t seed)
{
    static const char *const observers[] = {"blocks", "recorded", "steps"};
    char network[400], text[600];
    drawn_describe(network, sizeof network, d);
    snprintf(text, sizeof text, "%s, %s, schedule %d (seed %llu: %s)", observers[w->who], w->drawn.isa,
             (int)w->drawn.schedule, (unsigned long long)seed, network);
    if (strcmp(expected->error, o->error) != 0)
        fail_msg("%s: error '%s', expected '%s'", text, o->error, expected->error);
    assert_int_equal(o->num, expected->num);
    for (size_t i = 0; i < o->num; i++)
        compare_parts(&expected->parts[i], &o->parts[i], text);
}

/* Steps that are watched are what all other ways are held against. Returns how many spikes there were. */
static size_t hold(drawn_compiler compiler, uint64_t seed)
{
    static outcome expected, o;
    uint64_t random = seed + 1;
    for (int i = 0; i < 4; i++) {
        static const observer observers[] = {WATCHER, NOBODY, NOBODY, RECORDER};
        const way w = draw_way(observers[i], &random);
        outcome *to = i == 0 ? &expected : &o;
        drawn d;
        *to = (outcome){0};
        drawn_create(&d, compiler, seed, &w.drawn);
        run(to, &d, w.who);
        if (i > 0) {
            compare(&expected, &o, &d, &w, seed);
            forget(&o);
        }
        drawn_free(&d);
    }
    forget(&expected);
    if (expected.error[0])
        print_message("# seed %llu: %s\n", (unsigned long long)seed, expected.error);
    return expected.error[0] ? 0 : expected.num_spikes;
}

/* Most networks must spike, or nothing is held. */
static void blocks_are_steps(void **state)
{
    const drawn_compiler compiler = *(const drawn_compiler *)*state;
    size_t spikes = 0, spiking = 0;
    for (uint64_t seed = 0; seed < NUM_NETWORKS; seed++) {
        const size_t num = hold(compiler, seed);
        spikes += num;
        spiking += num > 50;
    }
    print_message("# %d networks, %zu of which spike, %zu spikes\n", NUM_NETWORKS, spiking, spikes);
    assert_true(spiking > NUM_NETWORKS / 3);
}

static void find_isas(void)
{
    for (int i = 0; i < 4; i++) {
        rv_context *context = NULL;
        if (rv_context_create(&context, &(rv_context_desc){.isa = all_isas[i]}) >= 0)
            isas[num_isas++] = all_isas[i];
        rv_context_free(context);
    }
}

int main(void)
{
    static drawn_compiler compilers[] = {DRAWN_EVENTPROP, DRAWN_EPROP, DRAWN_INFERENCE};
    const struct CMUnitTest tests[] = {
        {"blocks_are_steps_of_eventprop", blocks_are_steps, NULL, NULL, &compilers[0]},
        {"blocks_are_steps_of_eprop", blocks_are_steps, NULL, NULL, &compilers[1]},
        {"blocks_are_steps_of_inference", blocks_are_steps, NULL, NULL, &compilers[2]},
    };
    find_isas();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
