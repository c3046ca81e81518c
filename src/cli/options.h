/* The command line: one table of options per command drives the parser, the usage text and the man page. */
#ifndef RV_CLI_OPTIONS_H
#define RV_CLI_OPTIONS_H

#include <stdio.h>

#include "cli/doc.h"

/* What a command line said. Every command has all fields and uses those of its table. */
typedef struct options {
    const char *operand; /* FILE, RUN or TOPIC; NULL = none */
    setting *settings;   /* --set, and options that are short for it, in order */
    size_t num_settings;
    const char *out;   /* --out */
    const char *load;  /* --load */
    const char *epoch; /* --epoch */
    const char *progress; /* --progress */
    const char *to;    /* --to */
    const char *norm;  /* --norm */
    const char *data;  /* --data */
    const char *k, *alpha, *timesteps, *input; /* --k ... */
    bool signed_input; /* --signed-input */
    bool resume, quiet, verbose, models, man, help;
} options;

typedef enum option_kind {
    OPTION_FLAG = 0, /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_SET,      /* a setting: of `path`, or its argument is KEY=VALUE where path is NULL */
} option_kind;

typedef struct option {
    const char *name;     /* without dashes */
    char letter;          /* 0 = none */
    const char *argument; /* "DIR"; NULL for a flag */
    option_kind kind;
    size_t offset;    /* FLAG, TEXT: in options */
    const char *path; /* SET */
    const char *help; /* may hold line breaks */
} option;

typedef struct command {
    const char *name;
    const char *operand;     /* "FILE"; "[TOPIC]" where it may be missing; NULL = none */
    const char *summary;     /* one line without full stop */
    const char *description; /* paragraphs, one line break each, an empty line between */
    const option *options;
    size_t num_options;
    bool has_ranks; /* all ranks run it together; else the first one alone does */
    int (*run)(const options *given);
} command;

/* Parses what follows the command's name. Faults are STATUS_USAGE. */
int options_parse(options *out, const command *of, int argc, char **argv);
void options_clear(options *given);

/* "usage: ranvier train ...", the description and the options, for --help. */
void options_print_help(FILE *stream, const command *of);

/* Rows that several commands have. */
#define OPTION_ROW_SET                                                                                                \
    {                                                                                                                 \
        .name = "set", .argument = "KEY=VALUE", .kind = OPTION_SET,                                                   \
        .help = "change the experiment: --set training.num_epochs=3,\n"                                               \
                "--set network.layers.hidden.shape=350"                                                               \
    }
#define OPTION_ROW_SEED                                                                                               \
    {                                                                                                                 \
        .name = "seed", .letter = 's', .argument = "N", .kind = OPTION_SET, .path = "seed",                           \
        .help = "seed of all randomness (--set seed=N)"                                                               \
    }
#define OPTION_ROW_THREADS                                                                                            \
    {                                                                                                                 \
        .name = "threads", .letter = 'j', .argument = "N", .kind = OPTION_SET, .path = "threads",                     \
        .help = "number of threads (--set threads=N); results do\nnot depend on it"                                   \
    }
#define OPTION_ROW_QUIET                                                                                              \
    {                                                                                                                 \
        .name = "quiet", .letter = 'q', .offset = offsetof(options, quiet),                                           \
        .help = "print results, warnings and errors only"                                                             \
    }
#define OPTION_ROW_PROGRESS                                                                                           \
    {                                                                                                                 \
        .name = "progress", .letter = 'p', .argument = "MODE", .kind = OPTION_TEXT,                                   \
        .offset = offsetof(options, progress),                                                                        \
        .help = "auto (a bar on a terminal, else lines), lines, json\n(JSON lines for programs) or quiet"             \
    }
#define OPTION_ROW_VERBOSE                                                                                            \
    {                                                                                                                 \
        .name = "verbose", .letter = 'v', .offset = offsetof(options, verbose),                                       \
        .help = "print what the library chose, too"                                                                   \
    }
#define OPTION_ROW_HELP                                                                                               \
    {                                                                                                                 \
        .name = "help", .letter = 'h', .offset = offsetof(options, help), .help = "print this text"                   \
    }

#endif
