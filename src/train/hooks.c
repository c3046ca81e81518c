/* Calling callbacks. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "comm/communicator.h"
#include "train/run.h"

const char *rv_callback_name(const rv_callback *callback)
{
    return callback->name ? callback->name : "Callback";
}

int rv_callback_explain(rv_run *run, const rv_callback *callback, const char *hook, int code)
{
    if (code < 0 && !rv_last_error(run->context)[0])
        rv_fail(run->context, code, "callback %s: %s failed with code %d", rv_callback_name(callback), hook, code);
    return code;
}

static int set_up(rv_run *run, rv_hooks *hooks, size_t i)
{
    rv_callback *callback = &hooks->callbacks[i];
    rv_error_clear(run->context);
    if (callback->create) {
        const int error = callback->create(&callback->user, callback, run->context);
        if (error)
            return rv_callback_explain(run, callback, "create", error < 0 ? error : RV_ERR_CALLBACK);
    }
    hooks->created[i] = true;
    run->setting_up = rv_callback_name(callback);
    run->setting_up_index = i;
    const int error = callback->set_params ? callback->set_params(callback->user, run) : RV_OK;
    run->setting_up = NULL;
    return error < 0 ? rv_callback_explain(run, callback, "set_params", error) : RV_OK;
}

static int set_first(rv_run *run, rv_hooks *hooks, size_t i)
{
    rv_callback *callback = &hooks->callbacks[i];
    if (!callback->set_first)
        return RV_OK;
    for (size_t k = 0; k < i; k++)
        if (hooks->callbacks[k].set_first && !strcmp(rv_callback_name(&hooks->callbacks[k]), rv_callback_name(callback)))
            return RV_OK;
    rv_error_clear(run->context);
    const int error = callback->set_first(callback->user);
    return error < 0 ? rv_callback_explain(run, callback, "set_first", error) : RV_OK;
}

/* The key under which callback i returns its data, "" if it returns none; into text where it is the index. */
static int key_of(rv_run *run, const rv_hooks *hooks, size_t i, char text[24], const char **key)
{
    const rv_entries *entries;
    const rv_callback *callback = &hooks->callbacks[i];
    *key = NULL;
    if (!callback->get_data) {
        *key = "";
        return RV_OK;
    }
    rv_error_clear(run->context);
    const int error = callback->get_data(callback->user, key, &entries);
    if (error < 0)
        return rv_callback_explain(run, callback, "get_data", error);
    if (!*key) {
        snprintf(text, 24, "%zu", i);
        *key = text;
    }
    return RV_OK;
}

/* Two callbacks under one key would hide each other's data. */
static int check_keys(rv_run *run, const rv_hooks *hooks)
{
    char text_a[24], text_b[24];
    const char *a, *b;
    for (size_t i = 0; i < hooks->num; i++) {
        int error = key_of(run, hooks, i, text_a, &a);
        for (size_t k = 0; !error && a[0] && k < i; k++) {
            error = key_of(run, hooks, k, text_b, &b);
            if (!error && !strcmp(a, b))
                error = rv_fail(run->context, RV_ERR_NAME, "callbacks %zu and %zu have the same key '%s'", k, i, a);
        }
        if (error)
            return error;
    }
    return RV_OK;
}

int rv_hooks_create(rv_hooks *hooks, rv_run *run, const rv_callback *callbacks, size_t num)
{
    hooks->callbacks = rv_alloc(run->context, num, sizeof *hooks->callbacks, "callbacks");
    hooks->created = rv_alloc(run->context, num, sizeof *hooks->created, "callbacks");
    if (!hooks->callbacks || !hooks->created)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < num; i++)
        hooks->callbacks[i] = callbacks[i];
    hooks->num = num;
    int error = RV_OK;
    for (size_t i = 0; !error && i < num; i++)
        error = set_up(run, hooks, i);
    for (size_t i = 0; !error && i < num; i++)
        error = set_first(run, hooks, i);
    return error ? error : check_keys(run, hooks);
}

void rv_hooks_clear(rv_hooks *hooks)
{
    for (size_t i = 0; i < hooks->num; i++)
        if (hooks->created[i] && hooks->callbacks[i].destroy)
            hooks->callbacks[i].destroy(hooks->callbacks[i].user);
    rv_free(hooks->callbacks);
    rv_free(hooks->created);
    *hooks = (rv_hooks){0};
}

bool rv_hooks_watch_timesteps(const rv_callback *callbacks, size_t num)
{
    for (size_t i = 0; i < num; i++)
        if (callbacks[i].on_timestep_begin || callbacks[i].on_timestep_end)
            return true;
    return false;
}

static const char *const hook_name[] = {
    [RV_ON_TEST_BEGIN] = "on_test_begin",         [RV_ON_TEST_END] = "on_test_end",
    [RV_ON_TRAIN_BEGIN] = "on_train_begin",       [RV_ON_TRAIN_END] = "on_train_end",
    [RV_ON_EPOCH_BEGIN] = "on_epoch_begin",       [RV_ON_EPOCH_END] = "on_epoch_end",
    [RV_ON_BATCH_BEGIN] = "on_batch_begin",       [RV_ON_BATCH_END] = "on_batch_end",
    [RV_ON_TIMESTEP_BEGIN] = "on_timestep_begin", [RV_ON_TIMESTEP_END] = "on_timestep_end",
    [RV_ON_STOP] = "on_stop",
};

static int call(const rv_callback *c, rv_event event, size_t number, const rv_metrics *metrics)
{
    switch (event) {
    case RV_ON_TEST_BEGIN:
        return c->on_test_begin ? c->on_test_begin(c->user) : 0;
    case RV_ON_TEST_END:
        return c->on_test_end ? c->on_test_end(c->user, metrics) : 0;
    case RV_ON_TRAIN_BEGIN:
        return c->on_train_begin ? c->on_train_begin(c->user) : 0;
    case RV_ON_TRAIN_END:
        return c->on_train_end ? c->on_train_end(c->user, metrics) : 0;
    case RV_ON_EPOCH_BEGIN:
        return c->on_epoch_begin ? c->on_epoch_begin(c->user, number) : 0;
    case RV_ON_EPOCH_END:
        return c->on_epoch_end ? c->on_epoch_end(c->user, number, metrics) : 0;
    case RV_ON_BATCH_BEGIN:
        return c->on_batch_begin ? c->on_batch_begin(c->user, number) : 0;
    case RV_ON_BATCH_END:
        return c->on_batch_end ? c->on_batch_end(c->user, number, metrics) : 0;
    case RV_ON_TIMESTEP_BEGIN:
        return c->on_timestep_begin ? c->on_timestep_begin(c->user, number) : 0;
    case RV_ON_TIMESTEP_END:
        return c->on_timestep_end ? c->on_timestep_end(c->user, number) : 0;
    case RV_ON_STOP:
        return c->on_stop ? c->on_stop(c->user) : 0;
    }
    return 0;
}

int rv_run_agree(rv_run *run, int error)
{
    bool stop = atomic_load(&run->stop) || (run->parent && atomic_load(&run->parent->stop));
    error = rv_comm_agree(run->context, error, &stop);
    run->stopping |= stop;
    return error;
}

int rv_hooks_call(rv_run *run, rv_event event, size_t number)
{
    /* the validation's metrics belong to the epoch, not to its batches */
    const bool whole = event == RV_ON_EPOCH_END || event == RV_ON_TRAIN_END || event == RV_ON_TEST_END;
    const rv_metrics metrics = {whole ? run->scores.num_all : run->scores.num_own, run->scores.items};
    const bool timed = run->measured;
    const double start = timed ? rv_clock_seconds() : 0;
    int error = RV_OK;
    for (size_t i = 0; !error && i < run->hooks.num; i++) {
        const rv_callback *callback = &run->hooks.callbacks[i];
        rv_error_clear(run->context);
        const int code = call(callback, event, number, &metrics);
        if (code < 0)
            error = rv_callback_explain(run, callback, hook_name[event], code);
        if (code > 0)
            atomic_store(&run->stop, true);
    }
    if (timed)
        run->times.callbacks += rv_clock_seconds() - start;
    return rv_run_agree(run, error);
}
