/* FiringRate and SilentNeurons: quantities of a population's spikes, from their counts in every example.
 *
 *   rate = spikes / (neurons * examples * T dt)          silent = neurons that never spiked / neurons */
#include <ranvier/callbacks.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

typedef struct activity {
    const rv_population *population;
    bool silent; /* SilentNeurons */
    rv_context *context;
    rv_compiled_network *model;
    rv_probe *probe;
    rv_quantity *quantity;
    size_t num_neurons;
    uint64_t spikes, examples; /* of the epoch so far */
    uint8_t *has_spiked;       /* (num_neurons) in the epoch so far */
} activity;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    activity *state = *user = rv_alloc(context, 1, sizeof *state, self->name);
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->population, self->config.bytes, sizeof state->population);
    state->silent = !strcmp(self->name, "SilentNeurons");
    state->context = context;
    return RV_OK;
}

static void destroy(void *user)
{
    activity *state = user;
    rv_free(state->has_spiked);
    rv_free(state);
}

static int set_params(void *user, rv_run *run)
{
    activity *state = user;
    int rc = rv_spike_probe_add(&state->probe, run,
                                &(rv_spike_probe_desc){.population = state->population, .counts = true});
    if (rc < 0)
        return rc;
    state->model = rv_run_compiled_network(run);
    state->num_neurons = rv_probe_num_neurons(state->probe);
    state->has_spiked = rv_alloc(state->context, state->num_neurons, 1, "neurons that have spiked");
    if (!state->has_spiked)
        return RV_ERR_MEMORY;
    return rv_quantity_add(&state->quantity, run, state->population, state->silent ? "silent" : "rate");
}

static void forget(activity *state)
{
    state->spikes = state->examples = 0;
    memset(state->has_spiked, 0, state->num_neurons);
}

static int on_epoch_begin(void *user, size_t epoch)
{
    (void)epoch;
    forget(user);
    return RV_OK;
}

static double value(const activity *state)
{
    const double neurons = (double)state->num_neurons;
    const double seconds = (double)rv_compiled_network_example_timesteps(state->model) *
                           rv_compiled_network_dt(state->model) * 1e-3 * (double)state->examples;
    size_t silent = 0;
    for (size_t j = 0; state->silent && j < state->num_neurons; j++)
        silent += !state->has_spiked[j];
    return state->silent ? (double)silent / neurons : (double)state->spikes / (neurons * seconds);
}

/* Every number is a count: the order of examples does not matter. */
static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)batch;
    (void)metrics;
    activity *state = user;
    const rv_entries *counts = rv_probe_batch(state->probe);
    for (size_t i = 0; i < counts->num; i++)
        for (size_t j = 0; j < state->num_neurons; j++) {
            const float count = counts->items[i].values[j];
            state->spikes += (uint64_t)count;
            state->has_spiked[j] |= count > 0;
        }
    state->examples += counts->num;
    rv_quantity_set(state->quantity, value(state));
    return RV_OK;
}

static int save(void *user, rv_state *out)
{
    const activity *state = user;
    const uint64_t counts[] = {state->spikes, state->examples};
    const int rc = rv_state_put(out, "counts", RV_UINT64, counts, 2);
    return rc < 0 ? rc : rv_state_put(out, "has_spiked", RV_UINT8, state->has_spiked, state->num_neurons);
}

static int load(void *user, rv_state *from)
{
    activity *state = user;
    uint64_t counts[2];
    int rc = rv_state_get(from, "counts", RV_UINT64, counts, 2);
    if (rc == RV_OK)
        rc = rv_state_get(from, "has_spiked", RV_UINT8, state->has_spiked, state->num_neurons);
    if (rc == RV_OK) {
        state->spikes = counts[0];
        state->examples = counts[1];
    }
    return rc;
}

static rv_callback make(const char *name, const rv_population *population)
{
    rv_callback callback = {
        .name = name,
        .create = create,
        .destroy = destroy,
        .set_params = set_params,
        .on_epoch_begin = on_epoch_begin,
        .on_batch_end = on_batch_end,
        .save = save,
        .load = load,
    };
    memcpy(callback.config.bytes, &population, sizeof population);
    return callback;
}

rv_callback rv_firing_rate(rv_firing_rate_desc desc)
{
    return make("FiringRate", desc.population);
}

rv_callback rv_silent_neurons(rv_silent_neurons_desc desc)
{
    return make("SilentNeurons", desc.population);
}
