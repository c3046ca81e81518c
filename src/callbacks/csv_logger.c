/* CSVLogger: history.csv. Rows are appended; a resumed run cuts off those that its checkpoint does not know of. */
#include <ranvier/callbacks.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "callbacks/line.h"
#include "store/log_file.h"

typedef struct csv_logger {
    rv_csv_logger_desc desc;
    rv_context *context;
    rv_run *run;
    bool active;     /* in a training run, on the rank that writes */
    uint64_t resume; /* bytes of the file that stay in a resumed run */
    rv_log_file *file;
    bool has_header;
} csv_logger;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    csv_logger *state = *user = rv_alloc(context, 1, sizeof *state, "a CSVLogger");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->context = context;
    if (!state->desc.path)
        state->desc.path = "history.csv";
    if (!state->desc.separator)
        state->desc.separator = ',';
    return RV_OK;
}

static void destroy(void *user)
{
    csv_logger *state = user;
    rv_log_file_close(state->file);
    rv_free(state);
}

static int set_params(void *user, rv_run *run)
{
    csv_logger *state = user;
    state->run = run;
    state->active = rv_run_is_training(run) && rv_run_rank(run) == 0;
    return rv_run_is_training(run) ? rv_run_claim_file(run, state->desc.path, "CSVLogger") : RV_OK;
}

static int write_header(csv_logger *state, const rv_metrics *metrics)
{
    rv_line text = {.context = state->context};
    int rc = rv_line_add(&text, "epoch");
    for (size_t i = 0; rc == RV_OK && i < metrics->num; i++)
        rc = rv_line_add(&text, "%c%s", state->desc.separator, metrics->items[i].label);
    if (rc == RV_OK)
        rc = rv_line_add(&text, "\n");
    if (rc == RV_OK && !state->has_header && rv_log_file_size(state->file) > 0)
        rc = rv_log_file_expect(state->file, text.data, text.size);
    else if (rc == RV_OK && !state->has_header)
        rc = rv_log_file_write(state->file, text.data, text.size);
    state->has_header |= rc == RV_OK;
    rv_line_clear(&text);
    return rc;
}

static int on_train_begin(void *user)
{
    csv_logger *state = user;
    if (!state->active)
        return RV_OK;
    const bool resumed = rv_run_is_resumed(state->run);
    return rv_log_file_open(&state->file, state->context, state->desc.path,
                            resumed              ? state->resume
                            : state->desc.append ? RV_LOG_KEEP_ALL
                                                 : 0);
}

/* In one piece: a reader, or a kill, finds whole rows only. */
static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    csv_logger *state = user;
    rv_line text = {.context = state->context};
    if (!state->active)
        return RV_OK;
    int rc = write_header(state, metrics);
    if (rc == RV_OK)
        rc = rv_line_add(&text, "%zu", epoch);
    for (size_t i = 0; rc == RV_OK && i < metrics->num; i++)
        rc = rv_line_add(&text, "%c%.9g", state->desc.separator, metrics->items[i].value);
    if (rc == RV_OK)
        rc = rv_line_add(&text, "\n");
    if (rc == RV_OK)
        rc = rv_log_file_write(state->file, text.data, text.size);
    rv_line_clear(&text);
    return rc;
}

/* A run that is stopped in its first epoch leaves a history without rows. */
static int on_train_end(void *user, const rv_metrics *metrics)
{
    csv_logger *state = user;
    if (!state->active)
        return RV_OK;
    const int rc = write_header(state, metrics);
    rv_log_file_close(state->file);
    state->file = NULL;
    return rc;
}

static int save(void *user, rv_state *out)
{
    const csv_logger *state = user;
    const uint64_t size = state->file ? rv_log_file_size(state->file) : 0;
    const int rc = state->file ? rv_log_file_sync(state->file) : RV_OK;
    return rc < 0 ? rc : rv_state_put(out, "bytes", RV_UINT64, &size, 1);
}

static int load(void *user, rv_state *from)
{
    csv_logger *state = user;
    return rv_state_get(from, "bytes", RV_UINT64, &state->resume, 1);
}

rv_callback rv_csv_logger(rv_csv_logger_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "CSVLogger",
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
