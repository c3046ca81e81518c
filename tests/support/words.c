#include "support/words.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "support/wired.h"

void words_fill(float *x, size_t n, double low, double high, uint64_t *random)
{
    for (size_t j = 0; j < n; j++)
        x[j] = (float)(low + (high - low) * 0.5 * (1 + (double)wired_uniform(random)));
}

void words_equal(const char *what, rv_isa isa, const void *is, const void *expected, size_t num)
{
    const uint32_t *x = is, *y = expected;
    for (size_t k = 0; k < num; k++)
        if (x[k] != y[k])
            fail_msg("%s, instruction set %d: word %zu is %08x, expected %08x", what, (int)isa, k, x[k], y[k]);
}
