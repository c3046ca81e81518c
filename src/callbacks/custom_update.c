/* CustomUpdateOnBatchBegin, ...BatchEnd, ...TimestepBegin, ...TimestepEnd, ...EpochBegin and ...EpochEnd: a group of custom
 * updates is triggered when something happens whose number passes the filter. */
#include <ranvier/callbacks.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

typedef struct custom_update {
    rv_custom_update_on_desc desc;
    rv_context *context;
    rv_trigger *trigger;
} custom_update;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    custom_update *state = *user = rv_alloc(context, 1, sizeof *state, "a CustomUpdate callback");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    return RV_OK;
}

static int set_params(void *user, rv_run *run)
{
    custom_update *state = user;
    return rv_trigger_add(&state->trigger, run, state->desc.name);
}

/* Between batches no example has a state. */
static int set_params_of_epochs(void *user, rv_run *run)
{
    custom_update *state = user;
    const int error = set_params(user, run);
    if (error || !rv_trigger_is_of_state(state->trigger))
        return error;
    return rv_fail(
        state->context, RV_ERR_ARGUMENT,
        "custom update group '%s' is about the state of examples, which there is only within a batch; expected "
        "CustomUpdateOnBatch... or CustomUpdateOnTimestep...",
        state->desc.name);
}

static int update(void *user, size_t number)
{
    const custom_update *state = user;
    if (state->desc.filter_fn && !state->desc.filter_fn(state->desc.user, number))
        return 0;
    return rv_trigger_fire(state->trigger);
}

static int update_at_end(void *user, size_t number, const rv_metrics *metrics)
{
    (void)metrics;
    return update(user, number);
}

static rv_callback describe(const char *name, const rv_custom_update_on_desc *desc)
{
    _Static_assert(sizeof *desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {.name = name, .create = create, .destroy = rv_free, .set_params = set_params};
    memcpy(callback.config.bytes, desc, sizeof *desc);
    return callback;
}

rv_callback rv_custom_update_on_batch_begin(rv_custom_update_on_desc desc)
{
    rv_callback callback = describe("CustomUpdateOnBatchBegin", &desc);
    callback.on_batch_begin = update;
    return callback;
}

rv_callback rv_custom_update_on_batch_end(rv_custom_update_on_desc desc)
{
    rv_callback callback = describe("CustomUpdateOnBatchEnd", &desc);
    callback.on_batch_end = update_at_end;
    return callback;
}

rv_callback rv_custom_update_on_timestep_begin(rv_custom_update_on_desc desc)
{
    rv_callback callback = describe("CustomUpdateOnTimestepBegin", &desc);
    callback.on_timestep_begin = update;
    return callback;
}

rv_callback rv_custom_update_on_timestep_end(rv_custom_update_on_desc desc)
{
    rv_callback callback = describe("CustomUpdateOnTimestepEnd", &desc);
    callback.on_timestep_end = update;
    return callback;
}

rv_callback rv_custom_update_on_epoch_begin(rv_custom_update_on_desc desc)
{
    rv_callback callback = describe("CustomUpdateOnEpochBegin", &desc);
    callback.set_params = set_params_of_epochs;
    callback.on_epoch_begin = update;
    return callback;
}

rv_callback rv_custom_update_on_epoch_end(rv_custom_update_on_desc desc)
{
    rv_callback callback = describe("CustomUpdateOnEpochEnd", &desc);
    callback.set_params = set_params_of_epochs;
    callback.on_epoch_end = update_at_end;
    return callback;
}
