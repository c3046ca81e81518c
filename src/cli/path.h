/* Paths: what an experiment file names is found from the file's own folder. */
#ifndef RV_CLI_PATH_H
#define RV_CLI_PATH_H

#include <stdbool.h>

/* All strings are the caller's to free. */

/* base/path, or path where it is absolute. */
char *path_join(const char *base, const char *path);
/* The folder of a file: "examples" of "examples/digits.yaml", "." of "digits.yaml". */
char *path_folder(const char *path);
/* The name without folder and ending: "digits" of "examples/digits.yaml". */
char *path_stem(const char *path);
/* The absolute path without links if it exists, else a copy. */
char *path_absolute(const char *path);

bool path_exists(const char *path);
bool path_is_folder(const char *path);
/* Whether there is nothing at the path, or an empty folder. */
bool path_is_free(const char *path);

#endif
