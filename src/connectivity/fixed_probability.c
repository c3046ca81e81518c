/* FixedProbability: each pair of neurons is connected with probability p.
 *
 * Not every pair is asked: the number of pairs that are passed over until the next synapse is geometrically distributed,
 * floor(log(u) / log(1 - p)) with u uniform in (0, 1), so that 1 % of the synapses costs 1 % of the time. The draws of a
 * source belong to (seed, connection, source). */
#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "base/philox.h"
#include "connectivity/options.h"
#include "connectivity/sparse.h"

/* What is drawn from: `num` targets, without number `left_out` where that is below num + 1. */
typedef struct urn {
    uint64_t key;
    double log_absent; /* log(1 - p) */
    size_t num;
    size_t left_out;
} urn;

/* The targets of one source into out (num); returns how many. */
static size_t draw_row(const urn *u, uint64_t source, uint32_t *out)
{
    uint32_t random[4];
    double next = -1; /* as a double: a gap may be larger than any integer */
    size_t num = 0;
    for (uint64_t draw = 0;; draw++) {
        if (draw % 2 == 0)
            rv_random_at(u->key, source, draw / 2, random);
        const uint32_t *words = random + draw % 2 * 2;
        next += 1 + __builtin_floor(rv_log_e(rv_uniform_open(words[1], words[0])) / u->log_absent);
        if (next >= (double)u->num)
            return num;
        const size_t target = (size_t)next;
        out[num++] = (uint32_t)(target + (target >= u->left_out));
    }
}

static size_t take_row(const urn *u, double p, uint64_t source, uint32_t *out)
{
    if (p > 0 && p < 1)
        return draw_row(u, source, out);
    for (size_t j = 0; p > 0 && j < u->num; j++)
        out[j] = (uint32_t)(j + (j >= u->left_out));
    return p > 0 ? u->num : 0;
}

/* log(1 - p), also where 1 - p rounds */
static double log_absent(double p)
{
    return p < 1e-8 ? -p : rv_log_e(1 - p);
}

static int wire(rv_wiring *out, const rv_connectivity *c, const rv_ends *ends, uint32_t **order)
{
    const bool leaves_out = ends->recurrent && !c->allow_self_connections;
    urn u = {
        .key = rv_random_key(rv_context_seed(ends->context), RV_RANDOM_CONNECTIVITY, ends->object),
        .log_absent = c->p < 1 ? log_absent(c->p) : 0,
        .num = ends->num_target - leaves_out,
    };
    uint32_t *targets = NULL, *lengths = rv_alloc(ends->context, ends->num_source, sizeof *lengths, "rows of synapses");
    size_t num = 0, capacity = 0;
    int error = lengths ? RV_OK : RV_ERR_MEMORY;
    (void)order;
    for (size_t i = 0; !error && i < ends->num_source; i++) {
        u.left_out = leaves_out ? i : SIZE_MAX;
        error = rv_grow(ends->context, &targets, &capacity, num + ends->num_target, sizeof *targets, "synapses");
        if (!error)
            num += lengths[i] = (uint32_t)take_row(&u, c->p, i, targets + num);
    }
    if (!error && num > UINT32_MAX)
        error = rv_fail(ends->context, RV_ERR_SHAPE, "%s: at most 4294967295 synapses can be drawn, got %zu", ends->what,
                        num);
    if (error)
        rv_free(lengths);
    else
        error = rv_sparse_wire(out, ends, lengths, targets);
    rv_free(targets);
    return error;
}

static const rv_option options[] = {RV_OPTION_P, RV_OPTION_ALLOW_SELF_CONNECTIONS};

static int check(const rv_connectivity *c, const rv_ends *ends, size_t shape[RV_MAX_DIMS], int *dims)
{
    (void)shape;
    *dims = 0;
    if (c->p >= 0 && c->p <= 1)
        return RV_OK;
    return rv_fail(ends->context, RV_ERR_VALUE, "%s: p must be >= 0 and <= 1, got %g", ends->what, c->p);
}

const rv_connectivity_model rv_fixed_probability_model = {
    .name = "FixedProbability",
    .help = "each pair with probability p",
    .options = options,
    .num_options = sizeof options / sizeof options[0],
    .sparse = true,
    .listed = true,
    .random = true,
    .target_shape = check,
    .wire = wire,
    .synapses = rv_sparse_synapses,
    .ops = rv_sparse_ops_of,
};

rv_connectivity rv_fixed_probability(rv_fixed_probability_desc desc)
{
    return (rv_connectivity){
        .model = &rv_fixed_probability_model,
        .weight = desc.weight,
        .delay = desc.delay,
        .p = desc.p,
        .allow_self_connections = desc.allow_self_connections,
    };
}
