/* Preparing a run: everything is resolved and checked here, before any work. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/philox.h"
#include "train/run.h"

/* What all runs share. `feed` is the parent's, or NULL. */
static int create(rv_run **out, rv_compiled_network *model, rv_run_kind kind, const rv_data *data, rv_feed *feed,
                  const rv_callback *callbacks, size_t num_callbacks)
{
    rv_context *context = model->context;
    rv_run *run = rv_alloc(context, 1, sizeof *run, "run");
    *out = run;
    if (!run)
        return RV_ERR_MEMORY;
    run->kind = kind;
    run->context = context;
    run->model = model;
    run->num_epochs = 1;
    atomic_init(&run->stop, false);
    if (num_callbacks && !callbacks)
        return rv_fail(context, RV_ERR_ARGUMENT, "num_callbacks is %zu, but callbacks is NULL", num_callbacks);
    const bool labels_required = kind != RV_RUN_PREDICT;
    run->owns_feed = !feed;
    run->feed = feed;
    if (!feed) {
        const int error = rv_feed_create(&run->feed, model, data, kind == RV_RUN_TRAIN, labels_required);
        if (error)
            return error;
    }
    rv_engine_options options = {
        .capacity = model->batch_size,
        .learn = kind == RV_RUN_TRAIN,
        .lockstep = rv_hooks_watch_timesteps(callbacks, num_callbacks),
    };
    if (!run->feed->next_batch && run->feed->num_examples < options.capacity)
        options.capacity = run->feed->num_examples ? run->feed->num_examples : 1;
    rv_feed_set_targets(run->feed, &options);
    return rv_engine_create(&run->engine, model, &options);
}

/* members[first .. first + num) of `from` (NULL = 0, 1, 2, ...) */
static int set_members(rv_run *run, const uint32_t *from, size_t first, size_t num)
{
    run->num_members = num;
    run->members = rv_alloc(run->context, num, sizeof *run->members, "examples of a run");
    run->order = rv_alloc(run->context, num, sizeof *run->order, "order of examples");
    if (!run->members || !run->order)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < num; i++)
        run->members[i] = run->order[i] = from ? from[first + i] : (uint32_t)(first + i);
    return RV_OK;
}

/* Callbacks come last: they may look at everything. */
static int finish(rv_run *run, const rv_callback *callbacks, size_t num_callbacks)
{
    int error = rv_scores_create(run);
    if (!error)
        error = rv_rewirings_create(run);
    if (!error)
        error = rv_hooks_create(&run->hooks, run, callbacks, num_callbacks);
    if (!error)
        error = rv_quantities_settle(run);
    if (!error)
        error = rv_history_create(&run->history, run);
    return error ? error : rv_probes_allocate(run);
}

/* ---- training ---- */

static int check_training(const rv_compiled_network *model, const rv_train_desc *desc)
{
    rv_context *context = model->context;
    if (!model->rule)
        return rv_fail(context, RV_ERR_STATE, "train: the network was compiled for inference");
    if (desc->num_epochs < 1)
        return rv_fail(context, RV_ERR_VALUE, "train: num_epochs must be >= 1, got 0");
    if (!desc->data.outputs[0].population)
        return rv_fail(context, RV_ERR_DATA, "train: at least one output is required");
    if (!(desc->validation_split >= 0 && desc->validation_split < 1))
        return rv_fail(context, RV_ERR_VALUE, "train: validation_split must be >= 0 and < 1, got %g",
                       desc->validation_split);
    if (desc->validation_split > 0 && desc->data.next_batch)
        return rv_fail(context, RV_ERR_ARGUMENT, "train: validation_split needs data of known size, not an iterator");
    if (desc->validation_split > 0 && desc->validation.inputs[0].population)
        return rv_fail(context, RV_ERR_ARGUMENT, "train: validation and validation_split exclude each other");
    if (desc->transform && desc->data.next_batch)
        return rv_fail(context, RV_ERR_ARGUMENT, "train: transform is for data sets; an iterator transforms its own");
    return RV_OK;
}

/* Which examples train and which validate. *held_out of the data set are kept back, at the end of `all`. */
static int split(rv_run *run, const rv_train_desc *desc, uint32_t **all, size_t *held_out)
{
    const size_t num = run->feed->num_examples;
    *held_out = num - (size_t)((double)num * (1 - desc->validation_split));
    if (desc->validation_split > 0 && (*held_out == 0 || *held_out == num))
        return rv_fail(run->context, RV_ERR_DATA, "train: validation_split = %g of %zu examples leaves none to %s",
                       desc->validation_split, num, *held_out ? "train" : "validate");
    if (desc->validation_split > 0 && desc->validation_split_shuffled == RV_ON) {
        *all = rv_alloc(run->context, num, sizeof **all, "examples of a run");
        if (!*all)
            return RV_ERR_MEMORY;
        rv_permutation(*all, num, rv_context_seed(run->context), RV_RANDOM_SPLIT, 0);
    }
    return RV_OK;
}

static int create_validation(rv_run *run, const rv_train_desc *desc, const uint32_t *all, size_t held_out)
{
    const rv_data *data = held_out ? &desc->data : &desc->validation;
    int error = create(&run->validation, run->model, RV_RUN_VALIDATE, data, held_out ? run->feed : NULL,
                       desc->validation_callbacks, desc->num_validation_callbacks);
    rv_run *validation = run->validation;
    if (error)
        return error;
    validation->parent = run;
    validation->num_epochs = desc->num_epochs;
    validation->start_epoch = desc->start_epoch;
    if (!validation->feed->next_batch)
        error = held_out ? set_members(validation, all, run->feed->num_examples - held_out, held_out)
                         : set_members(validation, NULL, 0, validation->feed->num_examples);
    return error ? error : finish(validation, desc->validation_callbacks, desc->num_validation_callbacks);
}

static int set_transform(rv_run *run, const rv_train_desc *desc)
{
    rv_feed *feed = run->feed;
    feed->transform = desc->transform;
    feed->transform_user = desc->transform_user;
    feed->transform_capacity = desc->transform_capacity;
    size_t largest = 0;
    for (int i = 0; i < feed->num_inputs; i++)
        if (feed->inputs[i].spikes && rv_spikes_max_count(feed->inputs[i].spikes) > largest)
            largest = rv_spikes_max_count(feed->inputs[i].spikes);
    if (!feed->transform_capacity)
        feed->transform_capacity = 2 * largest;
    if (feed->transform_capacity < largest)
        return rv_fail(run->context, RV_ERR_VALUE,
                       "train: transform_capacity must be >= %zu, the largest example's spikes, got %zu", largest,
                       feed->transform_capacity);
    return RV_OK;
}

static int create_training(rv_run *run, const rv_train_desc *desc)
{
    uint32_t *all = NULL;
    size_t held_out = 0;
    int error = RV_OK;
    run->num_epochs = desc->num_epochs;
    run->start_epoch = run->epoch = desc->start_epoch;
    run->position.epoch = run->start.epoch = desc->start_epoch;
    run->resume_folder = desc->resume_from;
    run->resume_key = desc->resume_key;
    run->shuffle = desc->shuffle != RV_OFF && !run->feed->next_batch;
    if (!run->feed->next_batch) {
        if (!run->feed->num_examples)
            return rv_fail(run->context, RV_ERR_DATA, "train: the data have no examples");
        error = split(run, desc, &all, &held_out);
        if (!error)
            error = set_members(run, all, 0, run->feed->num_examples - held_out);
        if (!error && desc->transform)
            error = set_transform(run, desc);
    }
    if (!error && (held_out || desc->validation.inputs[0].population))
        error = create_validation(run, desc, all, held_out);
    rv_free(all);
    if (!error)
        error = finish(run, desc->callbacks, desc->num_callbacks);
    return error ? error : rv_run_load(run);
}

static int done(rv_run **out, int error)
{
    if (error) {
        rv_run_free(*out);
        *out = NULL;
    }
    return error;
}

int rv_run_create_training(rv_run **out, rv_compiled_network *model, const rv_train_desc *desc)
{
    *out = NULL;
    int error = check_training(model, desc);
    if (!error)
        error = create(out, model, RV_RUN_TRAIN, &desc->data, NULL, desc->callbacks, desc->num_callbacks);
    if (!error)
        error = create_training(*out, desc);
    return done(out, error);
}

int rv_run_create_test(rv_run **out, rv_compiled_network *model, const rv_evaluate_desc *desc, rv_run_kind kind)
{
    *out = NULL;
    int error = create(out, model, kind, &desc->data, NULL, desc->callbacks, desc->num_callbacks);
    rv_run *run = *out;
    if (!error && !run->feed->next_batch)
        error = set_members(run, NULL, 0, run->feed->num_examples);
    if (!error && kind == RV_RUN_PREDICT &&
        !(run->predictions = rv_alloc(run->context, RV_MAX_PORTS, sizeof *run->predictions, "predictions")))
        error = RV_ERR_MEMORY;
    if (!error)
        error = finish(run, desc->callbacks, desc->num_callbacks);
    return done(out, error);
}

void rv_run_free(rv_run *run)
{
    if (!run)
        return;
    rv_hooks_clear(&run->hooks);
    rv_probes_free(run);
    rv_scores_clear(&run->scores);
    rv_history_clear(&run->history);
    rv_quantities_free(run);
    rv_rewirings_free(run);
    rv_triggers_free(run);
    rv_claims_free(run);
    rv_run_forget_saves(run);
    rv_run_free(run->validation);
    rv_engine_free(run->engine);
    if (run->owns_feed)
        rv_feed_free(run->feed);
    for (int o = 0; run->predictions && o < RV_MAX_PORTS; o++)
        rv_free(run->predictions[o]);
    rv_free(run->predictions);
    rv_free(run->members);
    rv_free(run->order);
    rv_free(run);
}

/* ---- what callbacks may ask ---- */

rv_compiled_network *rv_run_compiled_network(const rv_run *run)
{
    return run->model;
}

rv_context *rv_run_context(const rv_run *run)
{
    return run->context;
}

bool rv_run_is_training(const rv_run *run)
{
    return run->kind == RV_RUN_TRAIN;
}

bool rv_run_is_validation(const rv_run *run)
{
    return run->kind == RV_RUN_VALIDATE;
}

size_t rv_run_num_batches(const rv_run *run)
{
    return (run->num_members + run->model->batch_size - 1) / run->model->batch_size;
}

size_t rv_run_num_examples(const rv_run *run)
{
    return run->feed->next_batch ? 0 : run->feed->num_examples;
}

size_t rv_run_num_epochs(const rv_run *run)
{
    return run->num_epochs;
}

size_t rv_run_start_epoch(const rv_run *run)
{
    return run->start_epoch;
}

size_t rv_run_epoch(const rv_run *run)
{
    return run->epoch;
}

size_t rv_run_batch_count(const rv_run *run)
{
    return run->batch_count;
}

size_t rv_run_batch_example(const rv_run *run, size_t index)
{
    if (index >= run->batch_count)
        return SIZE_MAX;
    return run->order ? run->order[run->batch_first + index] : run->batch_first + index;
}

const uint32_t *rv_run_order(const rv_run *run)
{
    return run->order;
}

int rv_run_rank(const rv_run *run)
{
    return rv_context_rank(run->context);
}

size_t rv_run_num_members(const rv_run *run)
{
    return run->num_members;
}

void rv_run_stop(rv_run *run)
{
    atomic_store(&run->stop, true);
}

/* More than can be addressed stays SIZE_MAX. */
static size_t add_bytes(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

size_t rv_run_memory_fixed(const rv_run *run)
{
    size_t bytes = rv_engine_memory(run->engine) + 2 * run->num_members * sizeof(uint32_t);
    bytes = add_bytes(add_bytes(bytes, rv_probes_memory(run)), run->announced_fixed);
    return run->validation ? add_bytes(bytes, rv_run_memory_fixed(run->validation)) : bytes;
}

size_t rv_run_memory_tape_bound(const rv_run *run)
{
    const size_t recorded = add_bytes(rv_probes_growth(run), run->announced_growth);
    const size_t bytes = add_bytes(rv_engine_tape_bound(run->engine), recorded);
    return run->validation ? add_bytes(bytes, rv_run_memory_tape_bound(run->validation)) : bytes;
}

void rv_run_announce_memory(rv_run *run, size_t fixed, size_t growth)
{
    run->announced_fixed = add_bytes(run->announced_fixed, fixed);
    run->announced_growth = add_bytes(run->announced_growth, growth);
}
