/* Running a case with the compiler that it names. */
#ifndef GOLDEN_RUN_H
#define GOLDEN_RUN_H

#include "golden/network.h"

/* Checks the case in folder from beginning to end. */
void golden_run(const char *folder, golden_report *report);

#endif
