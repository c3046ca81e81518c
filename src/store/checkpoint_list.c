#include "store/checkpoint_list.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/checkpoint.h"

#define STATE_SUFFIX "-" RV_CHECKPOINT_STATE

/* Bytes of `name` before `suffix`; 0 where it does not end so. */
static size_t stem_length(const char *name, const char *suffix)
{
    const size_t length = strlen(name), tail = strlen(suffix);
    return length > tail && !strcmp(name + length - tail, suffix) ? length - tail : 0;
}

static bool exists(rv_context *context, const char *folder, const char *key, const char *suffix)
{
    char *path = rv_format(context, "%s/%s%s", folder, key, suffix);
    const bool found = path && access(path, F_OK) == 0;
    rv_free(path);
    return found;
}

static int add(rv_checkpoint_list *list, rv_context *context, const char *folder, const char *name, size_t length)
{
    struct stat info;
    int rc = rv_grow(context, &list->items, &list->capacity, list->num + 1, sizeof *list->items, "checkpoints");
    if (rc < 0)
        return rc;
    rv_checkpoint_entry *entry = &list->items[list->num];
    char *path = rv_format(context, "%s/%s", folder, name);
    *entry = (rv_checkpoint_entry){.key = rv_format(context, "%.*s", (int)length, name)};
    if (!path || !entry->key) {
        rv_free(path);
        rv_free(entry->key);
        return RV_ERR_MEMORY;
    }
    if (stat(path, &info) == 0)
        entry->time = info.st_mtim;
    entry->has_state = exists(context, folder, entry->key, STATE_SUFFIX);
    list->num++;
    rv_free(path);
    return RV_OK;
}

static int compare(const void *a, const void *b)
{
    const rv_checkpoint_entry *x = a, *y = b;
    if (x->time.tv_sec != y->time.tv_sec)
        return x->time.tv_sec < y->time.tv_sec ? 1 : -1;
    return (x->time.tv_nsec < y->time.tv_nsec) - (x->time.tv_nsec > y->time.tv_nsec);
}

static int find_marked(rv_checkpoint_list *list, rv_context *context, const char *folder)
{
    for (size_t m = 0; rv_checkpoint_marks[m]; m++) {
        char *key;
        const int rc = rv_checkpoint_get_mark(&key, context, folder, rv_checkpoint_marks[m]);
        if (rc < 0)
            return rc;
        for (size_t i = 0; rc > 0 && i < list->num; i++)
            list->items[i].is_marked |= !strcmp(list->items[i].key, key);
        rv_free(key);
    }
    return RV_OK;
}

static int open_folder(DIR **out, rv_context *context, const char *folder)
{
    *out = opendir(folder);
    return *out ? RV_OK : rv_fail(context, RV_ERR_FILE, "%s: cannot open the folder: %m", folder);
}

int rv_checkpoint_list_read(rv_checkpoint_list *out, rv_context *context, const char *folder)
{
    DIR *open;
    *out = (rv_checkpoint_list){0};
    int rc = open_folder(&open, context, folder);
    if (rc < 0)
        return rc;
    for (const struct dirent *file; rc == RV_OK && (file = readdir(open));) {
        const size_t length = stem_length(file->d_name, RV_CHECKPOINT_MANIFEST);
        if (length > 0)
            rc = add(out, context, folder, file->d_name, length);
    }
    closedir(open);
    if (rc == RV_OK && out->num > 0) {
        qsort(out->items, out->num, sizeof *out->items, compare);
        rc = find_marked(out, context, folder);
    }
    return rc;
}

void rv_checkpoint_list_clear(rv_checkpoint_list *list)
{
    for (size_t i = 0; i < list->num; i++)
        rv_free(list->items[i].key);
    rv_free(list->items);
    *list = (rv_checkpoint_list){0};
}

/* ".ranvier-<process>-<number>.tmp" of a process that runs no more */
static bool is_left_over(const char *name)
{
    long process;
    unsigned number;
    int end = 0;
    return sscanf(name, ".ranvier-%ld-%u.tmp%n", &process, &number, &end) == 2 && end > 0 && !name[end] &&
           process > 0 && process != (long)getpid() && kill((pid_t)process, 0) != 0 && errno == ESRCH;
}

int rv_checkpoint_list_sweep(const rv_checkpoint_list *list, rv_context *context, const char *folder)
{
    DIR *open;
    int rc = open_folder(&open, context, folder);
    if (rc < 0)
        return rc;
    for (const struct dirent *file; rc == RV_OK && (file = readdir(open));) {
        const size_t length = stem_length(file->d_name, STATE_SUFFIX);
        bool orphan = length > 0;
        for (size_t i = 0; orphan && i < list->num; i++)
            orphan = strlen(list->items[i].key) != length || strncmp(list->items[i].key, file->d_name, length) != 0;
        if (!orphan && !is_left_over(file->d_name))
            continue;
        char *path = rv_format(context, "%s/%s", folder, file->d_name);
        if (!path)
            rc = RV_ERR_MEMORY;
        else if (unlink(path) != 0 && errno != ENOENT)
            rc = rv_fail(context, RV_ERR_FILE, "%s: cannot remove: %m", path);
        rv_free(path);
    }
    closedir(open);
    return rc;
}
