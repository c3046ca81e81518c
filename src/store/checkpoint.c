#include "store/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/atomic_file.h"
#include "store/checkpoint_list.h"
#include "store/folder.h"

const char *const rv_checkpoint_marks[] = {"latest", "best", NULL};

#define FORMAT "ranvier checkpoint"
#define VERSION 1

static int no_memory(rv_context *context)
{
    return rv_fail(context, RV_ERR_MEMORY, "out of memory: the manifest of a checkpoint");
}

static char *path_of(rv_context *context, const char *folder, const char *name)
{
    return rv_format(context, "%s/%s", folder, name);
}

static char *manifest_of(rv_context *context, const char *folder, const char *key)
{
    return rv_format(context, "%s/%s%s", folder, key, RV_CHECKPOINT_MANIFEST);
}

/* ---- files ---- */

/* Size and checksum of a file; 0 where there is none. */
static int measure(rv_context *context, const char *path, uint64_t *size, uint32_t *checksum)
{
    unsigned char buffer[65536];
    uLong crc = crc32(0, Z_NULL, 0);
    *size = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0
                                                   : rv_fail(context, RV_ERR_FILE, "%s: cannot open: %m", path);
    int rc = 1;
    for (ssize_t got = 1; got != 0 && rc > 0;) {
        got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno != EINTR)
            rc = rv_fail(context, RV_ERR_FILE, "%s: cannot read: %m", path);
        if (got > 0) {
            crc = crc32(crc, buffer, (uInt)got);
            *size += (uint64_t)got;
        }
    }
    close(fd);
    *checksum = (uint32_t)crc;
    return rc;
}

static int unlink_file(rv_context *context, const char *path)
{
    if (!path)
        return RV_ERR_MEMORY;
    if (unlink(path) != 0 && errno != ENOENT)
        return rv_fail(context, RV_ERR_FILE, "%s: cannot remove: %m", path);
    return RV_OK;
}

/* ---- manifests ---- */

static int write_manifest(rv_context *context, const char *path, const json_t *manifest)
{
    char *text = json_dumps(manifest, JSON_INDENT(2));
    if (!text)
        return no_memory(context);
    rv_atomic_file *file;
    int rc = rv_atomic_file_open(&file, context, path);
    if (rc == RV_OK && (rc = rv_atomic_file_printf(file, "%s\n", text)) == RV_OK)
        rc = rv_atomic_file_commit(file);
    else if (file)
        rv_atomic_file_abort(file);
    free(text);
    return rc;
}

static int describe(rv_context *context, const char *folder, const char *name, json_t *files)
{
    char hex[16];
    uint64_t size;
    uint32_t checksum;
    char *path = path_of(context, folder, name);
    int rc = path ? measure(context, path, &size, &checksum) : RV_ERR_MEMORY;
    if (rc == 0)
        rc = rv_fail(context, RV_ERR_FILE, "%s: was not written", path);
    rv_free(path);
    if (rc < 0)
        return rc;
    snprintf(hex, sizeof hex, "%08x", (unsigned)checksum);
    json_t *entry = json_pack("{s:s, s:I, s:s}", "name", name, "bytes", (json_int_t)size, "crc32", hex);
    if (!entry || json_array_append_new(files, entry) != 0)
        return no_memory(context);
    return RV_OK;
}

int rv_checkpoint_commit(rv_context *context, const char *folder, const char *key, const char *const *files,
                         size_t num_files)
{
    char *path = manifest_of(context, folder, key);
    json_t *list = json_array();
    int rc = path && list ? RV_OK : no_memory(context);
    for (size_t i = 0; rc == RV_OK && i < num_files; i++)
        rc = describe(context, folder, files[i], list);
    json_t *manifest =
        rc < 0 ? NULL : json_pack("{s:s, s:i, s:O}", "format", FORMAT, "version", VERSION, "files", list);
    if (manifest)
        rc = write_manifest(context, path, manifest);
    else if (rc == RV_OK)
        rc = no_memory(context);
    json_decref(manifest);
    json_decref(list);
    rv_free(path);
    return rc;
}

/* Names are of files in the folder: a manifest must not lead out of it. */
static bool is_entry(const json_t *entry)
{
    const char *name = json_string_value(json_object_get(entry, "name"));
    return name && *name && !strchr(name, '/') && json_is_integer(json_object_get(entry, "bytes")) &&
           json_is_string(json_object_get(entry, "crc32"));
}

static int read_manifest(json_t **out, rv_context *context, const char *folder, const char *key)
{
    json_error_t error;
    json_t *files = NULL;
    int version = 0;
    const char *format = "";
    char *path = manifest_of(context, folder, key);
    int rc = RV_OK;
    *out = NULL;
    if (!path)
        return RV_ERR_MEMORY;
    if (access(path, F_OK) != 0) {
        rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: there is no whole checkpoint '%s': %s%s is missing", folder, key,
                     key, RV_CHECKPOINT_MANIFEST);
    } else if (!(*out = json_load_file(path, JSON_REJECT_DUPLICATES, &error))) {
        rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: %s", path, error.text);
    } else if (json_unpack(*out, "{s:s, s:i, s:o}", "format", &format, "version", &version, "files", &files) != 0 ||
               strcmp(format, FORMAT) != 0 || !json_is_array(files)) {
        rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: is not the manifest of a checkpoint", path);
    } else if (version != VERSION) {
        rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: is of version %d, expected %d", path, version, VERSION);
    }
    for (size_t i = 0; rc == RV_OK && i < json_array_size(files); i++)
        if (!is_entry(json_array_get(files, i)))
            rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: entry %zu does not name a file, its bytes and crc32", path,
                         i);
    rv_free(path);
    if (rc < 0) {
        json_decref(*out);
        *out = NULL;
    }
    return rc;
}

static const char *entry_name(const json_t *entry)
{
    return json_string_value(json_object_get(entry, "name"));
}

static int verify_file(rv_context *context, const char *folder, const json_t *entry)
{
    const json_int_t expected = json_integer_value(json_object_get(entry, "bytes"));
    const char *sum = json_string_value(json_object_get(entry, "crc32"));
    char hex[16];
    uint64_t size = 0;
    uint32_t checksum = 0;
    char *path = path_of(context, folder, entry_name(entry));
    int rc = path ? measure(context, path, &size, &checksum) : RV_ERR_MEMORY;
    snprintf(hex, sizeof hex, "%08x", (unsigned)checksum);
    if (rc == 0)
        rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: is missing, though its manifest names it", path);
    else if (rc > 0 && (json_int_t)size != expected)
        rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: has %llu bytes, %lld according to its manifest", path,
                     (unsigned long long)size, (long long)expected);
    else if (rc > 0 && strcmp(sum, hex) != 0)
        rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: is damaged: its checksum is %s, %s according to its manifest",
                     path, hex, sum);
    rv_free(path);
    return rc < 0 ? rc : RV_OK;
}

int rv_checkpoint_verify(rv_context *context, const char *folder, const char *key)
{
    json_t *manifest;
    int rc = read_manifest(&manifest, context, folder, key);
    if (rc < 0)
        return rc;
    const json_t *files = json_object_get(manifest, "files");
    for (size_t i = 0; rc == RV_OK && i < json_array_size(files); i++)
        rc = verify_file(context, folder, json_array_get(files, i));
    json_decref(manifest);
    return rc;
}

/* Removes the marks `key` has; all, where it is NULL. */
static int remove_marks(rv_context *context, const char *folder, const char *key)
{
    int rc = RV_OK;
    for (size_t i = 0; rc >= 0 && rv_checkpoint_marks[i]; i++) {
        char *marked, *path = path_of(context, folder, rv_checkpoint_marks[i]);
        rc = path ? rv_checkpoint_get_mark(&marked, context, folder, rv_checkpoint_marks[i]) : RV_ERR_MEMORY;
        if (rc > 0 && (!key || !strcmp(marked, key)))
            rc = unlink_file(context, path);
        if (path)
            rv_free(marked);
        rv_free(path);
    }
    return rc < 0 ? rc : RV_OK;
}

/* Marks first: what is marked is whole. */
int rv_checkpoint_begin(rv_context *context, const char *folder, const char *key)
{
    int rc = rv_folder_make(context, folder);
    if (rc == RV_OK)
        rc = remove_marks(context, folder, key);
    if (rc < 0)
        return rc;
    char *manifest = manifest_of(context, folder, key);
    rc = unlink_file(context, manifest);
    rv_free(manifest);
    return rc;
}

/* The manifest first: what is left in between is no checkpoint. */
int rv_checkpoint_remove(rv_context *context, const char *folder, const char *key)
{
    json_t *manifest;
    int rc = read_manifest(&manifest, context, folder, key);
    if (rc < 0)
        return rc;
    const json_t *files = json_object_get(manifest, "files");
    char *path = manifest_of(context, folder, key);
    rc = unlink_file(context, path);
    rv_free(path);
    for (size_t i = 0; rc == RV_OK && i < json_array_size(files); i++) {
        path = path_of(context, folder, entry_name(json_array_get(files, i)));
        rc = unlink_file(context, path);
        rv_free(path);
    }
    json_decref(manifest);
    return rc;
}

/* Removes the state from a checkpoint, and the checkpoint if it holds nothing else. */
static int thin(rv_context *context, const char *folder, const char *key)
{
    json_t *manifest;
    int rc = read_manifest(&manifest, context, folder, key);
    if (rc < 0)
        return rc;
    json_t *files = json_object_get(manifest, "files");
    char *name = rv_format(context, "%s-%s", key, RV_CHECKPOINT_STATE);
    char *state = name ? path_of(context, folder, name) : NULL, *path = manifest_of(context, folder, key);
    rc = state && path ? RV_OK : RV_ERR_MEMORY;
    for (size_t i = json_array_size(files); rc == RV_OK && i-- > 0;)
        if (!strcmp(entry_name(json_array_get(files, i)), name))
            json_array_remove(files, i);
    if (rc == RV_OK)
        rc = json_array_size(files) > 0 ? write_manifest(context, path, manifest) : unlink_file(context, path);
    if (rc == RV_OK)
        rc = unlink_file(context, state);
    rv_free(path);
    rv_free(state);
    rv_free(name);
    json_decref(manifest);
    return rc;
}

/* ---- marks ---- */

int rv_checkpoint_set_mark(rv_context *context, const char *folder, const char *mark, const char *key)
{
    char *path = path_of(context, folder, mark), *text = rv_format(context, "%s\n", key);
    const int rc = path && text ? rv_atomic_file_save(context, path, text, strlen(text)) : RV_ERR_MEMORY;
    rv_free(text);
    rv_free(path);
    return rc;
}

int rv_checkpoint_get_mark(char **key, rv_context *context, const char *folder, const char *mark)
{
    char text[256];
    *key = NULL;
    char *path = path_of(context, folder, mark);
    if (!path)
        return RV_ERR_MEMORY;
    FILE *file = fopen(path, "re");
    int rc = file || errno == ENOENT || errno == ENOTDIR ? 0 : rv_fail(context, RV_ERR_FILE, "%s: cannot open: %m", path);
    if (file) {
        const size_t length = fread(text, 1, sizeof text - 1, file);
        text[length] = '\0';
        text[strcspn(text, "\n")] = '\0';
        fclose(file);
        if (!*text || strchr(text, '/'))
            rc = rv_fail(context, RV_ERR_CHECKPOINT, "%s: does not hold the name of a checkpoint", path);
        else
            rc = (*key = rv_format(context, "%s", text)) ? 1 : RV_ERR_MEMORY;
    }
    rv_free(path);
    return rc;
}

/* ---- pruning ---- */

/* One that was made within an epoch, "<epoch>.<batches>", is there to be resumed from and for nothing else. */
static bool is_within_epoch(const char *key)
{
    return strchr(key, '.') != NULL;
}

int rv_checkpoint_prune(rv_context *context, const char *folder, size_t keep, size_t resumable)
{
    rv_checkpoint_list list;
    size_t num_states = 0, num_kept = 0;
    int rc = rv_checkpoint_list_read(&list, context, folder);
    for (size_t i = 0; rc == RV_OK && i < list.num; i++) {
        const rv_checkpoint_entry *entry = &list.items[i];
        num_kept++;
        num_states += entry->has_state;
        const bool drop_state = entry->has_state && num_states > resumable;
        if (entry->is_marked)
            continue;
        if ((keep && num_kept > keep) || (drop_state && is_within_epoch(entry->key)))
            rc = rv_checkpoint_remove(context, folder, entry->key);
        else if (drop_state)
            rc = thin(context, folder, entry->key);
    }
    if (rc == RV_OK)
        rc = rv_checkpoint_list_sweep(&list, context, folder);
    rv_checkpoint_list_clear(&list);
    return rc;
}

int rv_checkpoint_clear(rv_context *context, const char *folder)
{
    rv_checkpoint_list list;
    if (access(folder, F_OK) != 0)
        return RV_OK;
    int rc = remove_marks(context, folder, NULL);
    if (rc < 0)
        return rc;
    rc = rv_checkpoint_list_read(&list, context, folder);
    for (size_t i = 0; rc == RV_OK && i < list.num; i++)
        rc = rv_checkpoint_remove(context, folder, list.items[i].key);
    rv_checkpoint_list_clear(&list);
    return rc;
}
