/* A bump arena: many zeroed, 64-byte-aligned buffers that live and die together. One per compiled network; the time
 * loop allocates nothing. Not thread-safe. */
#ifndef RV_BASE_ARENA_H
#define RV_BASE_ARENA_H

#include <ranvier/base.h>

#define RV_ALIGNMENT 64 /* bytes: a cache line, and a vector of the widest instruction set */

typedef struct rv_arena rv_arena;

/* Memory is taken from the system by chunks of chunk_bytes (0 = 1 MiB), or one of its own for a larger buffer. `what`
 * names the arena in errors and must outlive it. */
int rv_arena_create(rv_arena **out, rv_context *context, size_t chunk_bytes, const char *what);

/* count elements of size bytes, zeroed, at a multiple of RV_ALIGNMENT, until the arena is freed; NULL on failure with
 * the detail in the context. The last cache line may be read and written beyond the end. */
__attribute__((malloc)) void *rv_arena_alloc(rv_arena *arena, size_t count, size_t size);

/* A copy of a string. */
char *rv_arena_strdup(rv_arena *arena, const char *text);

/* Bytes held from the system. */
size_t rv_arena_bytes(const rv_arena *arena);

void rv_arena_free(rv_arena *arena);

#endif
