/* Files that callbacks write: no two of a run and its validation may write one. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/run.h"

struct rv_claim {
    char *file;      /* its name without links and dots */
    char *what;      /* who writes it */
    bool validation; /* a callback of the validation's list, */
    size_t index;    /* its place in there */
    rv_claim *next;
};

/* Appends the parts of `rest`, which need not be there yet, to a path that is; "." and ".." mean what they do. */
static char *append_parts(rv_context *context, const char *there, const char *rest)
{
    char *path = rv_format(context, "%s", strcmp(there, "/") == 0 ? "" : there);
    while (path && *(rest += strspn(rest, "/"))) {
        const size_t length = strcspn(rest, "/");
        char *longer = NULL;
        if (length == 2 && !strncmp(rest, "..", 2)) {
            char *slash = strrchr(path, '/');
            if (slash)
                *slash = '\0';
        } else if (length != 1 || *rest != '.') {
            longer = rv_format(context, "%s/%.*s", path, (int)length, rest);
            rv_free(path);
            path = longer;
        }
        rest += length;
    }
    return path;
}

/* The name under which a file is known, however it is written; NULL if out of memory. */
static char *canonical(rv_context *context, const char *path)
{
    char there[PATH_MAX] = "", *above = rv_format(context, "%s", path);
    size_t length = strlen(path);
    while (above && length && !realpath(above, there)) {
        while (length && above[length - 1] == '/')
            length--;
        while (length && above[length - 1] != '/')
            length--;
        above[length] = '\0';
    }
    rv_free(above);
    if (!length && !realpath(".", there))
        there[0] = '\0';
    return above ? append_parts(context, there, path + length) : NULL;
}

static int claim_file(rv_run *run, rv_claim *claim)
{
    rv_run *first = run->parent ? run->parent : run;
    for (const rv_claim *other = first->claims; other; other = other->next)
        if (strcmp(other->file, claim->file) == 0)
            return rv_fail(run->context, RV_ERR_FILE,
                           "%s: would be written by %scallback %zu (%s) and %scallback %zu (%s)", claim->file,
                           other->validation ? "validation " : "", other->index, other->what,
                           claim->validation ? "validation " : "", claim->index, claim->what);
    claim->next = first->claims;
    first->claims = claim;
    return RV_OK;
}

static void free_claim(rv_claim *claim)
{
    rv_free(claim->file);
    rv_free(claim->what);
    rv_free(claim);
}

int rv_run_claim_file(rv_run *run, const char *path, const char *what)
{
    if (!run->setting_up)
        return rv_fail(run->context, RV_ERR_STATE, "a file can be claimed in set_params only");
    rv_claim *claim = rv_alloc(run->context, 1, sizeof *claim, "the name of a file");
    if (!claim)
        return RV_ERR_MEMORY;
    *claim = (rv_claim){
        .file = canonical(run->context, path),
        .what = rv_format(run->context, "%s", what),
        .validation = run->parent != NULL,
        .index = run->setting_up_index,
    };
    const int error = claim->file && claim->what ? claim_file(run, claim) : RV_ERR_MEMORY;
    if (error)
        free_claim(claim);
    return error;
}

void rv_claims_free(rv_run *run)
{
    while (run->claims) {
        rv_claim *next = run->claims->next;
        free_claim(run->claims);
        run->claims = next;
    }
}
