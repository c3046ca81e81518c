/* Counter-based random numbers, and what is made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/philox.h"

/* The known answers that Random123 ships for philox4x32 with 10 rounds. */
static void philox_gives_the_published_answers(void **state)
{
    static const struct {
        uint64_t key, a, b;
        uint32_t expected[4];
    } cases[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    uint32_t out[4];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rv_random_at(cases[i].key, cases[i].a, cases[i].b, out);
        assert_memory_equal(out, cases[i].expected, sizeof out);
    }
}

static void every_part_of_the_key_changes_every_word(void **state)
{
    uint32_t base[4], other[4];
    (void)state;
    rv_random(1, RV_RANDOM_SHUFFLE, 2, 3, 4, base);
    for (int part = 0; part < 5; part++) {
        rv_random(part == 0 ? 9 : 1, part == 1 ? RV_RANDOM_SPLIT : RV_RANDOM_SHUFFLE, part == 2 ? 9 : 2,
                  part == 3 ? 9 : 3, part == 4 ? 9 : 4, other);
        for (int i = 0; i < 4; i++)
            assert_int_not_equal(base[i], other[i]);
    }
    rv_random_at(rv_random_key(1, RV_RANDOM_SHUFFLE, 2), 3, 4, other);
    assert_memory_equal(base, other, sizeof base);
}

/* Results of old runs depend on these: they must never change. */
static void the_bits_of_a_purpose_are_pinned(void **state)
{
    static const uint32_t expected[4] = {0x8cc2afdc, 0x473c5a70, 0x3c2f183b, 0x46db411a};
    uint32_t out[4];
    (void)state;
    rv_random(1234, RV_RANDOM_INITIALIZER, 5, 6, 7, out);
    assert_memory_equal(out, expected, sizeof out);
}

static void uniform_numbers_stay_in_their_range(void **state)
{
    (void)state;
    assert_true(rv_uniform_double(0, 0) == 0);
    assert_true(rv_uniform_double(UINT32_MAX, UINT32_MAX) == 1 - 0x1p-53);
    assert_true(rv_uniform_open(0, 0) == 0x1p-53);
    assert_true(rv_uniform_open(UINT32_MAX, UINT32_MAX) == 1 - 0x1p-53);
    assert_true(rv_uniform_double(0x80000000, 0) == 0.5);
}

/* Chi-squared over 64 bins; with 63 degrees of freedom a value above 131 has probability 1e-6. */
static void uniform_numbers_are_uniform(void **state)
{
    enum {
        BINS = 64,
        NUM = 640000
    };
    int count[4][BINS] = {{0}};
    (void)state;
    const uint64_t key = rv_random_key(42, RV_RANDOM_GENERATOR, 7);
    for (uint64_t i = 0; i < NUM; i++) {
        uint32_t r[4];
        rv_random_at(key, 1, i, r);
        count[0][(int)(BINS * rv_uniform_double(r[1], r[0]))]++;
        count[1][(int)(BINS * rv_uniform_open(r[3], r[2]))]++;
        count[2][r[0] % BINS]++;
        count[3][r[3] % BINS]++;
    }
    for (int kind = 0; kind < 4; kind++) {
        double chi = 0;
        for (int bin = 0; bin < BINS; bin++)
            chi += pow(count[kind][bin] - NUM / BINS, 2) / (NUM / BINS);
        assert_true(chi < 131);
    }
}

static void the_quantile_inverts_the_normal_distribution(void **state)
{
    (void)state;
    assert_true(rv_normal_quantile(0.5) == 0);
    assert_true(fabs(rv_normal_quantile(0.975) - 1.959963984540054) < 1e-15);
    assert_true(fabs(rv_normal_quantile(1e-20) + 9.262340089798408) < 1e-14);
    for (double p = 1e-300; p < 0.5; p *= 1.7) {
        const double x = rv_normal_quantile(p);
        /* far out, an error of x by dx changes p by |x| dx of itself */
        assert_true(fabs(0.5 * erfc(-x / sqrt(2)) / p - 1) < 1e-14 + 2e-15 * x * x);
        if (p > 1e-10)
            assert_true(fabs(rv_normal_quantile(1 - p) + rv_normal_quantile(1 - (1 - p))) < 1e-9);
    }
}

static void normal_numbers_have_the_moments_of_a_normal(void **state)
{
    enum {
        NUM = 400000
    };
    double sum[5] = {0};
    (void)state;
    for (uint64_t i = 0; i < NUM; i++) {
        uint32_t r[4];
        rv_random(3, RV_RANDOM_INITIALIZER, 0, 0, i, r);
        const double x = rv_normal_quantile(rv_uniform_open(r[1], r[0]));
        for (int k = 1; k < 5; k++)
            sum[k] += pow(x, k) / NUM;
    }
    assert_true(fabs(sum[1]) < 5 / sqrt(NUM));
    assert_true(fabs(sum[2] - 1) < 5 * sqrt(2.0 / NUM));
    assert_true(fabs(sum[3]) < 5 * sqrt(15.0 / NUM));
    assert_true(fabs(sum[4] - 3) < 5 * sqrt(96.0 / NUM));
}

static void a_permutation_holds_everyone_once(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 3, 1000, 65537};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const size_t n = sizes[s];
        uint32_t *order = calloc(n + 1, sizeof *order);
        unsigned char *seen = calloc(n + 1, 1);
        order[n] = 12345;
        rv_permutation(order, n, 1, RV_RANDOM_SHUFFLE, 0);
        for (size_t i = 0; i < n; i++) {
            assert_true(order[i] < n);
            assert_int_equal(seen[order[i]]++, 0);
        }
        assert_int_equal(order[n], 12345);
        free(order);
        free(seen);
    }
}

static void all_permutations_are_equally_likely(void **state)
{
    enum {
        NUM = 24000
    };
    int count[256] = {0};
    double chi = 0;
    (void)state;
    for (uint64_t epoch = 0; epoch < NUM; epoch++) {
        uint32_t order[4];
        rv_permutation(order, 4, 99, RV_RANDOM_SHUFFLE, epoch);
        count[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    for (int i = 0; i < 256; i++)
        if (count[i])
            chi += pow(count[i] - NUM / 24, 2) / (NUM / 24);
    assert_true(chi < 66); /* 23 degrees of freedom, probability 5e-6 */
}

static void epochs_and_seeds_shuffle_differently(void **state)
{
    uint32_t a[100], b[100], c[100];
    (void)state;
    rv_permutation(a, 100, 1, RV_RANDOM_SHUFFLE, 0);
    rv_permutation(b, 100, 1, RV_RANDOM_SHUFFLE, 1);
    rv_permutation(c, 100, 2, RV_RANDOM_SHUFFLE, 0);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
    rv_permutation(b, 100, 1, RV_RANDOM_SHUFFLE, 0);
    assert_memory_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(every_part_of_the_key_changes_every_word),
        cmocka_unit_test(the_bits_of_a_purpose_are_pinned),
        cmocka_unit_test(uniform_numbers_stay_in_their_range),
        cmocka_unit_test(uniform_numbers_are_uniform),
        cmocka_unit_test(the_quantile_inverts_the_normal_distribution),
        cmocka_unit_test(normal_numbers_have_the_moments_of_a_normal),
        cmocka_unit_test(a_permutation_holds_everyone_once),
        cmocka_unit_test(all_permutations_are_equally_likely),
        cmocka_unit_test(epochs_and_seeds_shuffle_differently),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
