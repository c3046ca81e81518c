/* Delayed recall, after the store-recall task of G. Bellec, D. Salaj, A. Subramoney, R. Legenstein, W. Maass, "Long
 * short-term memory and learning-to-learn in networks of spiking neurons", NeurIPS 2018: a value is shown with the
 * command to store it, and long after it has gone, a command to recall it. */
#include <ranvier/data.h>

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/math.h"
#include "base/philox.h"
#include "data/dataset.h"
#include "data/encode.h"
#include "data/spikes.h"

#define NAME "store_recall"
#define STORE_RECALL 2 /* this generator's number among those of RV_RANDOM_GENERATOR */

enum { STORE = 2, RECALL, NUM_GROUPS }; /* groups 0 and 1 show the value */

typedef struct recall {
    uint64_t key, seed;
    size_t num_inputs;
    uint32_t cue, delay; /* timesteps */
    uint64_t bound;      /* a neuron at work fires where 32 random bits are less */
    double dt;           /* ms */
} recall;

static int check(rv_context *context, const rv_store_recall *d)
{
    if (d->num_examples == 0 || d->num_examples > UINT32_MAX)
        return rv_fail(context, RV_ERR_VALUE, NAME ": num_examples must be 1 to 2^32 - 1, got %zu", d->num_examples);
    if (d->num_inputs % NUM_GROUPS || d->num_inputs > INT32_MAX)
        return rv_fail(context, RV_ERR_VALUE, NAME ": num_inputs must be a multiple of 4, got %zu", d->num_inputs);
    if (!(isfinite(d->dt) && d->dt > 0))
        return rv_fail(context, RV_ERR_VALUE, NAME ": dt must be > 0 ms, got %g", d->dt);
    if (!(isfinite(d->cue) && d->cue >= d->dt && d->cue / d->dt < 1e9))
        return rv_fail(context, RV_ERR_VALUE, NAME ": cue must be >= dt = %g ms and at most 1e9 steps, got %g", d->dt,
                       d->cue);
    if (!(isfinite(d->delay) && d->delay >= d->dt && d->delay / d->dt < 1e9))
        return rv_fail(context, RV_ERR_VALUE, NAME ": delay must be >= dt = %g ms and at most 1e9 steps, got %g", d->dt,
                       d->delay);
    if (!(isfinite(d->rate) && d->rate > 0))
        return rv_fail(context, RV_ERR_VALUE, NAME ": rate must be > 0 Hz, got %g", d->rate);
    return RV_OK;
}

/* The group spikes from step `begin` on while a cue lasts. key: of the example, whose blocks of random bits are numbered
 * by neuron and four timesteps. */
static int add_group(rv_spike_buffer *out, const recall *r, uint64_t key, size_t group, uint32_t begin)
{
    const size_t size = r->num_inputs / NUM_GROUPS;
    for (size_t i = group * size; i < (group + 1) * size; i++)
        for (uint32_t t = 0; t < r->cue; t++) {
            uint32_t random[4];
            rv_random_at(key, i, t / 4, random);
            const int rc = random[t % 4] < r->bound ? rv_spike_buffer_add(out, (begin + t) * r->dt, i) : RV_OK;
            if (rc < 0)
                return rc;
        }
    return RV_OK;
}

static int add_example(rv_dataset *out, rv_context *context, rv_spike_buffer *buffer, const recall *r, size_t example)
{
    uint32_t random[4];
    rv_random_at(r->key, r->seed, example, random);
    const uint64_t key = (uint64_t)random[1] << 32 | random[0];
    const uint32_t label = random[2] & 1;
    buffer->num = 0;
    int rc = add_group(buffer, r, key, label, 0);
    if (!rc)
        rc = add_group(buffer, r, key, STORE, 0);
    if (!rc)
        rc = add_group(buffer, r, key, RECALL, r->cue + r->delay);
    if (!rc)
        rc = rv_spikes_append(out->spikes, buffer->times, buffer->ids, buffer->num);
    return rc ? rc : rv_dataset_set_label(out, context, example, label, NAME);
}

static int fill(rv_dataset *out, rv_context *context, const recall *r)
{
    rv_spike_buffer buffer = {.context = context};
    int rc = rv_dataset_add_labels(out, context, NAME);
    if (!rc)
        rc = rv_spikes_create(&out->spikes, context, r->num_inputs);
    for (size_t i = 0; i < out->num_examples && !rc; i++)
        rc = add_example(out, context, &buffer, r, i);
    rv_spike_buffer_clear(&buffer);
    if (rc)
        return rc;
    rv_spikes_trim(out->spikes);
    out->num_classes = 2;
    return RV_OK;
}

int rv_generate_store_recall(rv_dataset *out, rv_context *context, const rv_store_recall *desc)
{
    rv_store_recall full = *desc;
    full.num_inputs = full.num_inputs ? full.num_inputs : 40;
    full.cue = full.cue == 0 ? 100 : full.cue;
    full.delay = full.delay == 0 ? 1000 : full.delay;
    full.rate = full.rate == 0 ? 100 : full.rate;
    full.dt = full.dt == 0 ? 1 : full.dt;
    memset(out, 0, sizeof *out);
    int rc = check(context, &full);
    if (rc)
        return rc;
    const recall r = {
        .key = rv_random_key(rv_context_seed(context), RV_RANDOM_GENERATOR, STORE_RECALL),
        .seed = full.seed,
        .num_inputs = full.num_inputs,
        .cue = (uint32_t)(full.cue / full.dt + 0.5),
        .delay = (uint32_t)(full.delay / full.dt + 0.5),
        .bound = (uint64_t)((1 - rv_exp(-full.rate * full.dt / 1000)) * 0x1p32),
        .dt = full.dt,
    };
    rc = rv_dataset_start(out, context, full.num_examples, 1, &full.num_inputs, NAME);
    if (!rc)
        rc = fill(out, context, &r);
    if (rc)
        rv_dataset_clear(out);
    return rc;
}
