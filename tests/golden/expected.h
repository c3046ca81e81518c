/* The expected arrays of a case: what each of them is, how to record it, and how far the engine is from it. */
#ifndef GOLDEN_EXPECTED_H
#define GOLDEN_EXPECTED_H

#include "golden/network.h"

typedef enum golden_kind {
    GOLDEN_READOUT,  /* what predict returns */
    GOLDEN_SPIKES,   /* a pair of arrays, times and ids */
    GOLDEN_RECORDED, /* a variable of a population in every timestep */
    GOLDEN_READ,     /* a variable of a population or a connection after a batch */
} golden_kind;

typedef struct golden_expected {
    golden_kind kind;
    golden_array *array;
    golden_array *ids;                   /* SPIKES; array holds the times */
    const golden_population *population; /* this or connection */
    const golden_connection *connection;
    char variable[80]; /* "V", "LambdaV", "Gradient" */
    char key[340];     /* RECORDED, SPIKES: of the recorder that yields it */
    bool has_index;    /* of one example, or one batch for READ; else the first axis is examples */
    size_t index;
    bool backward;           /* row 0 is the last timestep */
    double difference, norm; /* sums of squares so far */
} golden_expected;

typedef struct golden_expectation {
    golden_expected *items;
    size_t num;
    rv_callback *recorders; /* one for each variable that has to be recorded */
    size_t num_recorders;
} golden_expectation;

/* What one batch gave. READ arrays are taken from model, whose variables are those of this batch. */
typedef struct golden_outcome {
    rv_result *result;
    const rv_compiled_network *model;
    size_t batch, first_example, num_examples;
} golden_outcome;

/* Takes every array of the case that is not an input for an expected one. */
void golden_expect(golden_expectation *out, const golden_case *c, const golden_network *network,
                   golden_report *report);
void golden_expectation_free(golden_expectation *expectation);

/* Compares what belongs to the batch and marks it as used. */
void golden_compare(golden_expectation *expectation, const golden_case *c, const golden_outcome *outcome,
                    golden_report *report);
/* After the last batch: the relative errors, and whether they are small enough. */
void golden_conclude(golden_expectation *expectation, golden_report *report);

#endif
