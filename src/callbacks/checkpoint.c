/* Checkpoint, ModelCheckpoint and BackupAndRestore: when a run is to be saved. How is rv_run_save's business. */
#include <ranvier/callbacks.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "callbacks/best.h"
#include "store/checkpoint.h"

/* What all three are described by. */
typedef struct settings {
    rv_save_desc save;
    size_t epoch_interval;
    size_t batch_interval; /* 0 = none within epochs */
    const char *monitor;   /* NULL = none */
    rv_mode mode;
    double min_delta;
    bool only_best; /* of the epochs' ends */
    bool restore;   /* go on from what is in the folder */
    bool clear;     /* and remove it at the end */
} settings;

typedef struct checkpoint {
    settings s;
    rv_context *context;
    rv_run *run;
    bool active;  /* in a training run; a test changes nothing that is worth saving */
    bool unsaved; /* something was learnt since the last checkpoint */
    bool stopped; /* all that is to be saved of this run is */
    rv_best best;
} checkpoint;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    checkpoint *state = *user = rv_alloc(context, 1, sizeof *state, "a Checkpoint");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->s, self->config.bytes, sizeof state->s);
    state->context = context;
    if (state->s.epoch_interval == 0)
        state->s.epoch_interval = 1;
    return RV_OK;
}

static int set_params(void *user, rv_run *run)
{
    checkpoint *state = user;
    const settings *s = &state->s;
    const rv_serialiser *serialiser = &s->save.serialiser;
    if (!s->save.folder && !serialiser->serialise)
        return rv_fail(state->context, RV_ERR_ARGUMENT,
                       "Checkpoint: serialiser '%s' has no function serialise, expected one that can write",
                       serialiser->name ? serialiser->name : "");
    if (!s->save.folder && (s->save.state || s->save.keep || s->monitor))
        return rv_fail(state->context, RV_ERR_ARGUMENT,
                       "Checkpoint: resumable, keep and monitor need a folder, not a serialiser");
    if (s->batch_interval && !s->save.state)
        return rv_fail(state->context, RV_ERR_ARGUMENT, "Checkpoint: batch_interval needs resumable > 0");
    state->run = run;
    state->active = rv_run_is_training(run) || rv_run_is_validation(run);
    if (!state->active)
        return RV_OK;
    int rc = s->monitor ? rv_best_watch(&state->best, run, s->monitor, s->mode, s->min_delta) : RV_OK;
    if (rc == RV_OK && s->restore)
        rc = rv_run_resume(run, s->save.folder);
    return rc;
}

static int request(checkpoint *state, bool best)
{
    rv_save_desc desc = state->s.save;
    desc.best = best;
    state->unsaved = false;
    return rv_run_save(state->run, &desc);
}

static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    (void)metrics;
    checkpoint *state = user;
    const size_t interval = state->s.batch_interval;
    state->unsaved = state->active;
    return state->active && interval && (batch + 1) % interval == 0 ? request(state, false) : RV_OK;
}

static bool is_last_epoch(const checkpoint *state, size_t epoch)
{
    return epoch + 1 == rv_run_start_epoch(state->run) + rv_run_num_epochs(state->run);
}

static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    (void)metrics;
    checkpoint *state = user;
    const settings *s = &state->s;
    if (!state->active || state->stopped)
        return RV_OK;
    const bool best = s->monitor && rv_best_update(&state->best, epoch);
    const bool due = !s->only_best && (epoch % s->epoch_interval == 0 || is_last_epoch(state, epoch));
    return best || due ? request(state, best) : RV_OK;
}

/* The run ends early, maybe in the middle of an epoch. */
static int on_stop(void *user)
{
    checkpoint *state = user;
    state->stopped = true;
    return state->unsaved && !state->s.only_best ? request(state, false) : RV_OK;
}

/* A run that came to its end needs no backup any more. */
static int on_train_end(void *user, const rv_metrics *metrics)
{
    (void)metrics;
    checkpoint *state = user;
    return state->s.clear && !state->stopped && rv_run_rank(state->run) == 0
               ? rv_checkpoint_clear(state->context, state->s.save.folder)
               : RV_OK;
}

static int save(void *user, rv_state *out)
{
    const checkpoint *state = user;
    return state->s.monitor ? rv_best_save(&state->best, out) : RV_OK;
}

static int load(void *user, rv_state *from)
{
    checkpoint *state = user;
    return state->s.monitor ? rv_best_load(&state->best, from) : RV_OK;
}

static rv_callback make(const char *name, const settings *s)
{
    _Static_assert(sizeof *s <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = name,
        .create = create,
        .destroy = rv_free,
        .set_params = set_params,
        .on_batch_end = on_batch_end,
        .on_epoch_end = on_epoch_end,
        .on_stop = on_stop,
        .on_train_end = s->clear ? on_train_end : NULL,
        .save = s->monitor ? save : NULL,
        .load = s->monitor ? load : NULL,
    };
    memcpy(callback.config.bytes, s, sizeof *s);
    return callback;
}

rv_callback rv_checkpoint(rv_checkpoint_desc desc)
{
    const bool elsewhere = desc.serialiser.serialise || desc.serialiser.deserialise;
    return make("Checkpoint", &(settings){
                                  .save =
                                      {
                                          .folder = elsewhere ? NULL : desc.folder ? desc.folder : ".",
                                          .serialiser = desc.serialiser,
                                          .state = desc.resumable > 0,
                                          .resumable = desc.resumable,
                                          .keep = desc.keep,
                                      },
                                  .epoch_interval = desc.epoch_interval,
                                  .batch_interval = desc.batch_interval,
                              });
}

rv_callback rv_model_checkpoint(rv_model_checkpoint_desc desc)
{
    return make("ModelCheckpoint", &(settings){
                                       .save =
                                           {
                                               .folder = desc.folder ? desc.folder : ".",
                                               .state = desc.resumable,
                                               .keep = desc.keep ? desc.keep : 1,
                                           },
                                       .monitor = desc.monitor ? desc.monitor : "val_loss",
                                       .mode = desc.mode,
                                       .min_delta = desc.min_delta,
                                       .only_best = desc.save_last == RV_OFF,
                                   });
}

rv_callback rv_backup_and_restore(rv_backup_and_restore_desc desc)
{
    return make("BackupAndRestore",
                &(settings){
                    .save = {.folder = desc.folder ? desc.folder : "backup", .state = true, .keep = 1, .resumable = 1},
                    .batch_interval = desc.batch_interval,
                    .restore = true,
                    .clear = desc.delete_checkpoint != RV_OFF,
                });
}
