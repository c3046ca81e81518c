/* Small allocations of the program. They end it with a message where the library would hand an error back: a program
 * that cannot hold its own experiment file has nothing left to do. Data and networks are allocated by the library. */
#ifndef RV_CLI_MEMORY_H
#define RV_CLI_MEMORY_H

#include <stddef.h>

/* count elements of size bytes, zeroed. */
__attribute__((malloc, returns_nonnull)) void *make(size_t count, size_t size);
/* The same memory with room for count elements; what is new is not zeroed. */
__attribute__((returns_nonnull)) void *remake(void *memory, size_t count, size_t size);
__attribute__((malloc, returns_nonnull)) char *copy_text(const char *text);
__attribute__((malloc, returns_nonnull, format(printf, 1, 2))) char *format_text(const char *format, ...);

#endif
