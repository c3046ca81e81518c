#include "measure.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "report.h"
#include "statistics.h"

#define START_UPS 5

/* One way to run the workload. */
typedef struct way {
    int threads;
    bool learns;
    bench_model model;
    double seconds[BENCH_REPETITIONS];
} way;

static bench_time summarise(double *seconds)
{
    const double middle = bench_median(seconds, BENCH_REPETITIONS);
    return (bench_time){.best = seconds[0], .median = middle};
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
        code = bench_model_create(&model, workload, 1, BENCH_EVENTPROP, NULL, context);
        if (code >= 0)
            code = bench_run_prepare(&run, &model, true, workload->all, workload->all_labels, &callback);
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
    const int code = bench_run_prepare(&run, &w->model, true, workload->spikes, workload->labels, NULL);
    if (code >= 0) {
        out->model_memory = rv_compiled_network_memory(w->model.compiled);
        out->run_memory = rv_run_memory_fixed(run);
        out->tape_bound = rv_run_memory_tape_bound(run);
    }
    rv_run_free(run);
    return code;
}

/* One thread and two of inference, then of training. */
enum {
    NUM_WAYS = 2 * BENCH_THREADS
};

typedef struct repetitions {
    way ways[NUM_WAYS];
    double forward_floor[BENCH_REPETITIONS], training_floor[BENCH_REPETITIONS];
} repetitions;

/* All repetitions of all ways, after one that warms up. */
static int repeat(repetitions *all, const bench_workload *workload, const bench_ceiling *ceiling, rv_context *context)
{
    /* interleaved, so that a busy moment of the machine falls on all of them */
    for (int r = -1; r < BENCH_REPETITIONS; r++) {
        for (size_t i = 0; i < NUM_WAYS; i++) {
            double seconds = 0;
            const int code = bench_model_time(&seconds, &all->ways[i].model, workload, all->ways[i].learns, NULL);
            if (code < 0)
                return rv_error_set(context, code, rv_last_error(all->ways[i].model.context));
            if (r >= 0)
                all->ways[i].seconds[r] = seconds;
        }
        const bench_floor least = bench_ceiling_run(ceiling);
        if (r >= 0) {
            all->forward_floor[r] = least.forward;
            all->training_floor[r] = least.training;
        }
    }
    return 0;
}

static bench_phase phase_of(way *ways, double *least, double events)
{
    double ratio[BENCH_REPETITIONS];
    bench_phase out = {.events = events, .ceiling = summarise(least)};
    for (int r = 0; r < BENCH_REPETITIONS; r++)
        ratio[r] = ways[0].seconds[r] / ways[1].seconds[r];
    out.scaling = bench_median(ratio, BENCH_REPETITIONS);
    for (int t = 0; t < BENCH_THREADS; t++)
        out.time[t] = summarise(ways[t].seconds);
    return out;
}

int bench_measure(bench_figures *out, const bench_workload *workload, const bench_ceiling *ceiling,
                  rv_context *context)
{
    repetitions all = {0};
    const double forward = ceiling->events[BENCH_PLAIN] + ceiling->events[BENCH_DELAYED];
    const double back = ceiling->events_back[BENCH_PLAIN] + ceiling->events_back[BENCH_DELAYED];
    int code = 0;
    *out = (bench_figures){0};
    for (int i = 0; i < NUM_WAYS && code >= 0; i++) {
        way *const w = &all.ways[i];
        w->threads = i % BENCH_THREADS + 1;
        w->learns = i >= BENCH_THREADS;
        code = bench_model_create(&w->model, workload, w->threads, w->learns ? BENCH_EVENTPROP : BENCH_INFERENCE, NULL,
                                  context);
    }
    if (code >= 0)
        code = repeat(&all, workload, ceiling, context);
    if (code >= 0)
        code = measure_memory(out, &all.ways[BENCH_THREADS], workload);
    if (code >= 0) {
        out->inference = phase_of(all.ways, all.forward_floor, forward);
        out->training = phase_of(all.ways + BENCH_THREADS, all.training_floor, forward + back);
    }
    for (int i = 0; i < NUM_WAYS; i++)
        bench_model_free(&all.ways[i].model);
    return code < 0 ? code : measure_start_up(out, workload, context);
}

static int measure_and_report(bench_figures *figures, json_t *results, const bench_workload *workload,
                              rv_context *context)
{
    bench_ceiling ceiling;
    int code = bench_ceiling_create(&ceiling, workload, context);
    if (code >= 0)
        code = bench_measure(figures, workload, &ceiling, context);
    if (code >= 0)
        bench_report(results, workload, figures, &ceiling);
    bench_ceiling_free(&ceiling);
    return code;
}

int bench_phases(json_t *results, const bench_workload *workload, rv_context *context)
{
    bench_figures figures;
    return measure_and_report(&figures, results, workload, context);
}

static int measure_made(bench_figures *figures, json_t *results, int (*make)(bench_workload *out, rv_context *context),
                        rv_context *context)
{
    bench_workload workload = {0};
    int code = make(&workload, context);
    if (code >= 0)
        code = measure_and_report(figures, results, &workload, context);
    bench_workload_free(&workload);
    return code;
}

int bench_delays(json_t *results, const bench_workload *workload, rv_context *context)
{
    bench_figures own, same, none;
    int code = measure_and_report(&own, results, workload, context);
    if (code >= 0)
        code = measure_made(&same, results, bench_make_delays_same, context);
    if (code >= 0)
        code = measure_made(&none, results, bench_make_delays_none, context);
    if (code < 0)
        return code;
    const double inference = same.inference.time[0].best / none.inference.time[0].best;
    const double training = same.training.time[0].best / none.training.time[0].best;
    printf("delays: one delay for all by none: inference %.2f, training %.2f\n\n", inference, training);
    bench_add(results, workload->name, "inference time, one delay for all by none", "1", inference);
    bench_add(results, workload->name, "training time, one delay for all by none", "1", training);
    return 0;
}
