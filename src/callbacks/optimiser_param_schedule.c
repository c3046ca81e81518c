/* OptimiserParamSchedule: before every epoch, or batch, a parameter of the optimiser becomes a function of its number and
 * of what it was. */
#include <ranvier/callbacks.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

typedef struct optimiser_param_schedule {
    rv_optimiser_param_schedule_desc desc;
    rv_context *context;
    rv_compiled_network *model;
    uint64_t batches; /* so far, of all epochs */
} optimiser_param_schedule;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    optimiser_param_schedule *state = *user = rv_alloc(context, 1, sizeof *state, "an OptimiserParamSchedule");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    return RV_OK;
}

static int set_params(void *user, rv_run *run)
{
    optimiser_param_schedule *state = user;
    const char *param = state->desc.param_name;
    double current;
    if (!param)
        return rv_fail(state->context, RV_ERR_ARGUMENT,
                       "OptimiserParamSchedule: param_name is NULL, expected a parameter of the optimiser");
    if (!state->desc.func)
        return rv_fail(state->context, RV_ERR_ARGUMENT,
                       "OptimiserParamSchedule of '%s': func is NULL, expected a function of epoch and value", param);
    state->model = rv_run_compiled_network(run);
    state->batches = rv_run_start_epoch(run) * rv_run_num_batches(run);
    const char *name;
    for (size_t i = 0; !state->desc.optimiser && (name = rv_compiled_network_optimiser(state->model, i)); i++)
        if (rv_named_optimiser_has(state->model, name, param))
            return RV_OK;
    /* an unknown one is an error before the run */
    return rv_named_optimiser_param_get(state->model, state->desc.optimiser, param, &current);
}

/* All optimisers that have the parameter, or the one that is named. */
static int set(const optimiser_param_schedule *state, size_t number)
{
    const char *param = state->desc.param_name, *name;
    int rc = RV_OK;
    for (size_t i = 0; rc >= 0 && (name = rv_compiled_network_optimiser(state->model, i)); i++) {
        double current;
        if ((state->desc.optimiser && strcmp(state->desc.optimiser, name)) ||
            !rv_named_optimiser_has(state->model, name, param))
            continue;
        rc = rv_named_optimiser_param_get(state->model, name, param, &current);
        if (rc >= 0)
            rc = rv_named_optimiser_param_set(state->model, name, param,
                                              state->desc.func(state->desc.user, number, current));
    }
    return rc;
}

static int on_epoch_begin(void *user, size_t epoch)
{
    return set(user, epoch);
}

static int on_batch_begin(void *user, size_t batch)
{
    (void)batch;
    optimiser_param_schedule *state = user;
    return set(state, state->batches++);
}

static int save(void *user, rv_state *out)
{
    const optimiser_param_schedule *state = user;
    return rv_state_put(out, "batches", RV_UINT64, &state->batches, 1);
}

static int load(void *user, rv_state *from)
{
    optimiser_param_schedule *state = user;
    return rv_state_get(from, "batches", RV_UINT64, &state->batches, 1);
}

rv_callback rv_optimiser_param_schedule(rv_optimiser_param_schedule_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "OptimiserParamSchedule",
        .create = create,
        .destroy = rv_free,
        .set_params = set_params,
        .on_epoch_begin = desc.per_batch ? NULL : on_epoch_begin,
        .on_batch_begin = desc.per_batch ? on_batch_begin : NULL,
        .save = save,
        .load = load,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
