#include "store/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

#define BUFFER_SIZE 65536 /* bytes */
#define MAX_TRIES 1000    /* temporary names that others hold already */

struct rv_atomic_file {
    rv_context *context;
    char *path;      /* as given, for messages */
    char *target;    /* what is replaced: path with links followed */
    char *folder;    /* of target, with a slash, or "./" */
    char *temporary; /* in the folder of target */
    int fd;          /* of the temporary; -1 before it is open */
    uint64_t size;   /* bytes appended, the buffered ones too */
    size_t used;     /* bytes of buffer that are not written yet */
    bool failed;     /* something could not be written; commit must not succeed then */
    unsigned char buffer[BUFFER_SIZE];
};

static void destroy(rv_atomic_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    rv_free(file->temporary);
    rv_free(file->folder);
    rv_free(file->target);
    rv_free(file->path);
    rv_free(file);
}

/* Renaming onto a link would replace the link, and onto a device the device. */
static int find_target(rv_atomic_file *file)
{
    struct stat info;
    char resolved[PATH_MAX];
    const char *target = file->path;

    if (*target == '\0' || target[strlen(target) - 1] == '/')
        return rv_fail(file->context, RV_ERR_FILE, "'%s': not the name of a file", file->path);
    if (stat(target, &info) == 0) {
        if (!S_ISREG(info.st_mode))
            return rv_fail(file->context, RV_ERR_FILE, "%s: %s, cannot be replaced by a file", file->path,
                           S_ISDIR(info.st_mode) ? "is a folder" : "is not a regular file");
        if (lstat(target, &info) == 0 && S_ISLNK(info.st_mode) && !(target = realpath(target, resolved)))
            return rv_fail(file->context, RV_ERR_FILE, "%s: cannot follow the link: %m", file->path);
    }
    const char *slash = strrchr(target, '/');
    file->target = rv_format(file->context, "%s", target);
    file->folder = rv_format(file->context, "%.*s", slash ? (int)(slash - target) + 1 : 2, slash ? target : "./");
    return file->target && file->folder ? RV_OK : RV_ERR_MEMORY;
}

static int open_temporary(rv_atomic_file *file)
{
    static atomic_uint counter; /* tells the files of one process apart */

    for (int i = 0; i < MAX_TRIES; i++) {
        rv_free(file->temporary);
        file->temporary = rv_format(file->context, "%s.ranvier-%ld-%u.tmp", file->folder, (long)getpid(),
                                    atomic_fetch_add(&counter, 1));
        if (!file->temporary)
            return RV_ERR_MEMORY;
        file->fd = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0)
            return RV_OK;
        if (errno != EEXIST)
            break;
    }
    return rv_fail(file->context, RV_ERR_FILE, "%s: cannot create a file beside it: %m", file->path);
}

int rv_atomic_file_open(rv_atomic_file **out, rv_context *context, const char *path)
{
    int rc;

    *out = NULL;
    rv_atomic_file *file = rv_alloc(context, 1, sizeof *file, "a file to write");
    if (!file)
        return RV_ERR_MEMORY;
    file->context = context;
    file->fd = -1;
    file->path = rv_format(context, "%s", path);
    if (!file->path)
        rc = RV_ERR_MEMORY;
    else if ((rc = find_target(file)) == RV_OK)
        rc = open_temporary(file);
    if (rc < 0) {
        destroy(file);
        return rc;
    }
    *out = file;
    return RV_OK;
}

/* All bytes at an offset; write() may be interrupted or write only some. */
static int write_at(rv_atomic_file *file, uint64_t offset, const unsigned char *data, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t written = pwrite(file->fd, data, bytes, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            file->failed = true;
            return rv_fail(file->context, RV_ERR_FILE, "%s: cannot write: %m", file->path);
        }
        data += written;
        offset += (uint64_t)written;
        bytes -= (size_t)written;
    }
    return RV_OK;
}

static int flush(rv_atomic_file *file)
{
    const int rc = write_at(file, file->size - file->used, file->buffer, file->used);
    if (rc == RV_OK)
        file->used = 0;
    return rc;
}

int rv_atomic_file_write(rv_atomic_file *file, const void *data, size_t bytes)
{
    int rc;
    if (bytes > BUFFER_SIZE - file->used && (rc = flush(file)) < 0)
        return rc;
    if (bytes > BUFFER_SIZE) {
        if ((rc = write_at(file, file->size, data, bytes)) < 0)
            return rc;
    } else if (bytes > 0) {
        memcpy(file->buffer + file->used, data, bytes);
        file->used += bytes;
    }
    file->size += bytes;
    return RV_OK;
}

int rv_atomic_file_printf(rv_atomic_file *file, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length < (int)sizeof line)
        return rv_atomic_file_write(file, line, (size_t)length);

    char *text = rv_alloc(file->context, (size_t)length + 1, 1, "a line to write");
    if (!text)
        return RV_ERR_MEMORY;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    const int rc = rv_atomic_file_write(file, text, (size_t)length);
    rv_free(text);
    return rc;
}

int rv_atomic_file_rewrite(rv_atomic_file *file, uint64_t offset, const void *data, size_t bytes)
{
    if (offset > file->size || bytes > file->size - offset)
        return rv_fail(file->context, RV_ERR_ARGUMENT, "%s: nothing was written there yet", file->path);
    const int rc = flush(file);
    return rc < 0 ? rc : write_at(file, offset, data, bytes);
}

uint64_t rv_atomic_file_size(const rv_atomic_file *file)
{
    return file->size;
}

const char *rv_atomic_file_temporary(const rv_atomic_file *file)
{
    return file->temporary;
}

/* Makes the new name durable. Folders that cannot be opened or synced, on some network file systems, are let be: the
 * file itself is in place. */
static int sync_folder(rv_atomic_file *file)
{
    const int fd = open(file->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = RV_OK;
    if (fd >= 0 && fsync(fd) != 0 && (errno == EIO || errno == ENOSPC))
        rc = rv_fail(file->context, RV_ERR_FILE, "%s: cannot sync its folder: %m", file->path);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int close_temporary(rv_atomic_file *file)
{
    const int fd = file->fd;
    file->fd = -1;
    if (close(fd) != 0)
        return rv_fail(file->context, RV_ERR_FILE, "%s: cannot close: %m", file->path);
    return RV_OK;
}

int rv_atomic_file_commit(rv_atomic_file *file)
{
    int rc = RV_ERR_FILE;

    if (file->failed || (rc = flush(file)) < 0)
        goto fail;
    if (fsync(file->fd) != 0) {
        rc = rv_fail(file->context, RV_ERR_FILE, "%s: cannot sync: %m", file->path);
        goto fail;
    }
    if ((rc = close_temporary(file)) < 0)
        goto fail;
    if (rename(file->temporary, file->target) != 0) {
        rc = rv_fail(file->context, RV_ERR_FILE, "%s: cannot replace: %m", file->path);
        goto fail;
    }
    rc = sync_folder(file);
    destroy(file);
    return rc;
fail:
    rv_atomic_file_abort(file);
    return rc;
}

void rv_atomic_file_abort(rv_atomic_file *file)
{
    if (!file)
        return;
    unlink(file->temporary);
    destroy(file);
}

int rv_atomic_file_save(rv_context *context, const char *path, const void *data, size_t bytes)
{
    rv_atomic_file *file;
    int rc = rv_atomic_file_open(&file, context, path);
    if (rc < 0)
        return rc;
    if ((rc = rv_atomic_file_write(file, data, bytes)) < 0) {
        rv_atomic_file_abort(file);
        return rc;
    }
    return rv_atomic_file_commit(file);
}
