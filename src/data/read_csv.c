/* Text files of numbers, one example a line. */
#include <ranvier/data.h>

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/dataset.h"
#include "store/text_file.h"

typedef struct csv_file {
    rv_context *context;
    const char *path;
    rv_text text;
    char separator;     /* ',', ';', tab, or ' ' for any number of blanks */
    locale_t locale;    /* "C": elsewhere a decimal point may be a comma */
    size_t num_columns; /* of the first line */
    size_t label;       /* column */
} csv_file;

static char find_separator(const char *line)
{
    static const char separators[] = {',', ';', '\t'};
    for (size_t i = 0; i < sizeof separators; i++)
        if (strchr(line, separators[i]))
            return separators[i];
    return ' ';
}

/* Blanks around numbers; a tab is none where it separates. */
static char *skip_blanks(const csv_file *csv, char *at)
{
    return at + strspn(at, csv->separator == '\t' ? " \r" : " \t\r");
}

/* A number and what follows it up to the next one or the end of the line; *more tells which. */
static bool parse_number(const csv_file *csv, char **at, double *out, bool *more)
{
    char *end;
    char *start = skip_blanks(csv, *at);
    if (*start == '\0' || *start == csv->separator)
        return false;
    *out = strtod_l(start, &end, csv->locale);
    *at = skip_blanks(csv, end);
    *more = **at != '\0';
    if (end == start)
        return false;
    if (!*more)
        return true;
    return csv->separator == ' ' ? *at > end : *(*at)++ == csv->separator;
}

/* The numbers of one line into row (num_columns, or NULL), and how many they are, more than num_columns too. */
static int parse_line(const csv_file *csv, char *line, double *row, size_t *num)
{
    bool more = true;
    double x;

    for (*num = 0; more; ++*num) {
        const char *start = line;
        if (!parse_number(csv, &line, &x, &more))
            return rv_fail(csv->context, RV_ERR_FORMAT, "%s:%zu: column %zu: expected a number, got '%.20s'", csv->path,
                           csv->text.line, *num + 1, start);
        if (!isfinite((float)x))
            return rv_fail(csv->context, RV_ERR_NAN, "%s:%zu: column %zu: expected a finite number, got %g", csv->path,
                           csv->text.line, *num + 1, x);
        if (row && *num < csv->num_columns)
            row[*num] = x;
    }
    return RV_OK;
}

/* Finds the first line of numbers, its separator and columns, behind a line of names if there is one. */
static int read_layout(csv_file *csv, int label_column, char **first)
{
    bool more;
    double x;
    char *line = rv_text_next(&csv->text);
    if (line) {
        csv->separator = find_separator(line);
        char *at = line;
        if (!parse_number(csv, &at, &x, &more))
            line = rv_text_next(&csv->text);
    }
    *first = line;
    if (!line)
        return rv_fail(csv->context, RV_ERR_FORMAT, "%s: has no numbers", csv->path);
    const int rc = parse_line(csv, line, NULL, &csv->num_columns);
    if (rc < 0)
        return rc;
    if (csv->num_columns < 2)
        return rv_fail(csv->context, RV_ERR_FORMAT, "%s:%zu: has 1 column, expected a label and at least one value",
                       csv->path, csv->text.line);
    const long long column = label_column < 0 ? (long long)csv->num_columns + label_column : label_column;
    if (column < 0 || column >= (long long)csv->num_columns)
        return rv_fail(csv->context, RV_ERR_ARGUMENT, "%s: there is no column %d, there are %zu", csv->path,
                       label_column, csv->num_columns);
    csv->label = (size_t)column;
    return RV_OK;
}

/* The most examples a text can hold: every one has a line, and every number a digit and what ends it. Lines that were
 * read end with 0 by now. */
static size_t bound_examples(const rv_text *text, size_t num_columns)
{
    size_t num_lines = 1;
    for (size_t i = 0; i < text->size; i++)
        num_lines += text->data[i] == '\n' || text->data[i] == '\0';
    const size_t bound = (text->size + 1) / (2 * num_columns);
    return num_lines < bound ? num_lines : bound;
}

static int read_rows(csv_file *csv, rv_dataset *out, char *line, double *row)
{
    size_t example = 0, num;
    int rc;

    for (; line; line = rv_text_next(&csv->text), example++) {
        if ((rc = parse_line(csv, line, row, &num)) < 0)
            return rc;
        if (num != csv->num_columns)
            return rv_fail(csv->context, RV_ERR_FORMAT, "%s:%zu: has %zu column(s), expected %zu", csv->path,
                           csv->text.line, num, csv->num_columns);
        float *value = out->values + example * out->num_inputs;
        for (size_t i = 0; i < num; i++)
            if (i != csv->label)
                *value++ = (float)row[i];
        if (rv_dataset_set_label(out, NULL, example, row[csv->label], csv->path) < 0)
            return rv_fail(csv->context, RV_ERR_LABEL, "%s:%zu: the label must be a whole number >= 0, got %g",
                           csv->path, csv->text.line, row[csv->label]);
    }
    out->num_examples = example;
    return RV_OK;
}

static int read_file(csv_file *csv, rv_dataset *out, int label_column)
{
    char *line;
    int rc;

    if ((rc = rv_text_read(&csv->text, csv->context, csv->path)) < 0 ||
        (rc = read_layout(csv, label_column, &line)) < 0)
        return rc;
    const size_t num_values = csv->num_columns - 1;
    const size_t max_examples = bound_examples(&csv->text, csv->num_columns);
    if ((rc = rv_dataset_start(out, csv->context, max_examples, 1, &num_values, csv->path)) < 0 ||
        (rc = rv_dataset_add_values(out, csv->context, csv->path)) < 0 ||
        (rc = rv_dataset_add_labels(out, csv->context, csv->path)) < 0)
        return rc;
    double *row = rv_alloc(csv->context, csv->num_columns, sizeof *row, csv->path);
    if (!row)
        return RV_ERR_MEMORY;
    rc = read_rows(csv, out, line, row);
    rv_free(row);
    return rc;
}

int rv_read_csv(rv_dataset *out, rv_context *context, const char *path, int label_column)
{
    csv_file csv = {.context = context, .path = path};
    int rc;

    memset(out, 0, sizeof *out);
    csv.locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!csv.locale)
        return rv_fail_memory(context, sizeof csv, path);
    if ((rc = read_file(&csv, out, label_column)) < 0)
        rv_dataset_clear(out);
    freelocale(csv.locale);
    rv_text_clear(&csv.text);
    return rc;
}
