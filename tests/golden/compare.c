/* Comparing: spikes must be identical; numbers are held against ||a - b|| / ||b||, summed in double over the whole
 * array, however many batches it came in. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "golden/expected.h"

#define TOLERANCE 1e-5          /* of V and readouts */
#define GRADIENT_TOLERANCE 1e-4 /* of gradients, adjoints and all else */

/* n numbers of the engine against n of the case. -FLT_MAX stands for "never" and must be met exactly. */
static void compare_numbers(golden_expected *e, const float *actual, const double *expected, size_t n,
                            golden_report *report)
{
    for (size_t i = 0; i < n; i++) {
        const double a = (double)actual[i], b = expected[i];
        if (b == (double)-FLT_MAX || !isfinite(b) || !isfinite(a)) {
            if (!(a == b))
                golden_fail(report, "%s: %g, expected %g", e->array->name, a, b);
            continue;
        }
        e->difference += (a - b) * (a - b);
        e->norm += b * b;
    }
    e->array->used = true;
}

static const rv_entry *find_entry(const rv_entries *entries, size_t example)
{
    for (size_t i = 0; entries && i < entries->num; i++)
        if (entries->items[i].example == example)
            return &entries->items[i];
    return NULL;
}

static void compare_spikes(golden_expected *e, const golden_case *c, const rv_entry *entry, golden_report *report)
{
    const golden_array *const times = e->array, *const ids = e->ids;
    const size_t num = times->size;
    for (size_t i = 0; i < num && i < entry->num; i++) {
        const long long step = llround(entry->times[i] / c->dt), wanted = llround(times->data[i] / c->dt);
        if (step != wanted || (double)entry->ids[i] != ids->data[i]) {
            golden_fail(report, "%s: spike %zu is of neuron %d in step %lld, expected neuron %.0f in step %lld",
                        times->name, i, (int)entry->ids[i], step, ids->data[i], wanted);
            return;
        }
        if (fabs(entry->times[i] - (double)step * c->dt) > 1e-9 * (1 + fabs(entry->times[i])))
            golden_fail(report, "%s: spike %zu is at %.17g ms, which is no timestep", times->name, i, entry->times[i]);
    }
    if (entry->num != num)
        golden_fail(report, "%s: %zu spikes, expected %zu", times->name, entry->num, num);
    e->array->used = e->ids->used = true;
}

/* Rows of expected, (T, n), may run backwards in time. */
static void compare_rows(golden_expected *e, const golden_case *c, const rv_entry *entry, const double *expected,
                         golden_report *report)
{
    const size_t T = c->timesteps, n = e->population->size;
    if (!entry->values || entry->num != T * n) {
        golden_fail(report, "%s: %zu numbers were recorded, expected %zu", e->array->name, entry->num, T * n);
        return;
    }
    for (size_t t = 0; t < T; t++)
        compare_numbers(e, entry->values + t * n, expected + (e->backward ? T - 1 - t : t) * n, n, report);
}

static void compare_recorded(golden_expected *e, const golden_case *c, const golden_outcome *outcome,
                             golden_report *report)
{
    for (size_t k = 0; k < outcome->num_examples; k++) {
        const size_t example = outcome->first_example + k;
        if (e->has_index && e->index != example)
            continue;
        const rv_entry *const entry = find_entry(rv_result_data(outcome->result, e->key), k);
        const size_t offset = e->has_index ? 0 : example * c->timesteps * (e->population->size);
        if (!entry)
            golden_fail(report, "%s: nothing was recorded of example %zu", e->array->name, example);
        else if (e->kind == GOLDEN_SPIKES)
            compare_spikes(e, c, entry, report);
        else
            compare_rows(e, c, entry, e->array->data + offset, report);
    }
}

static void compare_readout(golden_expected *e, const golden_outcome *outcome, golden_report *report)
{
    const size_t n = e->population->size;
    size_t num = 0;
    const float *const y = rv_result_prediction(outcome->result, e->population->handle, &num);
    if (!y || num != outcome->num_examples) {
        golden_fail(report, "%s: predictions of %zu examples, expected %zu", e->array->name, num,
                    outcome->num_examples);
        return;
    }
    compare_numbers(e, y, e->array->data + outcome->first_example * n, num * n, report);
}

/* A variable as it stands after the batch: a connection's belongs to the batch, a population's to its one example. */
static void compare_read(golden_expected *e, const golden_case *c, const golden_outcome *outcome,
                         golden_report *report)
{
    const rv_variable variable = {.population = e->population ? e->population->handle : NULL,
                                  .connection = e->connection ? e->connection->handle : NULL,
                                  .name = e->variable};
    if (!e->has_index || e->index != outcome->batch)
        return;
    size_t size = 0;
    const int code = rv_variable_size(outcome->model, variable, &size);
    if (code == RV_ERR_NAME) {
        golden_miss(report, "variable %s of %s", e->variable,
                    e->population ? e->population->name : e->connection->name);
        return;
    }
    float *const values = code < 0 || size != e->array->size ? NULL : malloc((size ? size : 1) * sizeof *values);
    if (code >= 0 && size != e->array->size)
        golden_fail(report, "%s: %zu numbers, expected %zu", e->array->name, size, e->array->size);
    else if (!values || rv_variable_get(outcome->model, variable, values, size) < 0)
        golden_fail(report, "%s: %s", e->array->name, rv_last_error(c->context));
    else
        compare_numbers(e, values, e->array->data, size, report);
    free(values);
}

void golden_compare(golden_expectation *expectation, const golden_case *c, const golden_outcome *outcome,
                    golden_report *report)
{
    for (size_t i = 0; i < expectation->num; i++) {
        golden_expected *const e = &expectation->items[i];
        if (e->kind == GOLDEN_READOUT)
            compare_readout(e, outcome, report);
        else if (e->kind == GOLDEN_READ)
            compare_read(e, c, outcome, report);
        else
            compare_recorded(e, c, outcome, report);
    }
}

static double tolerance(const golden_expected *e)
{
    const bool voltage =
        e->kind == GOLDEN_READOUT || (e->kind == GOLDEN_RECORDED && e->variable[0] == 'V' && e->variable[1] == '\0');
    return voltage ? TOLERANCE : GRADIENT_TOLERANCE;
}

void golden_conclude(golden_expectation *expectation, golden_report *report)
{
    for (size_t i = 0; i < expectation->num; i++) {
        golden_expected *const e = &expectation->items[i];
        const double error = sqrt(e->difference) / fmax(sqrt(e->norm), 1e-30);
        golden_error(report, error, e->array->name);
        if (!e->array->used)
            golden_fail(report, "array %s was not compared", e->array->name);
        else if (error > tolerance(e))
            golden_fail(report, "%s: relative error %.1e, allowed %.0e", e->array->name, error, tolerance(e));
        e->difference = e->norm = 0;
    }
}
