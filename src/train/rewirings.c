/* What Deep R did, where the compiler was told to record it: quantities of every connection that is rewired, `rewirings`
 * and `failed_rewirings` of the epoch so far, and the records of all steps, which go into checkpoints. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/state.h"
#include "train/run.h"

/* A connection that is recorded. */
typedef struct rewiring {
    rv_plan_deep_r *deep_r;
    const char *name;
    rv_quantity *done, *failed;
    uint64_t num_done, num_failed; /* of the epoch so far */
    size_t seen;                   /* records that are in them */
} rewiring;

struct rv_rewiring_list {
    rewiring *items;
    size_t num;
};

int rv_rewirings_create(rv_run *run)
{
    rv_compiled_network *model = run->model;
    if (run->kind != RV_RUN_TRAIN)
        return RV_OK;
    struct rv_rewiring_list *list = run->rewirings = rv_alloc(run->context, 1, sizeof *list, "rewirings");
    if (!list || !(list->items = rv_alloc(run->context, model->num_connections, sizeof *list->items, "rewirings")))
        return RV_ERR_MEMORY;
    int error = RV_OK;
    for (uint32_t i = 0; !error && i < model->num_connections; i++) {
        rv_plan_connection *c = &model->connections[i];
        if (!c->deep_r || !c->deep_r->record)
            continue;
        rewiring *r = &list->items[list->num++];
        *r = (rewiring){.deep_r = c->deep_r, .name = c->connection->name, .seen = c->deep_r->num_records};
        error = rv_quantity_add_of(&r->done, run, r->name, "rewirings");
        if (!error)
            error = rv_quantity_add_of(&r->failed, run, r->name, "failed_rewirings");
    }
    return error;
}

void rv_rewirings_free(rv_run *run)
{
    if (run->rewirings)
        rv_free(run->rewirings->items);
    rv_free(run->rewirings);
}

void rv_rewirings_begin_epoch(rv_run *run)
{
    for (size_t i = 0; run->rewirings && i < run->rewirings->num; i++)
        run->rewirings->items[i].num_done = run->rewirings->items[i].num_failed = 0;
}

void rv_rewirings_note(rv_run *run)
{
    for (size_t i = 0; run->rewirings && i < run->rewirings->num; i++) {
        rewiring *r = &run->rewirings->items[i];
        for (; r->seen < r->deep_r->num_records; r->seen++) {
            r->num_done += r->deep_r->records[r->seen].done;
            r->num_failed += r->deep_r->records[r->seen].failed;
        }
        rv_quantity_set(r->done, (double)r->num_done);
        rv_quantity_set(r->failed, (double)r->num_failed);
    }
}

/* ---- checkpoints: of a connection what the epoch had so far, done and failed, then the same of every step ---- */

int rv_rewirings_put(const rv_run *run, rv_state *state)
{
    int error = rv_state_set_scope(state, "rewirings/");
    for (size_t i = 0; !error && run->rewirings && i < run->rewirings->num; i++) {
        const rewiring *r = &run->rewirings->items[i];
        const size_t num = r->deep_r->num_records;
        uint64_t *numbers = rv_alloc(run->context, 2 * (num + 1), sizeof *numbers, "rewirings");
        if (!numbers)
            return RV_ERR_MEMORY;
        numbers[0] = r->num_done;
        numbers[1] = r->num_failed;
        for (size_t k = 0; k < num; k++) {
            numbers[2 * k + 2] = r->deep_r->records[k].done;
            numbers[2 * k + 3] = r->deep_r->records[k].failed;
        }
        error = rv_state_put(state, r->name, RV_UINT64, numbers, 2 * (num + 1));
        rv_free(numbers);
    }
    return error;
}

static int get(rv_run *run, rv_state *state, rewiring *r)
{
    rv_plan_deep_r *d = r->deep_r;
    const rv_ndarray *saved = rv_state_find(state, r->name);
    if (!saved || saved->dtype != RV_UINT64 || saved->size < 2 || saved->size % 2)
        return rv_fail(run->context, RV_ERR_CHECKPOINT, "resume: the checkpoint has no rewirings of connection '%s'",
                       r->name);
    const uint64_t *numbers = saved->data;
    const size_t num = saved->size / 2 - 1;
    const int error =
        rv_grow(run->context, &d->records, &d->records_capacity, num, sizeof *d->records, "records of rewirings");
    if (error)
        return error;
    for (size_t k = 0; k < num; k++)
        d->records[k] = (rv_rewirings){numbers[2 * k + 2], numbers[2 * k + 3]};
    r->seen = d->num_records = num;
    r->num_done = numbers[0];
    r->num_failed = numbers[1];
    return RV_OK;
}

int rv_rewirings_get_state(rv_run *run, rv_state *state)
{
    int error = rv_state_set_scope(state, "rewirings/");
    for (size_t i = 0; !error && run->rewirings && i < run->rewirings->num; i++)
        error = get(run, state, &run->rewirings->items[i]);
    return error;
}
