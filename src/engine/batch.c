/* The drivers: how a batch is shared among threads.
 *
 * Example-major: a worker takes an example through all its steps, and, where nothing of the whole batch is needed in
 * between, straight back again. Lockstep: all examples take a step, then the next, because somebody watches steps.
 * Target-split (split.c): all workers take one example forward together, because there are too few for them.
 * The steps are the same, and so are the bits. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/threads.h"
#include "comm/communicator.h"
#include "engine/split.h"

typedef struct sweep_job {
    rv_engine *engine;
    const rv_batch *batch;
    rv_work work;           /* examples */
    bool forward, backward; /* which phases */
    _Atomic uint32_t
        leaves[RV_MAX_LEAVES]; /* or: of leaf l, leaves[l] / 2 have begun; odd = one of them is being swept */
    size_t first, end;         /* positions first .. end - 1 of the batch */
    uint32_t t;                /* lockstep */
    double since;              /* examples that are split: the last lap */
} sweep_job;

/* Where the time goes: seconds since the last lap belong to a phase. Nobody pays for clocks that nobody asks for. */
static double start_clock(const rv_engine *engine)
{
    return engine->times ? rv_clock_seconds() : 0;
}

static void lap(rv_engine *engine, int worker, rv_phase phase, double *since)
{
    if (!engine->times)
        return;
    const double now = rv_clock_seconds();
    engine->times[worker].seconds[phase] += now - *since;
    *since = now;
}

static int end_forward(const sweep_job *job, int worker, rv_example *example)
{
    int error = rv_forward_end(job->engine, example);
    if (!error && job->batch->finish)
        error = example->error = job->batch->finish(job->batch->user, example, worker);
    return error;
}

static rv_block *block_of(const rv_engine *engine, int worker, const rv_example *example)
{
    return &engine->blocks[engine->own_blocks ? example->position : (size_t)worker];
}

static int begin_forward(const sweep_job *job, int worker, rv_example *example)
{
    rv_engine *engine = job->engine;
    rv_forward_begin(engine, block_of(engine, worker, example), example);
    return example->error = job->batch->load(job->batch->user, example, worker);
}

static int forward_example(const sweep_job *job, int worker, rv_example *example)
{
    rv_engine *engine = job->engine;
    double since = start_clock(engine);
    int error = begin_forward(job, worker, example);
    lap(engine, worker, RV_PHASE_LOAD, &since);
    if (!error)
        error = rv_forward_sweep(engine, block_of(engine, worker, example), example);
    error = error ? error : end_forward(job, worker, example);
    lap(engine, worker, RV_PHASE_FORWARD, &since);
    return error;
}

static void sweep_back(const sweep_job *job, int worker, rv_example *example)
{
    rv_engine *engine = job->engine;
    const size_t leaf = example->position % engine->model->num_leaves;
    if (engine->model->compiler == RV_COMPILER_EPROP)
        rv_eprop_sweep(engine, &engine->workers[worker], block_of(engine, worker, example), example, leaf);
    else
        rv_adjoint_sweep(engine, &engine->workers[worker], example, leaf, job->batch->num);
}

static void sweep_example(const sweep_job *job, int worker, size_t position)
{
    rv_engine *engine = job->engine;
    rv_example *example = &engine->examples[position];
    if (!rv_engine_owns(engine, position) || (job->forward && forward_example(job, worker, example)))
        return;
    if (!job->backward || (example->error = rv_gradient_make_room(engine, &engine->workers[worker], example)))
        return;
    double since = start_clock(engine);
    if (job->batch->turn)
        example->error = job->batch->turn(job->batch->user, example, worker);
    if (!example->error)
        sweep_back(job, worker, example);
    if (!example->error && job->batch->done)
        example->error = job->batch->done(job->batch->user, example, worker);
    lap(engine, worker, RV_PHASE_BACKWARD, &since);
}

static void sweep_worker(void *arg, int worker)
{
    sweep_job *job = arg;
    size_t position;
    while (rv_work_take(&job->work, worker, &position))
        sweep_example(job, worker, job->first + position);
}

/* ---- leaves that are filled while sweeping: one example at a time each, in order ---- */

static size_t num_begun(uint32_t leaf)
{
    return leaf / 2;
}

/* Those of a leaf at positions 0 .. end - 1. */
static size_t num_of_leaf(const sweep_job *job, size_t leaf, size_t end)
{
    const size_t num_leaves = job->engine->model->num_leaves;
    return leaf < end ? (end - leaf + num_leaves - 1) / num_leaves : 0;
}

/* Examples of a leaf that nobody has begun; 0 while somebody sweeps one of them. */
static size_t num_left(const sweep_job *job, size_t leaf, uint32_t state)
{
    const bool waits = state & 1 || !rv_engine_owns(job->engine, leaf);
    return waits ? 0 : num_of_leaf(job, leaf, job->end) - num_begun(state);
}

/* The next example of the leaf that has most of them left, so that all end at about the same time and nobody waits for a
 * long one at the end. A worker goes to a leaf that is not among its own, whose sums may be in its caches, only where
 * that is two examples behind. None: what is left follows examples that others sweep, and is theirs. */
static bool take_of_leaf(sweep_job *job, int worker, size_t *leaf, size_t *position)
{
    const size_t num_leaves = job->engine->model->num_leaves, num_threads = (size_t)job->engine->num_threads;
    for (;;) {
        uint32_t state = 0;
        size_t most = 0;
        for (size_t l = 0; l < num_leaves; l++) {
            const uint32_t now = atomic_load_explicit(&job->leaves[l], memory_order_relaxed);
            const size_t left = num_left(job, l, now), own = l * num_threads / num_leaves == (size_t)worker;
            if (left && 2 * left + 3 * own > most) {
                most = 2 * left + 3 * own;
                *leaf = l;
                state = now;
            }
        }
        if (!most)
            return false;
        if (atomic_compare_exchange_weak_explicit(&job->leaves[*leaf], &state, state + 1, memory_order_acquire,
                                                  memory_order_relaxed)) {
            *position = *leaf + num_begun(state) * num_leaves;
            return true;
        }
    }
}

static void sweep_leaves_worker(void *arg, int worker)
{
    sweep_job *job = arg;
    size_t leaf, position;
    while (take_of_leaf(job, worker, &leaf, &position)) {
        sweep_example(job, worker, position);
        atomic_fetch_add_explicit(&job->leaves[leaf], 1, memory_order_release);
    }
}

/* ---- ranks ---- */

bool rv_engine_owns(const rv_engine *engine, size_t position)
{
    const rv_context *context = engine->model->context;
    const size_t num_leaves = engine->model->num_leaves;
    return engine->alone || rv_comm_owner(context, position % num_leaves, num_leaves) == rv_comm_rank(context);
}

static int owner_of(const void *arg, size_t position)
{
    const rv_engine *engine = arg;
    const size_t num_leaves = engine->model->num_leaves;
    return rv_comm_owner(engine->model->context, position % num_leaves, num_leaves);
}

/* Losses and metrics of all examples on all ranks: everybody sums them in the same order. */
static int share_scores(rv_engine *engine, size_t num)
{
    const size_t bytes = (size_t)engine->num_targets * RV_SCORES * sizeof *engine->scores;
    return rv_comm_share(engine->model->context, engine->scores, num, bytes, owner_of, engine);
}

int rv_engine_share_readouts(rv_engine *engine, size_t num)
{
    const size_t bytes = (size_t)engine->num_targets * engine->model->max_n_pad * sizeof *engine->readouts;
    return rv_comm_share(engine->model->context, engine->readouts, num, bytes, owner_of, engine);
}

static int own_error(const rv_engine *engine, size_t num)
{
    int error = RV_OK;
    for (size_t i = 0; !error && i < num; i++)
        error = engine->examples[i].error;
    return error;
}

/* The first error of this rank's examples, or that of another rank. */
static int first_error(const rv_engine *engine, size_t num)
{
    return rv_comm_agree(engine->model->context, own_error(engine, num), NULL);
}

/* Once: more spikes than expected, where that is no error. */
static void warn_of_overflow(rv_engine *engine, size_t num)
{
    const rv_compiled_network *model = engine->model;
    for (size_t i = 0; i < num && !engine->warned; i++) {
        const rv_example *example = &engine->examples[i];
        if (!rv_engine_owns(engine, i) || !example->overflow)
            continue;
        engine->warned = true;
        rv_log(model->context, RV_LOG_WARNING,
               "population '%s': neuron %u spiked more than max_spikes = %zu times in example %zu",
               example->overflow->population->name, example->overflow_neuron, model->learning.max_spikes,
               example->index);
    }
}

/* Leaves that are filled while sweeping take their examples in order. */
static void sweep_range(sweep_job *job, bool forward, bool backward, size_t first, size_t end)
{
    const rv_compiled_network *model = job->engine->model;
    if (first == end)
        return;
    job->forward = forward;
    job->backward = backward;
    job->first = first;
    job->end = end;
    rv_work_init(&job->work, end - first, job->engine->num_threads);
    for (size_t leaf = 0; leaf < model->num_leaves; leaf++)
        atomic_store(&job->leaves[leaf], 2 * (uint32_t)num_of_leaf(job, leaf, first));
    rv_parallel(model->context, backward && model->slots ? sweep_leaves_worker : sweep_worker, job);
}

static int begin_split(void *user, rv_example *example)
{
    sweep_job *job = user;
    job->since = start_clock(job->engine);
    const int error = begin_forward(job, 0, example);
    lap(job->engine, 0, RV_PHASE_LOAD, &job->since);
    return error;
}

static int end_split(void *user, rv_example *example)
{
    sweep_job *job = user;
    const int error = end_forward(job, 0, example);
    lap(job->engine, 0, RV_PHASE_FORWARD, &job->since);
    return error;
}

/* The last examples may be split. In their leaves, they come after all others, and so they do here. */
static int sweep(rv_engine *engine, const rv_batch *batch, bool forward, bool backward)
{
    sweep_job job = {.engine = engine, .batch = batch};
    const size_t split = forward ? rv_split_first(engine, batch) : batch->num;
    sweep_range(&job, forward, backward, 0, split);
    if (split < batch->num) {
        rv_split_sweep(engine, split, batch->num, begin_split, end_split, &job);
        if (backward && !own_error(engine, batch->num))
            sweep_range(&job, false, true, split, batch->num);
    }
    return first_error(engine, batch->num);
}

/* ---- lockstep ---- */

static void begin_worker(void *arg, int worker)
{
    sweep_job *job = arg;
    size_t i;
    double since = start_clock(job->engine);
    while (rv_work_take(&job->work, worker, &i)) {
        rv_example *example = &job->engine->examples[i];
        if (!rv_engine_owns(job->engine, i))
            continue;
        if (!job->engine->begun)
            rv_forward_begin(job->engine, &job->engine->blocks[i], example);
        example->error = job->batch->load(job->batch->user, example, worker);
    }
    lap(job->engine, worker, RV_PHASE_LOAD, &since);
}

static void step_worker(void *arg, int worker)
{
    sweep_job *job = arg;
    size_t i;
    double since = start_clock(job->engine);
    while (rv_work_take(&job->work, worker, &i))
        if (rv_engine_owns(job->engine, i))
            rv_forward_step(job->engine, &job->engine->blocks[i], &job->engine->examples[i], job->t);
    lap(job->engine, worker, RV_PHASE_FORWARD, &since);
}

static void end_worker(void *arg, int worker)
{
    sweep_job *job = arg;
    size_t i;
    double since = start_clock(job->engine);
    while (rv_work_take(&job->work, worker, &i))
        if (rv_engine_owns(job->engine, i))
            end_forward(job, worker, &job->engine->examples[i]);
    lap(job->engine, worker, RV_PHASE_FORWARD, &since);
}

static int everybody(sweep_job *job, rv_parallel_fn fn)
{
    rv_work_init(&job->work, job->batch->num, job->engine->num_threads);
    rv_parallel(job->engine->model->context, fn, job);
    return first_error(job->engine, job->batch->num);
}

void rv_engine_begin(rv_engine *engine, size_t num)
{
    for (size_t i = 0; i < num; i++)
        if (rv_engine_owns(engine, i))
            rv_forward_begin(engine, &engine->blocks[i], &engine->examples[i]);
    engine->begun = true;
}

static int forward_lockstep(rv_engine *engine, const rv_batch *batch)
{
    sweep_job job = {.engine = engine, .batch = batch};
    int error = everybody(&job, begin_worker);
    engine->begun = false;
    for (job.t = 0; !error && job.t < engine->model->num_steps; job.t++) {
        error = batch->timestep(batch->user, job.t, false);
        if (!error)
            error = everybody(&job, step_worker);
        if (!error)
            error = batch->timestep(batch->user, job.t, true);
    }
    return error ? error : everybody(&job, end_worker);
}

/* ---- regularisation: the one thing that needs the whole batch between forward and backward ---- */

static bool is_regularised(const rv_compiled_network *model)
{
    for (uint32_t i = 0; i < model->num_populations; i++)
        if (rv_plan_is_regularised(&model->populations[i]))
            return true;
    return false;
}

/* penalty = (lambda / B) (mean count - nu), lambda by sign: what each spike of a hidden neuron subtracts from LambdaV.
 * Counts are integers: their sum has no order. */
static int regularise(rv_engine *engine, size_t num)
{
    const rv_compiled_network *model = engine->model;
    int error = RV_OK;
    for (uint32_t i = 0; !error && i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        float *penalty = engine->penalty[i];
        if (!penalty)
            continue;
        memset(engine->counts, 0, p->n_pad * sizeof *engine->counts);
        for (size_t e = 0; e < num; e++) {
            const rv_tape *tape = &engine->examples[e].tapes[i];
            for (uint32_t k = 0; rv_engine_owns(engine, e) && k < tape->offset[model->num_steps]; k++)
                engine->counts[tape->ids[k]]++;
        }
        error = rv_comm_sum_u32(model->context, engine->counts, p->n);
        for (size_t j = 0; j < p->n; j++) {
            const double over = (double)engine->counts[j] / (double)num - p->reg_nu_upper;
            penalty[j] = (float)((over > 0 ? p->reg_lambda_upper : p->reg_lambda_lower) / (double)num * over);
        }
    }
    return error;
}

int rv_engine_run(rv_engine *engine, const rv_batch *batch)
{
    const bool two_phases = engine->lockstep || (engine->learn && is_regularised(engine->model));
    const bool eprop = rv_engine_learns_eprop(engine);
    int error = RV_OK;
    for (uint32_t i = 0; i < engine->model->num_connections; i++)
        if (engine->model->connections[i].delay_parameter.value)
            rv_plan_sort_delays(&engine->model->connections[i]);
    if (eprop)
        rv_eprop_begin_batch(engine, batch->num);
    if (engine->lockstep)
        error = forward_lockstep(engine, batch);
    else if (two_phases || !engine->learn)
        error = sweep(engine, batch, true, false);
    if (!error && engine->learn && is_regularised(engine->model))
        error = regularise(engine, batch->num);
    if (!error && engine->learn)
        error = sweep(engine, batch, !two_phases, true);
    if (!error && engine->learn && engine->model->learning.lenient)
        warn_of_overflow(engine, batch->num);
    if (!error)
        error = share_scores(engine, batch->num);
    if (!error && eprop)
        rv_eprop_end_batch(engine, batch->num);
    if (error || !engine->learn)
        return error;
    const double start = start_clock(engine);
    error = rv_gradient_learn(engine, batch->num);
    engine->learn_seconds += start_clock(engine) - start;
    return error;
}
