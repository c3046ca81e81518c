#include "base/philox.h"

#include <Random123/philox.h>

#include "base/math.h"

static uint32_t low_word(uint64_t x)
{
    return (uint32_t)(x & 0xFFFFFFFFU);
}

static uint32_t high_word(uint64_t x)
{
    return (uint32_t)(x >> 32);
}

static uint64_t join(uint32_t high, uint32_t low)
{
    return (uint64_t)high << 32 | low;
}

/* Seed, purpose and object together are longer than Philox's key, so a first block makes a key of them. Two of the
 * triples share one with probability 2^-64. */
uint64_t rv_random_key(uint64_t seed, rv_random_purpose purpose, uint32_t object)
{
    uint32_t block[4];
    rv_random_at(seed, (uint64_t)purpose, object, block);
    return join(block[1], block[0]);
}

void rv_random_at(uint64_t key, uint64_t a, uint64_t b, uint32_t out[4])
{
    const philox4x32_ctr_t counter = {{low_word(a), high_word(a), low_word(b), high_word(b)}};
    const philox4x32_key_t words = {{low_word(key), high_word(key)}};
    const philox4x32_ctr_t block = philox4x32(counter, words);
    for (int i = 0; i < 4; i++)
        out[i] = block.v[i];
}

void rv_random(uint64_t seed, rv_random_purpose purpose, uint32_t object, uint64_t a, uint64_t b, uint32_t out[4])
{
    rv_random_at(rv_random_key(seed, purpose, object), a, b, out);
}

double rv_uniform_double(uint32_t high, uint32_t low)
{
    return (double)(join(high, low) >> 11) * 0x1p-53;
}

double rv_uniform_open(uint32_t high, uint32_t low)
{
    return ((double)(join(high, low) >> 12) + 0.5) * 0x1p-52;
}

/* Horner's scheme, highest power first. */
static double polynomial(const double coefficient[8], double x)
{
    double sum = coefficient[0];
    for (int i = 1; i < 8; i++)
        sum = sum * x + coefficient[i];
    return sum;
}

/* Algorithm AS 241, PPND16: three rational approximations, about 1e-16 relative. */
double rv_normal_quantile(double p)
{
    static const double centre_num[8] = {2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4,
                                         4.5921953931549871457e+4, 1.3731693765509461125e+4, 1.9715909503065514427e+3,
                                         1.3314166789178437745e+2, 3.3871328727963666080e+0};
    static const double centre_den[8] = {
        5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
        5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1.0};
    static const double middle_num[8] = {
        7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e+0,
        3.64784832476320460504e+0, 5.76949722146069140550e+0, 4.63033784615654529590e+0, 1.42343711074968357734e+0};
    static const double middle_den[8] = {
        1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
        6.89767334985100004550e-1, 1.67638483018380384940e+0, 2.05319162663775882187e+0, 1.0};
    static const double tail_num[8] = {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
                                       2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e+0,
                                       5.46378491116411436990e+0, 6.65790464350110377720e+0};
    static const double tail_den[8] = {
        2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
        1.48753612908506148525e-2,  1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0};
    const double q = p - 0.5;
    if (q >= -0.425 && q <= 0.425) {
        const double r = 0.180625 - q * q;
        return q * polynomial(centre_num, r) / polynomial(centre_den, r);
    }
    const double r = __builtin_sqrt(-rv_log_e(q < 0 ? p : 1 - p));
    const double x = r <= 5 ? polynomial(middle_num, r - 1.6) / polynomial(middle_den, r - 1.6)
                            : polynomial(tail_num, r - 5) / polynomial(tail_den, r - 5);
    return q < 0 ? -x : x;
}

/* Uniform on 0 .. bound - 1, bound < 2^32. Of the 2^64 numbers of two words, the last 2^64 mod bound would favour
 * small results and are drawn again; `draw` tells the tries of one position apart. */
static uint32_t bounded(uint64_t key, uint64_t a, uint32_t position, uint64_t bound)
{
    const uint64_t excess = (UINT64_MAX % bound + 1) % bound;
    for (uint32_t draw = 0;; draw++) {
        uint32_t block[4];
        rv_random_at(key, a, join(draw, position), block);
        const uint64_t number = join(block[1], block[0]);
        if (number <= UINT64_MAX - excess)
            return (uint32_t)(number % bound);
    }
}

void rv_permutation(uint32_t *out, size_t n, uint64_t seed, rv_random_purpose purpose, uint64_t a)
{
    const uint64_t key = rv_random_key(seed, purpose, 0);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint32_t)i;
    for (size_t i = n; i-- > 1;) {
        const uint32_t j = bounded(key, a, (uint32_t)i, (uint64_t)i + 1);
        const uint32_t swapped = out[i];
        out[i] = out[j];
        out[j] = swapped;
    }
}
