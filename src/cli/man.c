/* The manual page, made of the same tables as parser and help. */
#include "cli/program.h"

#include <string.h>

#include <ranvier.h>

#include "cli/topics.h"

/* Text as troff source: backslashes and dashes are escaped, and no line may begin with a request. A line break is a
 * space where text is filled anew. */
static void print_text(FILE *stream, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\\')
            fputs("\\e", stream);
        else if (*c == '-')
            fputs("\\-", stream);
        else if (*c == '\n')
            fputc(' ', stream);
        else if ((*c == '.' || *c == '\'') && (c == text || c[-1] == '\n'))
            fprintf(stream, "\\&%c", *c);
        else
            fputc(*c, stream);
    }
}

/* Paragraphs are parted by empty lines. */
static void print_paragraphs(FILE *stream, const char *text)
{
    for (const char *end; *text; text = end) {
        const char *gap = strstr(text, "\n\n");
        char paragraph[1024];
        const size_t length = gap ? (size_t)(gap - text) : strlen(text);
        end = gap ? gap + 2 : text + length;
        snprintf(paragraph, sizeof paragraph, "%.*s", (int)length, text);
        fputs(".PP\n", stream);
        print_text(stream, paragraph);
        fputc('\n', stream);
    }
}

static void print_option(FILE *stream, const option *o)
{
    fputs(".TP\n", stream);
    if (o->letter)
        fprintf(stream, "\\fB\\-%c\\fR, ", o->letter);
    fputs("\\fB\\-\\-", stream);
    print_text(stream, o->name);
    fputs("\\fR", stream);
    if (o->argument)
        fprintf(stream, " \\fI%s\\fR", o->argument);
    fputc('\n', stream);
    print_text(stream, o->help);
    fputc('\n', stream);
}

static void print_command(FILE *stream, const command *c)
{
    fprintf(stream, ".SS ranvier %s %s\n", c->name, c->operand ? c->operand : "");
    print_paragraphs(stream, c->description);
    for (size_t i = 0; i < c->num_options; i++)
        print_option(stream, &c->options[i]);
}

static void print_topic(FILE *stream, const topic *t)
{
    fputs(".SS ", stream);
    print_text(stream, t->title);
    fputc('\n', stream);
    if (t->help) {
        print_text(stream, t->help);
        fputc('\n', stream);
    }
    for (size_t k = 0; k < t->num_keys; k++) {
        const key *row = &t->keys[k];
        fprintf(stream, ".TP\n\\fB%s\\fR", row->name);
        if (row->required) {
            fputs(" (required)", stream);
        } else if (row->standard) {
            fputs(" (", stream);
            print_text(stream, row->standard);
            fputc(')', stream);
        }
        fputc('\n', stream);
        print_text(stream, row->help);
        fputc('\n', stream);
    }
}

void man_print(FILE *stream)
{
    topic t;
    fprintf(stream,
            ".TH RANVIER 1 \"\" \"ranvier %s\" \"User Commands\"\n.nh\n.ad l\n"
            ".SH NAME\nranvier \\- train and run spiking neural networks\n"
            ".SH SYNOPSIS\n\\fBranvier\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]\n"
            ".SH COMMANDS\n",
            rv_version());
    for (size_t i = 0; program_command(i); i++)
        print_command(stream, program_command(i));
    fputs(
        ".SH EXPERIMENT FILES\n"
        "YAML files, whose files are found from their own folder, and data files from data.root. A table with a\n"
        "type and nothing else may be written as the type alone. Neurons, synapses, losses and their parameters are\n"
        "listed by\n"
        "\\fBranvier info \\-\\-models\\fR. Defaults are in parentheses.\n",
        stream);
    for (size_t i = 0; topic_at(i, &t); i++)
        print_topic(stream, &t);
    fputs(".SH EXIT STATUS\n"
          ".TP\n0\nSuccess.\n"
          ".TP\n1\nA failure; one line on standard error tells which, with file and line where it has one.\n"
          ".TP\n2\nThe command line is wrong.\n"
          ".TP\n130, 143\nA run was stopped by SIGINT or SIGTERM; its weights and history are written.\n"
          ".SH ENVIRONMENT\n"
          ".TP\n\\fBRV_SEED\\fR, \\fBRV_NUM_THREADS\\fR\nSeed and threads where neither file nor options give them.\n"
          ".TP\n\\fBRV_ISA\\fR\nInstruction set: x86\\-64\\-v2, x86\\-64\\-v3 or x86\\-64\\-v4. Results do not depend "
          "on it.\n"
          ".TP\n\\fBRV_SPLIT\\fR\nWhen threads share the neurons of one example: auto (where few examples are left and "
          "populations are wide), never or always. Results do not depend on it.\n"
          ".SH EXAMPLE\n.EX\n"
          "ranvier train examples/digits.yaml \\-\\-epochs 5 \\-\\-out runs/short\n"
          "ranvier evaluate runs/short\n"
          ".EE\n",
          stream);
}
