/* The section `outputs` of an experiment: what is made of the output populations. */
#ifndef RV_CLI_OUTPUTS_SECTION_H
#define RV_CLI_OUTPUTS_SECTION_H

#include "cli/network_section.h"

typedef struct outputs_section {
    rv_output items[RV_MAX_PORTS]; /* population, loss and metrics; labels come with the data */
    size_t num;
} outputs_section;

extern const key output_keys[];
extern const size_t num_output_keys;

/* A table by name of population; where it is empty, every population with a readout is filled in. */
int outputs_section_read(outputs_section *out, node *where, const network_section *network, rv_context *context);

#endif
