#include "support/files.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define NUM_PATHS 64

static char folder[256];
static pid_t owner; /* a forked child does not clean up */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

static void remove_folder(void)
{
    if (getpid() == owner)
        nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/ranvier-test-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(1);
    }
    owner = getpid();
    atexit(remove_folder);
}

static char *next_buffer(void)
{
    static char buffers[NUM_PATHS][1024];
    static int next;
    return buffers[next++ % NUM_PATHS];
}

const char *test_path(const char *name)
{
    char *path = next_buffer();
    if (!*folder)
        make_folder();
    snprintf(path, 1024, "%s/%s", folder, name);
    return path;
}

const char *test_file(const char *name, const void *bytes, size_t size)
{
    const char *path = test_path(name);
    FILE *file = fopen(path, "wb");
    if (!file || (size > 0 && fwrite(bytes, size, 1, file) != 1) || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    return path;
}

const char *test_text(const char *name, const char *text)
{
    return test_file(name, text, strlen(text));
}

bool test_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

size_t test_count_files(void)
{
    size_t num = 0;
    if (!*folder)
        make_folder();
    DIR *listing = opendir(folder);
    for (const struct dirent *entry; listing && (entry = readdir(listing));)
        num += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (listing)
        closedir(listing);
    return num;
}

const char *test_shared(const char *name)
{
    char *path = next_buffer();
    const char *shared = getenv("RV_SHARED");
    const char *root = getenv("RV_SOURCE_ROOT");

    if (shared)
        snprintf(path, 1024, "%s/%s", shared, name);
    else
        snprintf(path, 1024, "%s/../shared/data/%s", root ? root : ".", name);
    if (test_exists(path))
        return path;
    printf("# no shared data: %s is missing, RV_SHARED names their folder\n", path);
    fflush(stdout);
    return NULL;
}
