/* Carrying out a run that was prepared: signals and ranks are watched while it runs. */
#ifndef RV_CLI_EXECUTE_H
#define RV_CLI_EXECUTE_H

#include "cli/experiment.h"

/* Runs to the end, until a signal, or until something fails, which is said. Returns a status of this rank. */
int execute_run(rv_result **result, rv_run *run, const experiment *e);

/* All ranks have the same status afterwards; 128 plus the signal's number where one came. */
int execute_agree(int status);

#endif
