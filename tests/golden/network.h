/* The network of a case, built through the public API by the names in case.json: a model that the library registers
 * needs no line here. */
#ifndef GOLDEN_NETWORK_H
#define GOLDEN_NETWORK_H

#include "golden/case.h"

typedef struct golden_population {
    const char *name; /* borrowed from the case, as is type */
    const char *type; /* of the neuron */
    size_t size;
    rv_fed fed;
    rv_readout readout;
    rv_population *handle;
} golden_population;

typedef struct golden_connection {
    char name[256]; /* SOURCE_TARGET, as arrays are called after it */
    rv_connection *handle;
    bool learns_delays;
    float *weights, *delays; /* the first ones, where they have to be restored; freed with the network */
    size_t num_weights;
} golden_connection;

typedef struct golden_network {
    rv_network *handle;
    golden_population *populations;
    size_t num_populations;
    golden_connection *connections;
    size_t num_connections;
    size_t num_inputs;
    size_t num_outputs;
} golden_network;

/* What is wrong goes to report, and so does every model or parameter that the engine does not have. Free the network
 * in any event, before the case. */
void golden_network_build(golden_network *network, const golden_case *c, golden_report *report);
void golden_network_free(golden_network *network);

#endif
