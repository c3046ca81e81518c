/* What the program says. Everything for people goes to standard error, results go to standard output.
 *
 * Functions of the program return an exit status, so that a fault can be said where it is found and its status handed
 * on: `return fault_at(node, ...)`. One fault is said per run. */
#ifndef RV_CLI_SAY_H
#define RV_CLI_SAY_H

#include <ranvier.h>

#include "cli/node.h"

enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_SIGNAL = 128, /* plus the signal's number: 130 after SIGINT */
};

/* "ranvier: <message>"; returns STATUS_FAILED. */
__attribute__((format(printf, 1, 2))) int fault(const char *format, ...);

/* "ranvier: digits.yaml:14: <message>", the place being the node's; returns STATUS_FAILED. */
__attribute__((format(printf, 2, 3))) int fault_at(const node *where, const char *format, ...);

/* A mistake on the command line: the message and a pointer to --help; returns STATUS_USAGE. `command` may be NULL. */
__attribute__((format(printf, 2, 3))) int fault_usage(const char *command, const char *format, ...);

/* The library's detail of a failure, at the entry inside `where` that it speaks of (node_blame); NULL = no place.
 * Returns STATUS_FAILED. */
int fault_library(const node *where, const rv_context *context, int code);

/* "ranvier: <message>", unless quiet. */
__attribute__((format(printf, 1, 2))) void note(const char *format, ...);
void set_quiet(bool quiet);
bool is_quiet(void);

/* The context's log sink: warnings always, the rest only if `verbose` points to true. */
void log_line(void *verbose, rv_log_level level, const char *message);

/* Ranks (see ranks.h). All but the first keep their first fault to themselves and drop the rest, because all would say the
 * same. While they are on their own, warnings come out, with the rank's number; a fault does when it is said aloud. */
void say_as_rank(int rank);
void say_on_its_own(bool own);
const char *say_kept(void); /* "" = nothing */
void say_kept_aloud(void);

/* Flushes standard output, so that a full disk or a closed pipe is a failure; returns the status to exit with. */
int finish_output(int status);

#endif
