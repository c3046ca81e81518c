/* Networks and data drawn at random, with all that a sweep may meet: parts that are recurrent and parts that are not,
 * skips, several connections and synapse groups into one population, populations that nothing leads to, delays of every
 * kind, all neurons, readouts and losses. What layered.h and training_task.h make is a chain. */
#ifndef SUPPORT_DRAWN_H
#define SUPPORT_DRAWN_H

#include <ranvier.h>

#define DRAWN_POPULATIONS 8
#define DRAWN_CONNECTIONS 24

typedef enum drawn_compiler {
    DRAWN_EVENTPROP = 0,
    DRAWN_EPROP,
    DRAWN_INFERENCE,
    NUM_DRAWN_COMPILERS,
} drawn_compiler;

/* How it is computed; none of it may show in what comes out. */
typedef struct drawn_way {
    const char *isa;
    int num_threads;
    rv_schedule schedule;
} drawn_way;

typedef struct drawn {
    drawn_compiler compiler;
    uint64_t random; /* where the drawing stands */
    rv_context *context;
    rv_network *network;
    rv_population *populations[DRAWN_POPULATIONS]; /* inputs first, outputs last */
    int num_populations, num_inputs;
    rv_connection *connections[DRAWN_CONNECTIONS];
    int num_connections;
    const rv_connection *delays_learn[DRAWN_CONNECTIONS];
    size_t num_delays_learn;
    bool output_spikes, regression, over_time;
    bool two_outputs;                           /* the last but one is held against the same */
    size_t num_steps, batch_size, num_examples; /* two batches, the second one perhaps short */
    rv_compiled_network *model;
    rv_spikes *spikes; /* of the first input */
    float *values;     /* of the second */
    size_t num_values;
    int32_t *labels; /* (num_examples) */
    float *targets;  /* (num_examples, n) or (num_examples, num_steps, n) */
    size_t num_targets;
} drawn;

/* Makes and compiles all of it, the same for the same seed, whatever the way; what goes wrong ends the test. */
void drawn_create(drawn *d, drawn_compiler compiler, uint64_t seed, const drawn_way *way);
void drawn_free(drawn *d);

rv_data drawn_data(const drawn *d);
/* Whether the neurons of a population spike. */
bool drawn_spikes(const drawn *d, int population);
/* A few words on it, for messages. */
void drawn_describe(char *text, size_t size, const drawn *d);

/* Ends the test with the library's message if code < 0. */
void drawn_ok(const drawn *d, int code);

#endif
