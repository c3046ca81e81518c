/* The target-split driver: where a batch has few examples left for all threads, these go through one example together,
 * each with some of the neurons of every population that is wide enough. */
#ifndef RV_ENGINE_SPLIT_H
#define RV_ENGINE_SPLIT_H

#include "engine/engine.h"

typedef struct rv_split rv_split;

/* The engine's `split`, with the memory of its slices; NULL where no example is ever split. */
int rv_split_create(rv_engine *engine);
void rv_split_free(rv_split *split);

/* The position from which on the examples of a batch are better split than given to a thread each; batch->num = none. */
size_t rv_split_first(rv_engine *engine, const rv_batch *batch);

/* How an example begins and ends, in the caller's thread. */
typedef int (*rv_split_fn)(void *user, rv_example *example);

/* The sweep forward of this rank's examples from position `first` on: begin, steps, end; up to the first that fails. */
void rv_split_sweep(rv_engine *engine, size_t first, size_t num, rv_split_fn begin, rv_split_fn end, void *user);

/* Bytes that tapes of slices may grow to, where a neuron spikes no more than max_spikes times. */
size_t rv_split_tape_bound(const rv_engine *engine, size_t max_spikes);

/* Examples that more than one thread has gone through together, so far. */
uint64_t rv_split_count(const rv_engine *engine);

#endif
