/* Populations on their own: what one does, recorded, in whatever manner the run is carried out. */
#ifndef SUPPORT_POPULATION_H
#define SUPPORT_POPULATION_H

#include <ranvier.h>

/* How a run is carried out; nothing of it, but the seed, may show in what comes out. */
typedef struct run_manner {
    int threads;       /* default 1 */
    size_t batch_size; /* default 1 */
    const char *isa;   /* default the best */
    uint64_t seed;
    bool steps;    /* a timestep hook makes the whole batch advance step by step */
    bool iterates; /* data come batch by batch */
} run_manner;

/* One input population, or a BinarySpikeInput, whose spikes arrive with weight `weight` one to one at a population of
 * any other model. */
typedef struct population_desc {
    rv_neuron neuron;
    size_t n;
    const float *values; /* (examples, frames, n) */
    size_t num_values;
    size_t timesteps;
    double dt;           /* ms; default 1 */
    const float *weight; /* (n); default 1 */
    const char *var;     /* variable to record, or NULL */
} population_desc;

/* Spikes (and the variable) of all examples, by example; freed by the caller with population_record_clear. */
typedef struct population_record {
    size_t num_examples;
    size_t num_spikes;
    size_t *offset; /* (num_examples + 1) */
    uint32_t *step, *id;
    float *values; /* (num_examples, T, n) or NULL */
    size_t num_values;
    char error[300];
} population_record;

/* Returns 0, or a negative code, with the library's message in out->error. */
int population_run(population_record *out, const population_desc *desc, const run_manner *manner);
void population_record_clear(population_record *record);

/* Of all spikes and values; the same bits, the same hash. */
uint64_t population_record_hash(const population_record *record);

#endif
