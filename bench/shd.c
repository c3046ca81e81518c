/* Networks in the shape of the Spiking Heidelberg Digits: 700 inputs, 20 classes, 1,000 steps of 1 ms, 8,000 input
 * spikes an example, and weights at which a hidden neuron spikes a given number of times. */
#include <stdlib.h>

#include "workload.h"

#define INPUTS 700
#define CLASSES 20
#define INPUT_SPIKES 8000
#define TIMESTEPS 1000
#define MAX_DELAY 300 /* timesteps */

typedef struct shape {
    const char *name;
    size_t hidden, examples, batch_size;
    bool recurrent;
    double density; /* of connections to hidden neurons */
    double spikes;  /* of a hidden neuron in an example */
    enum {
        NO_DELAYS,
        SAME_DELAY,
        OWN_DELAYS
    } delays; /* from inputs */
} shape;

static int make_data(bench_workload *out, size_t num_examples, rv_context *context)
{
    uint64_t random = 3;
    double *const times = malloc(INPUT_SPIKES * sizeof *times);
    int32_t *const ids = malloc(INPUT_SPIKES * sizeof *ids);
    out->labels = malloc(num_examples * sizeof *out->labels);
    int code = times && ids && out->labels ? rv_spikes_create(&out->spikes, context, INPUTS) : RV_ERR_MEMORY;
    for (size_t e = 0; e < num_examples && code >= 0; e++) {
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

static int delay(bench_link *link, const shape *s, uint64_t *random)
{
    if (s->delays == SAME_DELAY)
        link->delay = MAX_DELAY / 2;
    if (s->delays != OWN_DELAYS)
        return 0;
    link->delays = malloc(link->num * sizeof *link->delays);
    for (size_t k = 0; link->delays && k < link->num; k++)
        link->delays[k] = (float)(int)(bench_uniform(random) * (MAX_DELAY + 1));
    return link->delays ? 0 : RV_ERR_MEMORY;
}

static int make(bench_workload *out, const shape *s, rv_context *context)
{
    uint64_t random = 4;
    *out = (bench_workload){.name = s->name,
                            .data = "synthetic spikes in the shape of SHD",
                            .inputs = INPUTS,
                            .hidden = s->hidden,
                            .outputs = CLASSES,
                            .timesteps = TIMESTEPS,
                            .batch_size = s->batch_size};
    int code = bench_connect(out, BENCH_IN_HID, &random, s->density, 0.03 / s->density, 0.01 / s->density);
    if (code >= 0 && s->recurrent)
        code = bench_connect(out, BENCH_HID_HID, &random, s->density, 0, 0.02 / s->density);
    if (code >= 0)
        code = bench_connect(out, BENCH_HID_OUT, &random, 1, 0, 0.03);
    if (code >= 0)
        code = delay(&out->links[BENCH_IN_HID], s, &random);
    if (code >= 0)
        code = make_data(out, s->examples, context);
    if (code >= 0)
        code = bench_settle(out, s->spikes, context);
    out->all = out->spikes;
    out->all_labels = out->labels;
    return code;
}

#define MAKE(which, ...)                                                                                              \
    int bench_make_##which(bench_workload *out, rv_context *context)                                                  \
    {                                                                                                                 \
        return make(out, &(shape){.name = #which, .density = 1, __VA_ARGS__}, context);                               \
    }
MAKE(shd256, .hidden = 256, .examples = 256, .batch_size = 32, .recurrent = true, .spikes = 38)
MAKE(shd256_few, .hidden = 256, .examples = 64, .batch_size = 32, .recurrent = true, .spikes = 38)
MAKE(shd1024, .hidden = 1024, .examples = 32, .batch_size = 32, .recurrent = true, .spikes = 14)
MAKE(inference1, .hidden = 1024, .examples = 8, .batch_size = 1, .recurrent = true, .spikes = 14)
MAKE(delays, .hidden = 512, .examples = 32, .batch_size = 32, .spikes = 20, .delays = OWN_DELAYS)
MAKE(delays_same, .hidden = 512, .examples = 32, .batch_size = 32, .spikes = 20, .delays = SAME_DELAY)
MAKE(delays_none, .hidden = 512, .examples = 32, .batch_size = 32, .spikes = 20, .delays = NO_DELAYS)

int bench_make_sparse(bench_workload *out, rv_context *context)
{
    return make(out,
                &(shape){.name = "sparse",
                         .hidden = 1024,
                         .examples = 32,
                         .batch_size = 32,
                         .recurrent = true,
                         .density = 0.05,
                         .spikes = 14},
                context);
}
