/* STEP BY STEP: a compiled network whose clock you turn yourself (mlGeNN: set_input, step_time, reset_time,
 * get_readout), for closed loops and loops of your own. Nothing learns. What is stepped here does what it does in the
 * runs of train.h, to the same bits. */
#ifndef RANVIER_SIMULATION_H
#define RANVIER_SIMULATION_H

#include <ranvier/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Examples that advance together. It borrows the compiled network, whose variables may be set at any time. */
typedef struct rv_simulation rv_simulation;

/* num examples at rest; 0 = the compiled network's batch size. */
RV_API int rv_simulation_create(rv_simulation **out, rv_compiled_network *model, size_t num);
RV_API void rv_simulation_free(rv_simulation *simulation);
RV_API size_t rv_simulation_num_examples(const rv_simulation *simulation);
/* Timesteps that have been taken since the start, or since the last reset. */
RV_API size_t rv_simulation_timestep(const rv_simulation *simulation);

/* What an input is fed from the next timestep on: time 0 and the first frame are then, and what it was fed before is
 * over. Data of all examples, copied. An input that is fed nothing is silent.
 * Errors: RV_ERR_SHAPE, RV_ERR_DATA, RV_ERR_ARGUMENT. */
RV_API int rv_simulation_set_input(rv_simulation *simulation, const rv_input *input);

/* One timestep of all examples. Errors: RV_ERR_STATE after example_timesteps of them. */
RV_API int rv_simulation_step_time(rv_simulation *simulation);

/* Back to timestep 0, at rest, and inputs to silence. What rv_inference_desc does not reset between batches goes on. PoissonInputs go on to other random numbers: the n-th presentation
 * has those of epoch n. */
RV_API int rv_simulation_reset_time(rv_simulation *simulation);

/* The readout of an output over the timesteps so far, at least one, into out (num_examples, size of the population). */
RV_API int rv_simulation_get_readout(const rv_simulation *simulation, const rv_population *output, float *out,
                                     size_t size);

/* Who spiked in the last timestep of one example: *ids (*num), valid until the next one; negative spikes come last. */
RV_API int rv_simulation_get_spikes(const rv_simulation *simulation, const rv_population *population, size_t example,
                                    const uint32_t **ids, size_t *num);

/* State of one example by attribute or internal name ("V", "A", "RefracTime", "Input"): (size of the population). */
RV_API int rv_simulation_get_state(const rv_simulation *simulation, const rv_population *population, const char *name,
                                   size_t example, float *out, size_t size);
RV_API int rv_simulation_set_state(rv_simulation *simulation, const rv_population *population, const char *name,
                                   size_t example, const float *data, size_t size);

#ifdef __cplusplus
}
#endif
#endif
