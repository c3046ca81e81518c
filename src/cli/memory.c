#include "cli/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/say.h"

_Noreturn static void give_up(void)
{
    exit(fault("out of memory"));
}

void *make(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory)
        give_up();
    return memory;
}

void *remake(void *memory, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count ? count : 1, size ? size : 1, &bytes))
        give_up();
    void *moved = realloc(memory, bytes);
    if (!moved)
        give_up();
    return moved;
}

char *copy_text(const char *text)
{
    return format_text("%s", text);
}

char *format_text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        give_up();
    va_end(args);
    return text;
}
