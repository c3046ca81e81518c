#include "workload.h"

#include <math.h>
#include <stdlib.h>

#include "model.h"

double bench_uniform(uint64_t *random)
{
    uint64_t x = *random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (double)((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

float *bench_normal(uint64_t *random, size_t num, double mean, double sd)
{
    float *const out = malloc((num + 1) * sizeof *out);
    for (size_t i = 0; out && i < num; i++) {
        double sum = -6; /* twelve uniform numbers are normal enough here */
        for (int k = 0; k < 12; k++)
            sum += bench_uniform(random);
        out[i] = (float)(mean + sd * sum);
    }
    return out;
}

size_t bench_num_sources(const bench_workload *workload, int connection)
{
    if (!workload->links[connection].weights)
        return 0;
    return connection == BENCH_IN_HID ? workload->inputs : workload->hidden;
}

size_t bench_num_targets(const bench_workload *workload, int connection)
{
    if (!workload->links[connection].weights)
        return 0;
    return connection == BENCH_HID_OUT ? workload->outputs : workload->hidden;
}

/* Each pair of neurons with the same probability. */
static int draw_synapses(bench_link *link, uint64_t *random, size_t sources, size_t targets, double density)
{
    link->source = malloc(sources * targets * sizeof *link->source);
    link->target = malloc(sources * targets * sizeof *link->target);
    link->num = 0;
    if (!link->source || !link->target)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < sources; i++)
        for (size_t j = 0; j < targets; j++)
            if (bench_uniform(random) < density) {
                link->source[link->num] = (uint32_t)i;
                link->target[link->num++] = (uint32_t)j;
            }
    return 0;
}

int bench_connect(bench_workload *workload, int connection, uint64_t *random, double density, double mean, double sd)
{
    const size_t sources = connection == BENCH_IN_HID ? workload->inputs : workload->hidden;
    const size_t targets = connection == BENCH_HID_OUT ? workload->outputs : workload->hidden;
    bench_link *const link = &workload->links[connection];
    link->num = sources * targets;
    if (density < 1 && draw_synapses(link, random, sources, targets, density) < 0)
        return RV_ERR_MEMORY;
    link->weights = bench_normal(random, link->num, mean, sd);
    return link->weights ? 0 : RV_ERR_MEMORY;
}

void bench_workload_free(bench_workload *workload)
{
    if (workload->all != workload->spikes)
        rv_spikes_free(workload->all);
    if (workload->all_labels != workload->labels)
        free(workload->all_labels);
    rv_spikes_free(workload->spikes);
    free(workload->labels);
    for (int i = 0; i < BENCH_CONNECTIONS; i++) {
        free(workload->links[i].weights);
        free(workload->links[i].delays);
        free(workload->links[i].source);
        free(workload->links[i].target);
    }
    *workload = (bench_workload){0};
}

/* ---- activity --------------------------------------------------------------------------------------------------- */

/* Mean number of spikes of a hidden neuron in the first examples. */
static int count_spikes(double *mean, const bench_workload *w, rv_context *context)
{
    bench_model model;
    rv_result *result = NULL;
    *mean = 0;
    int code = bench_model_create(&model, w, 1, BENCH_INFERENCE, NULL, context);
    if (code >= 0) {
        const rv_callback recorder = rv_spike_recorder((rv_spike_recorder_desc){
            .population = model.hid, .key = "counts", .record_counts = true, .examples = rv_slice(":8")});
        code = rv_predict(&result, model.compiled,
                          &(rv_evaluate_desc){.data = bench_data(&model, w->spikes, w->labels),
                                              .callbacks = &recorder,
                                              .num_callbacks = 1});
        if (code < 0)
            rv_error_set(context, code, rv_last_error(model.context));
    }
    const rv_entries *const entries = code >= 0 ? rv_result_data(result, "counts") : NULL;
    for (size_t i = 0; entries && i < entries->num; i++)
        for (size_t j = 0; j < w->hidden; j++)
            *mean += (double)entries->items[i].values[j] / (double)(w->hidden * entries->num);
    rv_result_free(result);
    bench_model_free(&model);
    return code;
}

int bench_settle(bench_workload *w, double spikes, rv_context *context)
{
    bench_link *const link = &w->links[BENCH_IN_HID];
    double low = 0.1, high = 20, scale = 1, mean = 0;
    for (int i = 0; i < 20; i++) {
        const double middle = sqrt(low * high);
        for (size_t k = 0; k < link->num; k++)
            link->weights[k] = (float)((double)link->weights[k] * (middle / scale));
        scale = middle;
        const int code = count_spikes(&mean, w, context);
        if (code < 0)
            return code;
        if (fabs(mean - spikes) < 0.01 * spikes)
            return 0;
        *(mean < spikes ? &low : &high) = middle;
    }
    return rv_error_set(context, RV_ERR_STATE, "no weights make the hidden layer as active as it should be");
}
