/* Growing arrays, whatever their format. */
#include "store/growing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/folder.h"

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

static const rv_growing_format *format_of(const char *path)
{
    return ends_with(path, ".h5") || ends_with(path, ".hdf5") ? &rv_growing_h5 : &rv_growing_npy;
}

/* The folder of a path: NULL for the current one, or out of memory. */
static char *folder_of(rv_context *context, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash > path ? rv_format(context, "%.*s", (int)(slash - path), path) : NULL;
}

/* The nearest folder above that is there must let us make things in it. */
static int check_folder(rv_context *context, const char *path)
{
    struct stat info;
    char *folder = folder_of(context, path);
    int rc = RV_OK;
    while (folder && stat(folder, &info) != 0 && errno == ENOENT) {
        char *above = folder_of(context, folder);
        rv_free(folder);
        folder = above;
    }
    const char *there = folder ? folder : *path == '/' ? "/" : ".";
    if (access(there, W_OK | X_OK) != 0)
        rc = rv_fail(context, RV_ERR_FILE, "%s: cannot be made: folder %s: %m", path, there);
    rv_free(folder);
    return rc;
}

int rv_growing_check_file(rv_context *context, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return errno == ENOENT ? check_folder(context, path)
                               : rv_fail(context, RV_ERR_FILE, "%s: cannot be written: %m", path);
    if (!S_ISREG(info.st_mode))
        return rv_fail(context, RV_ERR_FILE, "%s: is not a regular file", path);
    return access(path, W_OK) == 0 ? RV_OK : rv_fail(context, RV_ERR_FILE, "%s: cannot be written: %m", path);
}

int rv_growing_open_file(rv_context *context, const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return rv_fail(context, RV_ERR_FILE, "%s: cannot be written: %m", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        close(fd);
        return rv_fail(context, RV_ERR_FILE, "%s: is being written by another recorder or program", path);
    }
    return fd;
}

static int describe(rv_growing *growing, int i, const rv_growing_array *array)
{
    growing->arrays[i] = *array;
    snprintf(growing->names[i], sizeof growing->names[i], "%s", array->name);
    growing->arrays[i].name = growing->names[i];
    growing->row_bytes[i] = rv_dtype_size(array->dtype);
    for (int d = 1; d < array->num_dims; d++)
        if (!rv_multiply(growing->row_bytes[i], array->shape[d], &growing->row_bytes[i]))
            return rv_fail_memory(growing->context, SIZE_MAX, growing->path);
    return RV_OK;
}

int rv_growing_open(rv_growing **out, rv_context *context, const char *path, const rv_growing_array *arrays, int num)
{
    *out = NULL;
    rv_growing *growing = rv_alloc(context, 1, sizeof *growing, "arrays that grow on disk");
    if (!growing)
        return RV_ERR_MEMORY;
    growing->context = context;
    growing->format = format_of(path);
    growing->num = num;
    growing->path = rv_format(context, "%s", path);
    int rc = growing->path ? RV_OK : RV_ERR_MEMORY;
    for (int i = 0; i < num && rc == RV_OK; i++)
        rc = describe(growing, i, &arrays[i]);
    if (rc == RV_OK)
        rc = growing->format->open(growing);
    if (rc < 0) {
        rv_growing_close(growing);
        return rc;
    }
    *out = growing;
    return RV_OK;
}

int rv_growing_begin(rv_growing *growing, const uint64_t *rows)
{
    char *folder = folder_of(growing->context, growing->path);
    int rc = folder ? rv_folder_make(growing->context, folder) : RV_OK;
    rv_free(folder);
    if (rc == RV_OK)
        rc = growing->format->begin(growing, rows);
    for (int i = 0; i < growing->num; i++)
        growing->rows[i] = rows ? rows[i] : 0;
    return rc;
}

int rv_growing_reserve(rv_growing *growing, int array, uint64_t num_rows)
{
    size_t bytes;
    if (!growing->format->reserve || !num_rows)
        return RV_OK;
    if (!rv_multiply((size_t)num_rows, growing->row_bytes[array], &bytes))
        bytes = SIZE_MAX;
    return bytes ? growing->format->reserve(growing, array, bytes) : RV_OK;
}

int rv_growing_append(rv_growing *growing, int array, const void *data, size_t num_rows)
{
    const int rc = num_rows ? growing->format->append(growing, array, data, num_rows) : RV_OK;
    if (rc == RV_OK)
        growing->rows[array] += num_rows;
    return rc;
}

bool rv_growing_has_any_order(const char *path)
{
    return format_of(path)->write_at != NULL;
}

int rv_growing_write_at(rv_growing *growing, int array, uint64_t row, const void *data, size_t num_rows)
{
    return growing->format->write_at(growing, array, row, data, num_rows);
}

void rv_growing_advance(rv_growing *growing, int array, size_t num_rows)
{
    growing->format->advance(growing, array, num_rows);
    growing->rows[array] += num_rows;
}

int rv_growing_publish(rv_growing *growing)
{
    return growing->format->publish(growing);
}

int rv_growing_sync(rv_growing *growing)
{
    return growing->format->sync(growing);
}

uint64_t rv_growing_rows(const rv_growing *growing, int array)
{
    return growing->rows[array];
}

int rv_growing_close(rv_growing *growing)
{
    if (!growing)
        return RV_OK;
    const int rc = growing->format->close(growing);
    rv_free(growing->path);
    rv_free(growing);
    return rc;
}
