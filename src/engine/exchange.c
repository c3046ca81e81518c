/* Ranks: each has the leaves of the gradient's sum that it owns, and all of them the whole sum afterwards.
 *
 * The tree is the one of gradient.c. A node whose leaves are all of one rank is joined there; the others are joined by
 * the rank of their first leaf, which the rest is sent to; the root goes to everybody. Numbers are added in the same
 * order as on one rank. A parameter goes through this some rows at a time, which stay in cache from their leaves to the
 * root. */
#include <string.h>

#include "base/threads.h"
#include "comm/communicator.h"
#include "engine/engine.h"

#define ROWS_AT_ONCE 8

typedef struct exchange {
    rv_engine *engine;
    const rv_plan_connection *connection; /* NULL: a bias */
    const rv_plan_parameter *parameter;
    size_t begin, end;  /* rows that are exchanged now: */
    size_t first, size; /* floats, of the parameter's */
    struct {
        size_t first, num; /* leaves */
    } nodes[RV_MAX_LEAVES]; /* the largest ones that are all this rank's, from the left */
    size_t num_nodes;
    size_t next; /* the node that the walk meets next */
    rv_work work;
} exchange;

static int owner(const exchange *x, size_t leaf)
{
    return rv_comm_owner(x->engine->model->context, leaf, x->engine->model->num_leaves);
}

static void find_nodes(exchange *x, size_t first, size_t num)
{
    if (owner(x, first) != owner(x, first + num - 1)) {
        find_nodes(x, first, num / 2);
        find_nodes(x, first + num / 2, num / 2);
    } else if (owner(x, first) == rv_comm_rank(x->engine->model->context)) {
        x->nodes[x->num_nodes].first = first;
        x->nodes[x->num_nodes++].num = num;
    }
}

static float *buffer(const exchange *x, size_t node)
{
    return x->engine->exchange + node * x->engine->exchange_size;
}

/* ---- this rank's nodes ---- */

static void node_worker(void *arg, int worker)
{
    exchange *x = arg;
    const rv_plan_parameter *p = x->parameter;
    size_t begin, end;
    while (rv_work_take_range(&x->work, worker, ROWS_AT_ONCE, &begin, &end))
        for (size_t row = x->begin + begin; row < x->begin + end; row++) {
            const size_t n = rv_row_padded(&p->rows, row);
            for (size_t k = 0; k < x->num_nodes; k++) {
                const float *sum = rv_gradient_node(x->engine, &x->engine->workers[worker], x->connection, p, row,
                                                    x->nodes[k].first, x->nodes[k].num);
                float *out = buffer(x, k) + rv_row_begin(&p->rows, row) - x->first;
                if (sum)
                    memcpy(out, sum, n * sizeof *out);
                else
                    memset(out, 0, n * sizeof *out);
            }
        }
}

/* ---- the nodes above ---- */

/* The sum of a node into *out, on the rank of its first leaf. */
static int walk(exchange *x, size_t first, size_t num, float **out)
{
    rv_context *context = x->engine->model->context;
    const int rank = rv_comm_rank(context), left = owner(x, first), right = owner(x, first + num / 2);
    float *a = NULL, *b = NULL, *received = buffer(x, RV_MAX_LEAVES);
    *out = NULL;
    if (left == owner(x, first + num - 1)) {
        if (left == rank)
            *out = buffer(x, x->next++);
        return RV_OK;
    }
    int error = walk(x, first, num / 2, &a);
    if (!error)
        error = walk(x, first + num / 2, num / 2, &b);
    if (!error && left != right && rank == right)
        error = rv_comm_send(context, left, b, x->size * sizeof *b);
    if (!error && left != right && rank == left) {
        error = rv_comm_receive(context, right, received, x->size * sizeof *received);
        b = received;
    }
    if (!error && rank == left) {
        *out = num == x->engine->model->num_leaves ? x->parameter->joined + x->first : a;
        x->engine->model->kernels->add(*out, a, b, x->size);
    }
    return error;
}

static int exchange_rows(exchange *x)
{
    rv_context *context = x->engine->model->context;
    float *const joined = x->parameter->joined + x->first, *root = NULL;
    rv_work_init(&x->work, x->end - x->begin, x->engine->num_threads);
    rv_parallel(context, node_worker, x);
    x->next = 0;
    const int error = walk(x, 0, x->engine->model->num_leaves, &root);
    if (error)
        return error;
    if (root && root != joined)
        memcpy(joined, root, x->size * sizeof *root);
    return rv_comm_broadcast(context, joined, x->size * sizeof *joined);
}

/* The next rows, as many as there is room for. */
static void take_rows(exchange *x)
{
    const rv_rows *rows = &x->parameter->rows;
    x->begin = x->end;
    x->first = rv_row_begin(rows, x->begin);
    do
        x->end++;
    while (x->end < rows->num && rv_row_begin(rows, x->end + 1) - x->first <= x->engine->exchange_size);
    x->size = rv_row_begin(rows, x->end) - x->first;
}

static int exchange_parameter(rv_engine *engine, const rv_plan_connection *connection, const rv_plan_parameter *p)
{
    exchange x = {.engine = engine, .connection = connection, .parameter = p};
    int error = RV_OK;
    if (!p->optimiser)
        return RV_OK;
    find_nodes(&x, 0, engine->model->num_leaves);
    while (!error && x.end < p->rows.num) {
        take_rows(&x);
        error = exchange_rows(&x);
    }
    return error;
}

int rv_gradient_exchange(rv_engine *engine)
{
    const rv_compiled_network *model = engine->model;
    int error = RV_OK;
    if (rv_comm_size(model->context) == 1)
        return RV_OK;
    for (uint32_t i = 0; !error && i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        error = exchange_parameter(engine, c, &c->delay_parameter);
        if (!error)
            error = exchange_parameter(engine, c, &c->weight);
    }
    for (uint32_t i = 0; !error && i < model->num_populations; i++)
        error = exchange_parameter(engine, NULL, &model->populations[i].bias);
    return error;
}
