/* What tests of kernels draw, and how they hold bits against bits. */
#ifndef SUPPORT_WORDS_H
#define SUPPORT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/isa.h"

/* n floats from low to high. */
void words_fill(float *x, size_t n, double low, double high, uint64_t *random);

/* Ends the test where one of num words of 32 bits differs. */
void words_equal(const char *what, rv_isa isa, const void *is, const void *expected, size_t num);

#endif
