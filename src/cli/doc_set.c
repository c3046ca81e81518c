#include "cli/doc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/say.h"

/* A position in a list: digits only. */
static bool parse_index(const char *text, size_t *index)
{
    char *end;
    *index = strtoul(text, &end, 10);
    return isdigit((unsigned char)*text) && *end == '\0' && strlen(text) < 7;
}

static void put_null(node *parent, const char *key, const char *source)
{
    node_append(parent, key, node_scalar("", source, 0));
}

/* The entry of one component of a path, made if a table lacks it or it is one past a list's end. A scalar on the way
 * becomes a table: of the typed entry it is short for, or an empty one where it is null. */
static node *enter(node *at, const char *component, const char *source)
{
    if (at->kind == NODE_SCALAR && !node_is_null(at)) {
        node_wrap(at, "type");
    } else if (at->kind == NODE_SCALAR) {
        at->kind = NODE_TABLE;
        free(at->text);
        at->text = NULL;
    }
    if (at->kind == NODE_TABLE) {
        if (!node_find(at, component))
            put_null(at, component, source);
        return node_find(at, component);
    }
    for (node *child = at->first; child; child = child->next)
        if (node_name(child) && strcmp(node_name(child), component) == 0)
            return child;
    size_t index;
    if (!parse_index(component, &index) || index > node_count(at))
        return NULL;
    if (index == node_count(at))
        put_null(at, NULL, source);
    return node_at(at, index);
}

int doc_set(node *root, const setting *change)
{
    const node place = {.source = change->source};
    char *path = copy_text(change->path);
    node *at = root, *value = NULL;
    int depth = 0, status = STATUS_OK;

    char *rest = path;
    for (char *component; !status && (component = strsep(&rest, "."));) {
        char shown[NODE_PATH_SIZE];
        const node *list = at;
        if (!*component || ++depth >= DOC_MAX_DEPTH)
            status = fault_at(&place, "'%s' is not a path of keys, as in training.num_epochs", change->path);
        else if (!(at = enter(at, component, change->source)))
            status = fault_at(&place, "%s is a list of %zu, and '%s' is no position or name in it",
                              node_path(list, shown), node_count(list), component);
    }
    if (!status)
        status = doc_read_text(&value, change->value, change->source);
    if (!status)
        node_replace(at, value);
    free(path);
    return status;
}
