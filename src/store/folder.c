#include "store/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/error.h"

static int make_one(rv_context *context, const char *path)
{
    struct stat info;
    if (mkdir(path, 0777) == 0)
        return RV_OK;
    const int reason = errno;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return RV_OK;
        return rv_fail(context, RV_ERR_FILE, "%s: is a file, expected a folder", path);
    }
    errno = reason;
    return rv_fail(context, RV_ERR_FILE, "%s: cannot make the folder: %m", path);
}

int rv_folder_make(rv_context *context, const char *path)
{
    char *parent = rv_format(context, "%s", path);
    int rc = RV_OK;
    if (!parent)
        return RV_ERR_MEMORY;
    for (char *slash = strchr(parent + (*parent == '/'), '/'); slash && rc == RV_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        rc = make_one(context, parent);
        *slash = '/';
    }
    if (rc == RV_OK)
        rc = make_one(context, path);
    rv_free(parent);
    return rc;
}
