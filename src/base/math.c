/* exp, log and cos by range reduction and a series, in plain double operations: with -ffp-contract=off every compiler and
 * processor gives the same bits. The series are Taylor's, long enough that what is left out is below rounding. */
#include "base/math.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 1/14!, ..., 1/2!; the next term is at most 0.35^15 / 15! < 2^-63 */
static const double exp_series[] = {
    1.0 / 87178291200, 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
    1.0 / 5040,        1.0 / 720,        1.0 / 120,       1.0 / 24,       1.0 / 6,       1.0 / 2};
/* 2/23, ..., 2/3; the next term is at most 0.0295^12 * 2/25 < 2^-64 */
static const double log_series[] = {2.0 / 23, 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13,
                                    2.0 / 11, 2.0 / 9,  2.0 / 7,  2.0 / 5,  2.0 / 3};

/* ln 2 in two parts; the first has 32 trailing zero bits, so that k * ln2_high is exact for any exponent k. */
static const double ln2_high = 0x1.62e42feep-1;
static const double ln2_low = 0x1.a39ef35793c76p-33;
static const double log2_e = 0x1.71547652b82fep+0;

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^k for a normal result, -1022 <= k <= 1023. */
static double power_of_two(int k)
{
    return double_of((uint64_t)(k + 1023) << 52);
}

/* The polynomial with these coefficients, highest power first. */
static double horner(const double *coefficient, size_t num, double x)
{
    double sum = coefficient[0];
    for (size_t i = 1; i < num; i++)
        sum = sum * x + coefficient[i];
    return sum;
}

/* x = k ln 2 + r with |r| <= ln(2) / 2, e^x = 2^k e^r, and e^r = 1 + (r + r^2 (1/2! + r/3! + r^2/4! + ...)). */
double rv_exp(double x)
{
    if (x != x)
        return x;
    if (x > 709.79)
        return __builtin_inf();
    if (x < -745.14)
        return 0.0;

    const int k = (int)(x * log2_e + (x < 0 ? -0.5 : 0.5));
    const double high = x - k * ln2_high;
    const double low = k * ln2_low;
    const double r = high - low;
    const double lost = (high - r) - low; /* what rounding r took away */

    const double value = 1 + (r + (r * r * horner(exp_series, sizeof exp_series / sizeof *exp_series, r) + lost));

    if (k >= -1021 && k <= 1023)
        return value * power_of_two(k);
    /* in two steps where 2^k itself is not a normal number; only the last one rounds */
    return k > 0 ? value * 2 * power_of_two(k - 1) : value * power_of_two(k + 100) * power_of_two(-100);
}

/* x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), and with s = f / (2 + f)
 * ln(1 + f) = 2 atanh(s) = 2 s + 2 s^3/3 + 2 s^5/5 + ... = f - (f^2/2 - s (f^2/2 + R)),  R = 2 s^2/3 + 2 s^4/5 + ... */
double rv_log_e(double x)
{
    if (x != x || x == __builtin_inf())
        return x;
    if (x == 0)
        return -__builtin_inf();
    if (x < 0)
        return __builtin_nan("");

    int k = 0;
    if (x < 0x1p-1022) { /* subnormal */
        x *= 0x1p54;
        k = -54;
    }
    const uint64_t bits = bits_of(x);
    k += (int)(bits >> 52) - 1023;
    double m = double_of((bits & 0xFFFFFFFFFFFFFU) | (uint64_t)1023 << 52);
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        k++;
    }

    const double f = m - 1;
    const double s = f / (2 + f);
    const double z = s * s;
    const double tail = z * horner(log_series, sizeof log_series / sizeof *log_series, z);
    const double half = 0.5 * f * f;
    return k * ln2_high - ((half - (s * (half + tail) + k * ln2_low)) - f);
}

/* -1/18!, 1/16!, ..., 1 of cos, and 1/17!, -1/15!, ..., 1 of sin; the next terms are at most (pi/4)^19 / 19! < 2^-63 */
static const double cos_series[] = {-1.0 / 6402373705728000, 1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600,
                                    -1.0 / 3628800,          1.0 / 40320,          -1.0 / 720,         1.0 / 24,
                                    -1.0 / 2,                1.0};
static const double sin_series[] = {1.0 / 355687428096000, -1.0 / 1307674368000, 1.0 / 6227020800,
                                    -1.0 / 39916800,       1.0 / 362880,         -1.0 / 5040,
                                    1.0 / 120,             -1.0 / 6,             1.0};

/* Folded to angles up to pi / 4: cos(pi x) = -cos(pi (1 - x)) = sin(pi (1/2 - x)). Both differences are exact. */
double rv_cos_pi(double x)
{
    static const double pi = 0x1.921fb54442d18p+1;
    const double near = x > 0.5 ? 1 - x : x;
    const double y = pi * (near > 0.25 ? 0.5 - near : near);
    const double value = near > 0.25 ? y * horner(sin_series, sizeof sin_series / sizeof *sin_series, y * y)
                                     : horner(cos_series, sizeof cos_series / sizeof *cos_series, y * y);
    return x > 0.5 ? -value : value;
}
