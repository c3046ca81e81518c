/* Checkpoint: saves what is trained after every n-th epoch, and after the last one however the run ends. */
#include <ranvier/callbacks.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

typedef struct checkpoint {
    rv_checkpoint_desc desc;
    rv_context *context;
    rv_compiled_network *model;
    bool active;  /* in a training run; a test changes nothing that is worth saving */
    size_t epoch; /* number of the current epoch */
    bool unsaved; /* something was learnt since the last checkpoint */
} checkpoint;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    checkpoint *state = *user = rv_alloc(context, 1, sizeof *state, "a Checkpoint");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    if (!state->desc.serialiser.serialise && !state->desc.serialiser.deserialise)
        state->desc.serialiser = rv_numpy_serialiser(state->desc.folder ? state->desc.folder : ".");
    if (state->desc.epoch_interval == 0)
        state->desc.epoch_interval = 1;
    return RV_OK;
}

static int set_params(void *user, rv_run *run)
{
    checkpoint *state = user;
    const rv_serialiser *serialiser = &state->desc.serialiser;
    if (!serialiser->serialise)
        return rv_fail(state->context, RV_ERR_ARGUMENT,
                       "Checkpoint: serialiser '%s' has no function serialise, expected one that can write",
                       serialiser->name ? serialiser->name : "");
    state->model = rv_run_compiled_network(run);
    state->active = rv_run_is_training(run) || rv_run_is_validation(run);
    return RV_OK;
}

static int save(checkpoint *state)
{
    char epoch[24];
    snprintf(epoch, sizeof epoch, "%zu", state->epoch);
    state->unsaved = false;
    return rv_compiled_network_save(state->model, &state->desc.serialiser, (const char *[]){epoch}, 1);
}

static int on_epoch_begin(void *user, size_t epoch)
{
    checkpoint *state = user;
    state->epoch = epoch;
    return RV_OK;
}

static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)batch;
    (void)metrics;
    checkpoint *state = user;
    state->unsaved = state->active;
    return RV_OK;
}

static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    (void)metrics;
    checkpoint *state = user;
    return state->unsaved && epoch % state->desc.epoch_interval == 0 ? save(state) : RV_OK;
}

/* Whichever epoch proves to be the last one, also where the run was stopped in the middle of it. */
static int on_end(void *user, const rv_metrics *metrics)
{
    (void)metrics;
    checkpoint *state = user;
    return state->unsaved ? save(state) : RV_OK;
}

rv_callback rv_checkpoint(rv_checkpoint_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "Checkpoint",
        .create = create,
        .destroy = rv_free,
        .set_params = set_params,
        .on_test_end = on_end,
        .on_train_end = on_end,
        .on_epoch_begin = on_epoch_begin,
        .on_batch_end = on_batch_end,
        .on_epoch_end = on_epoch_end,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
