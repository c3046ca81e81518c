/* A slice of an example: what one of several threads does of it that go through it together. Of a population that is split
 * it has some of the neurons, from `begin` on. To the steps of the sweep forward it is an engine of its own, of a network
 * with fewer neurons, whose arrays are the real ones from there on. Its state is in a block of its own, so that
 * no processor fetches ahead what another one writes. */
#ifndef RV_ENGINE_SLICE_H
#define RV_ENGINE_SLICE_H

#include <stdatomic.h>

#include "engine/forward.h"

#define RV_LETTER_IDS 27 /* as many as fill a cache line */

/* What a thread tells all others when it waits for them: how far it is, and who of its neurons spiked in the step that it
 * has taken, if these are few. One cache line, as the way of a line from processor to processor is what waiting costs. */
typedef struct rv_letter {
    _Alignas(64) _Atomic uint64_t beat; /* counts how often it has waited; written last, with release */
    uint16_t num;                       /* RV_LETTER_IDS + 1 = they are on its tape */
    uint16_t ids[RV_LETTER_IDS];        /* (num) */
} rv_letter;

typedef struct rv_slice {
    /* in turns: who writes one again has had an answer to the other from everybody, so all have read it */
    rv_letter letters[2];
    uint64_t count;         /* the beat of the last one */
    double late;            /* seconds that its thread has waited for others that were late */
    const rv_engine *whole; /* the real one */
    rv_example *real;
    size_t rank, num; /* this slice, of so many */
    rv_engine engine;
    rv_compiled_network model;
    rv_plan_group *groups; /* [populations][RV_MAX_GROUPS] */
    size_t *begin;         /* [populations] */
    rv_block block;
    /* tapes: [2 * populations] the spikes of this slice's neurons, numbered from 0, which begin anew with every block; then
     * those of whole populations, as far as all slices have got, which is what connections read */
    rv_example example;
    rv_tape *copies;   /* [populations] split ones as a whole; those of slice 0 are the example's own */
    uint32_t **places; /* [populations] (block_steps) where on these a step's spikes of this slice begin */
} rv_slice;

/* Whether a population can be split over its neurons. */
bool rv_slice_can(const rv_engine *engine, uint32_t population);

/* Memory of a slice, whose populations with split[i] are split. Tapes have to be freed. */
int rv_slice_make(rv_slice *slice, rv_engine *engine, const bool *split);
void rv_slice_free(rv_slice *slice);

/* Slice `rank` of `num` of an example, before its first step. */
void rv_slice_begin(rv_slice *slice, rv_example *example, size_t rank, size_t num);
/* The block of steps that begins with step t. */
void rv_slice_begin_block(rv_slice *slice, uint32_t t);
/* Tapes of populations that are not split, as far as slice 0's thread has swept them. */
void rv_slice_look(rv_slice *slice);

/* The next letter, with the spikes of step t of a population, NULL = of none. */
void rv_slice_write(rv_slice *slice, const uint32_t *population, uint32_t t);
/* The spikes of step t of a population that all slices (num) have taken go on this slice's tape; letters: they have just
 * been told. The tapes of slices other than 0 have no limit: one error is enough. */
int rv_slice_join(rv_slice *slice, const rv_slice *all, uint32_t population, uint32_t begin, uint32_t t, bool letters);
/* Where crossings are wanted, those of steps begin .. end - 1 of this slice go on the example's tape, once they are
 * joined. */
void rv_slice_keep_crossings(const rv_slice *slice, uint32_t population, uint32_t begin, uint32_t end);
/* The state of its neurons becomes part of block 0's. */
void rv_slice_give_back(const rv_slice *slice);
/* Its tapes get as much room as the example's: so that a slice whose thread comes late need not allocate then. */
int rv_slice_make_room(rv_slice *slice, rv_example *example);

#endif
