/* The readers and generators that an experiment's data sets may name by `type`. A new one is a row of the table. */
#ifndef RV_CLI_READERS_H
#define RV_CLI_READERS_H

#include "cli/schema.h"

typedef union reader_options {
    struct {
        const char *images, *labels;
    } idx;
    struct {
        const char *file;
        int label_column;
    } csv;
    struct {
        const char *values, *labels, *targets;
    } npy;
    struct {
        const char *file;
        rv_shd desc;
    } shd;
    struct {
        const char *index, *folder;
        int polarity;
        rv_nmnist desc;
    } nmnist;
    rv_spike_files spike_files;
    rv_yin_yang yin_yang;
    rv_pattern_generation pattern_generation;
    rv_store_recall store_recall;
} reader_options;

typedef struct reader {
    variant base;
    int (*load)(rv_dataset *out, rv_context *context, const reader_options *options);
} reader;

/* By index, for help; NULL past the end. */
const reader *reader_at(size_t index);
/* Reads a set's table: its row, and its options. `common` are the keys that every set has. */
int reader_read(node *where, const key_part *common, const reader **row, reader_options *options);
/* Makes every KEY_FILE of the options a path from `root` (owned by the options from then on) that can be read. */
int reader_resolve_files(const node *where, const reader *row, reader_options *options, const char *root);
void reader_options_clear(const reader *row, reader_options *options);

#endif
