/* Experiment files as text: reading YAML into a tree, changing the tree by --set, writing it back.
 *
 * Files are treated as hostile: size, depth, aliases, tags, duplicate keys and several documents in a file are bounded
 * or refused, each with its line. */
#ifndef RV_CLI_DOC_H
#define RV_CLI_DOC_H

#include <stdio.h>

#include "cli/node.h"

#define DOC_MAX_BYTES (1U << 20)
#define DOC_MAX_DEPTH 32
#define DOC_MAX_KEYS 1024 /* of one table */

/* One --set, or an option that is short for one. */
typedef struct setting {
    const char *path;   /* "training.num_epochs", "network.layers.hidden.shape", "callbacks.0" */
    const char *value;  /* YAML */
    const char *source; /* what to call it in messages: "--set training.num_epochs=3" */
} setting;

/* Reads a file whose root is a table. The path must outlive the tree. */
int doc_read_file(node **out, const char *path);
/* Reads a value from text that is not from a file: all nodes have line 0. The source must outlive the tree. */
int doc_read_text(node **out, const char *text, const char *source);
/* Puts a value into a tree. Tables on the way are made; entries of lists, by position or name, must exist, but for the
 * position past the end, which appends. */
int doc_set(node *root, const setting *change);
/* Writes the tree as YAML; false if the stream fails. */
bool doc_write(FILE *stream, const node *root);

#endif
