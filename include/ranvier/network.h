/* DESCRIBE: networks of populations and connections. */
#ifndef RANVIER_NETWORK_H
#define RANVIER_NETWORK_H

#include <ranvier/connectivity.h>
#include <ranvier/data.h>
#include <ranvier/neurons.h>
#include <ranvier/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Networks own their populations and connections, which are borrowed everywhere else. */
typedef struct rv_network rv_network;
typedef struct rv_population rv_population;
typedef struct rv_connection rv_connection;

/* `defaults` apply to the models of all populations and connections that are added. The context must outlive the network. */
RV_API int rv_network_create(rv_network **out, rv_context *context, rv_defaults defaults);
/* Frees populations and connections too. Compiled networks keep what they need: the order of freeing is free. */
RV_API void rv_network_free(rv_network *network);

/* ---- populations ------------------------------------------------------------------------------------------------ */

typedef struct rv_population_desc {
    const char *name;           /* unique in the network; default "Pop0", "Pop1", ... */
    size_t shape[RV_MAX_DIMS];  /* 0-terminated: {28, 28, 1}; required of inputs, else default: what the first connection
                                   to it implies */
    rv_neuron neuron;           /* required */
    rv_flag record_spikes;      /* accepted as in mlGeNN; not needed: recorders decide */
} rv_population_desc;

/* Adds a population; all its parameters are checked here.
 * Errors: RV_ERR_NAME, RV_ERR_SHAPE, RV_ERR_VALUE: "population 'hidden': tau_mem must be > 0 ms, got -5". */
RV_API int rv_population_add(rv_population **out, rv_network *network, const rv_population_desc *desc);

RV_API const char *rv_population_name(const rv_population *population);
RV_API size_t rv_population_size(const rv_population *population); /* 0 while the shape is not known */
/* Copies the shape into shape[RV_MAX_DIMS], 0-filled; returns the number of dimensions. */
RV_API int rv_population_shape(const rv_population *population, size_t shape[RV_MAX_DIMS]);
RV_API rv_population *rv_population_by_name(const rv_network *network, const char *name); /* NULL if unknown */
RV_API size_t rv_network_num_populations(const rv_network *network);
RV_API rv_population *rv_network_population(const rv_network *network, size_t index); /* in order of adding */
RV_API const rv_neuron *rv_population_neuron(const rv_population *population);

/* ---- connections ------------------------------------------------------------------------------------------------- */

typedef struct rv_connection_desc {
    const char *name; /* unique in the network; default "Conn_<source>_<target>" */
    rv_connectivity connectivity;
    rv_synapse synapse;     /* default Delta */
    size_t max_delay_steps; /* bound of delays, needed where they are learnt; <= 65535; default: the largest delay */
    bool frozen;            /* its weights stay as they are while the rest learns; default false */
} rv_connection_desc;

/* Adds a connection from source to target (the same population twice: recurrent). A target without a shape gets the one
 * that the connectivity implies (OneToOne, convolutions and pools).
 * Errors: RV_ERR_ARGUMENT (a population of another network), RV_ERR_NAME, RV_ERR_SHAPE, RV_ERR_VALUE. */
RV_API int rv_connection_add(rv_connection **out, rv_network *network, rv_population *source, rv_population *target,
                             const rv_connection_desc *desc);

RV_API const char *rv_connection_name(const rv_connection *connection);
RV_API rv_population *rv_connection_source(const rv_connection *connection);
RV_API rv_population *rv_connection_target(const rv_connection *connection);
RV_API rv_connection *rv_connection_by_name(const rv_network *network, const char *name); /* NULL if unknown */
RV_API size_t rv_network_num_connections(const rv_network *network);
RV_API rv_connection *rv_network_connection(const rv_network *network, size_t index); /* in order of adding */

/* ---- sequential networks (mlGeNN: SequentialNetwork, InputLayer, Layer) -------------------------------------------- */

typedef struct rv_layer_desc {
    const char *name;             /* of the population; default "Pop0", ... */
    rv_neuron neuron;             /* required */
    size_t shape[RV_MAX_DIMS];    /* required of the first, else default: what the connectivity implies */
    rv_connectivity connectivity; /* from the layer added before */
    rv_synapse synapse;           /* default Delta */
    size_t max_delay_steps;       /* this and the next as of a connection */
    bool frozen;
} rv_layer_desc;

typedef struct rv_layer {
    rv_population *population;
    rv_connection *connection; /* NULL for an input layer */
} rv_layer;

/* Adds the first layer: connectivity and synapse are not used. Errors: RV_ERR_STATE if there is a layer already. */
RV_API int rv_input_layer_add(rv_layer *out, rv_network *network, const rv_layer_desc *desc);
/* Adds a population and the connection from the previous layer. Errors: RV_ERR_STATE without an input layer. */
RV_API int rv_layer_add(rv_layer *out, rv_network *network, const rv_layer_desc *desc);

#ifdef __cplusplus
}
#endif
#endif
