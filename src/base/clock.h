/* Wall-clock time for progress, timers and throttling; never part of a result. */
#ifndef RV_BASE_CLOCK_H
#define RV_BASE_CLOCK_H

/* Seconds since some fixed moment; never goes back. */
double rv_clock_seconds(void);

#endif
