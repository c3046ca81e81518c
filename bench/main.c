/* ranvier-bench [--only NAME] [--json FILE]: measures fixed workloads, and what callbacks cost.
 *
 * Time per example, synaptic events per second, and their share of the ceiling that is measured in the same run
 * (ceiling.c). Events are synapses that spikes meet: a row add forward, a row add back for the gradient, and a row's
 * dot product back for hidden spikes. `delays` adds the same network with one delay for all synapses, and with none;
 * `eprop` holds e-prop against EventProp, `ranks` two ranks against one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "callbacks.h"
#include "model.h"
#include "ranks.h"
#include "report.h"

static const struct {
    const char *name;
    int (*make)(bench_workload *out, rv_context *context);
    int (*measure)(json_t *results, const bench_workload *workload, rv_context *context);
} workloads[] = {
    {"mnist", bench_make_mnist, bench_phases},     {"shd256", bench_make_shd256, bench_phases},
    {"shd1024", bench_make_shd1024, bench_phases}, {"yinyang", bench_make_yinyang, bench_phases},
    {"conv", bench_make_conv, bench_phases},       {"delays", bench_make_delays, bench_delays},
    {"sparse", bench_make_sparse, bench_phases},   {"inference1", bench_make_inference1, bench_phases},
    {"eprop", bench_make_shd256_few, bench_eprop},
};

#define NUM_WORKLOADS (sizeof workloads / sizeof *workloads)

static int usage(FILE *to)
{
    fprintf(to, "usage: ranvier-bench [--only NAME] [--json FILE]\n       ranvier-bench --once train|infer RECORDER\n"
                "       ranvier-bench --repeat NAME train|infer SECONDS\nworkloads:");
    for (size_t i = 0; i < NUM_WORKLOADS; i++)
        fprintf(to, " %s", workloads[i].name);
    fprintf(to, " ranks callbacks\n");
    return to == stderr ? 2 : 0;
}

/* --once train spikes: for a tool that counts instructions */
static int once(const char *phase, const char *recorder, rv_context *context)
{
    const int code = bench_callbacks_once(recorder, strcmp(phase, "train") == 0, context);
    if (code < 0)
        fprintf(stderr, "ranvier-bench: %s: %s: %s\n", recorder, rv_strerror(code), rv_last_error(context));
    return code < 0;
}

static int measure_callbacks(json_t *results, rv_context *context)
{
    const int code = bench_callbacks(results, context);
    if (code < 0)
        fprintf(stderr, "ranvier-bench: callbacks: %s: %s\n", rv_strerror(code), rv_last_error(context));
    return code;
}

static int measure(size_t i, json_t *results, rv_context *context)
{
    bench_workload workload = {0};
    int code = workloads[i].make(&workload, context);
    if (code >= 0)
        code = workloads[i].measure(results, &workload, context);
    if (code < 0)
        fprintf(stderr, "ranvier-bench: %s: %s: %s\n", workloads[i].name, rv_strerror(code), rv_last_error(context));
    fflush(stdout);
    bench_workload_free(&workload);
    return code;
}

/* --repeat shd256 train 2: once, and again until so many seconds are over, for a profiler; what counts is what the thread
 * does under the name "measured". */
static int repeat(const char *name, bool learns, double seconds, rv_context *context)
{
    bench_workload workload = {0};
    bench_model model = {0};
    int code = rv_error_set(context, RV_ERR_NAME, "there is no such workload");
    for (size_t i = 0; i < NUM_WORKLOADS; i++)
        if (strcmp(name, workloads[i].name) == 0)
            code = workloads[i].make(&workload, context);
    if (code >= 0)
        code = bench_model_create(&model, &workload, 1, learns ? BENCH_EVENTPROP : BENCH_INFERENCE, NULL, context);
    prctl(PR_SET_NAME, "measured");
    const double end = rv_clock_seconds() + seconds;
    do {
        double taken;
        if (code >= 0)
            code = bench_model_time(&taken, &model, &workload, learns, NULL);
    } while (code >= 0 && rv_clock_seconds() < end);
    if (code < 0)
        fprintf(stderr, "ranvier-bench: %s: %s: %s\n", name, rv_strerror(code),
                rv_last_error(model.context ? model.context : context));
    bench_model_free(&model);
    bench_workload_free(&workload);
    return code < 0;
}

static bool is_wanted(const char *name, const char *only)
{
    return !only || strcmp(only, name) == 0;
}

/* All, or what is named `only`; 1 if something failed or there is no such thing. */
static int measure_all(json_t *results, const char *only, rv_context *context)
{
    int failed = 0, measured = 0;
    printf("ranvier %s, kernels for %s\n\n", rv_version(), rv_context_isa(context));
    for (size_t i = 0; i < NUM_WORKLOADS; i++)
        if (is_wanted(workloads[i].name, only)) {
            measured++;
            failed |= measure(i, results, context) < 0;
        }
    if (is_wanted("ranks", only)) {
        measured++;
        bench_ranks(results, context);
    }
    if (is_wanted("callbacks", only)) {
        measured++;
        failed |= measure_callbacks(results, context) < 0;
    }
    return measured ? failed : usage(stderr);
}

int main(int argc, char **argv)
{
    const char *only = NULL, *path = NULL, *phase = NULL, *recorder = NULL;
    double seconds = -1;
    bool is_rank = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout);
        if (strcmp(argv[i], "--rank") == 0)
            is_rank = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            path = argv[++i];
        else if (strcmp(argv[i], "--repeat") == 0 && i + 3 < argc) {
            only = argv[++i];
            phase = argv[++i];
            seconds = atof(argv[++i]);
        } else if (strcmp(argv[i], "--once") == 0 && i + 2 < argc) {
            phase = argv[++i];
            recorder = argv[++i];
        } else
            return usage(stderr);
    }
    rv_context *context = NULL;
    json_t *const results = json_array();
    int failed = rv_context_create(&context, NULL) < 0;
    if (failed)
        fprintf(stderr, "ranvier-bench: %s\n", context ? rv_last_error(context) : "out of memory");
    else if (is_rank)
        failed = bench_ranks_member(context);
    else if (seconds >= 0)
        failed = repeat(only, strcmp(phase, "train") == 0, seconds, context);
    else if (phase)
        failed = once(phase, recorder, context);
    else
        failed = measure_all(results, only, context);
    if (!failed && path)
        failed = bench_write_json(path, results, context) < 0;
    json_decref(results);
    rv_context_free(context);
    return failed;
}
