#include "base/arena.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

typedef struct chunk {
    struct chunk *next;
    size_t used;          /* bytes, from `start` */
    size_t size;          /* bytes */
    unsigned char *start; /* aligned */
} chunk;

struct rv_arena {
    rv_context *context;
    const char *what;
    size_t chunk_bytes;
    size_t total; /* bytes held from the system, headers included */
    chunk *first; /* the one that is being filled */
};

int rv_arena_create(rv_arena **out, rv_context *context, size_t chunk_bytes, const char *what)
{
    rv_arena *arena = *out = rv_alloc(context, 1, sizeof *arena, what);
    if (!arena)
        return RV_ERR_MEMORY;
    arena->context = context;
    arena->what = what;
    arena->chunk_bytes = chunk_bytes ? chunk_bytes : (size_t)1 << 20;
    arena->total = sizeof *arena;
    return RV_OK;
}

/* A chunk with room for `bytes`, in front of the others; one for a large buffer alone goes behind the first, so that
 * what is left in that one is still used. */
static chunk *add_chunk(rv_arena *arena, size_t bytes)
{
    const size_t size = bytes > arena->chunk_bytes ? bytes : arena->chunk_bytes;
    const size_t total = sizeof(chunk) + RV_ALIGNMENT + size;
    chunk *added = total < size ? NULL : rv_alloc(arena->context, total, 1, arena->what);
    if (!added) {
        rv_fail_memory(arena->context, bytes, arena->what);
        return NULL;
    }

    unsigned char *after = (unsigned char *)(added + 1);
    added->start = after + (RV_ALIGNMENT - (uintptr_t)after % RV_ALIGNMENT) % RV_ALIGNMENT;
    added->size = size;
    chunk **place = arena->first && bytes > arena->chunk_bytes ? &arena->first->next : &arena->first;
    added->next = *place;
    *place = added;
    arena->total += total;
    return added;
}

void *rv_arena_alloc(rv_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (!rv_multiply(count, size, &bytes) || bytes > SIZE_MAX - 2 * RV_ALIGNMENT) {
        rv_fail_memory(arena->context, SIZE_MAX, arena->what);
        return NULL;
    }
    bytes = (bytes + RV_ALIGNMENT - 1) / RV_ALIGNMENT * RV_ALIGNMENT;
    if (bytes == 0)
        bytes = RV_ALIGNMENT; /* distinct addresses, and NULL means failure only */

    chunk *from = arena->first;
    if (!from || from->size - from->used < bytes)
        from = add_chunk(arena, bytes);
    if (!from)
        return NULL;
    void *memory = from->start + from->used;
    from->used += bytes;
    return memory;
}

char *rv_arena_strdup(rv_arena *arena, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = rv_arena_alloc(arena, bytes, 1);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

size_t rv_arena_bytes(const rv_arena *arena)
{
    return arena->total;
}

void rv_arena_free(rv_arena *arena)
{
    if (!arena)
        return;
    for (chunk *next, *c = arena->first; c; c = next) {
        next = c->next;
        rv_free(c);
    }
    rv_free(arena);
}
