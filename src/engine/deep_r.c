/* Deep R: synapses that are no longer needed become others (Bellec et al. 2018).
 *
 * Every synapse has a sign. L1 draws its weight w to zero: gradient += l1 * sign. Once the optimiser has taken w across
 * zero, sign * w < 0, the synapse is dormant and moves to a free place that is drawn at random, with weight and moments 0
 * and a sign that is drawn too. The number of synapses never changes: one that finds no place in MAX_DRAWS draws, in a
 * matrix that is nearly full or because rows are, stays dormant where it is, with weight 0, until its gradient calls it
 * back; it counts as failed.
 *
 * Of the gradient Deep R needs nothing but that L1 is added to it, which happens while the row is in cache: the
 * optimiser may stay fused with the sum. Rows tell while they are learnt whether anything in them crossed zero. What
 * moves then goes by one thread, in the order of rows and targets, with draws numbered within the step: nothing depends
 * on who learnt which row, and all ranks, which have learnt the same weights, do the same.
 *
 * Rows stay ascending by target. Each has room for more (src/compile/deep_r.c), so that a move touches two rows of every
 * array that is laid out as the weights, and no other; slots and traces hold nothing between batches. */
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/philox.h"
#include "connectivity/sparse.h"
#include "engine/engine.h"

#define MAX_DRAWS 256
#define MAX_ARRAYS (RV_MAX_MOMENTS + 4)

/* A connection being rewired, and the arrays that move with its synapses. */
typedef struct rewiring {
    rv_plan_connection *c;
    uint32_t *targets, *lengths;
    float *arrays[MAX_ARRAYS]; /* laid out as the weights */
    size_t num_arrays;
    uint64_t key, step, num_draws;
} rewiring;

typedef struct place {
    size_t row, k; /* k: where in the row its target is, or belongs */
    uint32_t target;
    float sign;
} place;

/* ---- while a row is learnt ---- */

void rv_deep_r_add_l1(const rv_engine *engine, const rv_plan_connection *c, size_t row, float *gradient)
{
    const size_t n = rv_row_padded(&c->links.rows, row);
    engine->model->kernels->weigh_rows(gradient, c->deep_r->sign + rv_row_begin(&c->links.rows, row), n,
                                       &c->deep_r->l1_strength, 1, n);
}

void rv_deep_r_note(const rv_plan_connection *c, size_t row)
{
    const size_t begin = rv_row_begin(&c->links.rows, row), n = rv_row_length(&c->links.rows, row);
    uint8_t dormant = 0;
    for (size_t k = begin; k < begin + n; k++)
        dormant |= c->weight.value[k] * c->deep_r->sign[k] < 0;
    c->deep_r->dormant[row] = dormant;
}

/* ---- places ---- */

/* The first synapse of a row whose target is not less. */
static size_t find(const rewiring *r, size_t row, uint32_t target)
{
    const uint32_t *targets = r->targets + rv_row_begin(&r->c->links.rows, row);
    size_t first = 0, end = r->lengths[row];
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        if (targets[middle] < target)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/* A number below n from 32 random bits; what it is from uniform is n / 2^32. */
static uint32_t below(uint32_t random, size_t n)
{
    return (uint32_t)((uint64_t)random * n >> 32);
}

/* All places of the matrix are equally likely: those that are taken, or in full rows, are drawn in vain. */
static bool draw_place(rewiring *r, place *out)
{
    const rv_plan_deep_r *d = r->c->deep_r;
    for (int draw = 0; draw < MAX_DRAWS; draw++) {
        uint32_t random[4];
        rv_random_at(r->key, r->step, r->num_draws++, random);
        const size_t row = below(random[0], r->c->links.rows.num);
        const uint32_t target = below(random[1], r->c->links.num_target);
        if (r->lengths[row] >= d->capacity || (d->no_loops && target == row))
            continue;
        const size_t k = find(r, row, target);
        if (k < r->lengths[row] && r->targets[rv_row_begin(&r->c->links.rows, row) + k] == target)
            continue;
        *out = (place){row, k, target, random[2] & 1 ? -1.0F : 1.0F};
        return true;
    }
    return false;
}

/* The padding repeats a row's last target, as rv_sparse_wire leaves it. */
static void pad(const rewiring *r, size_t row)
{
    uint32_t *targets = r->targets + rv_row_begin(&r->c->links.rows, row);
    const size_t length = r->lengths[row], padded = rv_row_padded(&r->c->links.rows, row);
    for (size_t k = length; k < padded; k++)
        targets[k] = targets[length - 1];
}

static void take_out(rewiring *r, size_t row, size_t k)
{
    const size_t begin = rv_row_begin(&r->c->links.rows, row), rest = --r->lengths[row] - k;
    uint32_t *target = r->targets + begin + k;
    memmove(target, target + 1, rest * sizeof *target);
    for (size_t i = 0; i < r->num_arrays; i++) {
        float *x = r->arrays[i] + begin + k;
        memmove(x, x + 1, rest * sizeof *x);
        x[rest] = 0;
    }
    pad(r, row);
}

static void put_in(rewiring *r, const place *p)
{
    const size_t begin = rv_row_begin(&r->c->links.rows, p->row), rest = r->lengths[p->row]++ - p->k;
    uint32_t *target = r->targets + begin + p->k;
    memmove(target + 1, target, rest * sizeof *target);
    *target = p->target;
    for (size_t i = 0; i < r->num_arrays; i++) {
        float *x = r->arrays[i] + begin + p->k;
        memmove(x + 1, x, rest * sizeof *x);
        *x = 0;
    }
    r->c->deep_r->sign[begin + p->k] = p->sign;
    pad(r, p->row);
}

/* ---- a connection ---- */

/* Dormant, and with nowhere to go: as new, but for the sign. */
static void reset(const rewiring *r, size_t k)
{
    const float sign = r->c->deep_r->sign[k];
    for (size_t i = 0; i < r->num_arrays; i++)
        r->arrays[i][k] = 0;
    r->c->deep_r->sign[k] = sign;
}

/* What comes into the row meanwhile is not dormant and pushes the rest to higher places: k need not go back. */
static void rewire_row(rewiring *r, size_t row, rv_rewirings *count)
{
    const size_t begin = rv_row_begin(&r->c->links.rows, row);
    size_t k = 0;
    while (k < r->lengths[row]) {
        place to;
        if (!(r->c->weight.value[begin + k] * r->c->deep_r->sign[begin + k] < 0)) {
            k++;
        } else if (!draw_place(r, &to)) {
            reset(r, begin + k);
            count->failed++;
        } else {
            take_out(r, row, k);
            to.k -= to.row == row && to.k > k;
            put_in(r, &to);
            r->c->weight.moving[to.row] = 1;
            count->done++;
        }
    }
}

static void add_array(rewiring *r, float *array)
{
    if (array)
        r->arrays[r->num_arrays++] = array;
}

static rv_rewirings rewire(const rv_engine *engine, rv_plan_connection *c)
{
    rewiring r = {
        .c = c,
        .targets = c->wiring->structure,
        .lengths = c->wiring->lengths,
        .key = rv_random_key(rv_context_seed(engine->model->context), RV_RANDOM_REWIRING,
                             rv_connection_object(c->connection)),
        .step = c->weight.optimiser->state.steps,
    };
    rv_rewirings count = {0, 0};
    add_array(&r, c->weight.value);
    add_array(&r, c->deep_r->sign);
    add_array(&r, c->weight.gradient);
    add_array(&r, c->weight.accumulated);
    for (int i = 0; i < c->weight.optimiser->optimiser.model->num_moments; i++)
        add_array(&r, c->weight.moment[i]);
    for (size_t row = 0; row < c->links.rows.num; row++)
        if (c->deep_r->dormant[row]) {
            c->deep_r->dormant[row] = 0;
            rewire_row(&r, row, &count);
        }
    return count;
}

int rv_deep_r_rewire(rv_engine *engine)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_connections; i++) {
        rv_plan_deep_r *d = model->connections[i].deep_r;
        if (!d)
            continue;
        const rv_rewirings count = rewire(engine, &model->connections[i]);
        if (!d->record)
            continue;
        const int error = rv_grow(model->context, &d->records, &d->records_capacity, d->num_records + 1,
                                  sizeof *d->records, "records of rewirings");
        if (error)
            return error;
        d->records[d->num_records++] = count;
    }
    return RV_OK;
}
