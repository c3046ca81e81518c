/* Files for tests: a folder that goes when the program ends, and the shared data where they are. */
#ifndef TEST_SUPPORT_FILES_H
#define TEST_SUPPORT_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* folder/name in this program's own temporary folder. Valid until 64 more paths were asked for. */
const char *test_path(const char *name);

/* Writes a file there and returns its path. */
const char *test_file(const char *name, const void *bytes, size_t size);
const char *test_text(const char *name, const char *text);

bool test_exists(const char *path);

/* Number of entries of the temporary folder. */
size_t test_count_files(void);

/* The path of a file or folder of the shared data, RV_SHARED or ../shared/data beside the source; NULL, after printing
 * why, where it is missing. Valid until 64 more paths were asked for. */
const char *test_shared(const char *name);

#endif
