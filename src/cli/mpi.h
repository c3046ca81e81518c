/* MPI's beginning and end, which are the program's and never the library's. Not to be called in a build without it. */
#ifndef RV_CLI_MPI_H
#define RV_CLI_MPI_H

/* Of the calls that follow, only those of the caller's thread may be MPI's. */
void mpi_begin(void);
/* Returns when all ranks have come here. */
void mpi_end(void);
/* Ends all ranks, this one and those that wait for it. */
_Noreturn void mpi_abort(int status);
/* How many ranks share this machine. */
int mpi_ranks_here(void);

#endif
