/* Files that appear whole or not at all: written under a temporary name beside the target, synced, renamed. */
#ifndef RV_STORE_ATOMIC_FILE_H
#define RV_STORE_ATOMIC_FILE_H

#include <ranvier/base.h>

typedef struct rv_atomic_file rv_atomic_file;

/* Starts a file that is to replace `path`. The folder must exist; a symbolic link is followed; a target that is not a
 * regular file is an error. Errors here and below: RV_ERR_FILE naming file and reason. */
int rv_atomic_file_open(rv_atomic_file **out, rv_context *context, const char *path);

/* Appends. What is written reaches the disk at the latest in commit. */
int rv_atomic_file_write(rv_atomic_file *file, const void *data, size_t bytes);
__attribute__((format(printf, 2, 3))) int rv_atomic_file_printf(rv_atomic_file *file, const char *format, ...);

/* Replaces bytes that were already written: a header that is known last. */
int rv_atomic_file_rewrite(rv_atomic_file *file, uint64_t offset, const void *data, size_t bytes);

/* Bytes appended so far. */
uint64_t rv_atomic_file_size(const rv_atomic_file *file);

/* The temporary's path, for libraries that open and write files themselves (HDF5, libzip); such a file is not written
 * to with the functions above. */
const char *rv_atomic_file_temporary(const rv_atomic_file *file);

/* Syncs, renames, syncs the folder, and frees `file` in any case; on failure nothing is left of the new file. */
int rv_atomic_file_commit(rv_atomic_file *file);

/* Removes what was written and frees. NULL is legal. */
void rv_atomic_file_abort(rv_atomic_file *file);

/* The whole of a file in one call. */
int rv_atomic_file_save(rv_context *context, const char *path, const void *data, size_t bytes);

#endif
