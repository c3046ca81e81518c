#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void bench_add(json_t *results, const char *name, const char *metric, const char *unit, double value)
{
    json_array_append_new(
        results, json_pack("{s:s, s:s, s:s, s:f}", "name", name, "metric", metric, "unit", unit, "value", value));
}

/* A line of the table: one phase with 1 and 2 threads; events and share are those of one thread. */
static void report_phase(json_t *results, const bench_workload *w, const char *phase, const bench_phase *p)
{
    const double us = 1e6 / (double)rv_spikes_num_examples(w->spikes);
    const double rate = p->events / p->time[0].median, share = p->ceiling.best / p->time[0].median;
    char metric[80];
    for (int t = 0; t < BENCH_THREADS; t++) {
        snprintf(metric, sizeof metric, "%s time per example, %d thread%s", phase, t + 1, t ? "s" : "");
        bench_add(results, w->name, metric, "us", us * p->time[t].median);
        snprintf(metric, sizeof metric, "%s time per example, %d thread%s, best", phase, t + 1, t ? "s" : "");
        bench_add(results, w->name, metric, "us", us * p->time[t].best);
    }
    snprintf(metric, sizeof metric, "%s scaling from 1 to 2 threads", phase);
    bench_add(results, w->name, metric, "1", p->scaling);
    snprintf(metric, sizeof metric, "%s synaptic events per second, 1 thread", phase);
    bench_add(results, w->name, metric, "1/s", rate);
    snprintf(metric, sizeof metric, "%s ceiling time per example", phase);
    bench_add(results, w->name, metric, "us", us * p->ceiling.best);
    snprintf(metric, sizeof metric, "%s share of the ceiling, 1 thread", phase);
    bench_add(results, w->name, metric, "1", share);
    printf("  %-10s %9.2f us %9.2f us %9.2f us %6.2f x %8.2f G/s %9.2f us %6.1f %%\n", phase, us * p->time[0].median,
           us * p->time[0].best, us * p->time[1].median, p->scaling, 1e-9 * rate, us * p->ceiling.best, 100 * share);
}

void bench_report(json_t *results, const bench_workload *w, const bench_figures *figures, const bench_ceiling *ceiling)
{
    const double examples = (double)rv_spikes_num_examples(w->spikes);
    const double input = (double)ceiling->input.num / examples, hidden = (double)ceiling->hidden.num / examples;
    printf("%s: %zu-%zu%s-%zu, %zu steps, batch %zu\n", w->name, w->inputs, w->hidden,
           w->links[BENCH_HID_HID].weights ? " recurrent" : "", w->outputs, w->timesteps, w->batch_size);
    printf("  %.0f examples of %s, each %.0f input spikes and %.0f hidden ones\n", examples, w->data, input, hidden);
    printf("  %-10s %12s %12s %12s %8s %12s %12s %8s\n", "an example", "1 thread", "its best", "2 threads", "scaling",
           "events", "ceiling", "share");
    report_phase(results, w, "inference", &figures->inference);
    report_phase(results, w, "training", &figures->training);
    printf("  start-up to the first batch %.2f ms with %zu examples in memory\n", 1e3 * figures->start_up,
           figures->start_up_examples);
    printf("  memory: network %.2f MB, training run %.2f MB, tapes up to %.2f MB\n\n",
           1e-6 * (double)figures->model_memory, 1e-6 * (double)figures->run_memory,
           1e-6 * (double)figures->tape_bound);
    bench_add(results, w->name, "input spikes per example", "1", input);
    bench_add(results, w->name, "hidden spikes per example", "1", hidden);
    bench_add(results, w->name, "start-up to first batch", "ms", 1e3 * figures->start_up);
    bench_add(results, w->name, "memory of the network", "B", (double)figures->model_memory);
    bench_add(results, w->name, "memory of a training run", "B", (double)figures->run_memory);
    bench_add(results, w->name, "bound of the tapes", "B", (double)figures->tape_bound);
}

int bench_write_json(const char *path, json_t *results, const rv_context *context)
{
    json_t *const root = json_pack("{s:s, s:s, s:O}", "version", rv_version(), "instruction set",
                                   rv_context_isa(context), "results", results);
    const int failed = !root || json_dump_file(root, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) < 0;
    if (failed)
        fprintf(stderr, "ranvier-bench: cannot write %s: %s\n", path, strerror(errno));
    json_decref(root);
    return failed ? -1 : 0;
}
