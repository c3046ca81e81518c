/* Growing .npy files: rows are written behind the last ones, then the header, whose length does not change, is written
 * again with the new number of rows. A reader finds at least as many rows as the header says, whenever it looks. */
#include <errno.h>
#include <fcntl.h>
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
    bool reserved;      /* the disk holds room behind its end */
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
        const int rc = rv_growing_check_file(growing->context, files[i].path);
        if (rc < 0)
            return rc;
    }
    return RV_OK;
}

/* What is there must be what it was when the position was noted. */
static int check(rv_growing *growing, int i, uint64_t rows)
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
    return rc;
}

static int cut(rv_growing *growing, const npy_file *file, uint64_t size)
{
    return ftruncate(file->fd, (off_t)size) == 0
               ? RV_OK
               : rv_fail(growing->context, RV_ERR_FILE, "%s: cannot be cut: %m", file->path);
}

static int begin(rv_growing *growing, int i, const uint64_t *rows)
{
    npy_file *file = (npy_file *)growing->own + i;
    int rc = rows ? check(growing, i, rows[i]) : RV_OK;
    if (rc == RV_OK)
        rc = file->fd = rv_growing_open_file(growing->context, file->path);
    if (rc < 0)
        return rc;
    growing->rows[i] = rows ? rows[i] : 0;
    rc = rows ? RV_OK : cut(growing, file, 0);
    if (rc == RV_OK)
        rc = write_header(growing, i);
    file->size = file->header_size + growing->rows[i] * growing->row_bytes[i];
    return rc == RV_OK ? cut(growing, file, file->size) : rc;
}

static int npy_begin(rv_growing *growing, const uint64_t *rows)
{
    int rc = RV_OK;
    for (int i = 0; i < growing->num && rc == RV_OK; i++)
        rc = begin(growing, i, rows);
    return rc;
}

/* Room that is set aside beforehand is also written to sooner. Not every file system can. */
static int npy_reserve(rv_growing *growing, int array, uint64_t bytes)
{
#ifdef FALLOC_FL_KEEP_SIZE
    npy_file *file = (npy_file *)growing->own + array;
    const bool fits = bytes <= (uint64_t)INT64_MAX - file->size;
    if (fits && fallocate(file->fd, FALLOC_FL_KEEP_SIZE, (off_t)file->size, (off_t)bytes) == 0)
        file->reserved = true;
    else if (!fits || errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return rv_fail(growing->context, RV_ERR_FILE,
                       "%s: the next epoch needs %llu bytes, for which there is no room on the disk", file->path,
                       (unsigned long long)bytes);
#else
    (void)growing, (void)array, (void)bytes;
#endif
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
        if (files[i].reserved && cut(growing, &files[i], files[i].size) < 0)
            rc = RV_ERR_FILE;
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
    .reserve = npy_reserve,
    .append = npy_append,
    .write_at = npy_write_at,
    .advance = npy_advance,
    .publish = npy_publish,
    .sync = npy_sync,
    .close = npy_close,
};
