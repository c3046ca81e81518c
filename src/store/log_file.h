/* Files that grow while a run goes on: rows of a log, events. Every piece reaches the system before the call returns, so
 * a kill leaves whole pieces; a piece that cannot be written whole is taken back. */
#ifndef RV_STORE_LOG_FILE_H
#define RV_STORE_LOG_FILE_H

#include <ranvier/base.h>

typedef struct rv_log_file rv_log_file;

#define RV_LOG_KEEP_ALL UINT64_MAX

/* Opens or makes the file, keeps its first `keep` bytes and cuts off the rest. Errors: RV_ERR_FILE; RV_ERR_CHECKPOINT if
 * it has fewer. */
int rv_log_file_open(rv_log_file **out, rv_context *context, const char *path, uint64_t keep);
int rv_log_file_write(rv_log_file *file, const void *data, size_t bytes);
/* Bytes so far: where a checkpoint that is made now cuts. */
uint64_t rv_log_file_size(const rv_log_file *file);
/* RV_ERR_FILE unless the file begins with these bytes. */
int rv_log_file_expect(rv_log_file *file, const void *data, size_t bytes);
/* What was written is on the disk. */
int rv_log_file_sync(rv_log_file *file);
void rv_log_file_close(rv_log_file *file); /* NULL is legal */

#endif
