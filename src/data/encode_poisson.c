/* Poisson spike trains: an independent draw for every input and step. */
#include "data/encode.h"

#include <math.h>

#include "base/error.h"
#include "base/math.h"
#include "base/philox.h"

typedef struct poisson {
    uint64_t seed;
    uint64_t num_steps;
    double dt;   /* ms */
    double rate; /* expected spikes of an input of 1 in a step */
} poisson;

#define DRAWS 4 /* of 32 bits in a block of random bits */

/* A step fires if its 32 random bits are below probability * 2^32. Block b holds the draws of steps 4 b .. 4 b + 3. */
static int encode_input(const poisson *p, size_t example, size_t input, double probability, rv_spike_buffer *out)
{
    const uint64_t key = rv_random_key(p->seed, RV_RANDOM_POISSON, (uint32_t)input);
    const uint64_t bound = (uint64_t)(probability * 0x1p32);
    uint32_t random[DRAWS];
    int rc;

    for (uint64_t block = 0; block * DRAWS < p->num_steps; block++) {
        rv_random_at(key, example, block, random);
        for (uint64_t i = 0; i < DRAWS && block * DRAWS + i < p->num_steps; i++)
            if (random[i] < bound && (rc = rv_spike_buffer_add(out, (double)(block * DRAWS + i) * p->dt, input)) < 0)
                return rc;
    }
    return RV_OK;
}

static int poisson_example(const void *user, size_t example, const float *values, size_t num_inputs,
                           rv_spike_buffer *out)
{
    const poisson *p = user;
    for (size_t i = 0; i < num_inputs; i++) {
        const double expected = (double)values[i] * p->rate;
        const int rc = expected > 0 ? encode_input(p, example, i, 1 - rv_exp(-expected), out) : RV_OK;
        if (rc < 0)
            return rc;
    }
    return RV_OK;
}

int rv_encode_poisson(rv_dataset *dataset, rv_context *context, const rv_poisson *desc)
{
    const double dt = desc->dt == 0 ? 1 : desc->dt;
    const double max_value = desc->max_value == 0 ? 255 : desc->max_value;

    if (!isfinite(desc->max_rate) || desc->max_rate <= 0)
        return rv_fail(context, RV_ERR_VALUE, "poisson: max_rate must be > 0 Hz, got %g", desc->max_rate);
    if (!isfinite(dt) || dt <= 0)
        return rv_fail(context, RV_ERR_VALUE, "poisson: dt must be > 0 ms, got %g", dt);
    if (!isfinite(desc->duration) || desc->duration <= 0 || desc->duration / dt > INT32_MAX)
        return rv_fail(context, RV_ERR_VALUE, "poisson: duration must be > 0 ms and less than 2^31 steps, got %g",
                       desc->duration);
    if (!isfinite(max_value) || max_value <= 0)
        return rv_fail(context, RV_ERR_VALUE, "poisson: max_value must be > 0, got %g", max_value);

    const poisson p = {
        .seed = rv_context_seed(context),
        /* steps that start before the end; a duration of n dt, rounded, has n of them */
        .num_steps = (uint64_t)ceil(desc->duration / dt - 1e-6),
        .dt = dt,
        .rate = desc->max_rate / max_value * dt / 1000,
    };
    return rv_encode(dataset, context, "poisson", dataset->num_inputs, poisson_example, &p);
}
