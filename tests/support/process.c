#include "support/process.h"

#include <stdio.h>
#include <string.h>

double test_process_status(const char *name)
{
    char line[128];
    double kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            sscanf(line + strlen(name), ": %lf kB", &kilobytes);
    if (file)
        fclose(file);
    return kilobytes * 1024;
}
