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

#define LANES 16 /* rows are padded to this */

static int make_lists(bench_spikes *out, const rv_entries *entries, const bench_workload *w)
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

static int record(bench_ceiling *out, rv_context *context)
{
    const bench_workload *const w = out->workload;
    bench_model model;
    rv_result *result = NULL;
    int code = bench_model_create(&model, w, 1, BENCH_INFERENCE, context);
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
        code = make_lists(&out->input, rv_result_data(result, "input"), w);
    if (code >= 0)
        code = make_lists(&out->hidden, rv_result_data(result, "hidden"), w);
    rv_result_free(result);
    bench_model_free(&model);
    return code;
}

/* A matrix in the engine's own layout. */
static int make_rows(bench_ceiling *out, int connection)
{
    const size_t sources = bench_num_sources(out->workload, connection);
    const size_t targets = bench_num_targets(out->workload, connection);
    const size_t stride = (targets + LANES - 1) / LANES * LANES, bytes = (sources + 1) * stride * sizeof(float);
    float *const rows = out->rows[connection] = aligned_alloc(64, bytes);
    if (!rows)
        return RV_ERR_MEMORY;
    out->stride[connection] = stride;
    memset(rows, 0, bytes);
    for (size_t i = 0; i < sources; i++)
        memcpy(rows + i * stride, out->workload->weights[connection] + i * targets, targets * sizeof *rows);
    return 0;
}

static const bench_spikes *source_spikes(const bench_ceiling *c, int connection)
{
    return connection == BENCH_IN_HID ? &c->input : &c->hidden;
}

int bench_ceiling_create(bench_ceiling *out, const bench_workload *workload, rv_context *context)
{
    size_t widest = LANES;
    *out = (bench_ceiling){.workload = workload,
                           .kernels = rv_kernels_for((rv_isa)rv_isa_parse(rv_context_isa(context)))};
    int code = record(out, context);
    for (int c = 0; c < BENCH_CONNECTIONS && code >= 0; c++) {
        if (!workload->weights[c])
            continue;
        const double events = (double)source_spikes(out, c)->num * (double)bench_num_targets(workload, c);
        out->forward_events += events;
        out->training_events += events * (c == BENCH_IN_HID ? 2 : 3);
        code = make_rows(out, c);
        widest = out->stride[c] > widest ? out->stride[c] : widest;
    }
    out->acc = aligned_alloc(64, widest * sizeof *out->acc);
    return code >= 0 && !out->acc ? RV_ERR_MEMORY : code;
}

double bench_ceiling_run(const bench_ceiling *ceiling)
{
    const size_t num_lists = rv_spikes_num_examples(ceiling->workload->spikes) * ceiling->workload->timesteps;
    for (int c = 0; c < BENCH_CONNECTIONS; c++)
        if (ceiling->rows[c])
            memset(ceiling->acc, 0, ceiling->stride[c] * sizeof *ceiling->acc);
    const double start = rv_clock_seconds();
    for (size_t t = 0; t < num_lists; t++) {
        for (int c = 0; c < BENCH_CONNECTIONS; c++) {
            const bench_spikes *const spikes = source_spikes(ceiling, c);
            const size_t begin = spikes->begin[t], num = spikes->begin[t + 1] - begin;
            if (ceiling->rows[c] && num > 0)
                ceiling->kernels->add_rows(ceiling->acc, NULL, ceiling->rows[c], ceiling->stride[c],
                                           spikes->ids + begin, num, 0, ceiling->stride[c]);
        }
    }
    return rv_clock_seconds() - start;
}

void bench_ceiling_free(bench_ceiling *ceiling)
{
    free(ceiling->input.ids);
    free(ceiling->input.begin);
    free(ceiling->hidden.ids);
    free(ceiling->hidden.begin);
    for (int c = 0; c < BENCH_CONNECTIONS; c++)
        free(ceiling->rows[c]);
    free(ceiling->acc);
    *ceiling = (bench_ceiling){0};
}
