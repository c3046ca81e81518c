#include "cli/run_folder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/memory.h"
#include "cli/path.h"
#include "cli/say.h"
#include "store/atomic_file.h"
#include "store/folder.h"

#define MAX_NUMBERED 10000

int run_folder_choose(char **folder, const experiment *e, const char *out)
{
    const char *wanted = out ? out : e->run_folder;
    *folder = copy_text(wanted);
    if (path_is_free(*folder))
        return STATUS_OK;
    for (int i = 2; !out && i < MAX_NUMBERED; i++) {
        free(*folder);
        *folder = format_text("%s-%d", wanted, i);
        if (path_is_free(*folder))
            return STATUS_OK;
    }
    return fault("%s: exists and is not an empty folder; --out names another", wanted);
}

static int write_experiment(const experiment *e, const char *folder)
{
    char *path = path_join(folder, "experiment.yaml"), *text = NULL;
    size_t size = 0;
    int status = STATUS_OK;
    FILE *stream = open_memstream(&text, &size);
    if (stream)
        fprintf(stream, "# %s as ranvier %s ran it: with all options and defaults.\n", e->path, rv_version());
    if (!stream || !doc_write(stream, e->root) || fclose(stream) != 0)
        status = fault("%s: out of memory", path);
    const int rc = status ? 0 : rv_atomic_file_save(e->context, path, text, size);
    if (rc < 0)
        status = experiment_fault(e, rc);
    free(text);
    free(path);
    return status;
}

static int write_plan(const experiment *e, const char *folder)
{
    char *path = path_join(folder, "plan.txt"), *text = NULL;
    int rc = rv_compiled_network_describe(&text, e->model);
    if (rc >= 0)
        rc = rv_atomic_file_save(e->context, path, text, strlen(text));
    rv_string_free(text);
    free(path);
    return rc < 0 ? experiment_fault(e, rc) : STATUS_OK;
}

int run_folder_make(const experiment *e, const char *folder)
{
    char *above = path_folder(folder);
    const int rc = rv_folder_make(e->context, above);
    int status = rc < 0 ? experiment_fault(e, rc) : STATUS_OK;
    free(above);
    if (!status && mkdir(folder, 0777) != 0) {
        const int reason = errno;
        if (reason != EEXIST || !path_is_free(folder)) /* another run may have taken it since it was chosen */
            status = fault("%s: %s", folder, strerror(reason));
    }
    if (!status)
        status = write_experiment(e, folder);
    return status ? status : write_plan(e, folder);
}

/* Whether a is a larger number than b; both are digits without leading zeros. */
static bool larger(const char *a, size_t a_length, const char *b, size_t b_length)
{
    return a_length != b_length ? a_length > b_length : strncmp(a, b, a_length) > 0;
}

int run_folder_last_epoch(char **epoch, const char *checkpoint_folder)
{
    *epoch = NULL;
    DIR *folder = opendir(checkpoint_folder);
    if (!folder)
        return fault("%s: %s", checkpoint_folder, strerror(errno));
    for (const struct dirent *entry; (entry = readdir(folder));) {
        const char *name = entry->d_name;
        size_t length = 0;
        while (isdigit((unsigned char)name[length]))
            length++;
        if (length == 0 || name[length] != '-' || (*epoch && !larger(name, length, *epoch, strlen(*epoch))))
            continue;
        free(*epoch);
        *epoch = format_text("%.*s", (int)length, name);
    }
    closedir(folder);
    return *epoch ? STATUS_OK : fault("%s: there is no checkpoint", checkpoint_folder);
}
