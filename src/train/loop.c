/* The loop: epochs of batches, and where hooks are called. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/philox.h"
#include "train/run.h"

/* ---- a batch ---- */

static int load(void *user, rv_example *example, int worker)
{
    rv_run *run = user;
    const int error = run->probes ? rv_probes_enter(run, example, worker, false) : RV_OK;
    return error ? error : rv_feed_load(run->feed, run->engine, example, worker);
}

static int finish(void *user, rv_example *example, int worker)
{
    return rv_probes_leave(user, example, worker, false);
}

static int turn(void *user, rv_example *example, int worker)
{
    return rv_probes_enter(user, example, worker, true);
}

static int done(void *user, rv_example *example, int worker)
{
    return rv_probes_leave(user, example, worker, true);
}

static int timestep(void *user, uint32_t t, bool end)
{
    return rv_hooks_call(user, end ? RV_ON_TIMESTEP_END : RV_ON_TIMESTEP_BEGIN, t);
}

static void set_examples(rv_run *run)
{
    for (size_t e = 0; e < run->batch_count; e++) {
        rv_example *example = &run->engine->examples[e];
        example->index = run->order ? run->order[run->batch_first + e] : e;
        example->number = rv_run_batch_example(run, e);
        example->epoch = run->epoch;
        rv_feed_expect(run->feed, example);
    }
}

static int keep_predictions(rv_run *run)
{
    const size_t needed = run->num_predictions + run->batch_count;
    for (int o = 0; o < run->engine->num_targets; o++) {
        const size_t n = run->feed->outputs[o].population->size, stride = run->model->max_n_pad;
        const int error = rv_grow(run->context, &run->predictions[o], &run->max_predictions[o], needed * n,
                                  sizeof(float), "predictions");
        if (error)
            return error;
        for (size_t e = 0; e < run->batch_count; e++)
            memcpy(run->predictions[o] + (run->num_predictions + e) * n,
                   run->engine->examples[e].readout + (size_t)o * stride, n * sizeof(float));
    }
    run->num_predictions = needed;
    return RV_OK;
}

/* The next batch's size into batch_count: 1, or 0 at the end. An iterator's examples are numbered on. */
static int next_batch(rv_run *run)
{
    if (run->feed->next_batch) {
        const double start = run->measured ? rv_clock_seconds() : 0;
        run->batch_first = run->batch > 0 ? run->batch_first + run->batch_count : 0;
        const int got = rv_feed_next(run->feed, run->batch, run->model->batch_size, run->kind != RV_RUN_PREDICT);
        run->batch_count = got > 0 ? run->feed->num_examples : 0;
        run->times.data += run->measured ? rv_clock_seconds() - start : 0;
        return got;
    }
    run->batch_first = run->batch * run->model->batch_size;
    const size_t left = run->batch_first < run->num_members ? run->num_members - run->batch_first : 0;
    run->batch_count = left < run->model->batch_size ? left : run->model->batch_size;
    return run->batch_count > 0;
}

/* The next batch's examples of this rank, as far as they are known, come while this batch is swept. */
static void announce_next(const rv_run *run)
{
    const size_t next = run->batch_first + run->batch_count;
    for (size_t e = 0; run->order && e < run->model->batch_size && next + e < run->num_members; e++)
        if (rv_engine_owns(run->engine, e))
            rv_feed_announce(run->feed, run->order[next + e]);
}

static void release_examples(const rv_run *run)
{
    for (size_t e = 0; run->order && e < run->batch_count; e++)
        if (rv_engine_owns(run->engine, e))
            rv_feed_release(run->feed, run->order[run->batch_first + e]);
}

static int run_batch(rv_run *run)
{
    set_examples(run);
    rv_probes_begin(run);
    run->in_batch = run->at_batch_begin = true;
    int error = rv_hooks_call(run, RV_ON_BATCH_BEGIN, run->batch);
    run->at_batch_begin = false;
    if (error)
        return error;
    announce_next(run);
    rv_times_begin_batch(run);
    error = rv_engine_run(run->engine, &(rv_batch){
                                           .num = run->batch_count,
                                           .load = load,
                                           .finish = run->probes ? finish : NULL,
                                           .turn = run->probes ? turn : NULL,
                                           .done = run->probes ? done : NULL,
                                           .timestep = run->engine->lockstep ? timestep : NULL,
                                           .user = run,
                                       });
    rv_times_end_batch(run);
    release_examples(run);
    if (error)
        return error;
    rv_scores_add(run);
    rv_rewirings_note(run);
    error = rv_probes_end(run);
    if (!error && run->predictions)
        error = rv_engine_share_readouts(run->engine, run->batch_count);
    if (!error && run->predictions)
        error = keep_predictions(run);
    if (!error)
        error = rv_hooks_call(run, RV_ON_BATCH_END, run->batch);
    run->in_batch = false;
    return error ? error : rv_quantities_share(run);
}

/* ---- an epoch ---- */

static bool is_stopped(const rv_run *run)
{
    return run->stopping;
}

/* Between batches and epochs: callbacks hear that the run will end early, and checkpoints are made. A stop that is
 * heard of while they are made may ask for more. */
static int settle(rv_run *run, rv_position position)
{
    int error = RV_OK;
    run->position = position;
    do {
        const bool tell = run->stopping && !run->told_stop;
        error = tell ? rv_hooks_call(run, RV_ON_STOP, 0) : RV_OK;
        if (tell && !error && run->validation)
            error = rv_hooks_call(run->validation, RV_ON_STOP, 0);
        run->told_stop |= tell;
        if (!error)
            error = rv_run_make_saves(run);
    } while (!error && run->stopping && !run->told_stop);
    return error;
}

/* Batches that were done before the run was resumed: an iterator is asked for them, and they are dropped. */
static int skip_batches(rv_run *run, size_t num)
{
    for (run->batch = 0; run->feed->next_batch && run->batch < num; run->batch++) {
        const int got = next_batch(run);
        if (got <= 0)
            return got < 0 ? got
                           : rv_fail(run->context, RV_ERR_CHECKPOINT,
                                     "resume: %zu batches of epoch %zu were done, the iterator has only %zu", num,
                                     run->epoch, run->batch);
    }
    run->batch = num;
    return RV_OK;
}

/* From batch `first` on; > 0 = in an epoch that had begun before the run was resumed. */
static int run_batches(rv_run *run, size_t first)
{
    const bool learns = run->kind == RV_RUN_TRAIN;
    int error = skip_batches(run, first);
    if (first == 0)
        rv_scores_reset(&run->scores);
    for (; !error && !is_stopped(run) && !(run->parent && is_stopped(run->parent)); run->batch++) {
        const int got = next_batch(run);
        if (got <= 0)
            return got;
        error = run_batch(run);
        if (!error && learns)
            error = settle(run, (rv_position){run->epoch, run->batch + 1, true});
    }
    return error;
}

/* The validation's part of an epoch; its metrics join the epoch's. */
static int validate(rv_run *run)
{
    rv_run *validation = run->validation;
    const double start = run->measured ? rv_clock_seconds() : 0;
    validation->epoch = run->epoch;
    int error = rv_hooks_call(validation, RV_ON_EPOCH_BEGIN, run->epoch);
    if (!error)
        error = run_batches(validation, 0);
    if (run->measured)
        run->times.validation += rv_clock_seconds() - start;
    if (!error && is_stopped(validation)) {
        /* a checkpoint says that the epoch's batches are done, but not its validation */
        rv_run_stop(run);
        run->stopping = true;
        error = settle(run, (rv_position){run->epoch, run->batch, true});
    }
    if (!error)
        error = rv_hooks_call(validation, RV_ON_EPOCH_END, run->epoch);
    for (size_t i = 0; i < validation->scores.num_all; i++)
        run->scores.items[run->scores.num_own + i].value = validation->scores.items[i].value;
    return error;
}

/* begun: where the run was resumed in it, after its on_epoch_begin; NULL = it begins. */
static int run_epoch(rv_run *run, const rv_position *begun)
{
    int error = RV_OK;
    if (run->shuffle) {
        rv_permutation(run->order, run->num_members, rv_context_seed(run->context), RV_RANDOM_SHUFFLE, run->epoch);
        for (size_t i = 0; i < run->num_members; i++)
            run->order[i] = run->members[run->order[i]];
    }
    if (!begun) {
        rv_rewirings_begin_epoch(run);
        error = rv_hooks_call(run, RV_ON_EPOCH_BEGIN, run->epoch);
    }
    if (!error && is_stopped(run))
        error = settle(run, (rv_position){run->epoch, 0, true});
    if (!error)
        error = run_batches(run, begun ? begun->batch : 0);
    if (!error && !is_stopped(run)) /* else it is resumed with what has gathered so far */
        error = rv_gradient_flush(run->engine);
    rv_rewirings_note(run);
    if (!error && run->validation && !is_stopped(run))
        error = validate(run);
    const bool finished = !is_stopped(run); /* its end may be what stops the run */
    if (!error)
        error = rv_hooks_call(run, RV_ON_EPOCH_END, run->epoch);
    if (!error)
        error = rv_history_add(&run->history, &run->scores, finished);
    return error ? error : settle(run, (rv_position){run->epoch + 1, 0, false});
}

/* ---- a run ---- */

static int train(rv_run *run)
{
    const size_t first = run->start.epoch, end = run->start_epoch + run->num_epochs;
    int error = rv_hooks_call(run, RV_ON_TRAIN_BEGIN, 0);
    if (!error && run->validation)
        error = rv_hooks_call(run->validation, RV_ON_TEST_BEGIN, 0);
    for (size_t epoch = first; !error && epoch < end && !is_stopped(run); epoch++) {
        run->epoch = epoch;
        error = run_epoch(run, epoch == first && run->start.begun ? &run->start : NULL);
    }
    if (!error && run->validation)
        error = rv_hooks_call(run->validation, RV_ON_TEST_END, 0);
    if (!error)
        error = rv_hooks_call(run, RV_ON_TRAIN_END, 0);
    return error ? error : rv_run_make_saves(run);
}

static int test(rv_run *run)
{
    int error = rv_hooks_call(run, RV_ON_TEST_BEGIN, 0);
    if (!error)
        error = run_batches(run, 0);
    if (!error)
        error = rv_history_add(&run->history, &run->scores, !is_stopped(run));
    return error ? error : rv_hooks_call(run, RV_ON_TEST_END, 0);
}

int rv_run_execute(rv_result **out, rv_run *run)
{
    *out = NULL;
    if (run->executed)
        return rv_fail(run->context, RV_ERR_STATE, "the run has been executed already");
    run->executed = true;
    int error = rv_run_check_alike(run);
    if (!error)
        error = rv_result_create(out, run);
    if (error)
        return error;
    run->started = run->measured ? rv_clock_seconds() : 0;
    error = run->kind == RV_RUN_TRAIN ? train(run) : test(run);
    const int failed = rv_result_finish(*out, run);
    return error ? error : failed;
}
