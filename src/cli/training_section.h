/* THE LOOP: the section `training` of an experiment. */
#ifndef RV_CLI_TRAINING_SECTION_H
#define RV_CLI_TRAINING_SECTION_H

#include "cli/schema.h"

typedef struct training_section {
    node *where;
    size_t num_epochs, start_epoch;
    rv_flag shuffle;
    double validation_split;
    rv_flag validation_split_shuffled;
} training_section;

extern const key training_keys[];
extern const size_t num_training_keys;

int training_section_read(training_section *out, node *where);

#endif
