/* How progress is shown: as the experiment's BatchProgressBar says, unless --progress or --quiet say otherwise. */
#ifndef RV_CLI_PROGRESS_H
#define RV_CLI_PROGRESS_H

#include <ranvier.h>

extern const char *const progress_modes[]; /* by rv_progress_mode, NULL-terminated */

/* The mode of --progress; NULL leaves it to the experiment. Returns a status. */
int progress_set(const char *command, const char *mode);
/* Whether a mode was given. */
bool progress_is_set(void);

/* interval 0 = the default. */
rv_callback progress_callback(rv_progress_mode mode, double interval);

#endif
