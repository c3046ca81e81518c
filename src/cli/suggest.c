#include "cli/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/say.h"

#define MAX_LENGTH 40 /* of names compared */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, leave out, change or swap with their neighbour to get from a to b (optimal string alignment);
 * case does not count. */
static size_t distance(const char *a, const char *b)
{
    const size_t n = strlen(a), m = strlen(b);
    size_t row[3][MAX_LENGTH + 1]; /* rows i - 2, i - 1, i */
    if (n > MAX_LENGTH || m > MAX_LENGTH)
        return MAX_LENGTH;
    for (size_t j = 0; j <= m; j++)
        row[1][j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[2][0] = i;
        for (size_t j = 1; j <= m; j++) {
            const bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            size_t best = smaller(row[1][j], row[2][j - 1]) + 1;
            best = smaller(best, row[1][j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = smaller(best, row[0][j - 2] + 1);
            row[2][j] = best;
        }
        memcpy(row[0], row[1], sizeof row[0]);
        memcpy(row[1], row[2], sizeof row[1]);
    }
    return row[1][m];
}

const char *suggest(const char *name, const char *const *known, size_t num)
{
    const char *nearest = NULL;
    size_t least = smaller(strlen(name) / 3, 3) + 1; /* a slip is at most every third letter */
    for (size_t i = 0; i < num; i++) {
        const size_t d = distance(name, known[i]);
        if (d <= least && (!nearest || d < least)) {
            nearest = known[i];
            least = d;
        }
    }
    return nearest;
}

int fault_unknown(const node *where, const char *what, const char *name, const char *in, const char *const *known,
                  size_t num)
{
    char list[1024] = "none";
    size_t used = 0;
    for (size_t i = 0; i < num && used < sizeof list; i++) {
        const int more = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", known[i]);
        used += more > 0 ? (size_t)more : 0;
    }
    const char *meant = suggest(name, known, num);
    return fault_at(where, "unknown %s '%s'%s%s%s%s%s (known: %s)", what, name, in ? " in " : "", in ? in : "",
                    meant ? ", did you mean '" : "", meant ? meant : "", meant ? "'?" : "", list);
}
