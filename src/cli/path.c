#include "cli/path.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/memory.h"

char *path_join(const char *base, const char *path)
{
    if (path[0] == '/' || strcmp(base, ".") == 0)
        return copy_text(path);
    return format_text("%s%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/", path);
}

char *path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return copy_text(".");
    return slash == path ? copy_text("/") : format_text("%.*s", (int)(slash - path), path);
}

char *path_stem(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return dot && dot > name ? format_text("%.*s", (int)(dot - name), name) : copy_text(name);
}

char *path_absolute(const char *path)
{
    char *found = realpath(path, NULL);
    return found ? found : copy_text(path);
}

bool path_exists(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0;
}

bool path_is_folder(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

bool path_is_free(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return errno == ENOENT;
    bool empty = true;
    for (const struct dirent *entry; (entry = readdir(folder));)
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    closedir(folder);
    return empty;
}
