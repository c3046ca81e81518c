/* exp and log of our own against the C library's in higher precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "base/math.h"
#include "base/philox.h"

#define NUM 2000000

/* Distance in units of the last place of the exact value. */
static double ulps(double x, long double exact)
{
    int exponent;
    frexpl(exact, &exponent);
    const long double ulp = ldexpl(1, exponent < -1021 ? -1074 : exponent - 53);
    return (double)(fabsl(x - exact) / ulp);
}

static double random_in(uint64_t i, double min, double max)
{
    uint32_t r[4];
    rv_random_at(1, 2, i, r);
    return min + (max - min) * rv_uniform_double(r[1], r[0]);
}

static void exp_is_right_to_2_ulp(void **state)
{
    static const double ranges[][2] = {{-745, 709.7}, {-20, 5}, {-1, 1}, {-1e-3, 1e-3}, {-745.2, -708}};
    (void)state;
    if (LDBL_MANT_DIG < 64) {
        print_message("long double is no longer than double here\n");
        skip();
    }
    for (size_t k = 0; k < sizeof ranges / sizeof ranges[0]; k++)
        for (uint64_t i = 0; i < NUM; i++) {
            const double x = random_in(i, ranges[k][0], ranges[k][1]);
            const double error = ulps(rv_exp(x), expl(x));
            if (error >= 2)
                fail_msg("exp(%a) = %a is %g ulp off", x, rv_exp(x), error);
        }
}

static void log_is_right_to_2_ulp(void **state)
{
    (void)state;
    if (LDBL_MANT_DIG < 64) {
        print_message("long double is no longer than double here\n");
        skip();
    }
    for (uint64_t i = 0; i < 3 * NUM; i++) {
        uint32_t r[4];
        double x;
        rv_random_at(3, 4, i, r);
        const uint64_t bits = ((uint64_t)r[0] << 32 | r[1]) >> 1; /* any positive double, subnormal ones too */
        memcpy(&x, &bits, sizeof x);
        if (i % 3 == 0 || !isfinite(x) || x == 0)
            x = random_in(i, 0.5, 2);
        if (i % 3 == 1)
            x = 1 + ldexp(random_in(i, -1, 1), -(int)(r[2] % 53));
        const double error = ulps(rv_log_e(x), logl(x));
        if (error >= 2)
            fail_msg("log(%a) = %a is %g ulp off", x, rv_log_e(x), error);
    }
}

static void special_values_are_those_of_c99(void **state)
{
    (void)state;
    assert_true(rv_exp(0) == 1 && rv_exp(-0.0) == 1);
    assert_true(rv_exp(INFINITY) == INFINITY && rv_exp(710) == INFINITY && rv_exp(1e300) == INFINITY);
    assert_true(rv_exp(-INFINITY) == 0 && rv_exp(-746) == 0 && rv_exp(-1e300) == 0);
    assert_true(isnan(rv_exp(NAN)));
    assert_true(isfinite(rv_exp(709.782712893384)) && rv_exp(709.782712893385) == INFINITY);
    assert_true(rv_exp(-745.13321910194110842) == 0x1p-1074);
    assert_true(rv_log_e(1) == 0 && !signbit(rv_log_e(1)));
    assert_true(rv_log_e(0) == -INFINITY && rv_log_e(-0.0) == -INFINITY);
    assert_true(rv_log_e(INFINITY) == INFINITY);
    assert_true(isnan(rv_log_e(-1)) && isnan(rv_log_e(-INFINITY)) && isnan(rv_log_e(NAN)));
}

/* They are part of results, so they must not depend on compiler or processor. */
static void the_bits_are_pinned(void **state)
{
    (void)state;
    assert_true(rv_exp(-0.05) == 0x1.e7078b0a726a6p-1);
    assert_true(rv_exp(-1.0 / 3) == 0x1.6edd3122f2ea5p-1);
    assert_true(rv_exp(12.25) == 0x1.982aa4f9aec9p+17);
    assert_true(rv_log_e(10) == 0x1.26bb1bbb55516p+1);
    assert_true(rv_log_e(0.7) == -0x1.6d3c324e13f5p-2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_right_to_2_ulp),
        cmocka_unit_test(log_is_right_to_2_ulp),
        cmocka_unit_test(special_values_are_those_of_c99),
        cmocka_unit_test(the_bits_are_pinned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
