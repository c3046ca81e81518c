/* Deep R, as far as it is known before training: which connections are rewired, room in their rows, and signs.
 *
 * Bellec, Kappel, Maass & Legenstein (2018), Deep Rewiring: Training very sparse deep networks. The rewiring itself is
 * src/engine/deep_r.c. */
#include <math.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/philox.h"
#include "compile/plan.h"
#include "connectivity/sparse.h"

#define DEFAULT_L1_STRENGTH 0.01

/* ---- room ---- */

static bool is_recurrent(const rv_connection *connection)
{
    return connection->source == connection->target;
}

/* Where nobody is connected to itself, nobody ever will be: lists do not say whether they mean to exclude it. */
static bool has_loops(const rv_wiring *wiring)
{
    const uint32_t *targets = wiring->structure;
    for (size_t i = 0; i < wiring->rows.num; i++)
        for (size_t k = 0; k < wiring->lengths[i]; k++)
            if (targets[wiring->begin[i] + k] == i)
                return true;
    return false;
}

/* A row may become four times as long as the mean, and twice as long as the longest: enough for sources that matter more
 * than others, and far from a dense matrix where connections are sparse. Kernels walk what is used; room costs memory. */
static uint32_t choose_capacity(const rv_wiring *wiring, size_t num_targets)
{
    size_t capacity = wiring->rows.num ? 4 * wiring->num_weights / wiring->rows.num + 16 : 0;
    for (size_t i = 0; i < wiring->rows.num; i++)
        if (2 * (size_t)wiring->lengths[i] > capacity)
            capacity = 2 * (size_t)wiring->lengths[i];
    return (uint32_t)(capacity < num_targets ? capacity : num_targets);
}

int rv_plan_deep_r_wiring(rv_wiring **out, const rv_compiled_network *model, const rv_connection *connection,
                          const rv_wiring *wiring)
{
    return rv_sparse_spread(out, model->context, wiring, choose_capacity(wiring, connection->target->size));
}

/* ---- which connections ---- */

static int check_connection(const rv_compiled_network *model, const rv_connection *connection)
{
    rv_context *context = model->context;
    const char *rule = model->rule->name;
    const rv_plan_connection *c = rv_plan_find_connection(model, connection);
    if (!c)
        return rv_fail(context, RV_ERR_ARGUMENT, "%s: deep_r_conns: %s", rule,
                       connection ? "a connection is of another network" : "a connection is NULL");
    if (c->deep_r)
        return rv_fail(context, RV_ERR_ARGUMENT, "%s: deep_r_conns: '%s' is given twice", rule, connection->name);
    if (!connection->connectivity.model->listed)
        return rv_fail(context, RV_ERR_UNSUPPORTED, "connection '%s': Deep R needs Sparse or FixedProbability, got %s",
                       connection->name, connection->connectivity.model->name);
    if (connection->frozen)
        return rv_fail(context, RV_ERR_UNSUPPORTED, "connection '%s': Deep R cannot rewire what is frozen",
                       connection->name);
    if (c->delays)
        return rv_fail(context, RV_ERR_UNSUPPORTED, "connection '%s': Deep R cannot rewire synapses with a delay each",
                       connection->name);
    return RV_OK;
}

static int plan_connection(rv_compiled_network *model, const rv_connection *connection)
{
    const rv_learning *l = &model->learning;
    rv_wiring *wiring;
    int error = check_connection(model, connection);
    if (error)
        return error;
    rv_plan_connection *c = rv_plan_find_connection(model, connection);
    if (!(c->deep_r = rv_arena_alloc(model->arena, 1, sizeof *c->deep_r)))
        return RV_ERR_MEMORY;
    c->deep_r->l1_strength = (float)l->deep_r_l1_strength;
    c->deep_r->record = l->deep_r_record_rewirings;
    error = rv_plan_deep_r_wiring(&wiring, model, connection, c->wiring);
    if (error)
        return error;
    rv_wiring_free(c->wiring);
    c->wiring = wiring;
    return rv_plan_wire(model, c);
}

int rv_plan_deep_r_options(rv_compiled_network *model)
{
    rv_learning *l = &model->learning;
    int error = RV_OK;
    if (!isfinite(l->deep_r_l1_strength))
        return rv_fail(model->context, RV_ERR_VALUE, "%s: deep_r_l1_strength must be finite, got %g", model->rule->name,
                       l->deep_r_l1_strength);
    if (l->num_deep_r_conns && !l->deep_r_conns)
        return rv_fail(model->context, RV_ERR_ARGUMENT, "%s: num_deep_r_conns is %zu, but deep_r_conns is NULL",
                       model->rule->name, l->num_deep_r_conns);
    if (l->deep_r_l1_strength == 0)
        l->deep_r_l1_strength = DEFAULT_L1_STRENGTH;
    if (l->deep_r_l1_strength < 0)
        l->deep_r_l1_strength = 0;
    for (size_t i = 0; !error && i < l->num_deep_r_conns; i++)
        error = plan_connection(model, l->deep_r_conns[i]);
    l->deep_r_conns = NULL;
    l->num_deep_r_conns = 0;
    return error;
}

/* ---- memory and signs ---- */

/* In a new struct: the old one stays as it is until all that a rewiring needs is there. */
int rv_plan_deep_r_connection(rv_compiled_network *model, rv_plan_connection *c)
{
    rv_plan_deep_r *d = rv_arena_alloc(model->arena, 1, sizeof *d);
    if (!d)
        return RV_ERR_MEMORY;
    *d = *c->deep_r;
    d->capacity = choose_capacity(c->wiring, c->links.num_target);
    d->no_loops = is_recurrent(c->connection) && !has_loops(c->wiring);
    d->sign = rv_arena_alloc(model->arena, c->links.rows.size, sizeof *d->sign);
    d->dormant = rv_arena_alloc(model->arena, c->links.rows.num, sizeof *d->dormant);
    c->deep_r = d;
    return d->sign && d->dormant ? RV_OK : RV_ERR_MEMORY;
}

/* That of the weight. A weight of 0 keeps the sign that it has, and draws one if it has none yet. */
void rv_plan_deep_r_signs(rv_compiled_network *model, rv_plan_connection *c)
{
    const uint64_t seed = rv_context_seed(model->context);
    const uint32_t object = rv_connection_object(c->connection);
    const rv_rows *rows = &c->links.rows;
    for (size_t i = 0; i < rows->num; i++)
        for (size_t k = rv_row_begin(rows, i); k < rv_row_begin(rows, i) + rv_row_length(rows, i); k++) {
            float *sign = &c->deep_r->sign[k];
            uint32_t random[4];
            if (c->weight.value[k] != 0)
                *sign = c->weight.value[k] < 0 ? -1 : 1;
            else if (*sign == 0) {
                rv_random(seed, RV_RANDOM_SIGN, object, i, rv_sparse_targets(&c->links)[k], random);
                *sign = random[0] & 1 ? -1 : 1;
            }
        }
}

void rv_plan_deep_r_free(rv_plan_connection *c)
{
    if (c->deep_r)
        rv_free(c->deep_r->records);
}

int rv_rewirings_get(const rv_compiled_network *model, const rv_connection *connection, const rv_rewirings **out,
                     size_t *num)
{
    const rv_plan_connection *c = rv_plan_find_connection(model, connection);
    if (!c || !c->deep_r || !c->deep_r->record)
        return rv_fail(model->context, RV_ERR_STATE, "connection '%s': rewirings are not recorded",
                       connection ? rv_connection_name(connection) : "NULL");
    *out = c->deep_r->records;
    *num = c->deep_r->num_records;
    return RV_OK;
}
