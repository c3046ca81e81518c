#include "callbacks/bar.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MIN_BAR 5    /* columns of the smallest bar that is worth showing */
#define MAX_BAR 1000 /* and of the largest, so that it fits into a line */

/* A string that is filled from the front; what does not fit is dropped, whole characters at a time. */
typedef struct text {
    char *data; /* 0-terminated */
    size_t size, used;
} text;

static bool continues(char c)
{
    return ((unsigned char)c & 0xC0U) == 0x80U; /* inside a UTF-8 sequence */
}

static void cut(text *out, size_t used)
{
    while (used > 0 && continues(out->data[used]))
        used--;
    out->used = used;
    out->data[used] = '\0';
}

__attribute__((format(printf, 2, 3))) static void append(text *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(out->data + out->used, out->size - out->used, format, args);
    va_end(args);
    if (length > 0 && (size_t)length < out->size - out->used)
        out->used += (size_t)length;
    else if (length > 0)
        cut(out, out->size - 1);
}

static size_t count_columns(const char *string)
{
    size_t columns = 0;
    for (; *string; string++)
        columns += !continues(*string);
    return columns;
}

/* Cuts after `width` columns. */
static void cut_columns(text *out, size_t width)
{
    size_t columns = 0;
    for (size_t i = 0; i < out->used; i++) {
        columns += !continues(out->data[i]);
        if (columns > width) {
            cut(out, i);
            return;
        }
    }
}

/* 12:34, or 1:02:03. */
static void append_time(text *out, double seconds)
{
    const unsigned long long s = seconds > 0 && seconds < 1e15 ? (unsigned long long)seconds : 0;
    if (s >= 3600)
        append(out, "%llu:%02llu:%02llu", s / 3600, s / 60 % 60, s % 60);
    else
        append(out, "%02llu:%02llu", s / 60, s % 60);
}

static void append_rate(text *out, double rate)
{
    if (!(rate > 0))
        append(out, "?it/s");
    else if (rate < 1)
        append(out, "%5.2fs/it", 1 / rate);
    else
        append(out, "%5.2fit/s", rate);
}

/* Four digits after the point, unless that shows nothing of a small number or too much of a large one. */
static void append_number(text *out, double x)
{
    const double size = fabs(x);
    append(out, size == 0 || (size >= 1e-3 && size < 1e5) || !isfinite(x) ? "%.4f" : "%.3e", x);
}

/* loss=0.1234, accuracy=0.9567 */
/* Without those of a validation that an epoch did not come to, because it was stopped. */
static void append_metrics(text *out, const rv_bar *bar, const char *separator)
{
    const bool stopped = bar->finished && bar->done < bar->total;
    for (size_t i = 0; bar->metrics && i < bar->metrics->num; i++) {
        const rv_metric_value *m = &bar->metrics->items[i];
        if (stopped && isnan(m->value) && strncmp(m->name, "val_", 4) == 0)
            continue;
        append(out, "%s%s=", separator, m->label);
        append_number(out, m->value);
        separator = ", ";
    }
}

static void append_bar(text *out, double fraction, size_t width, bool unicode)
{
    static const char *const blocks[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    static const char *const digits[] = {" ", "1", "2", "3", "4", "5", "6", "7", "8", "9", "#"};
    const char *const *symbols = unicode ? blocks : digits;
    const size_t parts = unicode ? 8 : 10; /* of a column */
    const size_t filled = (size_t)(fraction * (double)(width * parts));
    for (size_t i = 0; i < width; i++) {
        const size_t rest = filled > i * parts ? filled - i * parts : 0;
        append(out, "%s", symbols[rest < parts ? rest : parts]);
    }
}

/* " 50/120 [00:01<00:01, 41.20it/s, loss=0.1234]", or "50it [00:01, 41.20it/s, loss=0.1234]". */
static void append_progress(text *out, const rv_bar *bar, size_t total)
{
    if (total > 0)
        append(out, " %zu/%zu [", bar->done, total);
    else
        append(out, "%zuit [", bar->done);
    append_time(out, bar->elapsed);
    if (total > 0 && bar->rate > 0) {
        append(out, "<");
        append_time(out, (double)(total - bar->done) / bar->rate);
    } else if (total > 0) {
        append(out, "<?");
    }
    append(out, ", ");
    append_rate(out, bar->rate);
    append_metrics(out, bar, ", ");
    append(out, "]");
}

/* "00:01, 41.20it/s, loss=0.1234"; parts = 1 leaves out the rate, 0 the time too. */
static void append_result(text *out, const rv_bar *bar, int parts)
{
    if (parts > 0) {
        append_time(out, bar->elapsed);
        append(out, ", ");
    }
    if (parts > 1) {
        append_rate(out, bar->rate);
        append(out, ", ");
    }
    append_metrics(out, bar, "");
}

/* Names come from outside and must not move the cursor. */
static void tidy(text *out)
{
    for (char *c = out->data; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = '?';
}

size_t rv_bar_format(char line[RV_BAR_SIZE], const rv_bar *bar, size_t width)
{
    const size_t total = bar->done <= bar->total ? bar->total : 0; /* more than all: the total was wrong */
    const double fraction = total > 0 ? (double)bar->done / (double)total : 0;
    char progress[RV_BAR_SIZE];
    text out = {line, RV_BAR_SIZE, 0}, right = {progress, sizeof progress, 0};

    append_progress(&right, bar, total);
    append(&out, "%s: ", bar->description);
    const size_t start = out.used;
    if (total > 0)
        append(&out, "%3.0f%%", fraction * 100);

    const size_t taken = count_columns(line) + count_columns(progress);
    const size_t room = width > taken + 2 ? width - taken - 2 : 0;
    if (total > 0 && room >= MIN_BAR) {
        append(&out, "|");
        append_bar(&out, fraction, room < MAX_BAR ? room : MAX_BAR, bar->unicode);
        append(&out, "|");
    } else if (bar->finished && width > 0 && taken > width && bar->metrics && bar->metrics->num > 0) {
        cut(&right, 0);
        int parts = 3;
        do {
            cut(&out, start);
            append_result(&out, bar, --parts);
        } while (parts > 0 && count_columns(line) > width);
    }
    append(&out, "%s", progress);
    tidy(&out);
    if (width > 0)
        cut_columns(&out, width);
    return out.used;
}
