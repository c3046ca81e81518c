/* What became of one case: a failure, something the engine does not have, or the largest error seen. */
#ifndef GOLDEN_REPORT_H
#define GOLDEN_REPORT_H

#include <stdbool.h>

typedef struct golden_report {
    char failure[400]; /* the first one; "" = none */
    char missing[400]; /* what the engine does not have, comma-separated; "" = nothing */
    int num_missing;
    double worst; /* the largest relative error, and of which array */
    char worst_of[160];
} golden_report;

__attribute__((format(printf, 2, 3))) void golden_fail(golden_report *report, const char *format, ...);
/* Something that the engine lacks, "neuron IntegrateFire"; named once however often it is missed. */
__attribute__((format(printf, 2, 3))) void golden_miss(golden_report *report, const char *format, ...);
void golden_error(golden_report *report, double error, const char *of);
/* The case cannot go on. */
bool golden_stopped(const golden_report *report);

#endif
