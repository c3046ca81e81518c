/* A workload in the engine. */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

#include "workload.h"

/* What is done with a network. */
typedef enum bench_rule {
    BENCH_INFERENCE,
    BENCH_EVENTPROP,
    BENCH_EPROP,          /* Delta synapses, unscaled currents, relative reset */
    BENCH_EPROP_ADAPTIVE, /* the same with adaptive LIF neurons */
    BENCH_EPROP_ONLINE,   /* BENCH_EPROP with traces of every synapse */
} bench_rule;

typedef struct bench_model {
    rv_context *context;
    rv_network *network;
    rv_population *in, *hid, *out;
    rv_connection *connections[BENCH_CONNECTIONS];
    rv_compiled_network *compiled;
} bench_model;

/* Creates context, network and compiled network, one of the communicator's ranks (NULL = alone); on failure the detail is
 * copied to error's. Free it in any event. */
int bench_model_create(bench_model *out, const bench_workload *workload, int num_threads, bench_rule rule,
                       const rv_communicator *communicator, rv_context *errors);
void bench_model_free(bench_model *model);
/* Sets all weights to the workload's. */
int bench_model_restore(bench_model *model, const bench_workload *workload);
/* A run over spikes: one epoch of training, or an evaluation; `callback` NULL = none. */
int bench_run_prepare(rv_run **run, const bench_model *model, bool learns, const rv_spikes *spikes,
                      const int32_t *labels, const rv_callback *callback);
/* Seconds of one epoch of training, or of an evaluation, from the workload's weights on, until everybody is done. meet:
 * called by all ranks before and after it, waits for all of them (NULL = there are no others). */
int bench_model_time(double *seconds, bench_model *model, const bench_workload *workload, bool learns,
                     void (*meet)(void));
rv_data bench_data(const bench_model *model, const rv_spikes *spikes, const int32_t *labels);

#endif
