#include "cli/program.h"

#include <stdio.h>
#include <string.h>

#include <ranvier.h>

#include "cli/ranks.h"
#include "cli/say.h"
#include "cli/suggest.h"

static const command *const commands[] = {
    &train_command,
    &evaluate_command,
    &data_command,
    &convert_command,
    &info_command,
    &help_command,
};
#define NUM_COMMANDS (sizeof commands / sizeof commands[0])

const command *program_command(size_t index)
{
    return index < NUM_COMMANDS ? commands[index] : NULL;
}

const command *program_find(const char *name)
{
    for (size_t i = 0; i < NUM_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

void program_print_help(FILE *stream)
{
    fputs("usage: ranvier COMMAND [OPTION]... [ARGUMENT]\n\n"
          "Trains and runs the spiking neural networks of experiment files.\n\ncommands:\n",
          stream);
    for (size_t i = 0; i < NUM_COMMANDS; i++) {
        const command *c = commands[i];
        const int width = fprintf(stream, "  %s %s", c->name, c->operand ? c->operand : "");
        fprintf(stream, "%*s%s\n", width < 22 ? 22 - width : 1, "", c->summary);
    }
    fputs("\n'ranvier COMMAND --help' lists a command's options, 'ranvier help experiment' the keys of\n"
          "an experiment file. 'ranvier --version' prints the version.\n"
          "'mpirun -n 4 ranvier train FILE' shares the work among 4 processes, to the same bits.\n",
          stream);
}

static int fault_no_command(const char *name)
{
    const char *names[NUM_COMMANDS];
    for (size_t i = 0; i < NUM_COMMANDS; i++)
        names[i] = commands[i]->name;
    const char *meant = suggest(name, names, NUM_COMMANDS);
    const char *what = name[0] == '-' ? "option" : "command";
    return meant ? fault_usage(NULL, "unknown %s '%s', did you mean '%s'?", what, name, meant)
                 : fault_usage(NULL, "unknown %s '%s'", what, name);
}

static int run_command(const command *of, int argc, char **argv)
{
    options given = {0};
    int status = options_parse(&given, of, argc, argv);
    if (!status && given.help) {
        if (ranks_is_first())
            options_print_help(stdout, of);
    } else if (!status) {
        set_quiet(given.quiet);
        status = of->has_ranks || ranks_is_first() ? of->run(&given) : STATUS_OK;
    }
    options_clear(&given);
    return status;
}

static int dispatch(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : NULL;
    const command *of = name ? program_find(name) : NULL;
    if (of)
        return run_command(of, argc - 2, argv + 2);
    if (!ranks_is_first())
        return STATUS_OK;
    if (!name) {
        program_print_help(stderr);
        return STATUS_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        program_print_help(stdout);
    else if (strcmp(name, "--version") == 0)
        printf("ranvier %s\n", rv_version());
    else
        return fault_no_command(name);
    return STATUS_OK;
}

int program_run(int argc, char **argv)
{
    int status = ranks_begin();
    if (!status)
        status = dispatch(argc, argv);
    return ranks_end(finish_output(status));
}
