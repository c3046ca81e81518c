/* Timer: where the time of a run went, by epoch into a file, and as a whole into what the user gave. */
#include <ranvier/callbacks.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "callbacks/line.h"
#include "store/log_file.h"

typedef struct timer {
    rv_timer_desc desc;
    rv_context *context;
    rv_run *run;
    rv_times before; /* at the end of the epoch before */
    uint64_t resume; /* bytes of the file that stay in a resumed run */
    rv_log_file *file;
} timer;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    timer *state = *user = rv_alloc(context, 1, sizeof *state, "a Timer");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    return RV_OK;
}

static void destroy(void *user)
{
    timer *state = user;
    rv_log_file_close(state->file);
    rv_free(state);
}

static int set_params(void *user, rv_run *run)
{
    timer *state = user;
    state->run = run;
    const int rc =
        state->desc.path && rv_run_is_training(run) ? rv_run_claim_file(run, state->desc.path, "Timer") : RV_OK;
    return rc == RV_OK ? rv_run_measure(run) : rc;
}

static int on_train_begin(void *user)
{
    static const char header[] = "epoch,total,data,forward,backward,optimise,callbacks,save,validation,other\n";
    timer *state = user;
    if (!state->desc.path || rv_run_rank(state->run) != 0)
        return RV_OK;
    const int rc = rv_log_file_open(&state->file, state->context, state->desc.path, state->resume);
    return rc < 0 || state->resume > 0 ? rc : rv_log_file_write(state->file, header, sizeof header - 1);
}

static rv_times minus(const rv_times *a, const rv_times *b)
{
    return (rv_times){
        .data = a->data - b->data,
        .forward = a->forward - b->forward,
        .backward = a->backward - b->backward,
        .optimise = a->optimise - b->optimise,
        .callbacks = a->callbacks - b->callbacks,
        .save = a->save - b->save,
        .validation = a->validation - b->validation,
        .other = a->other - b->other,
        .total = a->total - b->total,
    };
}

static int write_row(timer *state, size_t epoch, const rv_times *t)
{
    rv_line line = {.context = state->context};
    int rc = rv_line_add(&line, "%zu,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f\n", epoch, t->total, t->data,
                         t->forward, t->backward, t->optimise, t->callbacks, t->save, t->validation, t->other);
    if (rc == RV_OK)
        rc = rv_log_file_write(state->file, line.data, line.size);
    rv_line_clear(&line);
    return rc;
}

static void report(const timer *state, const rv_times *now)
{
    if (state->desc.times)
        *state->desc.times = *now;
}

static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    (void)metrics;
    timer *state = user;
    rv_times now;
    rv_run_times(state->run, &now);
    report(state, &now);
    const rv_times passed = minus(&now, &state->before);
    state->before = now;
    return state->file ? write_row(state, epoch, &passed) : RV_OK;
}

static int on_end(void *user, const rv_metrics *metrics)
{
    (void)metrics;
    const timer *state = user;
    rv_times now;
    rv_run_times(state->run, &now);
    report(state, &now);
    return RV_OK;
}

static int save(void *user, rv_state *out)
{
    const timer *state = user;
    const uint64_t size = state->file ? rv_log_file_size(state->file) : 0;
    const int rc = state->file ? rv_log_file_sync(state->file) : RV_OK;
    return rc < 0 ? rc : rv_state_put(out, "bytes", RV_UINT64, &size, 1);
}

static int load(void *user, rv_state *from)
{
    timer *state = user;
    return rv_state_get(from, "bytes", RV_UINT64, &state->resume, 1);
}

rv_callback rv_timer(rv_timer_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "Timer",
        .create = create,
        .destroy = destroy,
        .set_params = set_params,
        .on_train_begin = on_train_begin,
        .on_epoch_end = on_epoch_end,
        .on_train_end = on_end,
        .on_test_end = on_end,
        .save = save,
        .load = load,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
