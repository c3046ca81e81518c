/* What e-prop costs: a training example with e-prop, of LIF and of adaptive LIF neurons, held against an EventProp example
 * of the same network, as active, and the online form beside them. Median of the ratios of interleaved pairs, one
 * thread. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "measure.h"
#include "report.h"
#include "statistics.h"

#define PAIRS 25
#define ONLINE_EXAMPLES 2 /* it takes a hundred times as long */

typedef struct subject {
    bench_rule rule;
    const char *name;
    double limit; /* of the ratio, 0 = none */
    size_t examples;
    bench_model model;
    rv_spikes *spikes;
    double spikes_per_neuron;
    double seconds[PAIRS], ratio[PAIRS]; /* per example; to EventProp's of the same moment */
} subject;

/* The first examples of the workload. */
static int take_examples(subject *s, const bench_workload *w, rv_context *context)
{
    const size_t most = rv_spikes_max_count(w->spikes);
    double *const times = malloc((most + 1) * sizeof *times);
    int32_t *const ids = malloc((most + 1) * sizeof *ids);
    int code = times && ids ? rv_spikes_create(&s->spikes, context, w->inputs) : RV_ERR_MEMORY;
    for (size_t e = 0; e < s->examples && code >= 0; e++) {
        code = rv_spikes_get(w->spikes, e, times, ids);
        if (code >= 0)
            code = rv_spikes_append(s->spikes, times, ids, rv_spikes_count(w->spikes, e));
    }
    free(times);
    free(ids);
    return code;
}

static int train(rv_result **result, double *seconds, const subject *s, const bench_workload *w,
                 const rv_callback *callback)
{
    rv_run *run = NULL;
    int code = rv_train_prepare(&run, s->model.compiled,
                                &(rv_train_desc){.data = bench_data(&s->model, s->spikes, w->labels),
                                                 .num_epochs = 1,
                                                 .callbacks = callback,
                                                 .num_callbacks = callback ? 1 : 0,
                                                 .no_callbacks = !callback});
    if (code >= 0) {
        const double start = rv_clock_seconds();
        code = rv_run_execute(result, run);
        *seconds = (rv_clock_seconds() - start) / (double)s->examples;
    }
    rv_run_free(run);
    return code;
}

static int count_spikes(subject *s, const bench_workload *w)
{
    rv_result *result = NULL;
    double seconds;
    const rv_callback recorder = rv_spike_recorder((rv_spike_recorder_desc){
        .population = s->model.hid, .key = "counts", .record_counts = true, .examples = rv_slice(":2")});
    const int code = train(&result, &seconds, s, w, &recorder);
    const rv_entries *const entries = code >= 0 ? rv_result_data(result, "counts") : NULL;
    s->spikes_per_neuron = 0;
    for (size_t i = 0; entries && i < entries->num; i++)
        for (size_t j = 0; j < w->hidden; j++)
            s->spikes_per_neuron += (double)entries->items[i].values[j] / (double)(w->hidden * entries->num);
    rv_result_free(result);
    return code;
}

static int scale_weights(const subject *s, const bench_workload *w, double factor)
{
    int code = 0;
    for (int i = 0; i < BENCH_CONNECTIONS && code >= 0; i++) {
        const size_t size = w->links[i].num;
        float *const weights = malloc((size + 1) * sizeof *weights);
        for (size_t k = 0; weights && k < size; k++)
            weights[k] = (float)((double)w->links[i].weights[k] * factor);
        code = weights
                   ? rv_variable_set(s->model.compiled,
                                     (rv_variable){.connection = s->model.connections[i], .name = "g"}, weights, size)
                   : RV_ERR_MEMORY;
        free(weights);
    }
    return code;
}

/* A Delta synapse moves V otherwise than an exponential one: all weights are scaled, by bisection, until the hidden
 * neurons are as active as EventProp's. */
static int settle(subject *s, const bench_workload *w, double spikes_per_neuron)
{
    double low = 0.05, high = 1;
    int code = 0;
    for (int i = 0; i < 30 && code >= 0; i++) {
        const double middle = sqrt(low * high);
        code = scale_weights(s, w, middle);
        if (code >= 0)
            code = count_spikes(s, w);
        if (fabs(s->spikes_per_neuron - spikes_per_neuron) < 0.02 * spikes_per_neuron)
            return code;
        *(s->spikes_per_neuron < spikes_per_neuron ? &low : &high) = middle;
    }
    return code < 0 ? code
                    : rv_error_set(s->model.context, RV_ERR_STATE, "eprop: no weights are as active as EventProp's");
}

static int prepare(subject *s, const bench_workload *w, double spikes_per_neuron, rv_context *context)
{
    int code = bench_model_create(&s->model, w, 1, s->rule, NULL, context);
    if (code >= 0)
        code = take_examples(s, w, s->model.context);
    if (code >= 0)
        code = s->rule == BENCH_EVENTPROP ? count_spikes(s, w) : settle(s, w, spikes_per_neuron);
    if (code < 0 && s->model.context)
        rv_error_set(context, code, rv_last_error(s->model.context));
    return code;
}

static int repeat(subject *subjects, size_t num, const bench_workload *w, rv_context *context)
{
    for (size_t r = 0; r < PAIRS; r++)
        for (size_t i = 0; i < num; i++) {
            subject *const s = &subjects[i];
            rv_result *result = NULL;
            const int code = train(&result, &s->seconds[r], s, w, NULL);
            rv_result_free(result);
            if (code < 0)
                return rv_error_set(context, code, rv_last_error(s->model.context));
            s->ratio[r] = s->seconds[r] / subjects[0].seconds[r];
        }
    return 0;
}

static void report(json_t *results, subject *subjects, size_t num, const bench_workload *w)
{
    printf("eprop: %zu-%zu recurrent-%zu, %zu steps, %zu input spikes, batch %zu, one thread, %d interleaved pairs\n",
           w->inputs, w->hidden, w->outputs, w->timesteps, rv_spikes_max_count(w->spikes), w->batch_size, PAIRS);
    printf("  %-18s %14s %12s %10s %8s\n", "an example", "spikes/neuron", "median", "ratio", "limit");
    for (size_t i = 0; i < num; i++) {
        subject *const s = &subjects[i];
        const double us = 1e6 * bench_median(s->seconds, PAIRS), ratio = bench_median(s->ratio, PAIRS);
        char limit[16] = "", metric[80];
        if (s->limit > 0)
            snprintf(limit, sizeof limit, "%.1f", s->limit);
        printf("  %-18s %14.1f %9.1f us %10.2f %8s\n", s->name, s->spikes_per_neuron, us, ratio, limit);
        snprintf(metric, sizeof metric, "%s time per example, 1 thread", s->name);
        bench_add(results, "eprop", metric, "us", us);
        snprintf(metric, sizeof metric, "%s time by EventProp's", s->name);
        bench_add(results, "eprop", metric, "1", ratio);
    }
    printf("\n");
}

int bench_eprop(json_t *results, const bench_workload *workload, rv_context *context)
{
    const size_t all = rv_spikes_num_examples(workload->spikes);
    subject subjects[] = {{.rule = BENCH_EVENTPROP, .name = "EventProp", .examples = all},
                          {.rule = BENCH_EPROP, .name = "e-prop, LIF", .limit = 1.5, .examples = all},
                          {.rule = BENCH_EPROP_ADAPTIVE, .name = "e-prop, ALIF", .limit = 2, .examples = all},
                          {.rule = BENCH_EPROP_ONLINE, .name = "online e-prop, LIF", .examples = ONLINE_EXAMPLES}};
    const size_t num = sizeof subjects / sizeof *subjects;
    int code = 0;
    for (size_t i = 0; i < num && code >= 0; i++)
        code = prepare(&subjects[i], workload, subjects[0].spikes_per_neuron, context);
    if (code >= 0)
        code = repeat(subjects, num, workload, context);
    if (code >= 0)
        report(results, subjects, num, workload);
    for (size_t i = 0; i < num; i++) {
        rv_spikes_free(subjects[i].spikes);
        bench_model_free(&subjects[i].model);
    }
    return code;
}
