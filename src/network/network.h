/* Networks as they are described, before compilation. */
#ifndef RV_NETWORK_NETWORK_H
#define RV_NETWORK_NETWORK_H

#include <stdatomic.h>

#include <ranvier/network.h>

#define RV_NAME_SIZE 128 /* bytes of a name with its 0 */

struct rv_population {
    rv_network *network;
    uint32_t index; /* in order of adding */
    char name[RV_NAME_SIZE];
    size_t shape[RV_MAX_DIMS];
    int num_dims;
    size_t size;
    rv_neuron neuron; /* values are copies of ours */
};

struct rv_connection {
    rv_network *network;
    uint32_t index;
    char name[RV_NAME_SIZE];
    rv_population *source, *target;
    rv_connectivity connectivity; /* weight and delay are copies of ours */
    rv_synapse synapse;           /* values are copies of ours */
    size_t num_weights;
    size_t max_delay_steps; /* 0 = not given */
};

struct rv_network {
    rv_context *context;
    rv_defaults defaults;
    atomic_int references; /* the user's, and one per compiled network */
    rv_population **populations;
    size_t num_populations, max_populations;
    rv_connection **connections;
    size_t num_connections, max_connections;
    rv_population *last_layer; /* of a sequential network */
};

/* One more owner. */
rv_network *rv_network_retain(rv_network *network);

/* "population 'hidden'" into text[RV_NAME_SIZE + 16]; returns text. */
const char *rv_population_what(const rv_population *population, char *text, size_t size);
const char *rv_connection_what(const rv_connection *connection, char *text, size_t size);

/* What every part of the library identifies an object's random numbers with: populations even, connections odd. */
uint32_t rv_population_object(const rv_population *population);
uint32_t rv_connection_object(const rv_connection *connection);

#endif
