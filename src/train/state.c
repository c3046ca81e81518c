/* Everything that a training run needs to go on to the same bits: what the network has learnt and what learning it
 * takes, the position, the sums of the metrics, the history, and what callbacks keep. Random numbers have no state of
 * their own: they belong to (seed, purpose, object, epoch, example). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "compile/state.h"
#include "data/spikes.h"
#include "store/state.h"
#include "train/run.h"

#define VERSION 1

/* ---- what must be the same in both runs ---- */

#define NUM_FACTS 10

typedef struct fact {
    const char *name;
    uint64_t value;
} fact;

/* A checksum of how many spikes and which labels and targets the examples have: enough to tell data sets apart. An iterator's data
 * are not known. */
static uint64_t data_checksum(const rv_feed *feed)
{
    uLong sum = crc32(0, Z_NULL, 0);
    if (feed->next_batch)
        return 0;
    for (int i = 0; i < feed->num_inputs; i++)
        for (size_t e = 0; feed->inputs[i].spikes && e < feed->num_examples; e++) {
            const uint64_t count = rv_spikes_count(feed->inputs[i].spikes, e);
            sum = crc32(sum, (const Bytef *)&count, sizeof count);
        }
    for (int o = 0; o < feed->num_outputs; o++)
        for (size_t e = 0; feed->outputs[o].labels && e < feed->num_examples; e++)
            sum = crc32(sum, (const Bytef *)&feed->outputs[o].labels[e], sizeof *feed->outputs[o].labels);
    for (int o = 0; o < feed->num_outputs; o++)
        for (size_t i = 0; feed->outputs[o].targets && i < feed->outputs[o].num_targets; i++)
            sum = crc32(sum, (const Bytef *)&feed->outputs[o].targets[i], sizeof *feed->outputs[o].targets);
    return sum;
}

static void list_facts(const rv_run *run, fact facts[NUM_FACTS])
{
    const rv_compiled_network *model = run->model;
    const rv_run *validation = run->validation;
    uint64_t dt;
    memcpy(&dt, &model->dt, sizeof dt);
    const fact list[NUM_FACTS] = {
        {"version", VERSION},
        {"seed", rv_context_seed(run->context)},
        {"example_timesteps", model->num_steps},
        {"dt", dt},
        {"batch_size", model->batch_size},
        {"training_examples", run->num_members},
        {"validation_examples", validation ? validation->num_members : 0},
        {"shuffle", run->shuffle},
        {"start_epoch", run->start_epoch},
        {"checksum_of_data", data_checksum(run->feed)},
    };
    memcpy(facts, list, sizeof list);
}

static int put_facts(const rv_run *run, rv_state *state)
{
    fact facts[NUM_FACTS];
    int error = rv_state_set_scope(state, "run/");
    list_facts(run, facts);
    for (size_t i = 0; !error && i < NUM_FACTS; i++)
        error = rv_state_put(state, facts[i].name, RV_UINT64, &facts[i].value, 1);
    return error;
}

static int check_facts(const rv_run *run, rv_state *state)
{
    fact facts[NUM_FACTS];
    int error = rv_state_set_scope(state, "run/");
    list_facts(run, facts);
    for (size_t i = 0; !error && i < NUM_FACTS; i++) {
        uint64_t saved;
        error = rv_state_get(state, facts[i].name, RV_UINT64, &saved, 1);
        if (!error && saved != facts[i].value)
            error = rv_fail(run->context, RV_ERR_CHECKPOINT,
                            "resume: %s was %" PRIu64 " when the checkpoint was made and is %" PRIu64 " now",
                            facts[i].name, saved, facts[i].value);
    }
    return error;
}

/* ---- the network ---- */

typedef struct transfer {
    rv_context *context;
    rv_state *state;
} transfer;

static int lend_array(void *user, const char *name, rv_dtype dtype, void *data, size_t size)
{
    const transfer *t = user;
    return rv_state_lend(t->state, name, dtype, data, size);
}

static int check_array(void *user, const char *name, rv_dtype dtype, void *data, size_t size)
{
    (void)data;
    const transfer *t = user;
    const rv_ndarray *array = rv_state_find(t->state, name);
    if (!array)
        return rv_fail(t->context, RV_ERR_CHECKPOINT, "resume: the checkpoint has no '%s', this network has", name);
    if (array->size != size || array->dtype != dtype)
        return rv_fail(t->context, RV_ERR_CHECKPOINT,
                       "resume: '%s' has %zu elements in the checkpoint and %zu in this network", name, array->size,
                       size);
    return RV_OK;
}

static int copy_array(void *user, const char *name, rv_dtype dtype, void *data, size_t size)
{
    const transfer *t = user;
    memcpy(data, rv_state_find(t->state, name)->data, size * rv_dtype_size(dtype));
    return RV_OK;
}

static int visit_network(rv_run *run, rv_state *state, rv_plan_visit_fn visit)
{
    transfer t = {run->context, state};
    const int error = rv_state_set_scope(state, "network/");
    return error ? error : rv_plan_visit(run->model, visit, &t);
}

/* Who is connected to whom, where the connectivity lists it: weights mean nothing without. (2, num): sources, targets;
 * *out is freed with rv_free. */
static int list_synapses(const rv_run *run, const rv_plan_connection *c, uint32_t **out, size_t *num)
{
    int error = rv_variable_size(run->model, (rv_variable){.connection = c->connection, .name = "g"}, num);
    *out = error ? NULL : rv_alloc(run->context, 2 * *num, sizeof **out, "synapses");
    if (!error && !*out)
        error = RV_ERR_MEMORY;
    return error ? error : rv_connection_synapses(run->model, c->connection, *out, *out + *num, *num);
}

static int visit_synapses(rv_run *run, rv_state *state, bool check)
{
    int error = rv_state_set_scope(state, "synapses/");
    for (uint32_t i = 0; !error && i < run->model->num_connections; i++) {
        const rv_plan_connection *c = &run->model->connections[i];
        const char *name = c->connection->name;
        uint32_t *synapses = NULL;
        size_t num = 0;
        if (!c->connection->connectivity.model->sparse || c->deep_r) /* Deep R's are part of what is learnt */
            continue;
        error = list_synapses(run, c, &synapses, &num);
        if (!error && !check)
            error = rv_state_put(state, name, RV_UINT32, synapses, 2 * num);
        const rv_ndarray *saved = check && !error ? rv_state_find(state, name) : NULL;
        if (check && !error &&
            (!saved || saved->dtype != RV_UINT32 || saved->size != 2 * num ||
             (num > 0 && memcmp(saved->data, synapses, 2 * num * sizeof *synapses) != 0)))
            error = rv_fail(run->context, RV_ERR_CHECKPOINT,
                            "resume: connection '%s' has other synapses than when the checkpoint was made", name);
        rv_free(synapses);
    }
    return error;
}

/* ---- callbacks ---- */

/* The scope of callback i: its class, and how many of it come before. */
static int enter(rv_run *run, rv_state *state, size_t i)
{
    const rv_callback *callbacks = run->hooks.callbacks;
    size_t before = 0;
    for (size_t k = 0; k < i; k++)
        before += !strcmp(rv_callback_name(&callbacks[k]), rv_callback_name(&callbacks[i]));
    return rv_state_set_scope(state, "%s/%s/%zu/", run->kind == RV_RUN_VALIDATE ? "validation_callback" : "callback",
                              rv_callback_name(&callbacks[i]), before);
}

static int put_callbacks(rv_run *run, rv_state *state)
{
    static const uint8_t saved = 1; /* also of one that has nothing to say */
    int error = RV_OK;
    for (size_t i = 0; !error && i < run->hooks.num; i++) {
        const rv_callback *callback = &run->hooks.callbacks[i];
        if (!callback->save)
            continue;
        error = enter(run, state, i);
        if (!error)
            error = rv_state_put(state, "saved", RV_UINT8, &saved, 1);
        if (error)
            break;
        rv_error_clear(run->context);
        error = rv_callback_explain(run, callback, "save", callback->save(callback->user, state));
    }
    return error;
}

static int get_callbacks(rv_run *run, rv_state *state)
{
    int error = RV_OK;
    for (size_t i = 0; !error && i < run->hooks.num; i++) {
        const rv_callback *callback = &run->hooks.callbacks[i];
        if (!callback->load)
            continue;
        error = enter(run, state, i);
        if (!error && !rv_state_find(state, "saved"))
            error = rv_fail(run->context, RV_ERR_CHECKPOINT, "resume: callback %s was not there when the checkpoint was made",
                            rv_callback_name(callback));
        if (error)
            break;
        rv_error_clear(run->context);
        error = rv_callback_explain(run, callback, "load", callback->load(callback->user, state));
    }
    return error;
}

/* ---- the run ---- */

static int put_progress(const rv_run *run, rv_state *state)
{
    const rv_scores *scores = &run->scores;
    const uint64_t position[] = {run->position.epoch, run->position.batch, run->position.begun, scores->count};
    int error = rv_state_set_scope(state, "progress/");
    if (!error)
        error = rv_state_put(state, "position", RV_UINT64, position, 4);
    if (!error)
        error = rv_state_put(state, "sums", RV_FLOAT64, scores->sums, scores->num_sums);
    double *values = rv_alloc(run->context, scores->num_all, sizeof *values, "metrics");
    if (!values)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < scores->num_all; i++)
        values[i] = scores->items[i].value;
    if (!error)
        error = rv_state_put(state, "values", RV_FLOAT64, values, scores->num_all);
    rv_free(values);
    return error;
}

static int get_progress(rv_run *run, rv_state *state)
{
    rv_scores *scores = &run->scores;
    uint64_t position[4];
    int error = rv_state_set_scope(state, "progress/");
    double *values = rv_alloc(run->context, scores->num_all, sizeof *values, "metrics");
    if (!values)
        return RV_ERR_MEMORY;
    if (!error)
        error = rv_state_get(state, "position", RV_UINT64, position, 4);
    if (!error)
        error = rv_state_get(state, "sums", RV_FLOAT64, scores->sums, scores->num_sums);
    if (!error)
        error = rv_state_get(state, "values", RV_FLOAT64, values, scores->num_all);
    for (size_t i = 0; !error && i < scores->num_all; i++)
        scores->items[i].value = values[i];
    if (!error) {
        run->position = (rv_position){position[0], position[1], position[2] != 0};
        run->epoch = run->position.epoch;
        if (run->validation)
            run->validation->epoch = run->epoch;
        scores->count = position[3];
    }
    rv_free(values);
    return error;
}

int rv_run_put_state(rv_run *run, rv_state *state)
{
    int error = put_facts(run, state);
    if (!error)
        error = put_progress(run, state);
    if (!error)
        error = rv_history_put(&run->history, state);
    if (!error)
        error = rv_rewirings_put(run, state);
    if (!error)
        error = visit_network(run, state, lend_array);
    if (!error)
        error = visit_synapses(run, state, false);
    if (!error)
        error = put_callbacks(run, state);
    return error || !run->validation ? error : put_callbacks(run->validation, state);
}

int rv_run_get_state(rv_run *run, rv_state *state)
{
    int error = visit_network(run, state, check_array);
    if (!error)
        error = visit_synapses(run, state, true);
    if (!error)
        error = check_facts(run, state);
    if (!error)
        error = rv_history_get(&run->history, state);
    if (!error)
        error = rv_rewirings_get_state(run, state);
    if (!error)
        error = get_progress(run, state);
    if (!error)
        error = get_callbacks(run, state);
    if (!error && run->validation)
        error = get_callbacks(run->validation, state);
    const char *unused = error ? NULL : rv_state_unused(state);
    if (unused)
        error = rv_fail(run->context, RV_ERR_CHECKPOINT, "resume: the checkpoint holds '%s', which this run has not",
                        unused);
    if (error)
        return error;
    visit_network(run, state, copy_array);
    rv_plan_restored(run->model);
    return RV_OK;
}
