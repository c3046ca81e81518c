/* A network small enough to look at, and data for it: 6 inputs, 8 LIF neurons, 3 leaky integrators; 11 examples of 20
 * steps, which a batch size of 4 presents as 4, 4 and 3. */
#ifndef TESTS_SUPPORT_TINY_H
#define TESTS_SUPPORT_TINY_H

#include <ranvier.h>

#define TINY_INPUTS 6
#define TINY_HIDDEN 8
#define TINY_OUTPUTS 3
#define TINY_EXAMPLES 11
#define TINY_BATCH 4
#define TINY_STEPS 20

typedef struct tiny {
    rv_context *context;
    rv_network *network;
    rv_population *input, *hidden, *output; /* hidden has the shape {2, 4} */
    rv_connection *input_hidden, *hidden_output;
    rv_compiled_network *model;
    rv_spikes *spikes;
    int32_t labels[TINY_EXAMPLES];
} tiny;

/* Makes all of it; a failure ends the test with the library's message. */
void tiny_create(tiny *t, int num_threads, bool learns);
void tiny_free(tiny *t);

/* Whether input `neuron` of `example` spikes in `step`, by a formula. */
bool tiny_spikes(size_t example, size_t step, size_t neuron);

/* The data as a run takes them. */
rv_data tiny_data(const tiny *t);

/* Tests, or trains for some epochs, with these callbacks only. The result is freed by the caller. */
rv_result *tiny_evaluate(const tiny *t, const rv_callback *callbacks, size_t num);
rv_result *tiny_train(const tiny *t, const rv_callback *callbacks, size_t num, size_t num_epochs);

/* All weights, those of input_hidden first; (TINY_WEIGHTS). */
#define TINY_WEIGHTS (TINY_INPUTS * TINY_HIDDEN + TINY_HIDDEN * TINY_OUTPUTS)
void tiny_weights(const tiny *t, float *weights);

/* A simulation of the first TINY_BATCH examples that has taken num_steps steps. The caller frees it. */
rv_simulation *tiny_simulate(const tiny *t, size_t num_steps);

/* Ends the test with the library's message unless rc is RV_OK. */
#define TINY_OK(t, call) tiny_check((t), (call), #call, __FILE__, __LINE__)
void tiny_check(const tiny *t, int rc, const char *call, const char *file, int line);

#endif
