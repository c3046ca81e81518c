#include "store/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

struct rv_log_file {
    rv_context *context;
    char *path;
    int fd;
    uint64_t size; /* bytes of whole pieces */
};

void rv_log_file_close(rv_log_file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    rv_free(file->path);
    rv_free(file);
}

static int cut(rv_log_file *file, uint64_t size)
{
    while (ftruncate(file->fd, (off_t)size) != 0)
        if (errno != EINTR)
            return rv_fail(file->context, RV_ERR_FILE, "%s: cannot cut it back: %m", file->path);
    file->size = size;
    return RV_OK;
}

static int open_file(rv_log_file *file, uint64_t keep)
{
    struct stat info;
    file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file->fd < 0 || fstat(file->fd, &info) != 0)
        return rv_fail(file->context, RV_ERR_FILE, "%s: cannot open: %m", file->path);
    if (!S_ISREG(info.st_mode))
        return rv_fail(file->context, RV_ERR_FILE, "%s: is not a regular file", file->path);
    file->size = (uint64_t)info.st_size;
    if (keep == RV_LOG_KEEP_ALL)
        return RV_OK;
    if (file->size < keep)
        return rv_fail(file->context, RV_ERR_CHECKPOINT,
                       "%s: has %llu bytes, but had %llu when the checkpoint was made", file->path,
                       (unsigned long long)file->size, (unsigned long long)keep);
    return cut(file, keep);
}

int rv_log_file_open(rv_log_file **out, rv_context *context, const char *path, uint64_t keep)
{
    rv_log_file *file = *out = rv_alloc(context, 1, sizeof *file, "a file to append to");
    if (!file)
        return RV_ERR_MEMORY;
    file->context = context;
    file->fd = -1;
    file->path = rv_format(context, "%s", path);
    const int rc = file->path ? open_file(file, keep) : RV_ERR_MEMORY;
    if (rc < 0) {
        rv_log_file_close(file);
        *out = NULL;
    }
    return rc;
}

int rv_log_file_write(rv_log_file *file, const void *data, size_t bytes)
{
    const unsigned char *from = data;
    size_t done = 0;
    while (done < bytes) {
        const ssize_t written = pwrite(file->fd, from + done, bytes - done, (off_t)(file->size + done));
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            const int rc = rv_fail(file->context, RV_ERR_FILE, "%s: cannot write: %m", file->path);
            if (ftruncate(file->fd, (off_t)file->size) != 0)
                errno = 0; /* what matters is said already */
            return rc;
        }
        done += (size_t)written;
    }
    file->size += bytes;
    return RV_OK;
}

uint64_t rv_log_file_size(const rv_log_file *file)
{
    return file->size;
}

int rv_log_file_expect(rv_log_file *file, const void *data, size_t bytes)
{
    unsigned char *found = rv_alloc(file->context, bytes, 1, "the beginning of a file");
    if (!found)
        return RV_ERR_MEMORY;
    const ssize_t got = pread(file->fd, found, bytes, 0);
    const bool same = got >= 0 && (size_t)got == bytes && memcmp(found, data, bytes) == 0;
    rv_free(found);
    return same ? RV_OK
                : rv_fail(file->context, RV_ERR_FILE, "%s: begins with something else than '%.*s'", file->path,
                          (int)bytes, (const char *)data);
}

int rv_log_file_sync(rv_log_file *file)
{
    return fsync(file->fd) == 0 ? RV_OK
                                : rv_fail(file->context, RV_ERR_FILE, "%s: cannot sync: %m", file->path);
}
