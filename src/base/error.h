/* How an error gets its detail: the place that finds the fault writes the line, callers pass the code on. Nobody
 * rewrites it on the way up. */
#ifndef RV_BASE_ERROR_H
#define RV_BASE_ERROR_H

#include <ranvier/base.h>

/* Writes the context's last error and returns code. context NULL only returns code. The line is cut at
 * RV_ERROR_SIZE and its control characters become '?', since names of files and objects come from outside.
 *
 * May be called by workers of a parallel region: the last one to fail wins, whole. A region whose error must not
 * depend on scheduling notes what failed and calls rv_fail after it. */
__attribute__((format(printf, 3, 4))) int rv_fail(rv_context *context, int code, const char *format, ...);

/* Forgets the last error, so that what fails next and says nothing is not explained with it. */
void rv_error_clear(rv_context *context);

/* RV_ERR_MEMORY with what was asked for; bytes SIZE_MAX = more than can be addressed. */
int rv_fail_memory(rv_context *context, size_t bytes, const char *what);

/* One line to the context's log sink, if there is one. From the caller's thread only. */
__attribute__((format(printf, 3, 4))) void rv_log(rv_context *context, rv_log_level level, const char *format, ...);

#endif
