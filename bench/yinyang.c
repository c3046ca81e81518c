/* Yin-Yang with steps as short as published results have them: 5-200-3 over 3,000 steps of 0.01 ms. Five spikes come in,
 * so that nearly all of the time goes into steps in which nothing happens. */
#include "workload.h"

#define EXAMPLES 64
#define TIMESTEPS 3000

int bench_make_yinyang(bench_workload *out, rv_context *context)
{
    rv_dataset data = {0};
    uint64_t random = 5;
    *out = (bench_workload){.name = "yinyang",
                            .data = "Yin-Yang",
                            .inputs = 5,
                            .hidden = 200,
                            .outputs = 3,
                            .timesteps = TIMESTEPS,
                            .batch_size = 32,
                            .dt = 0.01};
    int code = rv_generate_yin_yang(&data, context, &(rv_yin_yang){.num_examples = EXAMPLES, .seed = 1});
    if (code >= 0)
        code = rv_encode_time(&data, context,
                              &(rv_time_code){.min_time = 0.5, .max_time = 25, .add_bias = true, .bias_time = 0.5});
    if (code >= 0) {
        out->spikes = out->all = data.spikes;
        out->labels = out->all_labels = data.labels;
        data.spikes = NULL;
        data.labels = NULL;
    }
    rv_dataset_clear(&data);
    if (code >= 0)
        code = bench_connect(out, BENCH_IN_HID, &random, 1, 1.5, 0.78);
    if (code >= 0)
        code = bench_connect(out, BENCH_HID_OUT, &random, 1, 0.93, 0.1);
    return code;
}
