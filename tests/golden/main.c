/* golden DIR: checks the recorded figures in every folder of DIR that holds a case.json against the library.
 *
 *   PASS <case> <largest relative error> <of what>
 *   FAIL <case> <what differs>
 *   SKIP <case> <what the library does not have> is not available
 *
 * Exit status: 0, 1 if a case failed, 2 if there is nothing to check. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "golden/run.h"

enum {
    PASSED,
    FAILED,
    SKIPPED
};

static int check(const char *folder, const char *name)
{
    golden_report report = {0};
    golden_run(folder, &report);
    int outcome = PASSED;
    if (report.failure[0]) {
        printf("FAIL %s %s\n", name, report.failure);
        outcome = FAILED;
    } else if (report.num_missing > 0) {
        printf("SKIP %s %s %s not available\n", name, report.missing, report.num_missing > 1 ? "are" : "is");
        outcome = SKIPPED;
    } else {
        printf("PASS %s %.1e %s\n", name, report.worst, report.worst_of);
    }
    fflush(stdout);
    return outcome;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: golden DIR\n");
        return 2;
    }
    struct dirent **entries = NULL;
    const int num = scandir(argv[1], &entries, NULL, alphasort);
    if (num < 0) {
        fprintf(stderr, "golden: cannot read the folder %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    size_t count[3] = {0};
    for (int i = 0; i < num; i++) {
        char folder[4096], file[4110];
        snprintf(folder, sizeof folder, "%s/%s", argv[1], entries[i]->d_name);
        snprintf(file, sizeof file, "%s/case.json", folder);
        if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0 && access(file, F_OK) == 0)
            count[check(folder, entries[i]->d_name)]++;
        free(entries[i]);
    }
    free(entries);
    if (count[PASSED] + count[FAILED] + count[SKIPPED] == 0) {
        fprintf(stderr, "golden: no folder in %s holds a case.json\n", argv[1]);
        return 2;
    }
    printf("%zu passed, %zu failed, %zu skipped\n", count[PASSED], count[FAILED], count[SKIPPED]);
    return count[FAILED] > 0 ? 1 : 0;
}
