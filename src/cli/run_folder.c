#include "cli/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "cli/memory.h"
#include "cli/path.h"
#include "cli/say.h"
#include "store/atomic_file.h"
#include "store/checkpoint.h"
#include "store/checkpoint_list.h"
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

int run_folder_resume(const experiment *e, const char *folder, bool changed)
{
    const int status = changed ? write_experiment(e, folder) : STATUS_OK;
    return status ? status : write_plan(e, folder);
}

/* The lock is the system's: it goes when the process goes, however that ends. Some file systems have none. */
int run_folder_lock(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fault("%s: %s", folder, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return fault("%s: another process is training in it", folder);
    return STATUS_OK;
}

/* Whether a is a later epoch than b: both numbers without leading zeros. */
static bool is_later(const char *a, const char *b)
{
    const size_t length = strlen(a), other = strlen(b);
    return length != other ? length > other : strcmp(a, b) > 0;
}

/* The last epoch of a folder without marks. */
static int find_last_epoch(char **checkpoint, rv_context *context, const char *checkpoints)
{
    rv_checkpoint_list list = {0};
    const char *last = NULL;
    const int rc = rv_checkpoint_list_read(&list, context, checkpoints);
    /* By number, not by time: files may have been copied since. */
    for (size_t i = 0; rc >= 0 && i < list.num; i++) {
        const char *name = list.items[i].key;
        if (strspn(name, "0123456789") == strlen(name) && (!last || is_later(name, last)))
            last = name;
    }
    *checkpoint = last ? copy_text(last) : NULL;
    rv_checkpoint_list_clear(&list);
    return rc;
}

int run_folder_last_checkpoint(char **checkpoint, rv_context *context, const char *checkpoints)
{
    char *marked = NULL;
    int rc = rv_checkpoint_get_mark(&marked, context, checkpoints, "latest");
    *checkpoint = marked ? copy_text(marked) : NULL;
    rv_free(marked);
    if (rc == 0)
        rc = find_last_epoch(checkpoint, context, checkpoints);
    if (rc < 0)
        return fault_library(NULL, context, rc);
    return *checkpoint ? STATUS_OK : fault("%s: there is no checkpoint", checkpoints);
}
