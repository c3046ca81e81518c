/* Values of parameters and weights as an experiment file writes them:
 *
 *   tau_mem: 20                                a constant
 *   tau_mem: [10, 20, 30]                      one number per element
 *   weight: {normal: {mean: 0.1, sd: 0.02}}    an initializer: its name and its parameters
 *   weight: {npy: weights.npy}                 an array in a NumPy file
 */
#ifndef RV_CLI_VALUES_H
#define RV_CLI_VALUES_H

#include "cli/schema.h"

#include <stdint.h>

/* What reading values needs to know, and what it leaves behind. */
typedef struct value_scope {
    rv_context *context;
    rv_defaults defaults; /* which of the models' defaults hold */
    const char *folder;   /* of the experiment file: array files are named from it */
    void **arrays;        /* what values point to, freed when the network has copied it */
    size_t num_arrays;
} value_scope;

void value_scope_clear(value_scope *scope);

/* The path of an array file becomes absolute in the tree, so that the tree can be written elsewhere. */
int value_read(value_scope *scope, node *where, rv_value *out);

/* Flat ids of neurons: a list, or {npy: FILE}. */
int value_read_ids(value_scope *scope, node *where, const uint32_t **ids, size_t *num);

/* Writes a number, or a flag, that a table lacks into the tree: a default of a model. */
void value_fill_number(node *table, const char *name, double x);
void value_fill_flag(node *table, const char *name, bool on);

#endif
