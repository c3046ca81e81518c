#include "callbacks/line.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

int rv_line_add(rv_line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    const int rc = rv_grow(line->context, &line->data, &line->capacity, line->size + (size_t)length + 1, 1, "a line of a log");
    if (rc < 0)
        return rc;
    va_start(args, format);
    vsnprintf(line->data + line->size, (size_t)length + 1, format, args);
    va_end(args);
    line->size += (size_t)length;
    return RV_OK;
}

void rv_line_clear(rv_line *line)
{
    rv_free(line->data);
    *line = (rv_line){.context = line->context};
}
