/* SIGINT and SIGTERM end a run after the batch at hand, so that checkpoint and history are written. A second one ends
 * the program at once. */
#ifndef RV_CLI_INTERRUPT_H
#define RV_CLI_INTERRUPT_H

#include <ranvier.h>

/* The run that signals stop from now on; NULL = signals end the program again. */
void interrupt_watch(rv_run *run);
/* The signal that came while a run was watched; 0 = none. */
int interrupt_signal(void);

#endif
