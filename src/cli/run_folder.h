/* The folder of a run:
 *
 *   experiment.yaml    the resolved experiment: training it again gives the same bits
 *   plan.txt           the compiled network in words
 *   history.csv        one row per epoch
 *   checkpoint/        weights of each epoch: <epoch>-<connection>-g.npy, <epoch>-manifest.json; and all that resuming
 *                      needs, of the newest: <epoch>-state.npz
 *   recorded/          what recorders recorded
 *
 * A folder that holds something is never written into, but by a run that is resumed. */
#ifndef RV_CLI_RUN_FOLDER_H
#define RV_CLI_RUN_FOLDER_H

#include "cli/experiment.h"

/* Picks a free folder, which is not made yet: exactly `out` if that is given, else the experiment's run.folder or the
 * first that is free of NAME-2, NAME-3, ... The name is the caller's to free. */
int run_folder_choose(char **folder, const experiment *e, const char *out);
/* Makes the folder and writes experiment.yaml and plan.txt. */
int run_folder_make(const experiment *e, const char *folder);
/* The same for a folder that there is: written are the plan, and the experiment if it has changed. */
int run_folder_resume(const experiment *e, const char *folder, bool changed);
/* From now on until it ends this process alone may train in the folder. */
int run_folder_lock(const char *folder);

/* The key of the last whole checkpoint in a folder, be it of an epoch that was cut short; the caller's to free. */
int run_folder_last_checkpoint(char **checkpoint, rv_context *context, const char *checkpoints);

#endif
