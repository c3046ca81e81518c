/* The commands of the program. */
#ifndef RV_CLI_PROGRAM_H
#define RV_CLI_PROGRAM_H

#include "cli/options.h"

extern const command train_command;
extern const command evaluate_command;
extern const command data_command;
extern const command convert_command;
extern const command info_command;
extern const command help_command;

/* All commands, in the order in which help lists them; NULL past the end. */
const command *program_command(size_t index);
const command *program_find(const char *name);

/* What main does. Returns the exit status. */
int program_run(int argc, char **argv);

/* The text of `ranvier --help`. */
void program_print_help(FILE *stream);
/* The man page, in troff. */
void man_print(FILE *stream);

#endif
