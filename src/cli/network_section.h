/* DESCRIBE: the section `network` of an experiment: populations and connections, or layers, or both. */
#ifndef RV_CLI_NETWORK_SECTION_H
#define RV_CLI_NETWORK_SECTION_H

#include "cli/models.h"

typedef struct network_section {
    node *where;
    rv_network *network;
} network_section;

extern const key network_keys[];
extern const size_t num_network_keys;
extern const key population_keys[];
extern const size_t num_population_keys;
extern const key connection_keys[];
extern const size_t num_connection_keys;
extern const key layer_keys[];
extern const size_t num_layer_keys;

/* Builds the network. Array files are named from `folder`, that of the experiment file. */
int network_section_read(network_section *out, node *where, rv_context *context, rv_defaults defaults,
                         const char *folder);
void network_section_clear(network_section *section);

/* A population by name; after a fault at `where`, NULL. */
rv_population *network_section_population(const network_section *section, const node *where, const char *name);
/* A connection, likewise. */
rv_connection *network_section_connection(const network_section *section, const node *where, const char *name);

#endif
