/* 784-128-10 over 20 steps: MNIST as latencies from 2 to 18 ms, batches of 32, the initial weights of mlGeNN's example.
 * The images are those of RV_SHARED or ../shared; without them, as many random ones with as many spikes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

#define INPUTS 784
#define SIDE 28
#define CLASSES 10
#define EXAMPLES 60000
#define TIMED 2048

static bool find_images(char images[512], char labels[512])
{
    static const char *const roots[] = {NULL, "../shared"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        const char *const root = i == 0 ? getenv("RV_SHARED") : roots[i];
        if (!root)
            continue;
        snprintf(images, 512, "%s/data/mnist/train-images-idx3-ubyte.gz", root);
        snprintf(labels, 512, "%s/data/mnist/train-labels-idx1-ubyte.gz", root);
        if (access(images, R_OK) == 0 && access(labels, R_OK) == 0)
            return true;
    }
    return false;
}

/* Discs of random size and grey, which light about as many pixels as a digit does. */
static int make_images(rv_dataset *out)
{
    uint64_t random = 1;
    *out = (rv_dataset){.num_examples = EXAMPLES, .shape = {SIDE, SIDE}, .num_inputs = INPUTS, .num_classes = CLASSES};
    out->values = calloc((size_t)EXAMPLES * INPUTS, sizeof *out->values);
    out->labels = malloc(EXAMPLES * sizeof *out->labels);
    if (!out->values || !out->labels)
        return RV_ERR_MEMORY;
    for (size_t e = 0; e < EXAMPLES; e++) {
        const double x = 10 + 8 * bench_uniform(&random), y = 10 + 8 * bench_uniform(&random);
        const double square = 25 + 35 * bench_uniform(&random);
        for (size_t i = 0; i < INPUTS; i++) {
            const double dx = (double)(i % SIDE) - x, dy = (double)(i / SIDE) - y;
            if (dx * dx + dy * dy < square)
                out->values[e * INPUTS + i] = (float)(2 + 253 * bench_uniform(&random));
        }
        out->labels[e] = (int32_t)(bench_uniform(&random) * CLASSES);
    }
    return 0;
}

static int take_first(bench_workload *out, rv_context *context)
{
    const size_t most = rv_spikes_max_count(out->all) + 1;
    double *const times = malloc(most * sizeof *times);
    int32_t *const ids = malloc(most * sizeof *ids);
    out->labels = malloc(TIMED * sizeof *out->labels);
    int code = times && ids && out->labels ? rv_spikes_create(&out->spikes, context, INPUTS) : RV_ERR_MEMORY;
    for (size_t e = 0; e < TIMED && code >= 0; e++) {
        code = rv_spikes_get(out->all, e, times, ids);
        if (code >= 0)
            code = rv_spikes_append(out->spikes, times, ids, rv_spikes_count(out->all, e));
        out->labels[e] = out->all_labels[e];
    }
    free(times);
    free(ids);
    return code;
}

int bench_make_mnist(bench_workload *out, rv_context *context)
{
    char images[512], labels[512];
    rv_dataset data = {0};
    uint64_t random = 2;
    const bool real = find_images(images, labels);
    *out = (bench_workload){.name = "mnist",
                            .data = real ? "MNIST" : "synthetic images, MNIST was not found",
                            .inputs = INPUTS,
                            .hidden = 128,
                            .outputs = CLASSES,
                            .timesteps = 20,
                            .batch_size = 32};
    int code = real ? rv_read_idx(&data, context, images, labels) : make_images(&data);
    if (code >= 0 && (data.num_examples < TIMED || data.num_inputs != INPUTS || data.num_classes > CLASSES))
        code = rv_error_set(context, RV_ERR_DATA, "the MNIST files hold something else");
    if (code >= 0)
        code = rv_encode_linear_latency(&data, context, &(rv_linear_latency){.max_time = 18, .min_time = 2});
    if (code >= 0) {
        out->all = data.spikes;
        out->all_labels = data.labels;
        data.spikes = NULL;
        data.labels = NULL;
        code = take_first(out, context);
    }
    rv_dataset_clear(&data);
    out->weights[BENCH_IN_HID] = bench_normal(&random, INPUTS * out->hidden, 0.078, 0.045);
    out->weights[BENCH_HID_OUT] = bench_normal(&random, out->hidden * CLASSES, 0.2, 0.37);
    return code >= 0 && (!out->weights[BENCH_IN_HID] || !out->weights[BENCH_HID_OUT]) ? RV_ERR_MEMORY : code;
}
