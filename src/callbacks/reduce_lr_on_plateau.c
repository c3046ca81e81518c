/* ReduceLROnPlateau, after Keras. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "callbacks/best.h"

typedef struct reduce_lr {
    rv_reduce_lr_on_plateau_desc desc;
    rv_context *context;
    rv_compiled_network *model;
    rv_best best;
    size_t waited;  /* epochs that brought nothing better */
    size_t cooling; /* epochs in which nothing is counted yet */
} reduce_lr;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    reduce_lr *state = *user = rv_alloc(context, 1, sizeof *state, "a ReduceLROnPlateau");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    rv_reduce_lr_on_plateau_desc *d = &state->desc;
    d->factor = d->factor == 0 ? 0.1 : d->factor;
    d->patience = d->patience ? d->patience : 10;
    d->min_delta = d->min_delta == 0 ? 1e-4 : d->min_delta;
    d->param_name = d->param_name ? d->param_name : "alpha";
    return RV_OK;
}

static int set_params(void *user, rv_run *run)
{
    reduce_lr *state = user;
    const rv_reduce_lr_on_plateau_desc *d = &state->desc;
    double current;
    if (!rv_run_is_training(run))
        return rv_fail(state->context, RV_ERR_STATE, "ReduceLROnPlateau: is for the callbacks of a training run");
    if (!(d->factor > 0 && d->factor < 1))
        return rv_fail(state->context, RV_ERR_VALUE, "ReduceLROnPlateau: factor must be > 0 and < 1, got %g",
                       d->factor);
    if (!(d->min_lr >= 0 && isfinite(d->min_lr)))
        return rv_fail(state->context, RV_ERR_VALUE, "ReduceLROnPlateau: min_lr must be >= 0, got %g", d->min_lr);
    state->model = rv_run_compiled_network(run);
    const int rc = rv_named_optimiser_param_get(state->model, d->optimiser, d->param_name, &current);
    return rc < 0 ? rc : rv_best_watch(&state->best, run, d->monitor, d->mode, d->min_delta);
}

static int reduce(reduce_lr *state)
{
    const rv_reduce_lr_on_plateau_desc *d = &state->desc;
    double current;
    const int rc = rv_named_optimiser_param_get(state->model, d->optimiser, d->param_name, &current);
    if (rc < 0 || current <= d->min_lr)
        return rc;
    state->cooling = d->cooldown;
    state->waited = 0;
    return rv_named_optimiser_param_set(state->model, d->optimiser, d->param_name,
                                        fmax(current * d->factor, d->min_lr));
}

static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    (void)metrics;
    reduce_lr *state = user;
    if (state->cooling > 0) {
        state->cooling--;
        state->waited = 0;
    }
    if (rv_best_update(&state->best, epoch)) {
        state->waited = 0;
        return RV_OK;
    }
    if (state->cooling > 0)
        return RV_OK;
    state->waited++;
    return state->waited >= state->desc.patience ? reduce(state) : RV_OK;
}

static int save(void *user, rv_state *out)
{
    const reduce_lr *state = user;
    const uint64_t numbers[] = {state->waited, state->cooling};
    const int rc = rv_best_save(&state->best, out);
    return rc < 0 ? rc : rv_state_put(out, "waited", RV_UINT64, numbers, 2);
}

static int load(void *user, rv_state *from)
{
    reduce_lr *state = user;
    uint64_t numbers[2];
    int rc = rv_best_load(&state->best, from);
    if (rc == RV_OK)
        rc = rv_state_get(from, "waited", RV_UINT64, numbers, 2);
    if (rc == RV_OK) {
        state->waited = numbers[0];
        state->cooling = numbers[1];
    }
    return rc;
}

rv_callback rv_reduce_lr_on_plateau(rv_reduce_lr_on_plateau_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "ReduceLROnPlateau",
        .create = create,
        .destroy = rv_free,
        .set_params = set_params,
        .on_epoch_end = on_epoch_end,
        .save = save,
        .load = load,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
