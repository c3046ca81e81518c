/* SPIKES IN: the section `data` of an experiment: which sets there are, how they are read and turned into spikes. */
#ifndef RV_CLI_DATA_SECTION_H
#define RV_CLI_DATA_SECTION_H

#include <ranvier.h>

#include "cli/encoders.h"
#include "cli/readers.h"

typedef enum set_id {
    SET_TRAIN = 0,
    SET_VALIDATION,
    SET_TEST,
    NUM_SETS,
} set_id;

/* One set: how to get it and, once loaded, what is in it. */
typedef struct data_set {
    node *where; /* its table; NULL = there is no such set */
    const reader *read;
    reader_options options;
    size_t limit; /* 0 = all */
    rv_dataset content;
} data_set;

typedef struct data_section {
    node *where;
    char *root;            /* the folder that data files are named from */
    const char *input;     /* name of the population that is fed; NULL = the only input */
    const encoder *encode; /* NULL = none */
    node *encoder_where;
    encoder_options encoder_options;
    data_set sets[NUM_SETS];
} data_section;

/* Keys, for help. */
extern const key data_keys[];
extern const size_t num_data_keys;
extern const key data_set_keys[];
extern const size_t num_data_set_keys;

const char *set_name(set_id id); /* "train", "validation", "test" */

/* Reads and checks the section; files must exist. Relative paths start at `folder`, that of the experiment file.
 * data.root becomes absolute in the tree, so that the tree can be written elsewhere. */
int data_section_read(data_section *out, node *where, const char *folder);
/* Reads the files of the sets in a bit set of 1 << set_id. */
int data_section_load(data_section *section, rv_context *context, unsigned wanted);
void data_section_clear(data_section *section);

/* Timesteps that the loaded sets have targets for; 0 = none of them has targets for every step. */
size_t data_section_target_steps(const data_section *section);

/* Latest spike of the loaded sets, in ms; -1 = none of them has any spikes, but values. */
double data_section_latest_time(const data_section *section);

#endif
