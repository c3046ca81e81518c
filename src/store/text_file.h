/* Whole files in memory, and text files line by line. */
#ifndef RV_STORE_TEXT_FILE_H
#define RV_STORE_TEXT_FILE_H

#include <ranvier/base.h>

/* Reads a regular file into *data (freed by the caller with rv_free, reused and grown if not NULL), with a 0 behind its
 * *size bytes. RV_ERR_FILE. */
int rv_file_read(rv_context *context, const char *path, char **data, size_t *capacity, size_t *size);

typedef struct rv_text {
    const char *path;
    char *data;  /* (size + 1); lines are cut in place */
    size_t size; /* bytes */
    char *next;  /* the line that comes next */
    size_t line; /* number of the last line given out, from 1 */
} rv_text;

/* Reads a file without 0 bytes; a byte order mark is skipped. RV_ERR_FILE, RV_ERR_FORMAT. */
int rv_text_read(rv_text *out, rv_context *context, const char *path);
void rv_text_clear(rv_text *text);

/* The next line that is neither blank nor a comment (#), or NULL. It may be written to. */
char *rv_text_next(rv_text *text);

#endif
