/* An experiment file in memory: a tree of tables, lists and scalars, each with the place it came from.
 *
 * The tree is what --set changes, what defaults are filled into, and what is written to the run folder as the resolved
 * experiment. */
#ifndef RV_CLI_NODE_H
#define RV_CLI_NODE_H

#include <stdbool.h>
#include <stddef.h>

#define NODE_PATH_SIZE 256

typedef enum node_kind {
    NODE_SCALAR = 0,
    NODE_LIST,
    NODE_TABLE,
} node_kind;

typedef struct node node;
struct node {
    node_kind kind;
    char *key;          /* in a table; NULL elsewhere */
    char *text;         /* SCALAR */
    bool quoted;        /* SCALAR: written in quotes, so "null" and "true" are words */
    const char *source; /* file or option it came from; outlives the tree; NULL = a default */
    int line;           /* in the file, from 1; 0 = not from a file */
    node *parent;       /* NULL: the root */
    node *first, *last; /* LIST, TABLE: children in order */
    node *next;         /* sibling */
};

node *node_create(node_kind kind, const char *source, int line);
node *node_scalar(const char *text, const char *source, int line);
void node_free(node *tree);

/* Appends a child, which the parent owns from then on; key (copied) where the parent is a table, else NULL. */
void node_append(node *parent, const char *key, node *child);
/* Puts a child in the place of another one of the same parent, which is freed. */
void node_replace(node *old, node *child);
/* Appends, or replaces what has this key. */
void node_put(node *table, const char *key, node *child);
/* Frees one child. */
void node_remove(node *child);
/* Gives a child of a table another key. */
void node_rename(node *child, const char *key);
/* Makes a scalar `x` the table {key: x}, as where `neuron: spike_input` is short for {type: spike_input}. */
void node_wrap(node *scalar, const char *key);

/* The child with this key; NULL if there is none or `table` is no table. */
node *node_find(const node *table, const char *key);
/* The child at a position; NULL past the end. */
node *node_at(const node *list, size_t index);
/* What an entry of a list calls itself by a key `name`; NULL if it does not. */
const char *node_name(const node *entry);
size_t node_count(const node *parent);
/* Written as null, ~ or nothing at all: as if the key were not there. */
bool node_is_null(const node *scalar);

/* "network.layers.hidden.shape", "callbacks.0": what --set takes. Returns path. */
const char *node_path(const node *where, char path[NODE_PATH_SIZE]);
/* "a list", "a table", "nothing" or the text in quotes: what was found where something else was expected. */
const char *node_shown(const node *where, char shown[NODE_PATH_SIZE]);
/* The node under `where` that a message speaks of, because its key or name is a word of the message: the outermost
 * such one, and in it again, "population 'hidden': tau_mem must be ..." being about the key tau_mem of hidden.
 * `where` if there is none. */
const node *node_blame(const node *where, const char *message);

#endif
