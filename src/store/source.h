/* Bytes to read: a file, or a member of an .npz (zip) archive named as "file.npz:member". */
#ifndef RV_STORE_SOURCE_H
#define RV_STORE_SOURCE_H

#include <ranvier/base.h>

typedef struct rv_source rv_source;

/* A member "weights" may be stored as "weights" or "weights.npy". Errors: RV_ERR_FILE, RV_ERR_FORMAT; the missing
 * member and a bare archive list the names there are. */
int rv_source_open(rv_source **out, rv_context *context, const char *path);
void rv_source_close(rv_source *source);

/* As given to open, for messages. */
const char *rv_source_name(const rv_source *source);
rv_context *rv_source_context(const rv_source *source);

/* Bytes not read yet. Of an archive this is what it claims, but never more than its compressed size can hold. */
uint64_t rv_source_left(const rv_source *source);

/* Exactly `bytes` bytes, or RV_ERR_FORMAT if the end comes first. */
int rv_source_read(rv_source *source, void *out, size_t bytes);

/* The names of an archive's members, which rv_source_members_free frees. */
int rv_source_members(char ***out, size_t *num, rv_context *context, const char *path);
void rv_source_members_free(char **members, size_t num);

#endif
