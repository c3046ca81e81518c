/* Binning: spike times to timesteps. */
#ifndef RV_TRAIN_BIN_H
#define RV_TRAIN_BIN_H

#include <ranvier/train.h>

#include "engine/engine.h"

/* Bins one example after the other. A spike at time x fires in the first step t with t dt >= x, 1e-4 of a step and
 * float32's rounding forgiven; two spikes of a neuron in one step become two consecutive steps; spikes beyond the last
 * step are left out. */
typedef struct rv_binner {
    rv_context *context;
    uint32_t num_steps;
    double dt;

    /* scratch */
    size_t capacity;   /* spikes that there is room for */
    uint32_t *steps;   /* of each spike */
    uint32_t *by_step; /* neurons by step, then as they come */
    uint32_t *end;     /* (num_steps + 2) where those of each step end there */
    uint32_t *moved;   /* (2 * capacity) those that move on to the next step, and a step's together with them */
    uint64_t *words; /* (num_words) a bit for each neuron */
    size_t num_words;

    /* an example for the user's transform */
    float *user_times; /* ms */
    int32_t *user_ids;
    size_t max_user_times, max_user_ids; /* spikes that there is room for */
} rv_binner;

/* Where spikes go: the tape of a population, whose timestep `first` is the binner's step 0. What it held from there on is
 * gone. */
typedef struct rv_binner_target {
    const rv_engine *engine;
    const rv_plan_population *population;
    rv_tape *tape;
    uint32_t first;
} rv_binner_target;

int rv_binner_create(rv_binner *binner, rv_context *context, size_t num_neurons, uint32_t num_steps, double dt);
void rv_binner_clear(rv_binner *binner);
/* Room for examples of num spikes; larger ones make it grow when they come. */
int rv_binner_reserve(rv_binner *binner, size_t num);
int rv_binner_run(rv_binner *binner, const rv_spikes *spikes, size_t example, const rv_binner_target *to);
/* How many spikes of an example come too late. */
size_t rv_binner_count_late(const rv_binner *binner, const rv_spikes *spikes, size_t example);
/* The same as run, after the user's transform. */
int rv_binner_run_transformed(rv_binner *binner, const rv_spikes *spikes, size_t example, size_t capacity,
                              rv_transform_fn transform, void *user, size_t epoch, const uint32_t random[4],
                              const rv_binner_target *to);

#endif
