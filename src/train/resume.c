/* Going on from a checkpoint: which one, whether it is whole, and then its state. */
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/checkpoint.h"
#include "store/state.h"
#include "train/run.h"

int rv_run_resume(rv_run *run, const char *folder)
{
    char *key;
    if (run->kind != RV_RUN_TRAIN || run->scores.labels)
        return rv_fail(run->context, RV_ERR_STATE, "a run can be resumed in set_params of a training run only");
    const int found = rv_checkpoint_get_mark(&key, run->context, folder, "latest");
    if (found < 0)
        return found;
    rv_free(key);
    if (found && !run->resume_folder)
        run->resume_folder = folder;
    return RV_OK;
}

static int find_key(char **key, const rv_run *run)
{
    if (run->resume_key) {
        *key = rv_format(run->context, "%s", run->resume_key);
        return *key ? RV_OK : RV_ERR_MEMORY;
    }
    const int found = rv_checkpoint_get_mark(key, run->context, run->resume_folder, "latest");
    if (found == 0)
        return rv_fail(run->context, RV_ERR_CHECKPOINT,
                       "%s: there is no checkpoint to resume from: no file `latest` names one", run->resume_folder);
    return found < 0 ? found : RV_OK;
}

int rv_run_load(rv_run *run)
{
    rv_state *state = NULL;
    char *key = NULL, *path = NULL;
    if (!run->resume_folder)
        return RV_OK;
    int error = find_key(&key, run);
    if (!error)
        error = rv_checkpoint_verify(run->context, run->resume_folder, key);
    if (!error && !(path = rv_format(run->context, "%s/%s-%s", run->resume_folder, key, RV_CHECKPOINT_STATE)))
        error = RV_ERR_MEMORY;
    if (!error && access(path, F_OK) != 0)
        error = rv_fail(run->context, RV_ERR_CHECKPOINT,
                        "%s: checkpoint '%s' was saved without state and cannot be resumed from", run->resume_folder,
                        key);
    if (!error)
        error = rv_state_read(&state, run->context, path);
    if (!error)
        error = rv_run_get_state(run, state);
    if (!error)
        rv_log(run->context, RV_LOG_INFO, "resumed from checkpoint '%s' in %s: epoch %zu, batch %zu", key,
               run->resume_folder, run->position.epoch, run->position.batch);
    run->start = run->position;
    run->resumed = true;
    rv_state_free(state);
    rv_free(path);
    rv_free(key);
    return error;
}

bool rv_run_is_resumed(const rv_run *run)
{
    return run->parent ? run->parent->resumed : run->resumed;
}

size_t rv_run_start_batch(const rv_run *run)
{
    return run->start.batch;
}

bool rv_run_resumes_epoch(const rv_run *run)
{
    return run->start.begun;
}
