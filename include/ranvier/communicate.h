/* Ranks: several processes that train one network together, each on a part of every batch.
 *
 * The batch is split by the leaves of the gradient's sum, and ranks exchange nodes of its tree, so that results are the
 * same bits for any number of ranks. Every rank makes the same calls in the same order, with the same network and data:
 * a run on ranks that were given different ones is RV_ERR_STATE before it begins. All hold the same weights after every
 * batch. Only rank 0 should write files: see rv_run_rank.
 *
 * Where a run fails on one rank (a hook, an example, a file), it fails on all of them with the code of the first rank that
 * failed and its message, "rank 2: " in front where that is not rank 0. Only a rank that runs out of memory between
 * batches, or cannot reach the others, fails alone: its program must then end the job, with MPI_Abort. */
#ifndef RANVIER_COMMUNICATE_H
#define RANVIER_COMMUNICATE_H

#include <ranvier/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How ranks talk: MPI's (rv_mpi_communicator) or the user's own. Functions return 0 or a negative RV_ERR_*; all are
 * called in the caller's thread. They are REQUIRED where size > 1. */
typedef struct rv_communicator {
    const char *name; /* "MPI" */
    int rank;         /* 0 .. size - 1 */
    int size;         /* >= 1; 0 counts as 1 */
    void *user;       /* handed to the functions */
    /* Blocking, pairwise ordered messages. */
    int (*send)(void *user, int to, const void *data, size_t bytes);
    int (*receive)(void *user, int from, void *data, size_t bytes);
    /* data of rank 0 to all. */
    int (*broadcast)(void *user, void *data, size_t bytes);
} rv_communicator;

/* The ranks of MPI_COMM_WORLD. The library never calls MPI_Init or MPI_Finalize: the program does, before the first and
 * after the last use. Errors: RV_ERR_UNSUPPORTED (built without MPI), RV_ERR_STATE (MPI is not initialised). */
RV_API int rv_mpi_communicator(rv_communicator *out, rv_context *context);

/* Whether the library was built with MPI. */
RV_API bool rv_have_mpi(void);

/* Makes all runs with this context parts of a common one. Must be called before the first network is compiled, with the
 * same seed on every rank; a context without a communicator is its own only rank. */
RV_API int rv_context_set_communicator(rv_context *context, const rv_communicator *communicator);
RV_API int rv_context_rank(const rv_context *context);
RV_API int rv_context_num_ranks(const rv_context *context);

#ifdef __cplusplus
}
#endif
#endif
