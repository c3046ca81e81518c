/* A line of a log, put together piece by piece. */
#ifndef RV_CALLBACKS_LINE_H
#define RV_CALLBACKS_LINE_H

#include <ranvier/base.h>

typedef struct rv_line {
    rv_context *context;
    char *data; /* 0-terminated once something was added */
    size_t size, capacity;
} rv_line;

__attribute__((format(printf, 2, 3))) int rv_line_add(rv_line *line, const char *format, ...);
void rv_line_clear(rv_line *line);

#endif
