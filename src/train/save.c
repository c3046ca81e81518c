/* Checkpoints of a run. A callback asks for one in a hook; it is made after the hook of the last callback, when all of
 * them have seen the same events and their states fit together. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/checkpoint.h"
#include "store/state.h"
#include "train/run.h"

#define KEY_SIZE 48

/* One that is asked for. */
struct rv_save {
    rv_save_desc desc;
    rv_save *next;
};

/* One that is being made: a serialiser that writes as NumPy's does, and the state before the manifest. */
typedef struct saving {
    rv_run *run;
    const rv_save_desc *desc;
    rv_serialiser numpy;
    const char *key;
} saving;

static int check(const rv_run *run, const rv_save_desc *desc)
{
    if (run->kind != RV_RUN_TRAIN)
        return rv_fail(run->context, RV_ERR_STATE, "a checkpoint can be asked for in a training run only");
    if (!desc->folder && !desc->serialiser.serialise)
        return rv_fail(run->context, RV_ERR_ARGUMENT, "a checkpoint needs a folder or a serialiser that can write");
    if (!desc->folder && (desc->state || desc->keep || desc->best))
        return rv_fail(run->context, RV_ERR_ARGUMENT,
                       "a checkpoint with state, with a mark or of which some are kept needs a folder");
    return RV_OK;
}

/* Several requests for one folder at one moment are one checkpoint. */
static void join(rv_save_desc *with, const rv_save_desc *desc)
{
    with->keep = with->keep && desc->keep ? (with->keep > desc->keep ? with->keep : desc->keep) : 0;
    with->resumable = with->resumable > desc->resumable ? with->resumable : desc->resumable;
    with->state |= desc->state;
    with->best |= desc->best;
}

int rv_run_save(rv_run *run, const rv_save_desc *desc)
{
    run = run->parent ? run->parent : run;
    const int error = check(run, desc);
    if (error)
        return error;
    rv_save **end = &run->saves;
    if (run->told_stop && run->position.begun && desc->state)
        return RV_OK; /* what happens to an epoch that was cut short is not what a resumed run goes on from */
    for (; *end; end = &(*end)->next)
        if (desc->folder && (*end)->desc.folder && !strcmp(desc->folder, (*end)->desc.folder)) {
            join(&(*end)->desc, desc);
            return RV_OK;
        }
    *end = rv_alloc(run->context, 1, sizeof **end, "a checkpoint");
    if (!*end)
        return RV_ERR_MEMORY;
    (*end)->desc = *desc;
    return RV_OK;
}

static int serialise(void *user, rv_context *context, const char *const *keys, size_t num_keys,
                     const rv_ndarray *array)
{
    const saving *s = user;
    return s->numpy.serialise(s->numpy.user, context, keys, num_keys, array);
}

static int begin(void *user, rv_context *context, const char *const *keys, size_t num_keys)
{
    const saving *s = user;
    return s->numpy.begin(s->numpy.user, context, keys, num_keys);
}

static int write_state(const saving *s, const char *name)
{
    rv_state *state;
    char *path = rv_format(s->run->context, "%s/%s", s->desc->folder, name);
    int error = path ? rv_state_create(&state, s->run->context) : RV_ERR_MEMORY;
    if (!error) {
        error = rv_run_put_state(s->run, state);
        if (!error)
            error = rv_state_write(state, path);
        rv_state_free(state);
    }
    rv_free(path);
    return error;
}

/* The state, then the manifest of all. */
static int commit(void *user, rv_context *context, const char *const *keys, size_t num_keys, const char *const *names,
                  size_t num_names)
{
    (void)keys;
    (void)num_keys;
    const saving *s = user;
    const size_t num = num_names + s->desc->state;
    char **files = rv_alloc(context, num, sizeof *files, "names of a checkpoint's files");
    int error = files ? RV_OK : RV_ERR_MEMORY;
    for (size_t i = 0; !error && i < num; i++) {
        files[i] = i < num_names ? rv_format(context, "%s-%s.npy", s->key, names[i])
                                 : rv_format(context, "%s-%s", s->key, RV_CHECKPOINT_STATE);
        error = files[i] ? RV_OK : RV_ERR_MEMORY;
    }
    if (!error && s->desc->state)
        error = write_state(s, files[num_names]);
    if (!error)
        error = rv_checkpoint_commit(context, s->desc->folder, s->key, (const char *const *)files, num);
    for (size_t i = 0; files && i < num; i++)
        rv_free(files[i]);
    rv_free(files);
    return error;
}

/* Keys of checkpoints with state that are made within an epoch must differ from that of its end. */
static void make_key(char key[KEY_SIZE], const rv_run *run, bool state)
{
    if (state && run->position.begun)
        snprintf(key, KEY_SIZE, "%zu.%zu", run->position.epoch, run->position.batch);
    else
        snprintf(key, KEY_SIZE, "%zu", run->epoch);
}

static int make(rv_run *run, const rv_save_desc *desc)
{
    char key[KEY_SIZE];
    const char *const keys[] = {key};
    make_key(key, run, desc->state);
    if (!desc->folder)
        return rv_compiled_network_save(run->model, &desc->serialiser, keys, 1);

    saving s = {.run = run, .desc = desc, .numpy = rv_numpy_serialiser(desc->folder), .key = key};
    const rv_serialiser both = {.user = &s, .serialise = serialise, .begin = begin, .commit = commit};
    int error = rv_compiled_network_save(run->model, &both, keys, 1);
    if (!error && desc->best)
        error = rv_checkpoint_set_mark(run->context, desc->folder, "best", key);
    if (!error)
        error = rv_checkpoint_set_mark(run->context, desc->folder, "latest", key);
    if (!error && (desc->keep || desc->state))
        error = rv_checkpoint_prune(run->context, desc->folder, desc->keep, desc->resumable ? desc->resumable : 1);
    return error;
}

int rv_run_make_saves(rv_run *run)
{
    int error = RV_OK;
    if (!run->saves)
        return RV_OK;
    const double start = run->measured ? rv_clock_seconds() : 0;
    for (const rv_save *save = run->saves; !error && save; save = save->next)
        error = rv_run_rank(run) == 0 ? make(run, &save->desc) : RV_OK;
    rv_run_forget_saves(run);
    if (run->measured)
        run->times.save += rv_clock_seconds() - start;
    return rv_run_agree(run, error);
}

void rv_run_forget_saves(rv_run *run)
{
    for (rv_save *next, *save = run->saves; save; save = next) {
        next = save->next;
        rv_free(save);
    }
    run->saves = NULL;
}
