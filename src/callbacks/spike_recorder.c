/* SpikeRecorder: the spikes of a population, or how many there were of each neuron, example by example. */
#include <ranvier/callbacks.h>

#include <string.h>

#include "base/error.h"
#include "callbacks/recorder.h"

typedef struct spike_recorder {
    rv_recorder recorder; /* first: the shared hooks know only this */
    rv_spike_recorder_desc desc;
} spike_recorder;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    rv_spike_recorder_desc desc;
    memcpy(&desc, self->config.bytes, sizeof desc);
    const int rc = rv_recorder_create(user, sizeof(spike_recorder), context, desc.key, &desc.keep);
    if (rc == RV_OK)
        ((spike_recorder *)*user)->desc = desc;
    return rc;
}

static int set_params(void *user, rv_run *run)
{
    spike_recorder *state = user;
    const rv_spike_recorder_desc *desc = &state->desc;
    if (!desc->population)
        return rv_fail(state->recorder.context, RV_ERR_ARGUMENT,
                       "SpikeRecorder: population is NULL, expected a population of the network");
    const int rc = rv_spike_probe_add(&state->recorder.probe, run,
                                      &(rv_spike_probe_desc){
                                          .population = desc->population,
                                          .examples = desc->examples,
                                          .neurons = desc->neurons,
                                          .timesteps = desc->timesteps,
                                          .counts = desc->record_counts,
                                          .sink = rv_recorder_sink(&state->recorder, desc->record_counts),
                                      });
    return rc < 0 ? rc
                  : rv_recorder_set_up(&state->recorder, run, "SpikeRecorder", "population",
                                       rv_population_name(desc->population));
}

rv_callback rv_spike_recorder(rv_spike_recorder_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "SpikeRecorder",
        .create = create,
        .set_params = set_params,
    };
    rv_recorder_set_hooks(&callback);
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
