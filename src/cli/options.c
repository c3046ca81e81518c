#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/say.h"
#include "cli/suggest.h"

#define MAX_OPTIONS 32

static const option *find_by_name(const command *of, const char *name, size_t length)
{
    for (size_t i = 0; i < of->num_options; i++)
        if (strlen(of->options[i].name) == length && strncmp(of->options[i].name, name, length) == 0)
            return &of->options[i];
    return NULL;
}

static const option *find_by_letter(const command *of, char letter)
{
    for (size_t i = 0; i < of->num_options; i++)
        if (of->options[i].letter == letter)
            return &of->options[i];
    return NULL;
}

static int fault_no_option(const command *of, const char *name, size_t length)
{
    const char *names[MAX_OPTIONS];
    size_t num = 0;
    for (; num < of->num_options && num < MAX_OPTIONS; num++)
        names[num] = of->options[num].name;
    char *given = format_text("%.*s", (int)length, name);
    const char *meant = suggest(given, names, num);
    const int status = meant ? fault_usage(of->name, "unknown option '--%s', did you mean '--%s'?", given, meant)
                             : fault_usage(of->name, "unknown option '--%s'", given);
    free(given);
    return status;
}

/* --set KEY=VALUE, or an option that is short for one. */
static int add_setting(options *out, const command *of, const option *o, const char *argument)
{
    setting added = {.path = o->path, .value = argument};
    const char *equals = strchr(argument, '=');
    if (!o->path && (!equals || equals == argument))
        return fault_usage(of->name, "--%s needs KEY=VALUE, as in --%s training.num_epochs=3, got '%s'", o->name,
                           o->name, argument);
    added.path = o->path ? copy_text(o->path) : format_text("%.*s", (int)(equals - argument), argument);
    if (!o->path)
        added.value = equals + 1;
    added.source = format_text("--%s %s", o->name, argument);
    out->settings = remake(out->settings, out->num_settings + 1, sizeof *out->settings);
    out->settings[out->num_settings++] = added;
    return STATUS_OK;
}

static int apply(options *out, const command *of, const option *o, const char *argument)
{
    unsigned char *field = (unsigned char *)out + o->offset;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return STATUS_OK;
    case OPTION_TEXT:
        if (!*argument)
            return fault_usage(of->name, "--%s needs %s, got nothing", o->name, o->argument);
        *(const char **)(void *)field = argument;
        return STATUS_OK;
    case OPTION_SET:
        return add_setting(out, of, o, argument);
    }
    return STATUS_FAILED;
}

/* --name, --name=VALUE or --name VALUE; moves *next over what it takes. */
static int parse_long(options *out, const command *of, char **argv, int argc, int *next)
{
    const char *name = argv[(*next)++] + 2;
    const size_t length = strcspn(name, "=");
    const option *o = find_by_name(of, name, length);
    const char *argument = name[length] ? name + length + 1 : NULL;
    if (!o)
        return fault_no_option(of, name, length);
    if (!o->argument && argument)
        return fault_usage(of->name, "--%s takes no value, got '%s'", o->name, argument);
    if (o->argument && !argument) {
        if (*next == argc)
            return fault_usage(of->name, "--%s needs %s", o->name, o->argument);
        argument = argv[(*next)++];
    }
    return apply(out, of, o, argument);
}

/* -q, -qv, -sVALUE or -s VALUE. */
static int parse_letters(options *out, const command *of, char **argv, int argc, int *next)
{
    const char *letters = argv[(*next)++] + 1;
    for (int status; *letters; letters++) {
        const option *o = find_by_letter(of, *letters);
        const char *argument = NULL;
        if (!o)
            return fault_usage(of->name, "unknown option '-%c'", *letters);
        if (o->argument && letters[1])
            argument = letters + 1;
        else if (o->argument && *next < argc)
            argument = argv[(*next)++];
        else if (o->argument)
            return fault_usage(of->name, "-%c needs %s", *letters, o->argument);
        if ((status = apply(out, of, o, argument)))
            return status;
        if (argument)
            break;
    }
    return STATUS_OK;
}

int options_parse(options *out, const command *of, int argc, char **argv)
{
    int status = STATUS_OK;
    bool only_operands = false;
    for (int next = 0; next < argc && !status;) {
        const char *word = argv[next];
        if (only_operands || word[0] != '-' || !word[1]) {
            if (out->operand || !of->operand)
                status = fault_usage(of->name, "'%s' is one argument too many", word);
            out->operand = word;
            next++;
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
            next++;
        } else if (word[1] == '-') {
            status = parse_long(out, of, argv, argc, &next);
        } else {
            status = parse_letters(out, of, argv, argc, &next);
        }
    }
    return status;
}

void options_clear(options *given)
{
    for (size_t i = 0; i < given->num_settings; i++) {
        free((void *)(uintptr_t)given->settings[i].path);
        free((void *)(uintptr_t)given->settings[i].source);
    }
    free(given->settings);
    *given = (options){0};
}

void options_print_help(FILE *stream, const command *of)
{
    fprintf(stream, "usage: ranvier %s%s%s%s\n\n%s\n", of->name, of->num_options ? " [OPTION]..." : "",
            of->operand ? " " : "", of->operand ? of->operand : "", of->description);
    if (of->num_options)
        fputs("\noptions:\n", stream);
    for (size_t i = 0; i < of->num_options; i++) {
        const option *o = &of->options[i];
        const int width =
            fprintf(stream, "  %c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
                    o->letter ? "," : " ", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        const char *line = o->help;
        int column = width;
        while (*line) {
            const size_t length = strcspn(line, "\n");
            fprintf(stream, "%*s%.*s\n", column < 25 ? 26 - column : 2, "", (int)length, line);
            line += length + (line[length] == '\n');
            column = 0;
        }
    }
}
