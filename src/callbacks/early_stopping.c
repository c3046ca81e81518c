/* EarlyStopping, after Keras: an epoch is waited for as long as the last `patience` ones brought nothing better. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "callbacks/best.h"
#include "callbacks/weights.h"

typedef struct early_stopping {
    rv_early_stopping_desc desc;
    rv_context *context;
    rv_run *run;
    rv_best best;
    size_t waited;     /* epochs that brought nothing better */
    bool stopped;      /* in this run, or in the one that it was resumed from */
    rv_state *weights; /* of the best epoch; NULL = none yet, or not wanted */
    bool restored;     /* the network has them again */
} early_stopping;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    early_stopping *state = *user = rv_alloc(context, 1, sizeof *state, "an EarlyStopping");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    return RV_OK;
}

static void destroy(void *user)
{
    early_stopping *state = user;
    rv_state_free(state->weights);
    rv_free(state);
}

static int set_params(void *user, rv_run *run)
{
    early_stopping *state = user;
    const rv_early_stopping_desc *d = &state->desc;
    state->run = run;
    if (!rv_run_is_training(run))
        return rv_fail(state->context, RV_ERR_STATE, "EarlyStopping: is for the callbacks of a training run");
    if (d->has_baseline && !isfinite(d->baseline))
        return rv_fail(state->context, RV_ERR_VALUE, "EarlyStopping: baseline must be finite, got %g", d->baseline);
    return rv_best_watch(&state->best, run, d->monitor, d->mode, d->min_delta);
}

/* Resumed after it had stopped: there is nothing to go on with. */
static int on_train_begin(void *user)
{
    const early_stopping *state = user;
    return state->stopped;
}

/* Whether to stop. The value is that of the monitor as of now. */
static int look(early_stopping *state, size_t epoch)
{
    const rv_early_stopping_desc *d = &state->desc;
    if (epoch < d->start_from_epoch)
        return 0;
    state->waited++;
    if (rv_best_update(&state->best, epoch)) {
        if (!d->has_baseline || rv_best_is_better(&state->best, state->best.value, d->baseline))
            state->waited = 0;
        return d->restore_best_weights
                   ? rv_weights_keep(&state->weights, rv_run_compiled_network(state->run))
                   : 0;
    }
    return state->waited >= d->patience && epoch > rv_run_start_epoch(state->run);
}

static int restore(early_stopping *state)
{
    if (!state->weights || state->restored)
        return RV_OK;
    state->restored = true;
    return rv_weights_restore(state->weights, rv_run_compiled_network(state->run));
}

/* Weights go back in the last epoch, not after it, so that the checkpoint of that epoch has them. */
static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    (void)metrics;
    early_stopping *state = user;
    const bool is_last = epoch + 1 == rv_run_start_epoch(state->run) + rv_run_num_epochs(state->run);
    const int answer = look(state, epoch);
    if (answer < 0)
        return answer;
    state->stopped = answer > 0;
    const int rc = state->stopped || is_last ? restore(state) : RV_OK;
    return rc < 0 ? rc : answer;
}

/* Of a run that somebody else has stopped. */
static int on_train_end(void *user, const rv_metrics *metrics)
{
    (void)metrics;
    return restore(user);
}

static int save(void *user, rv_state *out)
{
    const early_stopping *state = user;
    const uint64_t numbers[] = {state->waited, state->stopped};
    int rc = rv_best_save(&state->best, out);
    if (rc == RV_OK)
        rc = rv_state_put(out, "waited", RV_UINT64, numbers, 2);
    return rc < 0 || !state->weights ? rc : rv_state_put_all(out, "weights/", state->weights);
}

static int load(void *user, rv_state *from)
{
    early_stopping *state = user;
    uint64_t numbers[2];
    int rc = rv_best_load(&state->best, from);
    if (rc == RV_OK)
        rc = rv_state_get(from, "waited", RV_UINT64, numbers, 2);
    if (rc < 0)
        return rc;
    state->waited = numbers[0];
    state->stopped = numbers[1] != 0;
    if (!state->desc.restore_best_weights || isnan(state->best.value))
        return RV_OK;
    rc = rv_state_create(&state->weights, state->context);
    return rc < 0 ? rc : rv_state_get_all(from, "weights/", state->weights);
}

rv_callback rv_early_stopping(rv_early_stopping_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "EarlyStopping",
        .create = create,
        .destroy = destroy,
        .set_params = set_params,
        .on_train_begin = on_train_begin,
        .on_epoch_end = on_epoch_end,
        .on_train_end = on_train_end,
        .save = save,
        .load = load,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
