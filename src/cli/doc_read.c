#include "cli/doc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "cli/memory.h"
#include "cli/say.h"

/* The tree under construction: a stack of the tables and lists that are open. */
typedef struct builder {
    const char *source;
    bool in_file; /* lines mean something */
    node *root;
    node *open[DOC_MAX_DEPTH];
    int depth;
    char *key; /* read, and waiting for its value; NULL where none is */
    int key_line;
} builder;

static int line_of(const builder *b, yaml_mark_t mark)
{
    return b->in_file ? (int)mark.line + 1 : 0;
}

/* A fault at a line that has no node yet. */
static int fault_line(const builder *b, yaml_mark_t mark, const char *message)
{
    const node place = {.source = b->source, .line = line_of(b, mark)};
    return fault_at(&place, "%s", message);
}

static node *innermost(const builder *b)
{
    return b->depth ? b->open[b->depth - 1] : NULL;
}

static bool expects_key(const builder *b)
{
    const node *parent = innermost(b);
    return parent && parent->kind == NODE_TABLE && !b->key;
}

/* Hangs a finished scalar, or a list or table that is about to be filled, into the tree. */
static void attach(builder *b, node *child)
{
    node *parent = innermost(b);
    if (!parent) {
        b->root = child;
        return;
    }
    if (b->key && b->in_file)
        child->line = b->key_line; /* a block below its key would otherwise be named one line late */
    node_append(parent, b->key, child);
    free(b->key);
    b->key = NULL;
}

static int take_key(builder *b, const yaml_event_t *event)
{
    const node *parent = innermost(b);
    const char *key = (const char *)event->data.scalar.value;
    const node place = {.source = b->source, .line = line_of(b, event->start_mark)};
    const node *earlier = node_find(parent, key);
    if (!*key)
        return fault_at(&place, "a key must not be empty");
    if (earlier && b->in_file)
        return fault_at(&place, "'%s' is given twice, first in line %d", key, earlier->line);
    if (earlier)
        return fault_at(&place, "'%s' is given twice", key);
    if (node_count(parent) >= DOC_MAX_KEYS)
        return fault_at(&place, "a table must not have more than %d keys", DOC_MAX_KEYS);
    b->key = copy_text(key);
    b->key_line = place.line;
    return STATUS_OK;
}

static int take_scalar(builder *b, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    if (event->data.scalar.tag)
        return fault_line(b, event->start_mark, "tags are not supported");
    if (event->data.scalar.anchor)
        return fault_line(b, event->start_mark, "anchors and aliases are not supported");
    if (strlen(text) != event->data.scalar.length)
        return fault_line(b, event->start_mark, "a text must not hold a zero byte");
    if (expects_key(b))
        return take_key(b, event);
    node *scalar = node_scalar(text, b->source, line_of(b, event->start_mark));
    scalar->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    attach(b, scalar);
    return STATUS_OK;
}

static int begin_branch(builder *b, const yaml_event_t *event, node_kind kind, const void *anchor, const void *tag)
{
    if (tag)
        return fault_line(b, event->start_mark, "tags are not supported");
    if (anchor)
        return fault_line(b, event->start_mark, "anchors and aliases are not supported");
    if (expects_key(b))
        return fault_line(b, event->start_mark, "a key must be a word, not a list or table");
    if (b->depth == DOC_MAX_DEPTH)
        return fault_line(b, event->start_mark, "lists and tables are nested too deeply");
    node *branch = node_create(kind, b->source, line_of(b, event->start_mark));
    attach(b, branch);
    b->open[b->depth++] = branch;
    return STATUS_OK;
}

static int take_event(builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return b->root ? fault_line(b, event->start_mark, "there must be one document in a file") : STATUS_OK;
    case YAML_SCALAR_EVENT:
        return take_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return begin_branch(b, event, NODE_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return begin_branch(b, event, NODE_TABLE, event->data.mapping_start.anchor, event->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        b->depth--;
        return STATUS_OK;
    case YAML_ALIAS_EVENT:
        return fault_line(b, event->start_mark, "anchors and aliases are not supported");
    default:
        return STATUS_OK;
    }
}

static int fault_syntax(const builder *b, const yaml_parser_t *parser)
{
    const node place = {.source = b->source, .line = line_of(b, parser->problem_mark)};
    return fault_at(&place, "not valid YAML: %s%s%s", parser->context ? parser->context : "",
                    parser->context ? ": " : "", parser->problem ? parser->problem : "out of memory");
}

static int parse(node **out, const char *text, size_t size, const char *source, bool in_file)
{
    builder b = {.source = source, .in_file = in_file};
    int status = STATUS_OK;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return fault("out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    for (bool done = false; !done && !status;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            status = fault_syntax(&b, &parser);
            break;
        }
        done = event.type == YAML_STREAM_END_EVENT;
        status = take_event(&b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    free(b.key);
    if (status) {
        node_free(b.root);
        b.root = NULL;
    }
    *out = b.root;
    return status;
}

/* Reads a whole file of at most DOC_MAX_BYTES. */
static int read_bytes(const char *path, char **text, size_t *size)
{
    *text = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return fault("%s: %s", path, strerror(errno));
    int status = STATUS_OK;
    *text = make(DOC_MAX_BYTES + 1, 1);
    *size = fread(*text, 1, DOC_MAX_BYTES + 1, file);
    if (ferror(file))
        status = fault("%s: %s", path, strerror(errno));
    else if (*size > DOC_MAX_BYTES)
        status = fault("%s: larger than %u bytes, so it is no experiment file", path, DOC_MAX_BYTES);
    fclose(file);
    return status;
}

int doc_read_file(node **out, const char *path)
{
    char *text;
    size_t size = 0;
    *out = NULL;
    int status = read_bytes(path, &text, &size);
    if (!status)
        status = parse(out, text, size, path, true);
    if (!status && !*out)
        status = fault("%s: the file is empty, expected an experiment", path);
    if (!status && (*out)->kind != NODE_TABLE)
        status = fault_at(*out, "expected a table of sections: data, network, compiler, training, ...");
    if (status) {
        node_free(*out);
        *out = NULL;
    }
    free(text);
    return status;
}

int doc_read_text(node **out, const char *text, const char *source)
{
    const int status = parse(out, text, strlen(text), source, false);
    if (!status && !*out)
        *out = node_scalar("", source, 0);
    return status;
}
