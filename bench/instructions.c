#include "instructions.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* valgrind knows no AVX-512. */
#define COMMAND                                                                                                       \
    "RV_ISA=v3 valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect=bench_execute '%s' "         \
    "--once %s %s 2>&1"

int bench_count_instructions(double *out, const char *phase, const char *recorder)
{
    static const char before[] = "Collected : ";
    char program[512], command[1024], line[512];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        return -1;
    program[length] = '\0';
    snprintf(command, sizeof command, COMMAND, program, phase, recorder);
    FILE *lines = popen(command, "r");
    int code = -1;
    while (lines && fgets(line, sizeof line, lines)) {
        const char *found = strstr(line, before);
        if (found && sscanf(found + strlen(before), "%lf", out) == 1)
            code = 0;
    }
    return lines && pclose(lines) == 0 ? code : -1;
}
