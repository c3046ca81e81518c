/* LearningRateSchedule: an OptimiserParamSchedule whose function is one of these, of n = epoch or batch:
 *
 *   step         from * factor^floor(n / every)          exponential  from * factor^n
 *   linear       from + (to - from) n / length           cosine       to + (from - to) (1 + cos(pi n / length)) / 2
 *
 * Loshchilov & Hutter 2017 for the cosine, without restarts. They depend on n alone, so that a run that starts later, or
 * again, goes on as if it had never stopped; and on no function of libm, whose last bits differ between processors. */
#include <ranvier/callbacks.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"

typedef struct learning_rate_schedule {
    rv_learning_rate_schedule_desc desc;
    rv_context *context;
    rv_callback schedule; /* the OptimiserParamSchedule */
} learning_rate_schedule;

/* Squarings and products in a fixed order. */
static double power(double x, size_t n)
{
    double result = 1;
    for (; n > 0; n >>= 1, x *= x)
        if (n & 1)
            result *= x;
    return result;
}

static double decayed(const rv_learning_rate_schedule_desc *d, size_t n)
{
    const double part = n < d->length ? (double)n / (double)d->length : 1;
    switch (d->decay) {
    case RV_DECAY_STEP:
        return d->from * power(d->factor, n / d->every);
    case RV_DECAY_EXPONENTIAL:
        return d->from * power(d->factor, n);
    case RV_DECAY_LINEAR:
        return d->from + (d->to - d->from) * part;
    case RV_DECAY_COSINE:
        return d->to + (d->from - d->to) * (0.5 * (1 + rv_cos_pi(part)));
    case RV_DECAY_CONSTANT:
        break;
    }
    return d->from;
}

static double value_at(void *user, size_t n, double current)
{
    (void)current;
    const rv_learning_rate_schedule_desc *d = &((learning_rate_schedule *)user)->desc;
    return n < d->warm_up ? d->from * ((double)(n + 1) / (double)(d->warm_up + 1)) : decayed(d, n - d->warm_up);
}

static int create(void **user, const rv_callback *self, rv_context *context)
{
    learning_rate_schedule *state = *user = rv_alloc(context, 1, sizeof *state, "a LearningRateSchedule");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    if (!state->desc.param_name)
        state->desc.param_name = "alpha";
    if (!state->desc.optimiser)
        state->desc.optimiser = "optimiser";
    if (!state->desc.every)
        state->desc.every = 1;
    state->schedule = rv_optimiser_param_schedule((rv_optimiser_param_schedule_desc){
        .param_name = state->desc.param_name,
        .func = value_at,
        .user = state,
        .per_batch = state->desc.per_batch,
        .optimiser = state->desc.optimiser,
    });
    const int rc = state->schedule.create(&state->schedule.user, &state->schedule, context);
    if (rc < 0)
        rv_free(state);
    return rc;
}

static void destroy(void *user)
{
    learning_rate_schedule *state = user;
    state->schedule.destroy(state->schedule.user);
    rv_free(state);
}

/* Of the whole run, in epochs or batches; 0 = nobody knows. */
static size_t count_all(const learning_rate_schedule *state, const rv_run *run)
{
    const size_t epochs = rv_run_start_epoch(run) + rv_run_num_epochs(run);
    return state->desc.per_batch ? epochs * rv_run_num_batches(run) : epochs;
}

static int check(learning_rate_schedule *state, const rv_run *run)
{
    rv_learning_rate_schedule_desc *d = &state->desc;
    const bool multiplies = d->decay == RV_DECAY_STEP || d->decay == RV_DECAY_EXPONENTIAL;
    const bool needs_length = d->decay == RV_DECAY_LINEAR || d->decay == RV_DECAY_COSINE;
    const size_t all = count_all(state, run);
    if (d->decay > RV_DECAY_COSINE)
        return rv_fail(state->context, RV_ERR_VALUE, "LearningRateSchedule: decay must be one of rv_decay, got %d",
                       (int)d->decay);
    if (multiplies && !(d->factor > 0 && isfinite(d->factor)))
        return rv_fail(state->context, RV_ERR_VALUE, "LearningRateSchedule: factor must be > 0, got %g", d->factor);
    if (needs_length && !d->length && !all)
        return rv_fail(state->context, RV_ERR_VALUE,
                       "LearningRateSchedule: length is required where the number of batches is not known");
    if (needs_length && !d->length)
        d->length = all > d->warm_up ? all - d->warm_up : 1;
    return RV_OK;
}

static int set_params(void *user, rv_run *run)
{
    learning_rate_schedule *state = user;
    rv_learning_rate_schedule_desc *d = &state->desc;
    int rc = check(state, run);
    if (rc == RV_OK)
        rc = state->schedule.set_params(state->schedule.user, run);
    if (rc == RV_OK && d->from == 0)
        rc = rv_named_optimiser_param_get(rv_run_compiled_network(run), d->optimiser, d->param_name, &d->from);
    return rc;
}

static int on_epoch_begin(void *user, size_t epoch)
{
    const learning_rate_schedule *state = user;
    return state->schedule.on_epoch_begin(state->schedule.user, epoch);
}

static int on_batch_begin(void *user, size_t batch)
{
    const learning_rate_schedule *state = user;
    return state->schedule.on_batch_begin(state->schedule.user, batch);
}

static int save(void *user, rv_state *out)
{
    const learning_rate_schedule *state = user;
    const int rc = rv_state_put(out, "from", RV_FLOAT64, &state->desc.from, 1);
    return rc < 0 ? rc : state->schedule.save(state->schedule.user, out);
}

static int load(void *user, rv_state *from)
{
    learning_rate_schedule *state = user;
    const int rc = rv_state_get(from, "from", RV_FLOAT64, &state->desc.from, 1);
    return rc < 0 ? rc : state->schedule.load(state->schedule.user, from);
}

rv_callback rv_learning_rate_schedule(rv_learning_rate_schedule_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "LearningRateSchedule",
        .create = create,
        .destroy = destroy,
        .set_params = set_params,
        .on_epoch_begin = desc.per_batch ? NULL : on_epoch_begin,
        .on_batch_begin = desc.per_batch ? on_batch_begin : NULL,
        .save = save,
        .load = load,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
