/* The ceiling: how long adding the rows takes that a forward pass has to add, and nothing else.
 *
 * The workload is run once with spike recorders. Then its matrices are walked with its own lists of spikes, step by step
 * as the engine walks them, with the engine's own row add of the same instruction set: one call per step and connection
 * that has spikes, on one accumulator. No decay, no neurons, no readout. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kernels/kernels.h"
#include "measure.h"

#define REPETITIONS 10
#define LANES 16

/* Spikes of one population in all examples, by example and step. */
typedef struct spike_lists {
    uint32_t *ids;
    size_t *begin; /* (examples * T + 1) */
    size_t num;
} spike_lists;

/* Rows in the engine's own layout. */
typedef struct matrix {
    float *rows;
    size_t stride;
} matrix;

static int make_lists(spike_lists *out, const rv_entries *entries, const bench_workload *w)
{
    const size_t lists = rv_spikes_num_examples(w->spikes) * w->timesteps;
    for (size_t i = 0; i < entries->num; i++)
        out->num += entries->items[i].num;
    out->ids = malloc((out->num + 4) * sizeof *out->ids);
    out->begin = calloc(lists + 1, sizeof *out->begin);
    if (!out->ids || !out->begin)
        return RV_ERR_MEMORY;
    size_t at = 0, list = 0;
    for (size_t i = 0; i < entries->num; i++) {
        const rv_entry *const e = &entries->items[i];
        for (size_t s = 0; s < e->num; s++) {
            const size_t mine = i * w->timesteps + (size_t)lround(e->times[s]);
            while (list < mine)
                out->begin[++list] = at;
            out->ids[at++] = (uint32_t)e->ids[s];
        }
    }
    while (list < lists)
        out->begin[++list] = at;
    return 0;
}

static int record(spike_lists lists[2], const bench_workload *w, rv_context *context)
{
    bench_model model;
    rv_result *result = NULL;
    int code = bench_model_create(&model, w, 1, false, context);
    if (code >= 0) {
        const rv_callback recorders[] = {
            rv_spike_recorder((rv_spike_recorder_desc){.population = model.in, .key = "input"}),
            rv_spike_recorder((rv_spike_recorder_desc){.population = model.hid, .key = "hidden"}),
        };
        code = rv_predict(&result, model.compiled,
                          &(rv_evaluate_desc){.data = bench_data(&model, w->spikes, w->labels),
                                              .callbacks = recorders,
                                              .num_callbacks = 2});
        if (code < 0)
            rv_error_set(context, code, rv_last_error(model.context));
    }
    if (code >= 0)
        code = make_lists(&lists[0], rv_result_data(result, "input"), w);
    if (code >= 0)
        code = make_lists(&lists[1], rv_result_data(result, "hidden"), w);
    rv_result_free(result);
    bench_model_free(&model);
    return code;
}

static int make_matrix(matrix *out, const bench_workload *w, int connection)
{
    const size_t sources = bench_num_sources(w, connection), targets = bench_num_targets(w, connection);
    out->stride = (targets + LANES - 1) / LANES * LANES;
    out->rows = aligned_alloc(64, (sources + 1) * out->stride * sizeof *out->rows);
    if (!out->rows)
        return RV_ERR_MEMORY;
    memset(out->rows, 0, (sources + 1) * out->stride * sizeof *out->rows);
    for (size_t i = 0; i < sources; i++)
        memcpy(out->rows + i * out->stride, w->weights[connection] + i * targets, targets * sizeof *out->rows);
    return 0;
}

/* Seconds for all row adds of all examples, each through its steps. */
static double add_rows(const rv_kernels *kernels, const bench_workload *w, const matrix *matrices,
                       const spike_lists *lists, float *acc)
{
    const size_t num_lists = rv_spikes_num_examples(w->spikes) * w->timesteps;
    const double start = rv_clock_seconds();
    for (size_t t = 0; t < num_lists; t++) {
        for (int c = 0; c < BENCH_CONNECTIONS; c++) {
            const spike_lists *const l = &lists[c == BENCH_IN_HID ? 0 : 1];
            const size_t num = l->begin[t + 1] - l->begin[t];
            if (matrices[c].rows && num > 0)
                kernels->add_rows(acc, NULL, matrices[c].rows, matrices[c].stride, l->ids + l->begin[t], num, 0,
                                  matrices[c].stride);
        }
    }
    return rv_clock_seconds() - start;
}

int bench_measure_ceiling(bench_ceiling *out, const bench_workload *workload, rv_context *context)
{
    const rv_kernels *const kernels = rv_kernels_for((rv_isa)rv_isa_parse(rv_context_isa(context)));
    const double examples = (double)rv_spikes_num_examples(workload->spikes);
    spike_lists lists[2] = {0};
    matrix matrices[BENCH_CONNECTIONS] = {0};
    size_t widest = LANES;
    *out = (bench_ceiling){.seconds = (double)INFINITY};
    int code = record(lists, workload, context);
    for (int c = 0; c < BENCH_CONNECTIONS && code >= 0; c++) {
        if (!workload->weights[c])
            continue;
        const bool hidden = c != BENCH_IN_HID;
        const double events = (double)lists[hidden].num * (double)bench_num_targets(workload, c);
        out->forward_events += events;
        out->training_events += events * (hidden ? 3 : 2);
        code = make_matrix(&matrices[c], workload, c);
        widest = matrices[c].stride > widest ? matrices[c].stride : widest;
    }
    out->input_spikes = (double)lists[0].num / examples;
    out->hidden_spikes = (double)lists[1].num / examples;
    float *const acc = aligned_alloc(64, widest * sizeof *acc);
    code = code >= 0 && !acc ? RV_ERR_MEMORY : code;
    for (int r = 0; r < REPETITIONS && code >= 0; r++) {
        memset(acc, 0, widest * sizeof *acc);
        out->seconds = fmin(out->seconds, add_rows(kernels, workload, matrices, lists, acc));
    }
    free(acc);
    for (int i = 0; i < 2; i++) {
        free(lists[i].ids);
        free(lists[i].begin);
    }
    for (int c = 0; c < BENCH_CONNECTIONS; c++)
        free(matrices[c].rows);
    return code;
}
