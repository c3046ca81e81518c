/* OptimiserParamSchedule: before every epoch a parameter of the optimiser becomes a function of the epoch and of what
 * it was. */
#include <ranvier/callbacks.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

typedef struct optimiser_param_schedule {
    rv_optimiser_param_schedule_desc desc;
    rv_context *context;
    rv_compiled_network *model;
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
    return rv_optimiser_param_get(state->model, param, &current); /* an unknown one is an error before the run */
}

static int on_epoch_begin(void *user, size_t epoch)
{
    optimiser_param_schedule *state = user;
    const char *param = state->desc.param_name;
    double current;
    int rc = rv_optimiser_param_get(state->model, param, &current);
    if (rc < 0)
        return rc;
    return rv_optimiser_param_set(state->model, param, state->desc.func(state->desc.user, epoch, current));
}

rv_callback rv_optimiser_param_schedule(rv_optimiser_param_schedule_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "OptimiserParamSchedule",
        .create = create,
        .destroy = rv_free,
        .set_params = set_params,
        .on_epoch_begin = on_epoch_begin,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
