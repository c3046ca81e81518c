/* Ranks for tests: real processes that talk through sockets. */
#ifndef SUPPORT_MESH_H
#define SUPPORT_MESH_H

#include <ranvier.h>

#define MESH_MAX_RANKS 4

typedef void (*mesh_work)(void *result, const rv_communicator *communicator, const void *arg);

/* Calls work in `size` processes of their own, one per rank, and waits for them; results: (size) of `bytes` each, by rank.
 * A process that ends in another way than by returning from work fails the test. */
void mesh_run(void *results, size_t bytes, int size, mesh_work work, const void *arg);

#endif
