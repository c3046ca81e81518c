/* What Deep R did, as a file of the run folder. */
#ifndef RV_CLI_REWIRINGS_H
#define RV_CLI_REWIRINGS_H

#include "cli/experiment.h"

/* FOLDER/recorded/CONNECTION-rewirings.npy, uint64 (steps of the optimiser, 2): synapses that moved, and that found no
 * place; nothing where the compiler was not told to record them. */
int rewirings_save(const experiment *e, const char *folder);

#endif
