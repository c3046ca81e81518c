/* Counter-based randomness: Philox 4x32-10 (Salmon et al. 2011, random123). 128 random bits for a key and a counter,
 * whoever asks and in whatever order. */
#ifndef RV_BASE_PHILOX_H
#define RV_BASE_PHILOX_H

#include <stddef.h>
#include <stdint.h>

/* What a random number is for; part of the key, so that no two purposes share bits. Numbers never change. */
typedef enum rv_random_purpose {
    RV_RANDOM_INITIALIZER = 1, /* object = population or connection, a = parameter, b = element */
    RV_RANDOM_SHUFFLE = 2,     /* a = epoch, b = position */
    RV_RANDOM_POISSON = 3,     /* object = input, a = example, b = step */
    RV_RANDOM_GENERATOR = 4,   /* object = which generator, a = its seed, b = draw */
    RV_RANDOM_TRANSFORM = 5,   /* a = epoch, b = example */
    RV_RANDOM_SPLIT = 6,       /* b = position */
    RV_RANDOM_NEURON = 7,      /* object = population, a = epoch, b = example: a key, of which a = step, b = neuron / 4 */
    RV_RANDOM_FEEDBACK = 10,   /* object = hidden population, a = output population, b = element */
    RV_RANDOM_CONNECTIVITY = 11, /* object = connection, a = source, b = draw */
    RV_RANDOM_REWIRING = 12,   /* object = connection, a = step of the optimiser, b = draw */
    RV_RANDOM_SIGN = 13,       /* object = connection, a = source, b = target */
} rv_random_purpose;

/* The key of one purpose and object: the first half of rv_random, for loops over a and b. */
uint64_t rv_random_key(uint64_t seed, rv_random_purpose purpose, uint32_t object);

/* Fills out[4] from a key: Philox with counter words {a low, a high, b low, b high}. */
void rv_random_at(uint64_t key, uint64_t a, uint64_t b, uint32_t out[4]);

/* Fills out[4]. */
void rv_random(uint64_t seed, rv_random_purpose purpose, uint32_t object, uint64_t a, uint64_t b, uint32_t out[4]);

/* Uniform on [0, 1) with 53 bits from two words; (0, 1), both ends excluded, with rv_uniform_open. */
double rv_uniform_double(uint32_t high, uint32_t low);
double rv_uniform_open(uint32_t high, uint32_t low);

/* Standard normal from a uniform number in (0, 1): the inverse distribution function (Wichura 1988, AS 241). */
double rv_normal_quantile(double p);

/* A random permutation of 0 .. n-1 (Fisher-Yates, unbiased by rejection); n < 2^32. */
void rv_permutation(uint32_t *out, size_t n, uint64_t seed, rv_random_purpose purpose, uint64_t a);

#endif
