#include "cli/number_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/say.h"

typedef struct number_filter {
    const size_t *list; /* (num) */
    size_t num;
    size_t start, stop, step; /* where there is no list; stop is not in it */
} number_filter;

static bool is_selected(void *user, size_t number)
{
    const number_filter *f = user;
    for (size_t i = 0; i < f->num; i++)
        if (f->list[i] == number)
            return true;
    return !f->list && number >= f->start && number < f->stop && (number - f->start) % f->step == 0;
}

static int fault_numbers(const node *where)
{
    char path[NODE_PATH_SIZE], shown[NODE_PATH_SIZE];
    return fault_at(
        where, "%s must be a number, a list of numbers, or a slice as in \"10:100:5\" (from 0 on, step >= 1), got %s",
        node_path(where, path), node_shown(where, shown));
}

/* Digits up to `end`, or nothing, which leaves *out as it is. */
static bool parse_part(const char *text, const char *end, size_t *out)
{
    char *stop;
    if (text == end)
        return true;
    errno = 0;
    const unsigned long long value = strtoull(text, &stop, 10);
    *out = (size_t)value;
    return stop == end && errno == 0 && strspn(text, "0123456789") >= (size_t)(end - text);
}

static int read_slice(const node *where, number_filter *f)
{
    size_t *const parts[] = {&f->start, &f->stop, &f->step};
    const char *text = where->text;
    for (size_t i = 0; i < 3; i++) {
        const char *end = text + strcspn(text, ":");
        if (!parse_part(text, end, parts[i]))
            return fault_numbers(where);
        if (!*end)
            return f->step > 0 ? STATUS_OK : fault_numbers(where);
        text = end + 1;
    }
    return fault_numbers(where); /* a fourth part */
}

static int read_list(const node *where, keep *store, number_filter *f)
{
    size_t *next = keep_make(store, node_count(where) + 1, sizeof *next);
    int status = STATUS_OK;
    f->list = next;
    f->num = node_count(where);
    for (const node *child = where->first; child && !status; child = child->next)
        status = schema_count(child, 0, next++);
    return status;
}

int number_filter_read(const node *where, keep *store, bool (**filter_fn)(void *user, size_t number), void **user)
{
    *filter_fn = NULL;
    *user = NULL;
    if (!where)
        return STATUS_OK;
    number_filter *f = *user = keep_make(store, 1, sizeof *f);
    *f = (number_filter){.stop = SIZE_MAX, .step = 1};
    *filter_fn = is_selected;
    if (where->kind == NODE_LIST)
        return read_list(where, store, f);
    if (where->kind != NODE_SCALAR)
        return fault_numbers(where);
    if (strchr(where->text, ':'))
        return read_slice(where, f);
    const int status = schema_count(where, 0, &f->start);
    f->stop = f->start + 1;
    return status;
}
