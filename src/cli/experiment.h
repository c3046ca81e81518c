/* An experiment: what a file says, with what the command line changes and the defaults filled in, and what is made
 * of it on the way to a run:
 *
 *   experiment_open    the file is read and checked, the network built: every mistake in the file is found here
 *   experiment_read_callbacks
 *   experiment_load    data files are read and encoded
 *   experiment_compile the network becomes a compiled one
 */
#ifndef RV_CLI_EXPERIMENT_H
#define RV_CLI_EXPERIMENT_H

#include "cli/callbacks_section.h"
#include "cli/compiler_section.h"
#include "cli/data_section.h"
#include "cli/network_section.h"
#include "cli/options.h"
#include "cli/outputs_section.h"
#include "cli/training_section.h"

typedef struct experiment {
    char *path;   /* of the file */
    char *folder; /* that the file is in */
    node *root;   /* the resolved experiment */
    bool verbose; /* for the context's log */
    rv_context *context;
    data_section data;
    network_section network;
    compiler_section compiler;
    outputs_section outputs;
    training_section training;
    node *callbacks_where, *validation_callbacks_where;
    callback_list callbacks, validation_callbacks;
    const char *run_folder; /* as asked for; borrowed from the tree */
    rv_population *input;   /* the one that the data are fed into */
    rv_compiled_network *model;
} experiment;

extern const key experiment_keys[];
extern const size_t num_experiment_keys;
extern const key run_keys[];
extern const size_t num_run_keys;

/* `operand` is the file, or a run folder, whose experiment.yaml is meant. Clear it also after a failure. */
int experiment_open(experiment *out, const char *operand, const options *given);
/* Reads both lists of callbacks, which write to the folder of a run; what the validation's record has `prefix` before its
 * name. Both must outlive the runs. */
int experiment_read_callbacks(experiment *e, const char *folder, const char *prefix);
/* wanted: bits 1 << set_id; a set that is wanted and not in the experiment is left out. */
int experiment_load(experiment *e, unsigned wanted);
int experiment_compile(experiment *e, bool learn);
void experiment_clear(experiment *e);

/* The data of a run on one set; no inputs if the experiment has no such set. */
rv_data experiment_data(const experiment *e, set_id id);
/* The training run that the experiment describes. */
rv_train_desc experiment_train_desc(const experiment *e);
/* Says why the library failed, at the section of the file that an error of this kind comes from. */
int experiment_fault(const experiment *e, int code);

#endif
