/* The program as one of several ranks, started by mpirun: what only the first one does, and how all come to one end.
 *
 * All ranks read the experiment, build the network and hold the data; rank 0 alone chooses the run folder, writes and
 * prints. Started alone, the program is rank 0 of 1, and nothing here does anything. */
#ifndef RV_CLI_RANKS_H
#define RV_CLI_RANKS_H

#include <ranvier.h>

/* First and last of all. ranks_end returns the status to exit with. */
int ranks_begin(void);
int ranks_end(int status);

bool ranks_is_first(void);
int ranks_num(void);

/* Makes the runs of a context common ones. Returns a status. */
int ranks_join(rv_context *context);

/* Threads of a rank where nobody says how many, 0 = the library's default: the processors of a machine are shared by the
 * ranks on it, and mpirun may have bound a rank to some of them. */
int ranks_default_threads(void);
/* Says so where a rank's threads have to share processors. */
void ranks_check_threads(const rv_context *context);

/* All go on with 0, or end with the status of the first rank that has another one; what it had to say is said once. */
int ranks_agree(int status);
/* After a failure of a run: ends the job here and now where other ranks wait for this one and will not hear of it. */
void ranks_escape(const rv_context *context, int status);
/* Rank 0's text (from malloc; NULL stays NULL) and number to all; largest number of all ranks. */
void ranks_share_text(char **text);
void ranks_share_flag(bool *flag);
int ranks_largest(int number);

#endif
