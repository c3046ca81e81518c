#include "cli/filters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/say.h"

void *keep_make(keep *where, size_t count, size_t size)
{
    where->items = remake(where->items, where->num + 1, sizeof *where->items);
    where->items[where->num] = make(count, size);
    return where->items[where->num++];
}

void keep_clear(keep *where)
{
    for (size_t i = 0; i < where->num; i++)
        free(where->items[i]);
    free(where->items);
    *where = (keep){0};
}

/* A decimal number, negative ones count from the end. */
static bool parse_index(const node *scalar, int64_t *out)
{
    char *end;
    if (scalar->kind != NODE_SCALAR || scalar->quoted || !*scalar->text)
        return false;
    errno = 0;
    *out = strtoll(scalar->text, &end, 10);
    return *end == '\0' && errno == 0;
}

static int fault_filter(const node *where)
{
    char path[NODE_PATH_SIZE], shown[NODE_PATH_SIZE];
    return fault_at(where,
                    "%s must be all, an index, a list of indices or of true and false, a slice as in \"0:100:2\", or "
                    "{axes: [...]}, got %s",
                    node_path(where, path), node_shown(where, shown));
}

static int read_mask(const node *list, keep *store, rv_filter *out)
{
    const size_t num = node_count(list);
    bool *mask = keep_make(store, num, sizeof *mask), *next = mask;
    int status = STATUS_OK;
    for (const node *child = list->first; child && !status; child = child->next)
        status = schema_flag(child, next++);
    *out = rv_mask(mask, num);
    return status;
}

static int read_list(const node *list, keep *store, rv_filter *out)
{
    const size_t num = node_count(list);
    int64_t ignored;
    if (list->first && !parse_index(list->first, &ignored))
        return list->first->kind == NODE_SCALAR ? read_mask(list, store, out) : fault_filter(list);
    int64_t *indices = keep_make(store, num, sizeof *indices), *next = indices;
    for (const node *child = list->first; child; child = child->next)
        if (!parse_index(child, next++))
            return fault_filter(list);
    *out = rv_indices(indices, num);
    return STATUS_OK;
}

static int read_axes(const node *table, keep *store, rv_filter *out)
{
    const node *list = node_find(table, "axes");
    if (!list || list->next || list != table->first || list->kind != NODE_LIST)
        return fault_filter(table);
    const size_t num = node_count(list);
    rv_filter *axes = keep_make(store, num, sizeof *axes), *next = axes;
    int status = STATUS_OK;
    for (const node *child = list->first; child && !status; child = child->next)
        status = child->kind == NODE_TABLE ? fault_filter(child) : filter_read(child, store, next++);
    *out = rv_axes(axes, num);
    return status;
}

int filter_read(const node *where, keep *store, rv_filter *out)
{
    int64_t index;
    if (where && where->kind == NODE_LIST)
        return read_list(where, store, out);
    if (where && where->kind == NODE_TABLE)
        return read_axes(where, store, out);
    if (!where || strcmp(where->text, "all") == 0)
        *out = rv_all();
    else if (parse_index(where, &index))
        *out = rv_index(index);
    else if (strchr(where->text, ':'))
        *out = rv_slice(where->text);
    else
        return fault_filter(where);
    return STATUS_OK;
}
