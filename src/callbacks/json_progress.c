/* One JSON object per line on standard error (https://jsonlines.org):
 *
 *   {"event": "begin", "epochs": 10, "batches": 75}
 *   {"event": "batch", "epoch": 3, "batch": 50, "batches": 75, "seconds": 1.2, "metrics": {"loss": 0.1234}}
 *   {"event": "epoch", "epoch": 3, "batches": 75, "seconds": 1.8, "metrics": {"loss": 0.12, "val_loss": 0.14}}
 *   {"event": "end", "seconds": 18.3, "metrics": {...}}
 *
 * of a test "test" instead of the last two; "phase": "validation" stands in the batches of a validation. Batches are
 * told at most once per interval. Numbers that JSON has not, NaN and infinities, are null. */
#include "callbacks/json_progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "callbacks/line.h"

typedef struct json_progress {
    rv_progress_desc desc;
    rv_context *context;
    rv_run *run;
    bool silent;  /* on another rank than the one that writes */
    size_t epoch; /* the current one */
    size_t done;  /* batches of it */
    double start, epoch_start, told; /* s on the clock: of run and epoch, and when a line was last written */
} json_progress;

int rv_progress_check(rv_run *run, const rv_progress_desc *desc)
{
    if (desc->mode > RV_PROGRESS_QUIET)
        return rv_fail(rv_run_context(run), RV_ERR_VALUE, "progress: mode must be one of rv_progress_mode, got %d",
                       (int)desc->mode);
    if (!(desc->interval > 0 && isfinite(desc->interval)))
        return rv_fail(rv_run_context(run), RV_ERR_VALUE, "progress: interval must be > 0 s, got %g", desc->interval);
    return RV_OK;
}

static int create(void **user, const rv_callback *self, rv_context *context)
{
    json_progress *state = *user = rv_alloc(context, 1, sizeof *state, "a BatchProgressBar");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    if (state->desc.interval == 0)
        state->desc.interval = 1;
    return RV_OK;
}

static int set_params(void *user, rv_run *run)
{
    json_progress *state = user;
    state->run = run;
    state->silent = rv_run_rank(run) != 0;
    return rv_progress_check(run, &state->desc);
}

/* ---- lines ---- */

static int add_string(rv_line *line, const char *text)
{
    int rc = rv_line_add(line, "\"");
    for (; rc == RV_OK && *text; text++) {
        const unsigned char c = (unsigned char)*text;
        rc = c < 0x20                 ? rv_line_add(line, "\\u%04x", c)
             : c == '"' || c == '\\' ? rv_line_add(line, "\\%c", c)
                                      : rv_line_add(line, "%c", c);
    }
    return rc < 0 ? rc : rv_line_add(line, "\"");
}

static int add_count(rv_line *line, const char *name, size_t count)
{
    return rv_line_add(line, ", \"%s\": %zu", name, count);
}

static int add_seconds(rv_line *line, double seconds)
{
    return rv_line_add(line, ", \"seconds\": %.6f", seconds);
}

static int add_metrics(rv_line *line, const rv_metrics *metrics)
{
    int rc = rv_line_add(line, ", \"metrics\": {");
    for (size_t i = 0; rc == RV_OK && i < metrics->num; i++) {
        const double value = metrics->items[i].value;
        rc = rv_line_add(line, "%s", i ? ", " : "");
        if (rc == RV_OK)
            rc = add_string(line, metrics->items[i].label);
        if (rc == RV_OK)
            rc = isfinite(value) ? rv_line_add(line, ": %.9g", value) : rv_line_add(line, ": null");
    }
    return rc < 0 ? rc : rv_line_add(line, "}");
}

static int begin_line(const json_progress *state, rv_line *line, const char *event)
{
    *line = (rv_line){.context = state->context};
    return rv_line_add(line, "{\"event\": \"%s\"", event);
}

/* In one write, so that lines of several programs do not mix. */
static int end_line(const json_progress *state, rv_line *line, int rc)
{
    if (rc == RV_OK)
        rc = rv_line_add(line, "}\n");
    if (rc == RV_OK && !state->silent) {
        fwrite(line->data, 1, line->size, stderr);
        fflush(stderr);
    }
    rv_line_clear(line);
    return rc;
}

/* ---- hooks ---- */

static int begin(void *user)
{
    json_progress *state = user;
    rv_line line;
    state->start = state->epoch_start = state->told = rv_clock_seconds();
    state->epoch = rv_run_epoch(state->run);
    state->done = rv_run_start_batch(state->run);
    if (rv_run_is_validation(state->run))
        return RV_OK;
    int rc = begin_line(state, &line, "begin");
    if (rc == RV_OK && rv_run_is_training(state->run))
        rc = add_count(&line, "epochs", rv_run_num_epochs(state->run));
    if (rc == RV_OK && rv_run_num_batches(state->run) > 0)
        rc = add_count(&line, "batches", rv_run_num_batches(state->run));
    return end_line(state, &line, rc);
}

static int on_epoch_begin(void *user, size_t epoch)
{
    json_progress *state = user;
    state->epoch = epoch;
    state->done = 0;
    state->epoch_start = state->told = rv_clock_seconds();
    return RV_OK;
}

static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)batch;
    json_progress *state = user;
    rv_line line;
    const double now = rv_clock_seconds();
    state->done++;
    if (now - state->told < state->desc.interval)
        return RV_OK;
    state->told = now;
    int rc = begin_line(state, &line, "batch");
    if (rc == RV_OK && rv_run_is_validation(state->run))
        rc = rv_line_add(&line, ", \"phase\": \"validation\"");
    if (rc == RV_OK && (rv_run_is_training(state->run) || rv_run_is_validation(state->run)))
        rc = add_count(&line, "epoch", state->epoch);
    if (rc == RV_OK)
        rc = add_count(&line, "batch", state->done);
    if (rc == RV_OK && rv_run_num_batches(state->run) > 0)
        rc = add_count(&line, "batches", rv_run_num_batches(state->run));
    if (rc == RV_OK)
        rc = add_seconds(&line, now - state->epoch_start);
    if (rc == RV_OK)
        rc = add_metrics(&line, metrics);
    return end_line(state, &line, rc);
}

static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    json_progress *state = user;
    rv_line line;
    if (rv_run_is_validation(state->run))
        return RV_OK;
    int rc = begin_line(state, &line, "epoch");
    if (rc == RV_OK)
        rc = add_count(&line, "epoch", epoch);
    if (rc == RV_OK)
        rc = add_count(&line, "batches", state->done);
    if (rc == RV_OK)
        rc = add_seconds(&line, rv_clock_seconds() - state->epoch_start);
    if (rc == RV_OK)
        rc = add_metrics(&line, metrics);
    return end_line(state, &line, rc);
}

static int end(void *user, const rv_metrics *metrics)
{
    json_progress *state = user;
    rv_line line;
    if (rv_run_is_validation(state->run))
        return RV_OK;
    int rc = begin_line(state, &line, rv_run_is_training(state->run) ? "end" : "test");
    if (rc == RV_OK)
        rc = add_seconds(&line, rv_clock_seconds() - state->start);
    if (rc == RV_OK)
        rc = add_metrics(&line, metrics);
    return end_line(state, &line, rc);
}

rv_callback rv_json_progress(rv_progress_desc desc)
{
    rv_callback callback = {
        .name = "BatchProgressBar",
        .create = create,
        .destroy = rv_free,
        .set_params = set_params,
        .on_test_begin = begin,
        .on_test_end = end,
        .on_train_begin = begin,
        .on_train_end = end,
        .on_epoch_begin = on_epoch_begin,
        .on_epoch_end = on_epoch_end,
        .on_batch_end = on_batch_end,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
