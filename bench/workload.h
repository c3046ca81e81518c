/* A fixed piece of work to measure: a network of one hidden layer, its weights, and data. The same for everybody. */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <ranvier.h>

enum {
    BENCH_IN_HID,
    BENCH_HID_HID,
    BENCH_HID_OUT,
    BENCH_CONNECTIONS
};

typedef struct bench_workload {
    const char *name;
    const char *data; /* where the data are from */
    size_t inputs, hidden, outputs, timesteps, batch_size;
    rv_spikes *spikes; /* what is timed */
    int32_t *labels;
    rv_spikes *all; /* what start-up is measured with; may be the same as spikes, as may its labels */
    int32_t *all_labels;
    float *weights[BENCH_CONNECTIONS]; /* (source, target); NULL where there is no connection */
} bench_workload;

/* Each fills a zeroed workload; 0 or a negative code, the detail is on the context. Free it in any event. */
int bench_make_mnist(bench_workload *out, rv_context *context);
int bench_make_shd256(bench_workload *out, rv_context *context);
void bench_workload_free(bench_workload *workload);

/* Sizes of a connection; 0 if it is not there. */
size_t bench_num_sources(const bench_workload *workload, int connection);
size_t bench_num_targets(const bench_workload *workload, int connection);

/* n numbers from a normal distribution, from a generator of the benchmark's own; NULL if out of memory. */
float *bench_normal(uint64_t *random, size_t n, double mean, double sd);
double bench_uniform(uint64_t *random);

/* What is done with a network. */
typedef enum bench_rule {
    BENCH_INFERENCE,
    BENCH_EVENTPROP,
    BENCH_EPROP,          /* Delta synapses, unscaled currents, relative reset */
    BENCH_EPROP_ADAPTIVE, /* the same with adaptive LIF neurons */
    BENCH_EPROP_ONLINE,   /* BENCH_EPROP with traces of every synapse */
} bench_rule;

/* A workload in the engine. */
typedef struct bench_model {
    rv_context *context;
    rv_network *network;
    rv_population *in, *hid, *out;
    rv_connection *connections[BENCH_CONNECTIONS];
    rv_compiled_network *compiled;
} bench_model;

/* Creates context, network and compiled network; on failure the detail is copied to error's. Free it in any event. */
int bench_model_create(bench_model *out, const bench_workload *workload, int num_threads, bench_rule rule,
                       rv_context *errors);
void bench_model_free(bench_model *model);
/* Sets all weights to the workload's. */
int bench_model_restore(bench_model *model, const bench_workload *workload);
rv_data bench_data(const bench_model *model, const rv_spikes *spikes, const int32_t *labels);

#endif
