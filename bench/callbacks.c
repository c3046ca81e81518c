#include "callbacks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "instructions.h"
#include "model.h"
#include "statistics.h"

#define PAIRS 21

/* A recorder, and the most it may cost: of the time and the instructions without; 0 = no such limit. */
typedef struct recording {
    const char *name, *what;
    double time, instructions;
} recording;

static const recording recordings[] = {
    {"none", "no recorder", 0, 0},
    {"spikes", "all hidden spikes", 1.05, 1.02},
    {"v10", "V of 10 neurons of 10 % of the examples", 1.05, 1.02},
    {"stream", "V of all neurons of all examples, to a file", 1.6, 0},
    {"empty", "a selection of nothing", 0, 1.001},
};

#define NUM_RECORDINGS (sizeof recordings / sizeof *recordings)

/* What was measured, and a line for each limit that is breached. */
typedef struct report {
    json_t *results;
    char breaches[4 * NUM_RECORDINGS][160];
    size_t num_breaches;
} report;

/* A ratio of recorder r in a phase ("training"), of `what` ("time"). */
static void note(report *to, const recording *r, const char *phase, const char *what, double ratio, double limit)
{
    char metric[96];
    snprintf(metric, sizeof metric, "%s %s with %s", phase, what, r->what);
    json_array_append_new(to->results, json_pack("{s:s, s:s, s:s, s:f}", "name", "callbacks", "metric", metric, "unit",
                                                 "1", "value", ratio));
    if (limit > 0 && ratio > limit)
        snprintf(to->breaches[to->num_breaches++], sizeof to->breaches[0], "%s: %.4f x, the limit is %g x", metric, ratio,
                 limit);
    fflush(stdout);
}

typedef struct job {
    const bench_workload *workload;
    bench_model model;
    bool learns;
    const char *folder; /* for what is streamed, */
    const char *stream; /* under this name */
} job;

static void remove_files(const char *folder)
{
    static const char *const names[] = {"v-values.npy", "v-epochs.npy", "v-examples.npy"};
    char path[512];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
}

static rv_callback make(const job *j, const recording *r)
{
    if (strcmp(r->name, "spikes") == 0)
        return rv_spike_recorder((rv_spike_recorder_desc){.population = j->model.hid});
    rv_var_recorder_desc v = {.population = j->model.hid, .var = "v"};
    if (strcmp(r->name, "v10") == 0) {
        v.neurons = rv_slice("5::26");
        v.examples = rv_slice("::10");
    } else if (strcmp(r->name, "stream") == 0) {
        v.keep.stream = j->stream;
    } else {
        v.neurons = rv_slice(":0");
    }
    return rv_var_recorder(v);
}

/* What is measured; a function of its own, so that a tool can count what happens in it. */
__attribute__((noinline)) int bench_execute(rv_result **result, rv_run *run)
{
    return rv_run_execute(result, run);
}

static int run_once(job *j, const recording *r, double *seconds)
{
    const rv_data data = bench_data(&j->model, j->workload->spikes, j->workload->labels);
    const bool records = strcmp(r->name, "none") != 0;
    const rv_callback callback = records ? make(j, r) : (rv_callback){0};
    rv_run *run = NULL;
    rv_result *result = NULL;
    int code = bench_model_restore(&j->model, j->workload);
    if (code >= 0 && j->learns)
        code = rv_train_prepare(&run, j->model.compiled,
                                &(rv_train_desc){.data = data,
                                                 .num_epochs = 1,
                                                 .callbacks = &callback,
                                                 .num_callbacks = records,
                                                 .no_callbacks = !records});
    else if (code >= 0)
        code = rv_evaluate_prepare(
            &run, j->model.compiled,
            &(rv_evaluate_desc){
                .data = data, .callbacks = &callback, .num_callbacks = records, .no_callbacks = !records});
    if (code >= 0) {
        const double start = rv_clock_seconds();
        code = bench_execute(&result, run);
        *seconds = rv_clock_seconds() - start;
    }
    rv_result_free(result);
    rv_run_free(run);
    remove_files(j->folder);
    return code;
}

/* Pairs, the order within one changing from pair to pair. */
static int compare(report *to, job *j, const recording *r)
{
    double ratio[PAIRS], without[PAIRS], seconds[2] = {0};
    for (int i = -1; i < PAIRS; i++) {
        for (int k = 0; k < 2; k++) {
            const int which = (i + k) & 1;
            const int code = run_once(j, which ? r : &recordings[0], &seconds[which]);
            if (code < 0)
                return code;
        }
        if (i >= 0) {
            ratio[i] = seconds[1] / seconds[0];
            without[i] = seconds[0];
        }
    }
    const double middle = bench_median(ratio, PAIRS);
    const char *phase = j->learns ? "training" : "inference";
    printf("  %-10s %-45s %7.3f x   %6.3f .. %6.3f   (%.0f us an example without)\n", phase, r->what, middle,
           ratio[PAIRS / 4], ratio[PAIRS * 3 / 4],
           1e6 * bench_median(without, PAIRS) / (double)rv_spikes_num_examples(j->workload->spikes));
    note(to, r, phase, "time", middle, r->time);
    return 0;
}

/* Instructions with each recorder, of those without; 0, or 1 if they cannot be counted here. */
static int count(report *to, bool learns)
{
    const char *phase = learns ? "training" : "inference";
    double without = 0, with;
    for (size_t i = 0; i < NUM_RECORDINGS; i++) {
        const recording *r = &recordings[i];
        if (bench_count_instructions(&with, learns ? "train" : "infer", r->name) < 0)
            return 1;
        without = i == 0 ? with : without;
        if (i == 0)
            continue;
        printf("  %-10s %-45s %8.4f x\n", phase, r->what, with / without);
        note(to, r, phase, "instructions", with / without, r->instructions);
    }
    return 0;
}

static int make_job(job *j, const bench_workload *workload, bool learns, rv_context *context)
{
    *j = (job){.workload = workload, .learns = learns};
    return bench_model_create(&j->model, workload, 1, learns, NULL, context);
}

/* A folder of our own for what is streamed: "<TMPDIR>/ranvier-bench-XXXXXX/v". */
static char *make_folder(char *text, size_t size)
{
    const char *base = getenv("TMPDIR");
    snprintf(text, size, "%s/ranvier-bench-XXXXXX", base ? base : "/tmp");
    return mkdtemp(text);
}

static int with_job(rv_context *context, const bench_workload *workload, bool learns, const char *folder,
                    report *to, const char *only)
{
    job j;
    double seconds;
    char stream[300];
    int code = make_job(&j, workload, learns, context);
    snprintf(stream, sizeof stream, "%s/v", folder);
    j.folder = folder;
    j.stream = stream;
    for (size_t i = 0; i < NUM_RECORDINGS && code >= 0; i++) {
        if (only && strcmp(only, recordings[i].name) == 0)
            code = run_once(&j, &recordings[i], &seconds);
        else if (!only && i > 0)
            code = compare(to, &j, &recordings[i]);
    }
    if (code < 0 && j.model.context)
        rv_error_set(context, code, rv_last_error(j.model.context));
    bench_model_free(&j.model);
    return code;
}

static int with_workload(rv_context *context, bool infers, bool learns, report *to, const char *only)
{
    bench_workload workload = {0};
    char folder[256];
    int code = bench_make_shd256_few(&workload, context);
    if (code >= 0 && !make_folder(folder, sizeof folder))
        code = rv_error_set(context, RV_ERR_FILE, "cannot make a temporary folder");
    if (code < 0) {
        bench_workload_free(&workload);
        return code;
    }
    if (learns)
        code = with_job(context, &workload, true, folder, to, only);
    if (infers && code >= 0)
        code = with_job(context, &workload, false, folder, to, only);
    rmdir(folder);
    bench_workload_free(&workload);
    return code;
}

int bench_callbacks(json_t *results, rv_context *context)
{
    report to = {.results = results};
    printf("callbacks: time of shd256 with a recorder, of the time without; median and quartiles of %d pairs\n",
           PAIRS);
    const int code = with_workload(context, true, true, &to, NULL);
    printf("callbacks: instructions likewise, counted by callgrind with the kernels for x86-64-v3\n");
    if (code >= 0 && (count(&to, true) || count(&to, false)))
        printf("  not counted: there is no valgrind, or it failed (scripts/setup.sh dev installs it)\n");
    for (size_t i = 0; i < to.num_breaches; i++)
        printf("MORE THAN IT MAY: %s\n", to.breaches[i]);
    printf("\n");
    return code;
}

int bench_callbacks_once(const char *name, bool learns, rv_context *context)
{
    for (size_t i = 0; i < NUM_RECORDINGS; i++)
        if (strcmp(name, recordings[i].name) == 0)
            return with_workload(context, !learns, learns, NULL, name);
    return rv_error_set(context, RV_ERR_NAME, "unknown recording");
}
