#include "store/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#include "base/alloc.h"
#include "base/error.h"

/* Deflate makes of one byte at most 1032 (and of an empty stream a few): what claims more lies. */
#define MAX_EXPANSION 1032

struct rv_source {
    rv_context *context;
    char *name;
    uint64_t left; /* bytes */
    FILE *file;    /* or NULL */
    zip_t *archive;
    zip_file_t *member;
};

void rv_source_close(rv_source *source)
{
    if (!source)
        return;
    if (source->file)
        fclose(source->file);
    if (source->member)
        zip_fclose(source->member);
    if (source->archive)
        zip_discard(source->archive);
    rv_free(source->name);
    rv_free(source);
}

/* Where the member's name starts in "file.npz:member", or NULL. */
static const char *find_member(const char *path)
{
    static const char mark[] = ".npz:";
    const char *found = NULL;
    for (const char *at = strstr(path, mark); at; at = strstr(at + 1, mark))
        found = at + sizeof mark - 1;
    return found;
}

/* The first names of an archive, for messages. */
static void list_members(zip_t *archive, char *out, size_t size)
{
    const zip_int64_t num = zip_get_num_entries(archive, 0);
    size_t used = 0;

    out[0] = '\0';
    for (zip_int64_t i = 0; i < num && used < size; i++) {
        const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
        if (!name)
            name = "?";
        const size_t length = strlen(name);
        const bool is_npy = length > 4 && strcmp(name + length - 4, ".npy") == 0;
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", i ? ", " : "", (int)(is_npy ? length - 4 : length),
                                 name);
    }
    if (num == 0)
        snprintf(out, size, "none");
}

static int open_archive(zip_t **out, rv_context *context, const char *path)
{
    int code = 0;
    *out = zip_open(path, ZIP_RDONLY, &code);
    if (*out)
        return RV_OK;

    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const int rc =
        rv_fail(context, code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS ? RV_ERR_FORMAT : RV_ERR_FILE,
                "%s: cannot read: %s", path, zip_error_strerror(&error));
    zip_error_fini(&error);
    return rc;
}

static int open_member(rv_source *source, const char *path, const char *member)
{
    char *with_suffix = rv_format(source->context, "%s.npy", member);
    char names[256];
    zip_stat_t info;

    if (!with_suffix)
        return RV_ERR_MEMORY;
    zip_int64_t index = zip_name_locate(source->archive, with_suffix, 0);
    rv_free(with_suffix);
    if (index < 0)
        index = zip_name_locate(source->archive, member, 0);
    if (index < 0) {
        list_members(source->archive, names, sizeof names);
        return rv_fail(source->context, RV_ERR_FILE, "%s: no array '%s', there are: %s", path, member, names);
    }

    const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_ENCRYPTION_METHOD;
    if (zip_stat_index(source->archive, (zip_uint64_t)index, 0, &info) != 0 || (info.valid & needed) != needed ||
        info.encryption_method != ZIP_EM_NONE || info.size / MAX_EXPANSION > info.comp_size + 1)
        return rv_fail(source->context, RV_ERR_FORMAT, "%s: its entry in the archive is damaged or encrypted",
                       source->name);
    source->left = info.size;
    source->member = zip_fopen_index(source->archive, (zip_uint64_t)index, 0);
    if (!source->member)
        return rv_fail(source->context, RV_ERR_FORMAT, "%s: cannot read: %s", source->name,
                       zip_strerror(source->archive));
    return RV_OK;
}

static int open_in_archive(rv_source *source, const char *member)
{
    char *path = rv_format(source->context, "%.*s", (int)(member - source->name) - 1, source->name);
    if (!path)
        return RV_ERR_MEMORY;
    int rc = open_archive(&source->archive, source->context, path);
    if (rc == RV_OK)
        rc = open_member(source, path, member);
    rv_free(path);
    return rc;
}

/* A file that starts like a zip archive: the user forgot to name the member. */
static int complain_about_archive(rv_source *source)
{
    char names[256];
    const int rc = open_archive(&source->archive, source->context, source->name);
    if (rc < 0)
        return rc;
    list_members(source->archive, names, sizeof names);
    return rv_fail(source->context, RV_ERR_FORMAT,
                   "%s: is an archive, name an array in it as in file.npz:name; there are: %s", source->name, names);
}

static int open_file(rv_source *source)
{
    struct stat info;
    char magic[4];

    source->file = fopen(source->name, "rbe");
    if (!source->file || fstat(fileno(source->file), &info) != 0)
        return rv_fail(source->context, RV_ERR_FILE, "%s: cannot open: %m", source->name);
    if (!S_ISREG(info.st_mode))
        return rv_fail(source->context, RV_ERR_FILE, "%s: is not a regular file", source->name);
    source->left = (uint64_t)info.st_size;
    const size_t got = fread(magic, 1, sizeof magic, source->file);
    rewind(source->file);
    if (got == sizeof magic && memcmp(magic, "PK\3\4", sizeof magic) == 0)
        return complain_about_archive(source);
    return RV_OK;
}

int rv_source_open(rv_source **out, rv_context *context, const char *path)
{
    *out = NULL;
    rv_source *source = rv_alloc(context, 1, sizeof *source, "a file to read");
    if (!source)
        return RV_ERR_MEMORY;
    source->context = context;
    source->name = rv_format(context, "%s", path);
    int rc = RV_ERR_MEMORY;
    if (source->name) {
        const char *member = find_member(source->name);
        rc = member ? open_in_archive(source, member) : open_file(source);
    }
    if (rc < 0) {
        rv_source_close(source);
        return rc;
    }
    *out = source;
    return RV_OK;
}

const char *rv_source_name(const rv_source *source)
{
    return source->name;
}

rv_context *rv_source_context(const rv_source *source)
{
    return source->context;
}

uint64_t rv_source_left(const rv_source *source)
{
    return source->left;
}

/* All bytes asked for, or fewer where the member ends or is damaged. libzip compares the checksum when it reads beyond
 * the end, so that is tried after the last byte. */
static size_t read_member(zip_file_t *member, unsigned char *out, size_t bytes, bool to_end)
{
    size_t done = 0;
    unsigned char beyond;

    while (done < bytes) {
        const zip_int64_t got = zip_fread(member, out + done, bytes - done);
        if (got <= 0)
            return done;
        done += (size_t)got;
    }
    return to_end && zip_fread(member, &beyond, 1) != 0 ? 0 : done;
}

int rv_source_read(rv_source *source, void *out, size_t bytes)
{
    if (bytes > source->left)
        return rv_fail(source->context, RV_ERR_FORMAT, "%s: ends too early: %zu bytes expected, %llu left",
                       source->name, bytes, (unsigned long long)source->left);
    const size_t got = source->file ? fread(out, 1, bytes, source->file)
                                    : read_member(source->member, out, bytes, bytes == source->left);
    source->left -= got;
    if (got == bytes)
        return RV_OK;
    if (source->file && ferror(source->file))
        return rv_fail(source->context, RV_ERR_FILE, "%s: cannot read: %m", source->name);
    return rv_fail(source->context, RV_ERR_FORMAT, "%s: ends too early or is damaged", source->name);
}

int rv_source_members(char ***out, size_t *num, rv_context *context, const char *path)
{
    zip_t *archive = NULL;
    *out = NULL;
    *num = 0;
    int rc = open_archive(&archive, context, path);
    if (rc < 0)
        return rc;
    const size_t count = (size_t)zip_get_num_entries(archive, 0);
    *out = rv_alloc(context, count, sizeof **out, "the list of an archive");
    rc = *out ? RV_OK : RV_ERR_MEMORY;
    for (size_t i = 0; rc == RV_OK && i < count; i++) {
        const char *name = zip_get_name(archive, i, 0);
        if (!name)
            rc = rv_fail(context, RV_ERR_FORMAT, "%s: entry %zu is damaged", path, i);
        else if (!((*out)[i] = rv_format(context, "%s", name)))
            rc = RV_ERR_MEMORY;
        else
            *num = i + 1;
    }
    zip_discard(archive);
    if (rc < 0) {
        rv_source_members_free(*out, *num);
        *out = NULL;
        *num = 0;
    }
    return rc;
}

void rv_source_members_free(char **members, size_t num)
{
    for (size_t i = 0; i < num; i++)
        rv_free(members[i]);
    rv_free(members);
}
