#include "cli/node.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"

node *node_create(node_kind kind, const char *source, int line)
{
    node *made = make(1, sizeof *made);
    made->kind = kind;
    made->source = source;
    made->line = line;
    return made;
}

node *node_scalar(const char *text, const char *source, int line)
{
    node *made = node_create(NODE_SCALAR, source, line);
    made->text = copy_text(text);
    return made;
}

/* Recursion is as deep as the tree, which doc_read bounds. */
void node_free(node *tree)
{
    if (!tree)
        return;
    for (node *child = tree->first, *next; child; child = next) {
        next = child->next;
        node_free(child);
    }
    free(tree->key);
    free(tree->text);
    free(tree);
}

void node_append(node *parent, const char *key, node *child)
{
    free(child->key);
    child->key = key ? copy_text(key) : NULL;
    child->parent = parent;
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

/* The link that points to a child. */
static node **link_to(const node *child)
{
    node **link = &child->parent->first;
    while (*link != child)
        link = &(*link)->next;
    return link;
}

void node_replace(node *old, node *child)
{
    free(child->key);
    child->key = old->key;
    old->key = NULL;
    child->parent = old->parent;
    child->next = old->next;
    *link_to(old) = child;
    if (old->parent->last == old)
        old->parent->last = child;
    node_free(old);
}

void node_put(node *table, const char *key, node *child)
{
    node *old = node_find(table, key);
    if (old)
        node_replace(old, child);
    else
        node_append(table, key, child);
}

void node_remove(node *child)
{
    node *parent = child->parent;
    *link_to(child) = child->next;
    if (parent->last == child) {
        parent->last = parent->first;
        while (parent->last && parent->last->next)
            parent->last = parent->last->next;
    }
    node_free(child);
}

void node_wrap(node *scalar, const char *key)
{
    node *child = node_create(NODE_SCALAR, scalar->source, scalar->line);
    child->text = scalar->text;
    child->quoted = scalar->quoted;
    scalar->text = NULL;
    scalar->kind = NODE_TABLE;
    node_append(scalar, key, child);
}

void node_rename(node *child, const char *key)
{
    free(child->key);
    child->key = copy_text(key);
}

node *node_find(const node *table, const char *key)
{
    if (!table || table->kind != NODE_TABLE)
        return NULL;
    for (node *child = table->first; child; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

node *node_at(const node *list, size_t index)
{
    node *child = list->first;
    while (child && index-- > 0)
        child = child->next;
    return child;
}

const char *node_name(const node *entry)
{
    const node *name = node_find(entry, "name");
    return name && name->kind == NODE_SCALAR ? name->text : NULL;
}

size_t node_count(const node *parent)
{
    size_t count = 0;
    for (const node *child = parent->first; child; child = child->next)
        count++;
    return count;
}

bool node_is_null(const node *scalar)
{
    return scalar->kind == NODE_SCALAR && !scalar->quoted &&
           (strcmp(scalar->text, "") == 0 || strcmp(scalar->text, "~") == 0 || strcmp(scalar->text, "null") == 0);
}

/* Writes the path of `where` to path and returns its length, cut at the buffer's end. */
static size_t write_path(const node *where, char path[NODE_PATH_SIZE])
{
    if (!where->parent)
        return 0;
    size_t used = write_path(where->parent, path);
    const char *dot = used ? "." : "";
    const char *name = where->key ? where->key : node_name(where);
    int more;
    if (name) {
        more = snprintf(path + used, NODE_PATH_SIZE - used, "%s%s", dot, name);
    } else {
        size_t index = 0;
        for (const node *other = where->parent->first; other != where; other = other->next)
            index++;
        more = snprintf(path + used, NODE_PATH_SIZE - used, "%s%zu", dot, index);
    }
    used += more > 0 ? (size_t)more : 0;
    return used < NODE_PATH_SIZE ? used : NODE_PATH_SIZE - 1;
}

const char *node_path(const node *where, char path[NODE_PATH_SIZE])
{
    path[0] = '\0';
    if (write_path(where, path) == 0)
        snprintf(path, NODE_PATH_SIZE, "the experiment");
    return path;
}

const char *node_shown(const node *where, char shown[NODE_PATH_SIZE])
{
    if (where->kind != NODE_SCALAR)
        return where->kind == NODE_LIST ? "a list" : "a table";
    if (node_is_null(where))
        return "nothing";
    snprintf(shown, NODE_PATH_SIZE, "'%.*s'", NODE_PATH_SIZE - 3, where->text);
    return shown;
}

static bool is_word_letter(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool has_word(const char *message, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = length ? strstr(message, word) : NULL; at; at = strstr(at + 1, word))
        if ((at == message || !is_word_letter(at[-1])) && !is_word_letter(at[length]))
            return true;
    return false;
}

static bool is_named(const node *entry, const char *message)
{
    const char *name = entry->key ? entry->key : node_name(entry);
    return name && has_word(message, name);
}

const node *node_blame(const node *where, const char *message)
{
    for (const node *child = where->first; child; child = child->next)
        if (is_named(child, message))
            return node_blame(child, message);
    for (const node *child = where->first; child; child = child->next) {
        const node *found = node_blame(child, message);
        if (found != child)
            return found;
    }
    return where;
}
