#include "cli/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE 2048

static bool quiet;
static int rank;                /* of the process */
static bool on_its_own;         /* what this rank says is not what all say */
static char kept[MESSAGE_SIZE]; /* the first fault of a rank that is not the first */

/* Texts of a hostile file must not reach the terminal as control characters. */
static void print_tidy(char *message)
{
    for (char *c = message; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
    if (rank == 0)
        fprintf(stderr, "ranvier: %s\n", message);
    else if (!kept[0])
        memcpy(kept, message, strlen(message) + 1);
}

__attribute__((format(printf, 2, 0))) static void print_at(const node *where, const char *format, va_list args)
{
    char message[MESSAGE_SIZE];
    int used = 0;
    while (where && !where->source) /* a default that was filled in: what it is a part of has a place */
        where = where->parent;
    if (where && where->source && where->line > 0)
        used = snprintf(message, sizeof message, "%s:%d: ", where->source, where->line);
    else if (where && where->source)
        used = snprintf(message, sizeof message, "%s: ", where->source);
    if (used < 0 || (size_t)used >= sizeof message)
        used = 0;
    vsnprintf(message + used, sizeof message - (size_t)used, format, args);
    print_tidy(message);
}

int fault(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_at(NULL, format, args);
    va_end(args);
    return STATUS_FAILED;
}

int fault_at(const node *where, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_at(where, format, args);
    va_end(args);
    return STATUS_FAILED;
}

int fault_usage(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_at(NULL, format, args);
    va_end(args);
    if (rank == 0)
        fprintf(stderr, "Try 'ranvier %s%s--help'.\n", command ? command : "",
                command ? " " : "");
    return STATUS_USAGE;
}

int fault_library(const node *where, const rv_context *context, int code)
{
    const char *detail = rv_last_error(context);
    if (!*detail)
        detail = rv_strerror(code);
    return fault_at(where ? node_blame(where, detail) : NULL, "%s", detail);
}

void note(const char *format, ...)
{
    if (quiet || rank > 0)
        return;
    va_list args;
    va_start(args, format);
    print_at(NULL, format, args);
    va_end(args);
}

void set_quiet(bool to)
{
    quiet = to;
}

bool is_quiet(void)
{
    return quiet || rank > 0;
}

void log_line(void *verbose, rv_log_level level, const char *message)
{
    if (rank > 0 && on_its_own && level <= RV_LOG_WARNING)
        fprintf(stderr, "ranvier: warning: rank %d: %s\n", rank, message);
    if (rank > 0)
        return;
    if (level <= RV_LOG_WARNING)
        fprintf(stderr, "ranvier: warning: %s\n", message);
    else if (*(const bool *)verbose)
        fprintf(stderr, "ranvier: %s\n", message);
}

void say_as_rank(int number)
{
    rank = number;
}

void say_on_its_own(bool own)
{
    on_its_own = own;
}

const char *say_kept(void)
{
    return kept;
}

void say_kept_aloud(void)
{
    if (kept[0])
        fprintf(stderr, "ranvier: rank %d: %s\n", rank, kept);
}

int finish_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    const int reason = errno;
    fault("standard output: %s", strerror(reason));
    return status ? status : STATUS_FAILED;
}
