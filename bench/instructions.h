/* Instructions of one run with a recorder, which callgrind counts in a process of its own. */
#ifndef BENCH_INSTRUCTIONS_H
#define BENCH_INSTRUCTIONS_H

/* Those that ranvier-bench --once PHASE RECORDER takes in bench_execute; 0, or -1 where they cannot be counted. */
int bench_count_instructions(double *out, const char *phase, const char *recorder);

#endif
