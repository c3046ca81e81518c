/* Tables of keys. A section of an experiment file is described by a table of its keys, which drives reading and
 * checking, the defaults that are filled in, the "did you mean" of an unknown key, `ranvier help experiment` and the
 * man page. */
#ifndef RV_CLI_SCHEMA_H
#define RV_CLI_SCHEMA_H

#include <ranvier.h>

#include "cli/node.h"

typedef enum key_kind {
    KEY_NODE = 0, /* const node *: anything; the section reads it itself */
    KEY_TEXT,     /* const char *: borrowed from the tree */
    KEY_FILE,     /* const char *: as KEY_TEXT; the section makes a path of it */
    KEY_COUNT,    /* size_t >= min */
    KEY_INT,      /* int >= min; min = 0 is no bound */
    KEY_SEED,     /* uint64_t */
    KEY_NUMBER,   /* double, finite; ranges are checked by the library, except for `positive` */
    KEY_FLAG,     /* rv_flag: RV_ON or RV_OFF */
    KEY_CHOICE,   /* int: index into choices */
} key_kind;

typedef struct key {
    const char *name;
    key_kind kind;
    size_t offset;        /* of its field in the struct that is filled */
    const char *standard; /* the default, as the file would say it; NULL = none: the field stays as it is */
    bool required;
    size_t min;                 /* COUNT, INT */
    bool positive;              /* NUMBER: > 0, where the library would take 0 for "the default" */
    const char *const *choices; /* CHOICE: NULL-terminated */
    const char *help;           /* one line */
    const char *mlgenn;         /* mlGeNN's name of it, which is accepted, too; NULL = the same */
} key;

/* Part of a table's keys, and the struct they fill: a typed entry has keys of its own beside the common ones. */
typedef struct key_part {
    const key *keys;
    size_t num;
    void *out;
} key_part;

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define KEY_PART(table, fill) ((key_part){.keys = (table), .num = COUNT_OF(table), .out = (fill)})

/* Reads a table: refuses unknown keys, fills in defaults, converts and stores. */
int schema_read(node *table, const key_part *parts, size_t num_parts);

/* One kind of a typed entry: a reader, an encoder, a callback. The first member of a registry's rows. */
typedef struct variant {
    const char *name;
    const key *keys;
    size_t num_keys;
    const char *help; /* one line */
} variant;

/* The `type` of an entry, whose short form is a scalar (it becomes a table); NULL after a fault. */
const node *schema_type(node *entry);
/* Finds the row of a registry that an entry's type names; -1 after a fault. */
int schema_choose(node *entry, const variant *first_row, size_t stride, size_t num_rows);
/* Reads the keys of an entry: `type`, those of its row into `options`, and those common to its place (may be NULL). */
int schema_read_variant(node *entry, const variant *row, void *options, const key_part *common);

/* Single values, for what no table describes. */
int schema_number(const node *scalar, double *out);
int schema_count(const node *scalar, size_t min, size_t *out);
int schema_flag(const node *scalar, bool *out);
int schema_text(const node *scalar, const char **out);
/* Faults if the node is of another kind. */
int schema_expect(const node *where, node_kind kind);

#endif
