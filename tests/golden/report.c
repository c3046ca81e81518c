#include "golden/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void golden_fail(golden_report *report, const char *format, ...)
{
    if (report->failure[0])
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(report->failure, sizeof report->failure, format, args);
    va_end(args);
    if (!report->failure[0])
        strcpy(report->failure, "failed");
}

void golden_miss(golden_report *report, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (const char *at = report->missing; (at = strstr(at, text)) != NULL; at++) {
        const char end = at[strlen(text)];
        if ((end == '\0' || end == ',') && (at == report->missing || at[-1] == ' '))
            return;
    }
    const size_t length = strlen(report->missing);
    snprintf(report->missing + length, sizeof report->missing - length, "%s%s", length ? ", " : "", text);
    report->num_missing++;
}

void golden_error(golden_report *report, double error, const char *of)
{
    if (report->worst_of[0] && error <= report->worst)
        return;
    report->worst = error;
    snprintf(report->worst_of, sizeof report->worst_of, "%s", of);
}

bool golden_stopped(const golden_report *report)
{
    return report->failure[0] || report->num_missing > 0;
}
