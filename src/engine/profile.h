/* Where the time of the sweeps goes, by population: for those who ask. */
#ifndef RV_ENGINE_PROFILE_H
#define RV_ENGINE_PROFILE_H

#include "base/clock.h"
#include "engine/engine.h"

typedef enum rv_part {
    RV_PART_ARRIVALS,
    RV_PART_NEURONS,
    RV_PART_BACKWARD,
    RV_NUM_PARTS
} rv_part;

/* `seconds` (populations, RV_NUM_PARTS) of a block or worker; NULL = nobody asks, and no clock is read. */
static inline double rv_profile_start(const double *seconds)
{
    return seconds ? rv_clock_seconds() : 0;
}

/* What passed since *since, the start or the lap before, is a population's. */
static inline void rv_profile_lap(double *seconds, uint32_t population, rv_part part, double *since)
{
    if (!seconds)
        return;
    const double now = rv_clock_seconds();
    seconds[population * RV_NUM_PARTS + part] += now - *since;
    *since = now;
}

/* From now on. */
int rv_profile_begin(rv_engine *engine);
/* So far, over all threads. */
void rv_profile_sum(const rv_engine *engine, uint32_t population, double seconds[RV_NUM_PARTS]);

#endif
