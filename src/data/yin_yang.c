/* The Yin-Yang data set: L. Kriener, J. Goeltz, M. A. Petrovici, "The Yin-Yang dataset", NICE 2022.
 *
 * A disc of radius r_big around (r_big, r_big) is split by the yin-yang line, with a dot of radius r_small around
 * (r_big / 2, r_big) and around (3 r_big / 2, r_big). */
#include <ranvier/data.h>

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/philox.h"
#include "data/dataset.h"

#define YIN_YANG 1        /* this generator's number among those of RV_RANDOM_GENERATOR */
#define MAX_TRIES 100000U /* for one point; with default radii a class is missed 94 times of 100 at most */

enum {
    OUTSIDE = -1,
    YANG = 0,
    YIN = 1,
    DOT = 2
};

/* sqrt, not hypot: it is rounded the same everywhere. */
static double distance(double x, double y, double centre_x, double centre_y)
{
    return sqrt((x - centre_x) * (x - centre_x) + (y - centre_y) * (y - centre_y));
}

static int classify(const rv_yin_yang *desc, double x, double y)
{
    const double big = desc->r_big, small = desc->r_small;
    const double left = distance(x, y, 0.5 * big, big);
    const double right = distance(x, y, 1.5 * big, big);

    if (distance(x, y, big, big) > big)
        return OUTSIDE;
    if (left < small || right < small)
        return DOT;
    const bool is_yin = right <= small || (left > small && left <= 0.5 * big) || (y > big && right > 0.5 * big);
    return is_yin ? YIN : YANG;
}

/* A point of the class drawn first: points of the square are tried until one is of that class. */
static int draw(rv_dataset *out, rv_context *context, const rv_yin_yang *desc, uint64_t key, size_t example)
{
    float *value = out->values + example * 4;
    uint32_t random[4];

    rv_random_at(key, desc->seed, (uint64_t)example << 32, random);
    const int wanted = (int)(((uint64_t)random[0] * 3) >> 32);
    for (uint64_t i = 1; i < MAX_TRIES; i++) {
        rv_random_at(key, desc->seed, (uint64_t)example << 32 | i, random);
        const double x = rv_uniform_double(random[1], random[0]) * 2 * desc->r_big;
        const double y = rv_uniform_double(random[3], random[2]) * 2 * desc->r_big;
        if (classify(desc, x, y) != wanted)
            continue;
        value[0] = (float)x;
        value[1] = (float)y;
        value[2] = (float)(1 - x);
        value[3] = (float)(1 - y);
        return rv_dataset_set_label(out, context, example, wanted, "yin_yang");
    }
    return rv_fail(context, RV_ERR_VALUE, "yin_yang: r_small = %g and r_big = %g leave no room for class %d",
                   desc->r_small, desc->r_big, wanted);
}

int rv_generate_yin_yang(rv_dataset *out, rv_context *context, const rv_yin_yang *desc)
{
    static const size_t shape[] = {4};
    rv_yin_yang full = *desc;
    int rc;

    memset(out, 0, sizeof *out);
    if (full.r_small == 0)
        full.r_small = 0.1;
    if (full.r_big == 0)
        full.r_big = 0.5;
    if (full.num_examples == 0 || full.num_examples > UINT32_MAX)
        return rv_fail(context, RV_ERR_VALUE, "yin_yang: num_examples must be 1 to 2^32 - 1, got %zu",
                       full.num_examples);
    if (!(full.r_big > 0 && full.r_big <= 0.5))
        return rv_fail(context, RV_ERR_VALUE, "yin_yang: r_big must be > 0 and <= 0.5, got %g", full.r_big);
    if (!(full.r_small > 0 && full.r_small < 0.5 * full.r_big))
        return rv_fail(context, RV_ERR_VALUE, "yin_yang: r_small must be > 0 and < r_big / 2 = %g, got %g",
                       0.5 * full.r_big, full.r_small);

    if ((rc = rv_dataset_start(out, context, full.num_examples, 1, shape, "yin_yang")) < 0 ||
        (rc = rv_dataset_add_values(out, context, "yin_yang")) < 0 ||
        (rc = rv_dataset_add_labels(out, context, "yin_yang")) < 0)
        goto fail;
    const uint64_t key = rv_random_key(rv_context_seed(context), RV_RANDOM_GENERATOR, YIN_YANG);
    for (size_t i = 0; i < full.num_examples; i++)
        if ((rc = draw(out, context, &full, key, i)) < 0)
            goto fail;
    out->num_classes = 3;
    return RV_OK;
fail:
    rv_dataset_clear(out);
    return rc;
}
