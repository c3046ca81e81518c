/* ranvier help [COMMAND|experiment], ranvier help --man. */
#include "cli/program.h"

#include <string.h>

#include "cli/say.h"
#include "cli/suggest.h"
#include "cli/topics.h"

#define KEY_COLUMN 28 /* where the explanation of a key begins */
#define LAST_COLUMN 100

/* Prints the words of a text from a column on; lines after the first begin at KEY_COLUMN. */
static void print_words(const char *text, int column)
{
    for (bool first = true; *text; first = false) {
        const int length = (int)strcspn(text, " ");
        if (!first && column + length >= LAST_COLUMN)
            column = printf("\n%*s", KEY_COLUMN, "") - 1;
        else if (!first)
            column += printf(" ");
        column += printf("%.*s", length, text);
        text += length + (text[length] == ' ');
    }
}

static void print_key(const key *k)
{
    char text[512];
    const int width = printf("  %s", k->name), gap = width < KEY_COLUMN ? KEY_COLUMN - width : 1;
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", k->help, k->mlgenn ? " (mlGeNN: " : "", k->mlgenn ? k->mlgenn : "",
             k->mlgenn ? ")" : "", k->required ? " [required]" : "", k->standard ? " [default " : "",
             k->standard ? k->standard : "");
    print_words(text, width + printf("%*s", gap, ""));
    puts(k->standard ? "]" : "");
}

static void print_experiment(void)
{
    topic t;
    fputs("An experiment is a YAML file. Files it names are found from its own folder, data files from data.root.\n"
          "A table with a type and nothing else may be written as the type alone: 'synapse: delta'. 'null' is the\n"
          "default. Neurons, synapses, losses and their parameters are listed by 'ranvier info --models'.\n",
          stdout);
    for (size_t i = 0; topic_at(i, &t); i++) {
        printf("\n%s%s%s\n", t.title, t.help ? ": " : "", t.help ? t.help : "");
        for (size_t k = 0; k < t.num_keys; k++)
            print_key(&t.keys[k]);
    }
}

static int help(const options *given)
{
    const char *topics[16] = {"experiment"};
    size_t num = 1;
    if (given->man) {
        man_print(stdout);
        return STATUS_OK;
    }
    if (!given->operand) {
        program_print_help(stdout);
        return STATUS_OK;
    }
    if (strcmp(given->operand, "experiment") == 0) {
        print_experiment();
        return STATUS_OK;
    }
    const command *of = program_find(given->operand);
    if (of) {
        options_print_help(stdout, of);
        return STATUS_OK;
    }
    for (const command *c; (c = program_command(num - 1)) && num < sizeof topics / sizeof topics[0]; num++)
        topics[num] = c->name;
    const char *meant = suggest(given->operand, topics, num);
    return meant ? fault_usage("help", "there is no help on '%s', did you mean '%s'?", given->operand, meant)
                 : fault_usage("help", "there is no help on '%s'", given->operand);
}

static const option help_options[] = {
    {.name = "man", .offset = offsetof(options, man), .help = "print the manual page, for man -l -"},
    OPTION_ROW_HELP,
};

const command help_command = {
    .name = "help",
    .operand = "[TOPIC]",
    .summary = "explain a command, or the keys of an experiment file",
    .description = "Prints help on a command, or with the topic 'experiment' the keys of an experiment file.",
    .options = help_options,
    .num_options = sizeof help_options / sizeof help_options[0],
    .run = help,
};
