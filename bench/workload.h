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

/* A connection; not there where weights are NULL. Dense, unless it has a list of synapses or filters. */
typedef struct bench_link {
    float *weights;          /* (num) of a dense one: (source, target) */
    size_t num;
    float *delays;           /* (num) timesteps; NULL = all synapses have `delay` */
    double delay;
    uint32_t *source, *target; /* (num) sparse: its synapses, by source, then target; else NULL */
    size_t filters, kernel, stride; /* a convolution with valid padding; filters 0 = it is none */
} bench_link;

typedef struct bench_workload {
    const char *name;
    const char *data; /* where the data are from */
    size_t inputs, hidden, outputs, timesteps, batch_size;
    size_t side; /* inputs are (side, side); 0 = in a row */
    double dt;   /* ms; 0 = 1 */
    rv_spikes *spikes; /* what is timed */
    int32_t *labels;
    rv_spikes *all; /* what start-up is measured with; may be the same as spikes, as may its labels */
    int32_t *all_labels;
    bench_link links[BENCH_CONNECTIONS];
} bench_workload;

/* Each fills a zeroed workload; 0 or a negative code, the detail is on the context. Free it in any event. */
int bench_make_mnist(bench_workload *out, rv_context *context);
int bench_make_conv(bench_workload *out, rv_context *context);
int bench_make_yinyang(bench_workload *out, rv_context *context);
int bench_make_shd256(bench_workload *out, rv_context *context);
int bench_make_shd256_few(bench_workload *out, rv_context *context); /* the same with fewer examples */
int bench_make_shd1024(bench_workload *out, rv_context *context);
int bench_make_sparse(bench_workload *out, rv_context *context);
int bench_make_inference1(bench_workload *out, rv_context *context);
int bench_make_delays(bench_workload *out, rv_context *context); /* one of each synapse */
int bench_make_delays_same(bench_workload *out, rv_context *context);
int bench_make_delays_none(bench_workload *out, rv_context *context);
void bench_workload_free(bench_workload *workload);

/* Scales the input weights by bisection until a hidden neuron spikes `spikes` times in an example. */
int bench_settle(bench_workload *workload, double spikes, rv_context *context);

/* Sizes of a connection's ends; 0 if it is not there. */
size_t bench_num_sources(const bench_workload *workload, int connection);
size_t bench_num_targets(const bench_workload *workload, int connection);

/* From a generator of the benchmark's own: a number from 0 to 1; and a dense connection with weights from a normal
 * distribution, or a sparse one where density < 1, out of memory < 0. */
double bench_uniform(uint64_t *random);
int bench_connect(bench_workload *workload, int connection, uint64_t *random, double density, double mean, double sd);
/* num numbers from a normal distribution; NULL if out of memory. */
float *bench_normal(uint64_t *random, size_t num, double mean, double sd);

#endif
