/* A network of layers with any connectivity, random weights and spikes: what tests of connectivity share. */
#ifndef SUPPORT_LAYERED_H
#define SUPPORT_LAYERED_H

#include <ranvier.h>

#define LAYERED_MAX 6
#define LAYERED_CLASSES 4

/* Connectivity of a layer, in short. */
#define CONV(...) {.model = &rv_conv2d_model, __VA_ARGS__}
#define TRANSPOSE(...) {.model = &rv_conv2d_transpose_model, __VA_ARGS__}
#define POOL(...) {.model = &rv_avg_pool2d_model, __VA_ARGS__}
#define POOL_CONV(...) {.model = &rv_avg_pool_conv2d_model, __VA_ARGS__}
#define POOL_DENSE(...) {.model = &rv_avg_pool_dense2d_model, __VA_ARGS__}
#define RANDOM(probability) {.model = &rv_fixed_probability_model, .p = probability}
#define DENSE {.model = &rv_dense_model}
#define ONE_TO_ONE {.model = &rv_one_to_one_model}

typedef struct layered_desc {
    const char *name;
    size_t shape[RV_MAX_DIMS];                 /* of the input */
    rv_connectivity connectivity[LAYERED_MAX]; /* of each layer, the last leads to the output; weights are filled in */
    size_t sizes[LAYERED_MAX];                 /* neurons of each layer; 0 = as implied */
    int num_layers;
    int recurrent;        /* layers 0 .. recurrent - 1 have a sparse connection to themselves */
    double gain;          /* of weights; 0 = 1 */
    bool tau_per_neuron;  /* of the synapses */
    bool eprop;           /* instead of EventProp */
    size_t batch_size;    /* 0 = 3 */
    size_t max_delay;     /* > 0: a delay per synapse, wherever there may be one */
    bool learn_delays;    /* theirs */
    bool frozen;          /* weights do not learn */
    uint64_t seed;
    /* how it is computed */
    int num_threads;
    const char *isa;
    rv_schedule schedule;
} layered_desc;

typedef struct layered {
    rv_context *context;
    rv_network *network;
    rv_population *populations[LAYERED_MAX + 1]; /* the input first */
    rv_connection *connections[2 * LAYERED_MAX];
    const char *gradient; /* what the compiler calls it */
    int num_connections;
    rv_compiled_network *model;
    rv_spikes *spikes;
    int32_t *labels;
    size_t num_examples;
} layered;

/* Makes all of it, the same for the same description, however it is computed; what goes wrong ends the test. */
void layered_create(layered *l, const layered_desc *desc);
/* The same network and data, with every connection written out as a dense one that has zeros where there is no
 * synapse. */
void layered_create_dense(layered *l, const layered_desc *desc, const layered *of);
void layered_free(layered *l);

rv_data layered_data(const layered *l);

/* In the order in which the examples are. */
void layered_train(layered *l, size_t num_epochs);

/* A variable of a connection, freed by the caller; *size numbers. */
float *layered_get(const layered *l, int connection, const char *name, size_t *size);

/* Ends the test with the library's message if code < 0. */
void layered_ok(const layered *l, int code);

#endif
