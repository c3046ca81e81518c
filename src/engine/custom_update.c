/* Custom updates over examples in their blocks, and over what the examples share.
 *
 * A worker takes an example, or a piece of a shared array, and calls the update's function with pointers: to the state
 * itself, to copies of what is shared, or to where a reduction's parts go. Sums are made afterwards by one thread, in
 * double precision: over examples by position, whoever swept them, over elements by number. */
#include "engine/custom_update.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/threads.h"
#include "comm/communicator.h"

#define PIECE 4096 /* elements of a shared array that a worker takes at a time */

typedef struct bound_update {
    const rv_plan_update *plan;
    size_t n, n_pad; /* elements, as they were when this was made */
    /* [references] what is shared, and what neurons are reduced from in an update that is not over examples: (n_pad); parts
     * of a sum over the batch: (capacity, n_pad); NULL elsewhere */
    float *buffer[RV_MAX_REFERENCES];
    float *scratch; /* (threads, references, n_pad) what else a function is shown or writes */
} bound_update;

struct rv_bound_group {
    rv_engine *engine;
    rv_library_group library; /* RV_NUM_LIBRARY_GROUPS = the user's */
    bool of_state;
    bound_update *updates; /* (num_updates) */
    size_t num_updates;
};

typedef struct update_job {
    rv_engine *engine;
    const bound_update *update;
    size_t num_items; /* examples, or pieces */
    rv_work work;
} update_job;

static bool of_batch(const rv_plan_reference *r)
{
    return r->access == RV_ACCESS_SUM_BATCH || r->access == RV_ACCESS_MAX_BATCH;
}

static bool of_neurons(const rv_plan_reference *r)
{
    return r->access == RV_ACCESS_SUM_NEURONS || r->access == RV_ACCESS_MAX_NEURONS;
}

/* ---- making ---- */

static int bind_update(rv_engine *engine, bound_update *b, const rv_plan_update *u)
{
    const size_t threads = (size_t)engine->num_threads, references = (size_t)u->num_references;
    b->plan = u;
    b->n = u->n;
    b->n_pad = (b->n + 15) / 16 * 16;
    if (!(b->scratch = rv_arena_alloc(engine->arena, threads * references * b->n_pad, sizeof(float))))
        return RV_ERR_MEMORY;
    for (int k = 0; k < u->num_references; k++) {
        const rv_plan_reference *r = &u->references[k];
        const size_t rows = of_batch(r) ? engine->capacity : 1;
        if ((r->kind == RV_REFERENCE_SHARED || !u->per_example) &&
            !(b->buffer[k] = rv_arena_alloc(engine->arena, rows * b->n_pad, sizeof(float))))
            return RV_ERR_MEMORY;
    }
    return RV_OK;
}

int rv_bound_group_create(rv_bound_group **out, rv_engine *engine, const char *name)
{
    const rv_compiled_network *model = engine->model;
    rv_bound_group *group = rv_arena_alloc(engine->arena, 1, sizeof *group);
    *out = group;
    if (!group)
        return RV_ERR_MEMORY;
    group->engine = engine;
    int error = rv_plan_find_group(model, name, &group->library, &group->of_state);
    if (!error && group->library == RV_GROUP_GRADIENT_LEARN && !engine->learn)
        error = rv_fail(model->context, RV_ERR_STATE, "custom update group 'GradientLearn': this run does not train");
    for (const rv_plan_update *u = model->updates; !error && u; u = u->next)
        group->num_updates += !strcmp(u->group, name);
    if (!error && !(group->updates = rv_arena_alloc(engine->arena, group->num_updates, sizeof *group->updates)))
        error = RV_ERR_MEMORY;
    bound_update *next = group->updates;
    for (const rv_plan_update *u = model->updates; !error && u; u = u->next)
        if (!strcmp(u->group, name))
            error = bind_update(engine, next++, u);
    return error;
}

bool rv_bound_group_is_of_state(const rv_bound_group *group)
{
    return group->of_state;
}

/* ---- calling the function ---- */

static void fill(float *x, size_t n, float value)
{
    for (size_t j = 0; j < n; j++)
        x[j] = value;
}

static void get_isyn(const rv_plan_population *p, const float *state, float *out)
{
    memset(out, 0, p->n * sizeof *out);
    for (size_t g = 0; g < p->num_groups; g++)
        for (size_t j = 0; j < p->n; j++)
            out[j] += state[p->groups[g].in_syn + j] * p->groups[g].scale[j];
}

static void get_readout(const rv_engine *engine, const rv_plan_reference *r, size_t example, float *out)
{
    const rv_plan_population *p = &engine->model->populations[r->population];
    const float *state = engine->examples[example].readout_state + p->readout_state;
    const rv_output_shape shape = rv_output_shape_of(engine->model, p);
    if (r->readout->value)
        r->readout->value(out, state, &shape);
    else if (p->readout->value)
        p->readout->value(out, state, &shape);
    else
        memcpy(out, state, p->n * sizeof *out);
}

/* Where the function finds, or leaves, the numbers of reference k of an example. */
static float *show(const update_job *job, int k, size_t example, float *scratch)
{
    const bound_update *b = job->update;
    const rv_plan_reference *r = &b->plan->references[k];
    float *state = job->engine->blocks[example].state;
    if (of_batch(r))
        return b->buffer[k] + example * b->n_pad;
    if (of_neurons(r))
        return scratch;
    if (r->kind == RV_REFERENCE_SHARED)
        return b->buffer[k];
    if (r->kind == RV_REFERENCE_ISYN) {
        get_isyn(&job->engine->model->populations[r->population], state, scratch);
        return scratch;
    }
    if (r->kind == RV_REFERENCE_READOUT) {
        get_readout(job->engine, r, example, scratch);
        return scratch;
    }
    if (!r->single || b->n == 1)
        return state + r->offset;
    fill(scratch, b->n, state[r->offset]);
    return scratch;
}

static float reduce(rv_access access, const float *x, size_t n, size_t stride)
{
    double sum = 0;
    float max = -INFINITY;
    for (size_t j = 0; j < n; j++) {
        sum += (double)x[j * stride];
        max = x[j * stride] > max || isnan(x[j * stride]) ? x[j * stride] : max;
    }
    return access == RV_ACCESS_MAX_BATCH || access == RV_ACCESS_MAX_NEURONS ? max : (float)sum;
}

static void update_example(const update_job *job, size_t example, float *scratch)
{
    const bound_update *b = job->update;
    const rv_plan_update *u = b->plan;
    float *value[RV_MAX_REFERENCES];
    for (int k = 0; k < u->num_references; k++)
        value[k] = show(job, k, example, scratch + (size_t)k * b->n_pad);
    u->update(&(rv_update_step){
        .n = b->n, .example = example, .dt = (float)job->engine->model->dt, .value = value, .user = u->user});
    for (int k = 0; k < u->num_references; k++)
        if (of_neurons(&u->references[k]))
            job->engine->blocks[example].state[u->references[k].offset] =
                reduce(u->references[k].access, value[k], b->n, 1);
}

/* A piece of arrays that all examples share. */
static void update_piece(const update_job *job, size_t piece)
{
    const bound_update *b = job->update;
    const rv_plan_update *u = b->plan;
    const size_t first = piece * PIECE, left = b->n - first;
    float *value[RV_MAX_REFERENCES];
    for (int k = 0; k < u->num_references; k++)
        value[k] = b->buffer[k] + first;
    u->update(&(rv_update_step){.n = left < PIECE ? left : PIECE,
                                .first = first,
                                .dt = (float)job->engine->model->dt,
                                .value = value,
                                .user = u->user});
}

static void update_worker(void *arg, int worker)
{
    update_job *job = arg;
    const bound_update *b = job->update;
    float *scratch = b->scratch + (size_t)worker * (size_t)b->plan->num_references * b->n_pad;
    size_t item;
    while (rv_work_take(&job->work, worker, &item)) {
        if (!b->plan->per_example)
            update_piece(job, item);
        else if (rv_engine_owns(job->engine, item))
            update_example(job, item, scratch);
    }
}

/* ---- what is shared, before and after ---- */

static int get_shared(const rv_engine *engine, const bound_update *b)
{
    const rv_plan_update *u = b->plan;
    int error = RV_OK;
    for (int k = 0; !error && k < u->num_references; k++) {
        const rv_plan_reference *r = &u->references[k];
        if (r->kind != RV_REFERENCE_SHARED || of_batch(r) || of_neurons(r))
            continue;
        error = rv_variable_get(engine->model, r->shared, b->buffer[k], r->single ? 1 : b->n);
        if (!error && r->single)
            fill(b->buffer[k] + 1, b->n - 1, b->buffer[k][0]);
    }
    return error;
}

static int owner_of(const void *arg, size_t position)
{
    const rv_engine *engine = arg;
    const size_t num_leaves = engine->model->num_leaves;
    return rv_comm_owner(engine->model->context, position % num_leaves, num_leaves);
}

/* Parts of all examples on all ranks, then their sum, into the first row. */
static int reduce_batch(const rv_engine *engine, const bound_update *b, int k, size_t num)
{
    const rv_plan_update *u = b->plan;
    const size_t bytes = b->n_pad * sizeof(float);
    const int error =
        engine->alone ? RV_OK : rv_comm_share(engine->model->context, b->buffer[k], num, bytes, owner_of, engine);
    for (size_t j = 0; !error && j < b->n; j++)
        b->buffer[k][j] = reduce(u->references[k].access, b->buffer[k] + j, num, b->n_pad);
    return error;
}

static int set_shared(rv_engine *engine, const bound_update *b, size_t num)
{
    const rv_plan_update *u = b->plan;
    int error = RV_OK;
    for (int k = 0; !error && k < u->num_references; k++) {
        const rv_plan_reference *r = &u->references[k];
        if (r->kind != RV_REFERENCE_SHARED || r->access == RV_ACCESS_READ)
            continue;
        if (of_batch(r))
            error = reduce_batch(engine, b, k, num);
        else if (of_neurons(r))
            b->buffer[k][0] = reduce(r->access, b->buffer[k], b->n, 1);
        if (!error)
            error = rv_variable_set(engine->model, r->shared, b->buffer[k], r->single ? 1 : b->n);
    }
    return error;
}

/* ---- a group ---- */

static int run_update(rv_engine *engine, const bound_update *b, size_t num)
{
    update_job job = {.engine = engine, .update = b};
    const int error = get_shared(engine, b);
    if (error || (b->plan->per_example && num == 0))
        return error;
    rv_work_init(&job.work, b->plan->per_example ? num : (b->n + PIECE - 1) / PIECE, engine->num_threads);
    rv_parallel(engine->model->context, update_worker, &job);
    return set_shared(engine, b, num);
}

int rv_bound_group_run(rv_bound_group *group, size_t num)
{
    int error = RV_OK;
    if (group->library != RV_NUM_LIBRARY_GROUPS)
        return rv_library_update(group->engine, group->library, num);
    for (size_t i = 0; !error && i < group->num_updates; i++)
        error = run_update(group->engine, &group->updates[i], num);
    return error;
}

/* ---- without a run ---- */

int rv_custom_update(rv_compiled_network *model, const char *name)
{
    rv_library_group library;
    bool of_state;
    rv_engine *engine = NULL;
    rv_bound_group *group;
    int error = rv_plan_find_group(model, name, &library, &of_state);
    if (!error && of_state)
        error = rv_fail(model->context, RV_ERR_STATE,
                        "custom update group '%s' is about the state of examples, which there is only in batches and "
                        "simulations",
                        name);
    if (!error)
        error =
            rv_engine_create(&engine, model, &(rv_engine_options){.capacity = 1, .learn = model->rule, .alone = true});
    if (!error)
        error = rv_bound_group_create(&group, engine, name);
    if (!error)
        error = rv_bound_group_run(group, 0);
    rv_engine_free(engine);
    return error;
}
