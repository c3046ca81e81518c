#include "comm/communicator.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

int rv_context_set_communicator(rv_context *context, const rv_communicator *communicator)
{
    const rv_communicator *c = communicator;
    if (c->size > 1 && (c->rank < 0 || c->rank >= c->size))
        return rv_fail(context, RV_ERR_ARGUMENT, "communicator: rank must be >= 0 and < %d, got %d", c->size, c->rank);
    if (c->size > 1 && (!c->send || !c->receive || !c->broadcast))
        return rv_fail(context, RV_ERR_ARGUMENT, "communicator: send, receive and broadcast are required");
    context->communicator = *c;
    return RV_OK;
}

int rv_context_rank(const rv_context *context)
{
    return rv_comm_rank(context);
}

int rv_context_num_ranks(const rv_context *context)
{
    return rv_comm_size(context);
}

static int explain(rv_context *context, int code, const char *what)
{
    if (code < 0)
        return rv_fail(context, code, "rank %d of %d: %s failed (%s)", rv_comm_rank(context), rv_comm_size(context),
                       what, rv_strerror(code));
    return RV_OK;
}

int rv_comm_send(rv_context *context, int to, const void *data, size_t bytes)
{
    const rv_communicator *c = &context->communicator;
    return explain(context, c->send(c->user, to, data, bytes), "sending");
}

int rv_comm_receive(rv_context *context, int from, void *data, size_t bytes)
{
    const rv_communicator *c = &context->communicator;
    return explain(context, c->receive(c->user, from, data, bytes), "receiving");
}

int rv_comm_broadcast(rv_context *context, void *data, size_t bytes)
{
    const rv_communicator *c = &context->communicator;
    return rv_comm_size(context) > 1 ? explain(context, c->broadcast(c->user, data, bytes), "broadcasting") : RV_OK;
}

/* Rank 0 hears from all the others, in order, and tells them the outcome. */
static int combine(rv_context *context, void *mine, void *other, size_t bytes,
                   void (*join)(void *mine, const void *other, size_t bytes))
{
    int error = RV_OK;
    if (rv_comm_rank(context) > 0)
        error = rv_comm_send(context, 0, mine, bytes);
    for (int from = 1; !error && rv_comm_rank(context) == 0 && from < rv_comm_size(context); from++) {
        error = rv_comm_receive(context, from, other, bytes);
        if (!error)
            join(mine, other, bytes);
    }
    return error ? error : rv_comm_broadcast(context, mine, bytes);
}

static void join_sum(void *mine, const void *other, size_t bytes)
{
    uint32_t *a = mine;
    const uint32_t *b = other;
    for (size_t i = 0; i < bytes / sizeof *a; i++)
        a[i] += b[i];
}

int rv_comm_sum_u32(rv_context *context, uint32_t *counts, size_t num)
{
    if (rv_comm_size(context) == 1)
        return RV_OK;
    uint32_t *other = rv_alloc(context, num, sizeof *other, "counts of another rank");
    const int error = other ? combine(context, counts, other, num * sizeof *other, join_sum) : RV_ERR_MEMORY;
    rv_free(other);
    return error;
}

static void join_min(void *mine, const void *other, size_t bytes)
{
    int a, b;
    memcpy(&a, mine, bytes);
    memcpy(&b, other, bytes);
    if (b < a)
        memcpy(mine, other, bytes);
}

int rv_comm_min(rv_context *context, int value, int *smallest)
{
    int other;
    *smallest = value;
    return rv_comm_size(context) == 1 ? RV_OK : combine(context, smallest, &other, sizeof other, join_min);
}

int rv_comm_max(rv_context *context, int value, int *largest)
{
    const int error = rv_comm_min(context, -value, largest);
    *largest = -*largest;
    return error;
}

/* What a rank that failed tells the others. */
typedef struct fault {
    int code;
    char message[RV_ERROR_SIZE];
} fault;

/* The fault of rank `from` to all. */
static int share_fault(rv_context *context, int from, int error)
{
    fault f = {.code = error};
    if (rv_comm_rank(context) == from)
        memcpy(f.message, context->error, sizeof f.message);
    int failed = RV_OK;
    if (from > 0 && rv_comm_rank(context) == from)
        failed = rv_comm_send(context, 0, &f, sizeof f);
    if (from > 0 && rv_comm_rank(context) == 0)
        failed = rv_comm_receive(context, from, &f, sizeof f);
    if (!failed)
        failed = rv_comm_broadcast(context, &f, sizeof f);
    if (failed)
        return failed;
    context->error_is_shared = true;
    return from > 0 ? rv_fail(context, f.code, "rank %d: %s", from, f.message) : rv_fail(context, f.code, "%s", f.message);
}

/* One number says both: the first rank that failed (the number of ranks if none did), and the flag. */
int rv_comm_agree(rv_context *context, int error, bool *flag)
{
    const int size = rv_comm_size(context);
    int value = 2 * (error ? rv_comm_rank(context) : size) + !(flag && *flag);
    if (size == 1)
        return error;
    context->error_is_shared = false;
    const int failed = rv_comm_min(context, value, &value);
    if (failed)
        return error ? error : failed;
    if (value / 2 < size)
        return share_fault(context, value / 2, error);
    if (flag)
        *flag = value % 2 == 0;
    return RV_OK;
}

bool rv_comm_error_is_shared(const rv_context *context)
{
    return rv_comm_size(context) == 1 || context->error_is_shared;
}

/* The items of one rank, one after the other; returns how many. */
static size_t pack(char *packed, char *items, size_t num, size_t bytes, int rank,
                   int (*owner)(const void *arg, size_t i), const void *arg, bool unpack)
{
    size_t count = 0;
    for (size_t i = 0; i < num; i++)
        if (owner(arg, i) == rank) {
            if (unpack)
                memcpy(items + i * bytes, packed + count * bytes, bytes);
            else
                memcpy(packed + count * bytes, items + i * bytes, bytes);
            count++;
        }
    return count;
}

int rv_comm_share(rv_context *context, void *items, size_t num, size_t bytes, int (*owner)(const void *arg, size_t i),
                  const void *arg)
{
    const int size = rv_comm_size(context), rank = rv_comm_rank(context);
    if (size == 1 || !num)
        return RV_OK;
    char *packed = rv_alloc(context, num, bytes, "items of all ranks");
    int error = packed ? RV_OK : RV_ERR_MEMORY;
    if (!error && rank > 0) {
        const size_t count = pack(packed, items, num, bytes, rank, owner, arg, false);
        error = rv_comm_send(context, 0, packed, count * bytes);
    }
    for (int from = 1; !error && rank == 0 && from < size; from++) {
        size_t count = 0;
        for (size_t i = 0; i < num; i++)
            count += owner(arg, i) == from;
        error = rv_comm_receive(context, from, packed, count * bytes);
        if (!error)
            pack(packed, items, num, bytes, from, owner, arg, true);
    }
    rv_free(packed);
    return error ? error : rv_comm_broadcast(context, items, num * bytes);
}
