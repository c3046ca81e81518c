/* Networks as they are described, before compilation. */
#ifndef RV_NETWORK_NETWORK_H
#define RV_NETWORK_NETWORK_H

#include <stdatomic.h>

#include <ranvier/network.h>

#include "connectivity/wiring.h"

#define RV_NAME_SIZE 128 /* bytes of a name with its 0 */

struct rv_population {
    rv_network *network;
    uint32_t index; /* in order of adding */
    char name[RV_NAME_SIZE];
    size_t shape[RV_MAX_DIMS];
    int num_dims; /* 0 = not known yet: the first incoming connection will tell */
    size_t size;
    rv_neuron neuron; /* values are copies of ours */
    rv_neuron_model *own_model; /* of a user's table; NULL for the library's */
};

struct rv_connection {
    rv_network *network;
    uint32_t index;
    char name[RV_NAME_SIZE];
    rv_population *source, *target;
    rv_connectivity connectivity; /* weight and delay are copies of ours, in the order of the wiring */
    rv_wiring *wiring;
    rv_synapse synapse; /* values are copies of ours */
    size_t max_delay_steps; /* 0 = not given */
    bool frozen;            /* weights do not learn */
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

/* Gives a population its shape, once; what was given per neuron must fit it. Undone with dims 0. */
int rv_population_set_shape(rv_population *population, const size_t *shape, int dims);

/* Half-built ones too. */
void rv_connection_free(rv_connection *connection);

/* What its connectivity sees of a connection; `what` as of rv_connection_what, used as long as the ends are. */
rv_ends rv_connection_ends(const rv_connection *connection, const char *what);

/* A wiring for a connection from lists (num), see rv_wiring_create. */
int rv_connection_wire(rv_wiring **out, const rv_connection *connection, const uint32_t *pre_ind,
                       const uint32_t *post_ind, size_t num, uint32_t **order);

/* "population 'hidden'" into text[RV_NAME_SIZE + 16]; returns text. */
const char *rv_population_what(const rv_population *population, char *text, size_t size);
const char *rv_connection_what(const rv_connection *connection, char *text, size_t size);

/* What every part of the library identifies an object's random numbers with: populations even, connections odd. */
uint32_t rv_population_object(const rv_population *population);
uint32_t rv_connection_object(const rv_connection *connection);

#endif
