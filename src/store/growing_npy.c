/* Growing .npy files: rows are written behind the last ones, then the header, whose length does not change, is written
 * again with the new number of rows. A reader finds at least as many rows as the header says, whenever it looks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/growing.h"
#include "store/npy_header.h"

#define BUFFER_SIZE 65536 /* bytes: rows smaller than that are collected */

typedef struct npy_file {
    char *path;
    int fd;
    bool made;          /* it was not there before */
    size_t header_size; /* bytes */
    uint64_t size;      /* bytes in the file, without those in the buffer */
    size_t used;        /* bytes of buffer */
    unsigned char *buffer;
} npy_file;

static int write_at(rv_context *context, const npy_file *file, uint64_t offset, const void *data, size_t bytes)
{
    const unsigned char *from = data;
    while (bytes > 0) {
        const ssize_t written = pwrite(file->fd, from, bytes, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return rv_fail(context, RV_ERR_FILE, "%s: cannot write: %m", file->path);
        from += written;
        offset += (uint64_t)written;
        bytes -= (size_t)written;
    }
    return RV_OK;
}

static int flush(rv_context *context, npy_file *file)
{
    const int rc = write_at(context, file, file->size, file->buffer, file->used);
    if (rc == RV_OK) {
        file->size += file->used;
        file->used = 0;
    }
    return rc;
}

static int write_header(rv_growing *growing, int i)
{
    npy_file *file = (npy_file *)growing->own + i;
    const rv_growing_array *array = &growing->arrays[i];
    char header[RV_NPY_HEADER_SIZE];
    size_t shape[RV_GROWING_MAX_DIMS];
    memcpy(shape, array->shape, sizeof shape);
    shape[0] = (size_t)growing->rows[i];
    file->header_size = rv_npy_header_format(header, array->dtype, array->num_dims, shape);
    return write_at(growing->context, file, 0, header, file->header_size);
}

static int npy_open(rv_growing *growing)
{
    npy_file *files = growing->own = rv_alloc(growing->context, (size_t)growing->num, sizeof *files, growing->path);
    if (!files)
        return RV_ERR_MEMORY;
    for (int i = 0; i < growing->num; i++)
        files[i].fd = -1;
    for (int i = 0; i < growing->num; i++) {
        files[i].path = rv_format(growing->context, "%s-%s.npy", growing->path, growing->arrays[i].name);
        files[i].buffer = rv_alloc(growing->context, BUFFER_SIZE, 1, growing->path);
        if (!files[i].path || !files[i].buffer)
            return RV_ERR_MEMORY;
        const int fd = rv_growing_open_file(growing->context, files[i].path, &files[i].made);
        if (fd < 0)
            return fd;
        files[i].fd = fd;
    }
    return RV_OK;
}

/* What is there must be what it was when the position was noted. */
static int check(rv_growing *growing, int i, uint64_t rows, size_t *header_size)
{
    const npy_file *file = (const npy_file *)growing->own + i;
    const rv_growing_array *array = &growing->arrays[i];
    rv_source *source;
    rv_npy_header header;
    int rc = rv_source_open(&source, growing->context, file->path);
    if (rc < 0)
        return rc;
    if ((rc = rv_npy_header_read(&header, source)) == RV_OK) {
        bool same = header.dtype == array->dtype && !header.swapped && !header.fortran_order &&
                    header.num_dims == array->num_dims && header.shape[0] >= rows;
        for (int d = 1; same && d < array->num_dims; d++)
            same = header.shape[d] == array->shape[d];
        if (!same)
            rc = rv_fail(growing->context, RV_ERR_CHECKPOINT,
                         "%s: is not the file that was written: fewer than %llu rows, or others", file->path,
                         (unsigned long long)rows);
    }
    rv_source_close(source);
    char text[RV_NPY_HEADER_SIZE];
    *header_size = rv_npy_header_format(text, array->dtype, array->num_dims, array->shape);
    return rc;
}

static int npy_begin(rv_growing *growing, const uint64_t *rows)
{
    npy_file *files = growing->own;
    for (int i = 0; i < growing->num; i++) {
        size_t header_size = 0;
        int rc = rows ? check(growing, i, rows[i], &header_size) : RV_OK;
        growing->rows[i] = rows ? rows[i] : 0;
        if (rc == RV_OK && !rows && ftruncate(files[i].fd, 0) != 0)
            rc = rv_fail(growing->context, RV_ERR_FILE, "%s: cannot be emptied: %m", files[i].path);
        if (rc == RV_OK)
            rc = write_header(growing, i);
        files[i].size = files[i].header_size + growing->rows[i] * growing->row_bytes[i];
        if (rc == RV_OK && rows && ftruncate(files[i].fd, (off_t)files[i].size) != 0)
            rc = rv_fail(growing->context, RV_ERR_FILE, "%s: cannot be cut: %m", files[i].path);
        if (rc < 0)
            return rc;
    }
    return RV_OK;
}

static int npy_append(rv_growing *growing, int array, const void *data, size_t num_rows)
{
    npy_file *file = (npy_file *)growing->own + array;
    const size_t bytes = num_rows * growing->row_bytes[array];
    int rc = RV_OK;
    if (bytes > BUFFER_SIZE - file->used && (rc = flush(growing->context, file)) < 0)
        return rc;
    if (bytes > BUFFER_SIZE) {
        rc = write_at(growing->context, file, file->size, data, bytes);
        file->size += rc == RV_OK ? bytes : 0;
    } else {
        memcpy(file->buffer + file->used, data, bytes);
        file->used += bytes;
    }
    return rc;
}

static int npy_write_at(rv_growing *growing, int array, uint64_t row, const void *data, size_t num_rows)
{
    const npy_file *file = (const npy_file *)growing->own + array;
    const size_t bytes = growing->row_bytes[array];
    return write_at(growing->context, file, file->header_size + row * bytes, data, num_rows * bytes);
}

static void npy_advance(rv_growing *growing, int array, size_t num_rows)
{
    npy_file *file = (npy_file *)growing->own + array;
    file->size += num_rows * growing->row_bytes[array];
}

static int npy_publish(rv_growing *growing)
{
    npy_file *files = growing->own;
    int rc = RV_OK;
    for (int i = 0; i < growing->num && rc == RV_OK; i++) {
        rc = flush(growing->context, &files[i]);
        if (rc == RV_OK)
            rc = write_header(growing, i);
    }
    return rc;
}

static int npy_sync(rv_growing *growing)
{
    npy_file *files = growing->own;
    for (int i = 0; i < growing->num; i++)
        if (fsync(files[i].fd) != 0)
            return rv_fail(growing->context, RV_ERR_FILE, "%s: cannot sync: %m", files[i].path);
    return RV_OK;
}

static int npy_close(rv_growing *growing)
{
    npy_file *files = growing->own;
    int rc = RV_OK;
    for (int i = 0; files && i < growing->num; i++) {
        if (files[i].fd >= 0 && !growing->begun && files[i].made)
            unlink(files[i].path);
        if (files[i].fd >= 0 && close(files[i].fd) != 0)
            rc = rv_fail(growing->context, RV_ERR_FILE, "%s: cannot close: %m", files[i].path);
        rv_free(files[i].path);
        rv_free(files[i].buffer);
    }
    rv_free(files);
    return rc;
}

const rv_growing_format rv_growing_npy = {
    .open = npy_open,
    .begin = npy_begin,
    .append = npy_append,
    .write_at = npy_write_at,
    .advance = npy_advance,
    .publish = npy_publish,
    .sync = npy_sync,
    .close = npy_close,
};
