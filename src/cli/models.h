/* EQUATIONS: neurons, synapses, connectivity and optimisers as an experiment file describes them. Which parameters
 * there are, their defaults and ranges are the models' own tables. */
#ifndef RV_CLI_MODELS_H
#define RV_CLI_MODELS_H

#include "cli/schema.h"
#include "cli/values.h"

/* A table of type, parameters and readout. What is not given is filled into the tree. */
int model_read_neuron(value_scope *scope, node *where, rv_neuron *out);
/* A table of type and parameters. */
int model_read_synapse(value_scope *scope, node *where, rv_synapse *out);
/* A table of type and weight. */
int model_read_connectivity(value_scope *scope, node *where, rv_connectivity *out);
/* A table of type and parameters. */
int model_read_optimiser(rv_context *context, node *where, rv_optimiser *out);

#endif
