#include "callbacks/behind.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/error.h"

#define LARGE 65536 /* bytes: less is written sooner than handed to another thread */

typedef struct row_buffer {
    struct row_buffer *next;  /* in the list that it is in */
    struct row_buffer *other; /* in that of all */
    uint64_t row;
    uint64_t data[];
} row_buffer;

struct rv_behind {
    rv_context *context;
    rv_growing *files;
    int array;
    size_t bytes;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t change;
    row_buffer *all, *free, *first, *last; /* first .. last: they wait */
    size_t num_waiting;                    /* with the one that is being written */
    bool ends;
    int error;
};

static int write_row(const rv_behind *b, const row_buffer *buffer)
{
    return rv_growing_write_at(b->files, b->array, buffer->row, buffer->data, 1);
}

static void give_back(rv_behind *b, row_buffer *buffer, int error)
{
    if (b->error == RV_OK)
        b->error = error;
    buffer->next = b->free;
    b->free = buffer;
}

/* The first row that waits; with the lock held, which is let go meanwhile. */
static void write_first(rv_behind *b)
{
    row_buffer *buffer = b->first;
    const bool good = b->error == RV_OK;
    b->first = buffer->next;
    pthread_mutex_unlock(&b->lock);
    const int error = good ? write_row(b, buffer) : RV_OK;
    pthread_mutex_lock(&b->lock);
    give_back(b, buffer, error);
    b->num_waiting--;
}

static void *write_rows(void *arg)
{
    rv_behind *b = arg;
    pthread_mutex_lock(&b->lock);
    while (b->first || !b->ends) {
        if (b->first)
            write_first(b);
        else
            pthread_cond_wait(&b->change, &b->lock);
        pthread_cond_broadcast(&b->change);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* Signals are the program's. */
static bool start_thread(rv_behind *b)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&b->thread, NULL, write_rows, b) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

int rv_behind_create(rv_behind **out, rv_context *context, rv_growing *files, int array, size_t bytes)
{
    rv_behind *b = *out = rv_alloc(context, 1, sizeof *b, "what is being recorded");
    if (!b)
        return RV_ERR_MEMORY;
    *b = (rv_behind){.context = context, .files = files, .array = array, .bytes = bytes};
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->change, NULL);
    b->has_thread = bytes >= LARGE && start_thread(b);
    return RV_OK;
}

static row_buffer *new_buffer(rv_behind *b)
{
    const size_t words = b->bytes / sizeof(uint64_t) + (b->bytes % sizeof(uint64_t) > 0);
    row_buffer *buffer =
        rv_realloc(b->context, NULL, sizeof *buffer + words * sizeof(uint64_t), 1, "a recorded example");
    if (!buffer)
        return NULL;
    buffer->other = b->all;
    return b->all = buffer;
}

void *rv_behind_room(rv_behind *b)
{
    pthread_mutex_lock(&b->lock);
    row_buffer *buffer = b->free;
    if (buffer)
        b->free = buffer->next;
    else
        buffer = new_buffer(b);
    pthread_mutex_unlock(&b->lock);
    return buffer ? buffer->data : NULL;
}

/* With the lock held: whether the thread has it. */
static bool hand_over(rv_behind *b, row_buffer *buffer)
{
    if (!b->has_thread || b->num_waiting >= RV_BEHIND_ROWS)
        return false;
    buffer->next = NULL;
    if (b->first)
        b->last->next = buffer;
    else
        b->first = buffer;
    b->last = buffer;
    b->num_waiting++;
    pthread_cond_broadcast(&b->change);
    return true;
}

int rv_behind_write(rv_behind *b, uint64_t row, void *room)
{
    row_buffer *buffer = (row_buffer *)(void *)((unsigned char *)room - offsetof(row_buffer, data));
    buffer->row = row;
    pthread_mutex_lock(&b->lock);
    if (!hand_over(b, buffer)) {
        pthread_mutex_unlock(&b->lock);
        const int written = write_row(b, buffer);
        pthread_mutex_lock(&b->lock);
        give_back(b, buffer, written);
    }
    const int error = b->error;
    pthread_mutex_unlock(&b->lock);
    return error;
}

int rv_behind_settle(rv_behind *b)
{
    pthread_mutex_lock(&b->lock);
    while (b->num_waiting)
        if (b->first)
            write_first(b);
        else
            pthread_cond_wait(&b->change, &b->lock);
    const int error = b->error;
    pthread_mutex_unlock(&b->lock);
    return error;
}

size_t rv_behind_memory(size_t bytes)
{
    return bytes >= LARGE ? RV_BEHIND_ROWS * bytes : 0;
}

void rv_behind_free(rv_behind *b)
{
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->ends = true;
    pthread_cond_broadcast(&b->change);
    pthread_mutex_unlock(&b->lock);
    if (b->has_thread)
        pthread_join(b->thread, NULL);
    for (row_buffer *next, *buffer = b->all; buffer; buffer = next) {
        next = buffer->other;
        rv_free(buffer);
    }
    pthread_cond_destroy(&b->change);
    pthread_mutex_destroy(&b->lock);
    rv_free(b);
}
