/* Every allocation of the library goes through these, so that sizes never overflow, a failure says what was being
 * made, and a test can make any one of them fail. */
#ifndef RV_BASE_ALLOC_H
#define RV_BASE_ALLOC_H

#include <ranvier/base.h>

/* count elements of size bytes, zeroed; NULL on failure, with the detail in the context (which may be NULL).
 * `what` names the object: "spikes of example 3". Never NULL for count 0. Freed with rv_free. */
__attribute__((malloc)) void *rv_alloc(rv_context *context, size_t count, size_t size, const char *what);

/* Makes memory from rv_alloc (or NULL) hold count elements; what is new is not zeroed. On failure NULL, and `memory`
 * is untouched. */
__attribute__((warn_unused_result)) void *rv_realloc(rv_context *context, void *memory, size_t count, size_t size,
                                                     const char *what);

/* Makes room for at least `needed` elements in the buffer *memory of *capacity elements, by half again as much as
 * before, so that appending is amortised. `memory` is the address of a typed pointer. On failure RV_ERR_MEMORY, and
 * nothing has changed. */
int rv_grow(rv_context *context, void *memory, size_t *capacity, size_t needed, size_t size, const char *what);

/* A formatted string of its own, or NULL. */
__attribute__((format(printf, 2, 3))) char *rv_format(rv_context *context, const char *format, ...);

void rv_free(void *memory);

/* a * b, or false if that overflows. */
static inline bool rv_multiply(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* Test hook: the next n allocations of this process succeed, the one after fails (once); n < 0 removes it. */
void rv_alloc_fail_after(long n);

#endif
