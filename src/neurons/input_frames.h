/* The parameters that all inputs that take values have: in step t they are shown frame
 * min(floor(t / input_frame_timesteps), input_frames - 1). */
#ifndef RV_NEURONS_INPUT_FRAMES_H
#define RV_NEURONS_INPUT_FRAMES_H

#include <ranvier/neurons.h>

#include "values/params.h"

#define RV_MAX_FRAMES 1000000

/* rows of a table, one after the other */
#define RV_INPUT_FRAMES_PARAM                                                                                          \
    {                                                                                                                  \
        "input_frames", "", "", RV_PARAM_COUNT, RV_SAME(1), 1, RV_MAX_FRAMES, false, "frames of one example"           \
    }
#define RV_INPUT_FRAME_TIMESTEPS_PARAM                                                                                 \
    {                                                                                                                  \
        "input_frame_timesteps", "", "", RV_PARAM_COUNT, RV_SAME(1), 1, RV_MAX_FRAMES, false,                          \
            "timesteps that each frame is shown; the last one stays"                                                   \
    }

/* A count as a value: 0 = default. */
static inline rv_value rv_count_value(size_t count)
{
    return count ? rv_const((double)count) : (rv_value){0};
}

#endif
