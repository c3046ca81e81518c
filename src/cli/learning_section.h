/* LEARN: the keys that compilers which learn have in common: optimisers, and lists of what is learnt differently from
 * the rest, by name. */
#ifndef RV_CLI_LEARNING_SECTION_H
#define RV_CLI_LEARNING_SECTION_H

#include "cli/schema.h"

#define LEARNING_MAX_NAMED 32 /* connections, or populations, of one list */

typedef struct learning_keys {
    node *optimiser, *bias_optimiser;
    node *connection_optimisers, *deep_r_conns;
    double clip_norm, clip_value, deep_r_l1_strength;
    size_t accumulate;
    rv_flag deep_r_record_rewirings;
    rv_flag keep_gradients;
} learning_keys;

/* Their rows in the table of a struct that has a member `learning`. */
#define LEARNING_ROW(table, field) offsetof(table, learning.field)
#define LEARNING_KEY_ROWS(table)                                                                                      \
    {"optimiser", KEY_NODE, LEARNING_ROW(table, optimiser), .standard = "adam",                                       \
     .help = "table of type and parameters"},                                                                         \
        {"connection_optimisers", KEY_NODE, LEARNING_ROW(table, connection_optimisers),                               \
         .help = "table by name of connection: its own optimiser, written as optimiser"},                             \
        {"bias_optimiser", KEY_NODE, LEARNING_ROW(table, bias_optimiser),                                             \
         .help = "of the outputs' biases, where they learn; default as optimiser"},                                   \
        {"clip_norm", KEY_NUMBER, LEARNING_ROW(table, clip_norm), .standard = "0",                                    \
         .help = "a gradient with a larger norm is scaled to this one; 0: none is"},                                  \
        {"clip_value", KEY_NUMBER, LEARNING_ROW(table, clip_value), .standard = "0",                                  \
         .help = "cuts every element of the gradient off; 0: none"},                                                  \
        {"accumulate", KEY_COUNT, LEARNING_ROW(table, accumulate), .standard = "1", .min = 1,                         \
         .help = "batches for one step of the optimiser"},                                                            \
        {"keep_gradients", KEY_FLAG, LEARNING_ROW(table, keep_gradients), .standard = "false",                        \
         .help = "keep the gradients of a batch after it, for custom updates"},                                       \
        {"deep_r_conns", KEY_NODE, LEARNING_ROW(table, deep_r_conns),                                                 \
         .help = "names of sparse connections that Deep R rewires: [Conn_input_hidden]"},                             \
        {"deep_r_l1_strength", KEY_NUMBER, LEARNING_ROW(table, deep_r_l1_strength), .standard = "0.01",              \
         .help = "what draws their weights to zero"},                                                                 \
    {                                                                                                                 \
        "deep_r_record_rewirings", KEY_FLAG, LEARNING_ROW(table, deep_r_record_rewirings), .standard = "false",       \
            .help = "how many synapses moved, and found no place: in the history, and of each step in recorded/"      \
    }

/* An optimiser, if it is given. */
int learning_read_optimiser(rv_context *context, node *where, rv_optimiser *out);

/* What lists of names mean in a network: lists of LEARNING_MAX_NAMED. `where` may be NULL, for none. */
int learning_find_connections(const node *where, const rv_network *network, const rv_connection **list, size_t *num);
int learning_find_optimisers(rv_context *context, node *where, const rv_network *network,
                             rv_connection_optimiser *list, size_t *num);
int learning_find_regularisations(node *where, const rv_network *network, rv_regularisation *list, size_t *num);

#endif
