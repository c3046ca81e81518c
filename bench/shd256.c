/* 700-256 recurrent-20 over 1,000 steps of 1 ms, in the shape of the Spiking Heidelberg Digits: 8,000 input spikes an
 * example, and weights at which a hidden neuron spikes about 38 times. */
#include <math.h>
#include <stdlib.h>

#include "workload.h"

#define INPUTS 700
#define CLASSES 20
#define EXAMPLES 64
#define INPUT_SPIKES 8000
#define TIMESTEPS 1000
#define HIDDEN_SPIKES 38.0 /* of a neuron in an example */

static int make_data(bench_workload *out, rv_context *context)
{
    uint64_t random = 3;
    double *const times = malloc(INPUT_SPIKES * sizeof *times);
    int32_t *const ids = malloc(INPUT_SPIKES * sizeof *ids);
    out->labels = malloc(EXAMPLES * sizeof *out->labels);
    int code = times && ids && out->labels ? rv_spikes_create(&out->spikes, context, INPUTS) : RV_ERR_MEMORY;
    for (size_t e = 0; e < EXAMPLES && code >= 0; e++) {
        for (size_t s = 0; s < INPUT_SPIKES; s++) {
            times[s] = bench_uniform(&random) * (TIMESTEPS - 20);
            ids[s] = (int32_t)(bench_uniform(&random) * INPUTS);
        }
        out->labels[e] = (int32_t)(bench_uniform(&random) * CLASSES);
        code = rv_spikes_append(out->spikes, times, ids, INPUT_SPIKES);
    }
    free(times);
    free(ids);
    return code;
}

/* Mean number of spikes of a hidden neuron in the first examples. */
static int count_spikes(double *mean, const bench_workload *w, rv_context *context)
{
    bench_model model;
    rv_result *result = NULL;
    *mean = 0;
    int code = bench_model_create(&model, w, 1, BENCH_INFERENCE, context);
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

/* Scales the input weights by bisection until the hidden layer is as active as it should be. */
static int settle(bench_workload *w, rv_context *context)
{
    const size_t size = INPUTS * w->hidden;
    float *const weights = w->weights[BENCH_IN_HID];
    double low = 0.2, high = 10, scale = 1, mean = 0;
    for (int i = 0; i < 20; i++) {
        const double middle = sqrt(low * high);
        for (size_t k = 0; k < size; k++)
            weights[k] = (float)((double)weights[k] * (middle / scale));
        scale = middle;
        const int code = count_spikes(&mean, w, context);
        if (code < 0)
            return code;
        if (fabs(mean - HIDDEN_SPIKES) < 0.01 * HIDDEN_SPIKES)
            return 0;
        *(mean < HIDDEN_SPIKES ? &low : &high) = middle;
    }
    return rv_error_set(context, RV_ERR_STATE, "shd256: no weights make the hidden layer as active as it should be");
}

int bench_make_shd256(bench_workload *out, rv_context *context)
{
    uint64_t random = 4;
    *out = (bench_workload){.name = "shd256",
                            .data = "synthetic spikes in the shape of SHD",
                            .inputs = INPUTS,
                            .hidden = 256,
                            .outputs = CLASSES,
                            .timesteps = TIMESTEPS,
                            .batch_size = 32};
    out->weights[BENCH_IN_HID] = bench_normal(&random, INPUTS * out->hidden, 0.03, 0.01);
    out->weights[BENCH_HID_HID] = bench_normal(&random, out->hidden * out->hidden, 0, 0.02);
    out->weights[BENCH_HID_OUT] = bench_normal(&random, out->hidden * CLASSES, 0, 0.03);
    for (int i = 0; i < BENCH_CONNECTIONS; i++)
        if (!out->weights[i])
            return RV_ERR_MEMORY;
    int code = make_data(out, context);
    if (code >= 0)
        code = settle(out, context);
    out->all = out->spikes;
    out->all_labels = out->labels;
    return code;
}
