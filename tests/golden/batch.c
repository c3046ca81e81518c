#include "golden/batch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* POPULATION_WHAT, or, of the only input, in_WHAT */
static golden_array *input_array(const golden_case *c, const golden_network *network, const golden_population *p,
                                 const char *what, golden_report *report)
{
    char name[256];
    snprintf(name, sizeof name, "%s_%s", p->name, what);
    golden_array *array = golden_find(c, name);
    if (!array && network->num_inputs == 1) {
        snprintf(name, sizeof name, "in_%s", what);
        array = golden_find(c, name);
    }
    if (!array)
        golden_fail(report, "array %s is missing", name);
    return array;
}

/* WHAT_E of an example */
static golden_array *example_array(const golden_case *c, const golden_network *network, const golden_population *p,
                                   const char *what, size_t example, golden_report *report)
{
    char numbered[40];
    snprintf(numbered, sizeof numbered, "%s_%zu", what, example);
    return input_array(c, network, p, numbered, report);
}

static bool to_int32(int32_t *out, const golden_array *array, golden_report *report)
{
    for (size_t i = 0; i < array->size; i++) {
        if (!(array->data[i] >= INT32_MIN && array->data[i] <= INT32_MAX) || array->data[i] != floor(array->data[i])) {
            golden_fail(report, "array %s: %g is not a 32-bit integer", array->name, array->data[i]);
            return false;
        }
        out[i] = (int32_t)array->data[i];
    }
    return true;
}

static void append_example(rv_spikes *spikes, const golden_case *c, const golden_network *network,
                           const golden_population *p, size_t example, golden_report *report)
{
    golden_array *const times = example_array(c, network, p, "times", example, report);
    golden_array *const ids = example_array(c, network, p, "ids", example, report);
    if (!times || !ids)
        return;
    int32_t *const integers = malloc((ids->size + 1) * sizeof *integers);
    if (!integers)
        golden_fail(report, "out of memory");
    else if (times->size != ids->size)
        golden_fail(report, "arrays %s and %s differ in size", times->name, ids->name);
    else if (to_int32(integers, ids, report) && rv_spikes_append(spikes, times->data, integers, ids->size) < 0)
        golden_fail(report, "%s", rv_last_error(c->context));
    free(integers);
}

/* Values of some examples, (examples, [frames,] n). */
static void set_values(rv_input *input, const golden_case *c, const golden_network *network,
                       const golden_population *p, size_t first, size_t num, golden_report *report)
{
    golden_array *const array = input_array(c, network, p, "values", report);
    if (!array)
        return;
    if (array->size % c->num_examples) {
        golden_fail(report, "array %s is not of %zu examples", array->name, c->num_examples);
        return;
    }
    const size_t size = array->size / c->num_examples;
    const float *const values = golden_array_floats(array, report);
    input->values = values ? values + first * size : NULL;
    input->num_values = num * size;
}

/* POPULATION_WHAT, or the case's one WHAT */
static golden_array *output_array(const golden_case *c, const golden_population *p, const char *what)
{
    char name[256];
    snprintf(name, sizeof name, "%s_%s", p->name, what);
    golden_array *const array = golden_find(c, name);
    return array ? array : golden_find(c, what);
}

/* Classes are one number an example; a case may call its regression targets labels too. */
static golden_array *label_array(const golden_case *c, const golden_population *p)
{
    golden_array *const array = output_array(c, p, "labels");
    return array && array->num_dims > 1 ? NULL : array;
}

static golden_array *target_array(const golden_case *c, const golden_population *p)
{
    golden_array *const array = output_array(c, p, "targets"), *const labels = output_array(c, p, "labels");
    return array ? array : labels && labels->num_dims > 1 ? labels : NULL;
}

/* Regression targets of some examples, (examples, [T,] n). */
static void set_targets(rv_output *output, const golden_case *c, golden_array *array, size_t first, size_t num,
                        golden_report *report)
{
    if (array->size % c->num_examples) {
        golden_fail(report, "array %s is not of %zu examples", array->name, c->num_examples);
        return;
    }
    const size_t size = array->size / c->num_examples;
    const float *const targets = golden_array_floats(array, report);
    output->targets = targets ? targets + first * size : NULL;
    output->num_targets = num * size;
}

/* (num) labels of the examples from first on; none is no error, prediction needs none. */
static int32_t *read_labels(const golden_case *c, const golden_population *p, size_t first, size_t num,
                            golden_report *report)
{
    const golden_array *const array = label_array(c, p);
    if (!array)
        return NULL;
    if (array->num_dims != 1 || array->size != c->num_examples) {
        golden_fail(report, "array %s must hold one class for each of %zu examples", array->name, c->num_examples);
        return NULL;
    }
    int32_t *const all = malloc((array->size + num) * sizeof *all);
    if (!all) {
        golden_fail(report, "out of memory");
    } else if (to_int32(all, array, report)) {
        memmove(all, all + first, num * sizeof *all);
    }
    return all;
}

void golden_claim_inputs(const golden_case *c, const golden_network *network, golden_report *report)
{
    for (size_t i = 0; i < network->num_populations; i++) {
        const golden_population *const p = &network->populations[i];
        golden_array *const labels = p->readout ? label_array(c, p) : NULL;
        golden_array *const targets = p->readout ? target_array(c, p) : NULL;
        if (labels)
            labels->used = true;
        if (targets)
            targets->used = true;
        golden_array *const values = p->fed == RV_FED_VALUES ? input_array(c, network, p, "values", report) : NULL;
        if (values)
            values->used = true;
        for (size_t e = 0; p->fed == RV_FED_SPIKES && e < c->num_examples && !report->failure[0]; e++) {
            golden_array *const times = example_array(c, network, p, "times", e, report);
            golden_array *const ids = example_array(c, network, p, "ids", e, report);
            if (times && ids)
                times->used = ids->used = true;
        }
    }
}

void golden_batch_make(golden_batch *out, const golden_case *c, const golden_network *network, size_t first,
                       size_t num, golden_report *report)
{
    size_t inputs = 0, outputs = 0;
    *out = (golden_batch){0};
    for (size_t i = 0; i < network->num_populations; i++) {
        const golden_population *const p = &network->populations[i];
        if (p->fed == RV_FED_VALUES) {
            rv_input *const input = &out->data.inputs[inputs++];
            input->population = p->handle;
            set_values(input, c, network, p, first, num, report);
        }
        if (p->fed == RV_FED_SPIKES) {
            rv_spikes **const spikes = &out->spikes[inputs];
            if (rv_spikes_create(spikes, c->context, p->size) < 0) {
                golden_fail(report, "%s", rv_last_error(c->context));
                return;
            }
            for (size_t e = first; e < first + num && !report->failure[0]; e++)
                append_example(*spikes, c, network, p, e, report);
            out->data.inputs[inputs++] = (rv_input){.population = p->handle, .spikes = *spikes};
        }
        if (p->readout) {
            int32_t *const labels = out->labels[outputs] = read_labels(c, p, first, num, report);
            golden_array *const targets = target_array(c, p);
            rv_output *const output = &out->data.outputs[outputs++];
            *output = (rv_output){.population = p->handle, .labels = labels, .num_labels = labels ? num : 0};
            if (targets)
                set_targets(output, c, targets, first, num, report);
        }
    }
}

void golden_batch_clear(golden_batch *batch)
{
    for (size_t i = 0; i < RV_MAX_PORTS; i++) {
        rv_spikes_free(batch->spikes[i]);
        free(batch->labels[i]);
    }
}
