#include "measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define START_UPS 5

/* One way to run the workload. */
typedef struct way {
    int threads;
    bool learns;
    bench_model model;
    double seconds[BENCH_REPETITIONS];
} way;

static int prepare(rv_run **run, const bench_model *model, bool learns, const rv_spikes *spikes, const int32_t *labels,
                   const rv_callback *callback)
{
    const rv_data data = bench_data(model, spikes, labels);
    const size_t num = callback ? 1 : 0;
    if (learns)
        return rv_train_prepare(
            run, model->compiled,
            &(rv_train_desc){
                .data = data, .num_epochs = 1, .callbacks = callback, .num_callbacks = num, .no_callbacks = num == 0});
    return rv_evaluate_prepare(
        run, model->compiled,
        &(rv_evaluate_desc){.data = data, .callbacks = callback, .num_callbacks = num, .no_callbacks = num == 0});
}

static int time_once(double *seconds, way *w, const bench_workload *workload)
{
    rv_run *run = NULL;
    rv_result *result = NULL;
    int code = bench_model_restore(&w->model, workload);
    if (code >= 0)
        code = prepare(&run, &w->model, w->learns, workload->spikes, workload->labels, NULL);
    if (code >= 0) {
        const double start = rv_clock_seconds();
        code = rv_run_execute(&result, run);
        *seconds = rv_clock_seconds() - start;
    }
    rv_result_free(result);
    rv_run_free(run);
    return code;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bench_time summarise(double *seconds)
{
    qsort(seconds, BENCH_REPETITIONS, sizeof *seconds, ascending);
    return (bench_time){.best = seconds[0], .median = seconds[BENCH_REPETITIONS / 2]};
}

/* ---- start-up --------------------------------------------------------------------------------------------------- */

/* Notes the time of the first batch and ends the run there. */
static int on_batch_begin(void *user, size_t batch)
{
    (void)batch;
    if (*(double *)user == 0)
        *(double *)user = rv_clock_seconds();
    return 1;
}

/* From no context at all to the first batch of training, everything that a program has to do but read its data. */
static int measure_start_up(bench_figures *out, const bench_workload *workload, rv_context *context)
{
    int code = 0;
    out->start_up_examples = rv_spikes_num_examples(workload->all);
    for (int i = 0; i < START_UPS && code >= 0; i++) {
        bench_model model;
        rv_run *run = NULL;
        rv_result *result = NULL;
        double first_batch = 0;
        const rv_callback callback = {.name = "start-up", .user = &first_batch, .on_batch_begin = on_batch_begin};
        const double start = rv_clock_seconds();
        code = bench_model_create(&model, workload, 1, BENCH_EVENTPROP, context);
        if (code >= 0)
            code = prepare(&run, &model, true, workload->all, workload->all_labels, &callback);
        if (code >= 0)
            code = rv_run_execute(&result, run);
        if (code < 0 && model.compiled)
            rv_error_set(context, code, rv_last_error(model.context));
        else if (i == 0 || first_batch - start < out->start_up)
            out->start_up = first_batch - start;
        rv_result_free(result);
        rv_run_free(run);
        bench_model_free(&model);
    }
    return code;
}

static int measure_memory(bench_figures *out, const way *w, const bench_workload *workload)
{
    rv_run *run = NULL;
    const int code = prepare(&run, &w->model, true, workload->spikes, workload->labels, NULL);
    if (code >= 0) {
        out->model_memory = rv_compiled_network_memory(w->model.compiled);
        out->run_memory = rv_run_memory_fixed(run);
        out->tape_bound = rv_run_memory_tape_bound(run);
    }
    rv_run_free(run);
    return code;
}

/* All repetitions of all ways, after one that warms up. */
static int repeat(way *ways, size_t num, double *row_adds, const bench_workload *workload,
                  const bench_ceiling *ceiling, rv_context *context)
{
    /* interleaved, so that a busy moment of the machine falls on all of them */
    for (int r = -1; r < BENCH_REPETITIONS; r++) {
        for (size_t i = 0; i < num; i++) {
            double seconds = 0;
            const int code = time_once(&seconds, &ways[i], workload);
            if (code < 0)
                return rv_error_set(context, code, rv_last_error(ways[i].model.context));
            if (r >= 0)
                ways[i].seconds[r] = seconds;
        }
        const double seconds = bench_ceiling_run(ceiling);
        if (r >= 0)
            row_adds[r] = seconds;
    }
    return 0;
}

int bench_measure(bench_figures *out, const bench_workload *workload, const bench_ceiling *ceiling,
                  rv_context *context)
{
    way ways[] = {{.threads = 1}, {.threads = 2}, {.threads = 1, .learns = true}, {.threads = 2, .learns = true}};
    const size_t num = sizeof ways / sizeof *ways;
    double row_adds[BENCH_REPETITIONS] = {0};
    int code = 0;
    *out = (bench_figures){0};
    for (size_t i = 0; i < num && code >= 0; i++)
        code = bench_model_create(&ways[i].model, workload, ways[i].threads,
                                  ways[i].learns ? BENCH_EVENTPROP : BENCH_INFERENCE, context);
    if (code >= 0)
        code = repeat(ways, num, row_adds, workload, ceiling, context);
    if (code >= 0)
        code = measure_memory(out, &ways[2], workload);
    out->row_adds = summarise(row_adds);
    for (size_t i = 0; i < num; i++) {
        (ways[i].learns ? out->training : out->inference)[ways[i].threads - 1] = summarise(ways[i].seconds);
        bench_model_free(&ways[i].model);
    }
    return code < 0 ? code : measure_start_up(out, workload, context);
}
