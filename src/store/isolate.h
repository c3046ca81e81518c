/* Work that may crash or never end: a library that trusts the file it reads, on a file that nobody vouches for. A child
 * process does it and hands back bytes; whatever happens to it, this process goes on. */
#ifndef RV_STORE_ISOLATE_H
#define RV_STORE_ISOLATE_H

#include <ranvier/base.h>

/* Runs in the child, whose bytes go to fd. Other threads are gone there, and what they held stays locked: it must not
 * touch the context, nor log. */
typedef void (*rv_isolated_fn)(int fd, const void *user);

/* In the child: all of the bytes, or the child ends, since nobody reads any more. */
void rv_isolated_write(int fd, const void *bytes, size_t size);

/* What the work wrote, (*size) bytes freed with rv_free, max_size at most. Errors: RV_ERR_FORMAT "<path>: the file is
 * damaged" if the child crashed, wrote more, or took more than cpu_seconds of a processor; RV_ERR_FILE. */
int rv_isolate(unsigned char **out, size_t *size, rv_context *context, const char *path, rv_isolated_fn work,
               const void *user, size_t max_size, unsigned cpu_seconds);

#endif
