/* Names of expected arrays: [POPULATION_]readout, POPULATION_spike_times_E, POPULATION_spike_ids_E,
 * OBJECT_VARIABLE[_backward][_E], where OBJECT is a population or SOURCE_TARGET. */
#include "golden/expected.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name taken apart; text holds the name without index and "backward". */
typedef struct golden_name {
    char text[256];
    bool has_index, backward;
    size_t index;
} golden_name;

static bool cut_suffix(char *text, const char *suffix)
{
    const size_t length = strlen(text), cut = strlen(suffix);
    if (length <= cut || strcmp(text + length - cut, suffix) != 0)
        return false;
    text[length - cut] = '\0';
    return true;
}

static golden_name take_apart(const char *array)
{
    golden_name name = {0};
    snprintf(name.text, sizeof name.text, "%s", array);
    char *const underscore = strrchr(name.text, '_');
    const char *const digits = underscore ? underscore + 1 : "";
    if (digits[0] && strspn(digits, "0123456789") == strlen(digits) && strlen(digits) < 10) {
        name.has_index = true;
        name.index = strtoul(digits, NULL, 10);
        *underscore = '\0';
    }
    name.backward = cut_suffix(name.text, "_backward");
    return name;
}

/* What follows OBJECT_ in text, or NULL. */
static const char *after(const char *text, const char *object)
{
    const size_t length = strlen(object);
    return strncmp(text, object, length) == 0 && text[length] == '_' && text[length + 1] ? text + length + 1 : NULL;
}

/* The object with the longest name that fits: "in_hid_V" is V of "in_hid", not "hid_V" of "in". */
static const char *find_object(golden_expected *e, const golden_network *network, const char *text)
{
    const char *variable = NULL;
    for (size_t i = 0; i < network->num_populations; i++) {
        const char *const rest = after(text, network->populations[i].name);
        if (rest && (!variable || rest > variable)) {
            variable = rest;
            e->population = &network->populations[i];
        }
    }
    for (size_t i = 0; i < network->num_connections; i++) {
        const char *const rest = after(text, network->connections[i].name);
        if (rest && (!variable || rest > variable)) {
            variable = rest;
            e->population = NULL;
            e->connection = &network->connections[i];
        }
    }
    return variable;
}

static bool is_readout(golden_expected *e, const golden_network *network, const char *array)
{
    for (size_t i = 0; i < network->num_populations; i++) {
        const golden_population *const p = &network->populations[i];
        const char *const rest = after(array, p->name);
        const bool only = strcmp(array, "readout") == 0 && network->num_outputs == 1;
        if (p->readout && (only || (rest && strcmp(rest, "readout") == 0))) {
            e->kind = GOLDEN_READOUT;
            e->population = p;
            return true;
        }
    }
    return false;
}

/* Numbers that belong to one example. */
static size_t size_per_example(const golden_expected *e, const golden_case *c)
{
    return e->kind == GOLDEN_RECORDED ? c->timesteps * e->population->size : e->population->size;
}

static void check_size(const golden_expected *e, const golden_case *c, golden_report *report)
{
    const golden_array *const a = e->array;
    if (e->kind == GOLDEN_SPIKES) {
        if (e->ids->size != a->size)
            golden_fail(report, "arrays %s and %s differ in size", a->name, e->ids->name);
        if (e->index >= c->num_examples)
            golden_fail(report, "array %s: there are %zu examples", a->name, c->num_examples);
        return;
    }
    if (e->connection) {
        if (!e->has_index || e->index >= (c->num_examples + c->batch_size - 1) / c->batch_size)
            golden_fail(report, "array %s: no batch has this number", a->name);
        return;
    }
    const size_t wanted = size_per_example(e, c) * (e->has_index ? 1 : c->num_examples);
    if (e->has_index && e->index >= c->num_examples)
        golden_fail(report, "array %s: there are %zu examples", a->name, c->num_examples);
    else if (a->size != wanted)
        golden_fail(report, "array %s has %zu numbers, expected %zu", a->name, a->size, wanted);
}

/* Fills one item; false if the array is none that is expected, or belongs to another item. */
static bool classify(golden_expected *e, const golden_case *c, const golden_network *network, golden_array *array,
                     golden_report *report)
{
    *e = (golden_expected){.array = array};
    if (is_readout(e, network, array->name))
        return true;
    const golden_name name = take_apart(array->name);
    const char *const variable = find_object(e, network, name.text);
    if (!variable || strlen(variable) >= sizeof e->variable) {
        golden_fail(report, "array %s is neither input nor anything that this case could yield", array->name);
        return false;
    }
    e->has_index = name.has_index;
    e->index = name.index;
    e->backward = name.backward;
    snprintf(e->variable, sizeof e->variable, "%s", variable);
    const char *const owner = e->population ? e->population->name : e->connection->name;
    if (e->population && name.has_index && strcmp(variable, "spike_ids") == 0) {
        char times[sizeof name.text + 40];
        snprintf(times, sizeof times, "%s_spike_times_%zu", owner, name.index);
        if (!golden_find(c, times))
            golden_fail(report, "array %s has no %s", array->name, times);
        return false;
    }
    if (e->population && name.has_index && strcmp(variable, "spike_times") == 0) {
        char ids[sizeof name.text + 40];
        snprintf(ids, sizeof ids, "%s_spike_ids_%zu", owner, name.index);
        e->kind = GOLDEN_SPIKES;
        e->ids = golden_find(c, ids);
        if (!e->ids)
            golden_fail(report, "array %s has no %s", array->name, ids);
        snprintf(e->key, sizeof e->key, "%s_spike", owner);
        return e->ids != NULL;
    }
    e->kind = e->population && array->num_dims == (e->has_index ? 2 : 3) ? GOLDEN_RECORDED : GOLDEN_READ;
    snprintf(e->key, sizeof e->key, "%s_%s", owner, e->variable);
    return true;
}

/* One recorder for all arrays of one key. */
static void add_recorder(golden_expectation *x, const golden_expected *e)
{
    if (e->kind != GOLDEN_SPIKES && e->kind != GOLDEN_RECORDED)
        return;
    for (const golden_expected *other = x->items; other < e; other++)
        if (strcmp(other->key, e->key) == 0)
            return;
    x->recorders[x->num_recorders++] =
        e->kind == GOLDEN_SPIKES
            ? rv_spike_recorder((rv_spike_recorder_desc){.population = e->population->handle, .key = e->key})
            : rv_var_recorder(
                  (rv_var_recorder_desc){.population = e->population->handle, .genn_var = e->variable, .key = e->key});
}

void golden_expect(golden_expectation *out, const golden_case *c, const golden_network *network, golden_report *report)
{
    *out = (golden_expectation){0};
    out->items = calloc(c->num_arrays + 1, sizeof *out->items);
    out->recorders = calloc(c->num_arrays + 1, sizeof *out->recorders);
    if (!out->items || !out->recorders) {
        golden_fail(report, "out of memory");
        return;
    }
    for (size_t i = 0; i < c->num_arrays && !report->failure[0]; i++) {
        golden_expected *const e = &out->items[out->num];
        if (c->arrays[i].used || !classify(e, c, network, &c->arrays[i], report))
            continue;
        check_size(e, c, report);
        out->num++;
        add_recorder(out, e);
    }
    if (!report->failure[0] && out->num == 0)
        golden_fail(report, "there is no expected array");
}

void golden_expectation_free(golden_expectation *expectation)
{
    free(expectation->items);
    free(expectation->recorders);
    *expectation = (golden_expectation){0};
}
