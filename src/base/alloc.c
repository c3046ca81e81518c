#include "base/alloc.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Allocations left until one fails; negative = the hook is off. The one thing in the library that is global: it is
 * about the process's memory, and only tests set it. */
static atomic_long allocations_left = -1;

void rv_alloc_fail_after(long n)
{
    atomic_store(&allocations_left, n);
}

static bool must_fail(void)
{
    if (atomic_load_explicit(&allocations_left, memory_order_relaxed) < 0)
        return false;
    return atomic_fetch_sub(&allocations_left, 1) == 0; /* the hook is off again after that */
}

void *rv_alloc(rv_context *context, size_t count, size_t size, const char *what)
{
    size_t bytes;
    if (!rv_multiply(count, size, &bytes))
        bytes = SIZE_MAX;
    void *memory = bytes == SIZE_MAX || must_fail() ? NULL : calloc(bytes ? bytes : 1, 1);
    if (!memory)
        rv_fail_memory(context, bytes, what);
    return memory;
}

void *rv_realloc(rv_context *context, void *memory, size_t count, size_t size, const char *what)
{
    size_t bytes;
    if (!rv_multiply(count, size, &bytes))
        bytes = SIZE_MAX;
    void *moved = bytes == SIZE_MAX || must_fail() ? NULL : realloc(memory, bytes ? bytes : 1);
    if (!moved)
        rv_fail_memory(context, bytes, what);
    return moved;
}

int rv_grow(rv_context *context, void *memory, size_t *capacity, size_t needed, size_t size, const char *what)
{
    if (needed <= *capacity)
        return RV_OK;
    size_t wanted = *capacity + *capacity / 2;
    if (wanted < needed)
        wanted = needed;

    /* `memory` points to some T *, read and written as bytes since T is not known here */
    void *old;
    memcpy(&old, memory, sizeof old);
    void *moved = rv_realloc(context, old, wanted, size, what);
    if (!moved)
        return RV_ERR_MEMORY;
    memcpy(memory, &moved, sizeof moved);
    *capacity = wanted;
    return RV_OK;
}

char *rv_format(rv_context *context, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : rv_alloc(context, (size_t)length + 1, 1, "a string");
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void rv_free(void *memory)
{
    free(memory);
}
