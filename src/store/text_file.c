#include "store/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

static int read_open(rv_context *context, const char *path, int fd, char **data, size_t *capacity, size_t *size)
{
    struct stat info;
    size_t used = 0;
    int rc;

    if (fstat(fd, &info) != 0)
        return rv_fail(context, RV_ERR_FILE, "%s: cannot read: %m", path);
    if (!S_ISREG(info.st_mode))
        return rv_fail(context, RV_ERR_FILE, "%s: is not a regular file", path);
    const size_t expected = (size_t)info.st_size;
    if ((rc = rv_grow(context, data, capacity, expected + 1, 1, path)) < 0)
        return rc;
    while (used < expected) {
        const ssize_t got = read(fd, *data + used, expected - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rv_fail(context, RV_ERR_FILE, "%s: cannot read: %m", path);
        if (got == 0) /* it was cut in the meantime */
            break;
        used += (size_t)got;
    }
    (*data)[used] = '\0';
    *size = used;
    return RV_OK;
}

int rv_file_read(rv_context *context, const char *path, char **data, size_t *capacity, size_t *size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rv_fail(context, RV_ERR_FILE, "%s: cannot open: %m", path);
    const int rc = read_open(context, path, fd, data, capacity, size);
    close(fd);
    return rc;
}

int rv_text_read(rv_text *out, rv_context *context, const char *path)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t capacity = 0;

    *out = (rv_text){.path = path};
    int rc = rv_file_read(context, path, &out->data, &capacity, &out->size);
    if (rc == RV_OK && memchr(out->data, '\0', out->size))
        rc = rv_fail(context, RV_ERR_FORMAT, "%s: is not a text file", path);
    if (rc < 0) {
        rv_text_clear(out);
        return rc;
    }
    out->next = strncmp(out->data, mark, sizeof mark - 1) == 0 ? out->data + sizeof mark - 1 : out->data;
    return RV_OK;
}

void rv_text_clear(rv_text *text)
{
    rv_free(text->data);
    *text = (rv_text){0};
}

char *rv_text_next(rv_text *text)
{
    while (*text->next) {
        char *line = text->next;
        char *end = strchrnul(line, '\n');
        text->next = *end ? end + 1 : end;
        *end = '\0';
        text->line++;
        const char *first = line + strspn(line, " \t\r");
        if (*first && *first != '#')
            return line;
    }
    return NULL;
}
