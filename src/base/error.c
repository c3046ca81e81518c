#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/context.h"
#include "rv_config.h"

const char *rv_strerror(int code)
{
    if (code >= 0)
        return "success";
    switch (code) {
#define X(name, number, text)                                                                                         \
    case number:                                                                                                      \
        return text;
        RV_ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}

const char *rv_version(void)
{
    return RV_PROJECT_VERSION;
}

/* Makes one printable line of a message that was cut by vsnprintf at size if length >= size. */
static void tidy(char *line, size_t size, int length)
{
    static const char mark[] = "...";

    if (length >= 0 && (size_t)length >= size) {
        size_t end = size - sizeof mark;
        while (end > 0 && ((unsigned char)line[end] & 0xC0U) == 0x80U) /* not inside a UTF-8 sequence */
            end--;
        memcpy(line + end, mark, sizeof mark);
    }
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
}

int rv_fail(rv_context *context, int code, const char *format, ...)
{
    if (!context)
        return code;

    /* format first: an argument may be the last error itself */
    char line[RV_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tidy(line, sizeof line, length);

    pthread_mutex_lock(&context->error_lock);
    memcpy(context->error, line, sizeof line);
    pthread_mutex_unlock(&context->error_lock);
    return code;
}

void rv_error_clear(rv_context *context)
{
    pthread_mutex_lock(&context->error_lock);
    context->error[0] = '\0';
    pthread_mutex_unlock(&context->error_lock);
}

int rv_fail_memory(rv_context *context, size_t bytes, const char *what)
{
    if (bytes == SIZE_MAX)
        return rv_fail(context, RV_ERR_MEMORY, "out of memory: %s needs more bytes than can be addressed", what);
    return rv_fail(context, RV_ERR_MEMORY, "out of memory: %s needs %zu bytes", what, bytes);
}

void rv_log(rv_context *context, rv_log_level level, const char *format, ...)
{
    if (!context || !context->log)
        return;

    char line[RV_ERROR_SIZE];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tidy(line, sizeof line, length);
    context->log(context->log_user, level, line);
}

int rv_error_set(rv_context *context, int code, const char *message)
{
    return rv_fail(context, code, "%s", message ? message : "");
}

const char *rv_last_error(const rv_context *context)
{
    return context ? context->error : "";
}
