/* Binning: spike times to timesteps. */
#ifndef RV_TRAIN_BIN_H
#define RV_TRAIN_BIN_H

#include <ranvier/train.h>

/* Bins one example after the other. A spike at time x fires in the first step t with t dt >= x, 1e-4 of a step and
 * float32's rounding forgiven; two spikes of a neuron in one step become two consecutive steps; spikes beyond the last
 * step are left out. */
typedef struct rv_binner {
    rv_context *context;
    uint32_t num_steps;
    double dt;
    size_t num_neurons;
    uint64_t *keys; /* (num) step << 32 | neuron, ascending */
    size_t num, capacity;
    uint32_t *steps; /* scratch: of each spike */
    size_t max_steps;
    uint64_t *occupied; /* (num_neurons) example's stamp << 32 | last step + 1, so that nothing needs clearing */
    uint32_t stamp;
} rv_binner;

int rv_binner_create(rv_binner *binner, rv_context *context, size_t num_neurons, uint32_t num_steps, double dt);
void rv_binner_clear(rv_binner *binner);
int rv_binner_run(rv_binner *binner, const rv_spikes *spikes, size_t example);
/* How many spikes of an example come too late. */
size_t rv_binner_count_late(const rv_binner *binner, const rv_spikes *spikes, size_t example);
/* The same as run, after the user's transform. */
int rv_binner_run_transformed(rv_binner *binner, const rv_spikes *spikes, size_t example, size_t capacity,
                              rv_transform_fn transform, void *user, const rv_population *population, size_t epoch,
                              const uint32_t random[4]);

static inline uint32_t rv_binned_step(uint64_t key)
{
    return (uint32_t)(key >> 32);
}

static inline uint32_t rv_binned_id(uint64_t key)
{
    return (uint32_t)key;
}

#endif
