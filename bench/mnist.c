/* MNIST as latencies from 2 to 18 ms, 20 steps, batches of 32: `mnist` is 784-128-10 with the initial weights of mlGeNN's
 * example, `conv` has 16 filters of 5 x 5 instead of the dense layer. The images are those of RV_SHARED or ../shared;
 * without them, as many random ones with as many spikes. */
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
#define FILTERS 16
#define KERNEL 5
#define STRIDE 2
#define CONV_SIDE ((SIDE - KERNEL) / STRIDE + 1)
#define CONV_SPIKES 1 /* of a hidden neuron */

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

static int take_first(bench_workload *out, size_t timed, rv_context *context)
{
    const size_t most = rv_spikes_max_count(out->all) + 1;
    double *const times = malloc(most * sizeof *times);
    int32_t *const ids = malloc(most * sizeof *ids);
    out->labels = malloc(timed * sizeof *out->labels);
    int code = times && ids && out->labels ? rv_spikes_create(&out->spikes, context, INPUTS) : RV_ERR_MEMORY;
    for (size_t e = 0; e < timed && code >= 0; e++) {
        code = rv_spikes_get(out->all, e, times, ids);
        if (code >= 0)
            code = rv_spikes_append(out->spikes, times, ids, rv_spikes_count(out->all, e));
        out->labels[e] = out->all_labels[e];
    }
    free(times);
    free(ids);
    return code;
}

static int make_data(bench_workload *out, size_t timed, rv_context *context)
{
    char images[512], labels[512];
    rv_dataset data = {0};
    const bool real = find_images(images, labels);
    out->data = real ? "MNIST" : "synthetic images, MNIST was not found";
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
        code = take_first(out, timed, context);
    }
    rv_dataset_clear(&data);
    return code;
}

int bench_make_mnist(bench_workload *out, rv_context *context)
{
    uint64_t random = 2;
    *out = (bench_workload){
        .name = "mnist", .inputs = INPUTS, .hidden = 128, .outputs = CLASSES, .timesteps = 20, .batch_size = 32};
    int code = make_data(out, TIMED, context);
    if (code >= 0)
        code = bench_connect(out, BENCH_IN_HID, &random, 1, 0.078, 0.045);
    if (code >= 0)
        code = bench_connect(out, BENCH_HID_OUT, &random, 1, 0.2, 0.37);
    return code;
}

int bench_make_conv(bench_workload *out, rv_context *context)
{
    uint64_t random = 6;
    *out = (bench_workload){.name = "conv",
                            .inputs = INPUTS,
                            .side = SIDE,
                            .hidden = CONV_SIDE * CONV_SIDE * FILTERS,
                            .outputs = CLASSES,
                            .timesteps = 20,
                            .batch_size = 32};
    bench_link *const link = &out->links[BENCH_IN_HID];
    *link = (bench_link){.num = KERNEL * KERNEL * FILTERS, .filters = FILTERS, .kernel = KERNEL, .stride = STRIDE};
    link->weights = bench_normal(&random, link->num, 0.3, 0.3);
    int code = link->weights ? make_data(out, TIMED / 8, context) : RV_ERR_MEMORY;
    if (code >= 0)
        code = bench_connect(out, BENCH_HID_OUT, &random, 1, 0.01, 0.02);
    return code >= 0 ? bench_settle(out, CONV_SPIKES, context) : code;
}
