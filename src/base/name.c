#include "base/name.h"

#include <ctype.h>

static const char *skip_underscores(const char *text)
{
    while (*text == '_')
        text++;
    return text;
}

bool rv_name_equal(const char *name, const char *given)
{
    for (;;) {
        name = skip_underscores(name);
        given = skip_underscores(given);
        if (tolower((unsigned char)*name) != tolower((unsigned char)*given))
            return false;
        if (!*name)
            return true;
        name++;
        given++;
    }
}
