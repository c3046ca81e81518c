#include "convert/snn.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "convert/snn_builder.h"

#define DEFAULT_ALPHA 25 /* mlGeNN's */
#define DEFAULT_K 12
#define MAX_K 64

static bool is_few_spike(const rv_snn_builder *b)
{
    return b->snn->desc.to == RV_CONVERT_FEW_SPIKE;
}

/* ---- populations and connections ---- */

size_t rv_snn_add_population(rv_snn_builder *b, const char *name, const size_t shape[3], double alpha)
{
    rv_snn *snn = b->snn;
    rv_snn_population *all =
        b->error ? NULL
                 : rv_realloc(snn->context, snn->populations, snn->num_populations + 1, sizeof *all, "populations");
    if (!all) {
        b->error = b->error ? b->error : RV_ERR_MEMORY;
        return 0;
    }
    snn->populations = all;
    rv_snn_population *p = &all[snn->num_populations];
    *p = (rv_snn_population){.alpha = alpha, .name = rv_format(snn->context, "%s", name)};
    memcpy(p->shape, shape, sizeof p->shape);
    if (!p->name)
        b->error = RV_ERR_MEMORY;
    return snn->num_populations++;
}

/* "source-target", and "source-target_2" of the second one. */
static char *name_connection(const rv_snn *snn, size_t source, size_t target)
{
    const char *from = snn->populations[source].name, *to = snn->populations[target].name;
    int before = 1;
    for (size_t i = 0; i < snn->num_connections; i++)
        before += snn->connections[i].source == source && snn->connections[i].target == target;
    return before > 1 ? rv_format(snn->context, "%s-%s_%d", from, to, before)
                      : rv_format(snn->context, "%s-%s", from, to);
}

rv_snn_connection *rv_snn_add_connection(rv_snn_builder *b, size_t source, size_t target, const rv_ann_layer *layer,
                                         size_t num)
{
    rv_snn *snn = b->snn;
    if (b->error)
        return NULL;
    rv_snn_connection *all =
        rv_realloc(snn->context, snn->connections, snn->num_connections + 1, sizeof *all, "connections");
    if (!all) {
        b->error = RV_ERR_MEMORY;
        return NULL;
    }
    snn->connections = all;
    rv_snn_connection *c = &all[snn->num_connections];
    *c = (rv_snn_connection){.source = source, .target = target, .layer = layer, .num_weights = num};
    c->name = name_connection(snn, source, target);
    snn->num_connections++;
    c->weight = num ? rv_alloc(snn->context, num, sizeof *c->weight, "weights") : NULL;
    if (!layer) {
        c->pre_ind = rv_alloc(snn->context, num, sizeof *c->pre_ind, "synapses");
        c->post_ind = rv_alloc(snn->context, num, sizeof *c->post_ind, "synapses");
    }
    if (!c->name || (num && !c->weight) || (!layer && (!c->pre_ind || !c->post_ind))) {
        b->error = RV_ERR_MEMORY;
        return NULL;
    }
    return c;
}

/* ---- scales ---- */

/* The smallest number of 8 binary digits that is not smaller: sums of digits of it are exact. */
static double round_up(double x)
{
    int exponent;
    const double mantissa = frexp(x, &exponent);
    return ldexp(ceil(mantissa * 256), exponent - 8);
}

/* Of activations that are a population; a pool's is its source's, so that its digits are. */
static double scale_of(const rv_snn_builder *b, size_t activations)
{
    const rv_convert_desc *desc = &b->snn->desc;
    const rv_ann_layer *l = activations ? &b->ann->layers[activations - 1] : NULL;
    const double norm = b->norms ? b->norms[activations] : 0;
    if (l && (l->kind == RV_ANN_MAX_POOL2D || l->kind == RV_ANN_AVG_POOL2D))
        return b->scale[l->sources[0]];
    if (is_few_spike(b))
        return round_up(norm > 0 ? norm : l ? desc->alpha : 1);
    const bool rates = l ? activations != b->ann->output : desc->input == RV_CONVERT_INPUT_INTEGRATE_FIRE;
    return rates && norm > 0 ? norm : 1;
}

/* What weights and biases are multiplied with: few-spike neurons know what their spikes stand for. */
static double factor(const rv_snn_builder *b, double from, double to)
{
    return is_few_spike(b) ? 1 : from / to;
}

/* ---- the terms of a sum ---- */

/* What the biases of layers have in common. */
static void add_bias(rv_snn_builder *b, const rv_ann_layer *l, const double *factors, size_t target, double to)
{
    rv_snn_population *p = &b->snn->populations[target];
    const size_t n = rv_ann_size(p->shape);
    if (!p->bias && !(p->bias = rv_alloc(b->snn->context, n, sizeof *p->bias, "biases")))
        b->error = RV_ERR_MEMORY;
    for (size_t j = 0; j < n && !b->error; j++) {
        const size_t c = j % l->out[2];
        p->bias[j] = (float)((double)p->bias[j] + (double)l->bias[c] * factors[c] * factor(b, 1, to));
    }
}

/* Activations that are a population, neuron to neuron. */
static void add_identity(rv_snn_builder *b, size_t activations, const double *factors, size_t channels, size_t target,
                         double to)
{
    const size_t n = rv_ann_size(b->snn->populations[target].shape);
    rv_snn_connection *c = rv_snn_add_connection(b, b->population[activations], target, NULL, n);
    for (size_t j = 0; c && j < n; j++) {
        c->pre_ind[j] = c->post_ind[j] = (uint32_t)j;
        c->weight[j] = (float)(factors[j % channels] * factor(b, b->scale[activations], to));
    }
}

/* A layer's weights and bias, filter f of them times factors[f]. */
static void add_weights(rv_snn_builder *b, const rv_ann_layer *l, const double *factors, size_t target, double to)
{
    const size_t source = l->sources[0], filters = l->out[2];
    rv_snn_connection *c = rv_snn_add_connection(b, b->population[source], target, l, rv_ann_rows(l) * filters);
    for (size_t i = 0; c && i < c->num_weights; i++)
        c->weight[i] = (float)((double)l->weight[i] * factors[i % filters] * factor(b, b->scale[source], to));
    add_bias(b, l, factors, target, to);
}

static void add_layer(rv_snn_builder *b, const rv_ann_layer *l, const double *factors, size_t target, double to);

/* The sources of a sum: populations, or layers that are none themselves. */
static void add_sum(rv_snn_builder *b, const rv_ann_layer *l, const double *outer, size_t target, double to)
{
    const size_t channels = l->out[2];
    double *factors = rv_alloc(b->snn->context, channels, sizeof *factors, "weights of a sum");
    if (!factors) {
        b->error = RV_ERR_MEMORY;
        return;
    }
    for (size_t c = 0; c < channels; c++)
        factors[c] = outer[c] * (double)l->weight[c];
    for (size_t s = 0; s < l->num_sources && !b->error; s++) {
        const size_t source = l->sources[s];
        if (rv_ann_is_signed(b->ann, source))
            add_layer(b, &b->ann->layers[source - 1], factors, target, to);
        else
            add_identity(b, source, factors, channels, target, to);
    }
    add_bias(b, l, outer, target, to);
    rv_free(factors);
}

static void add_layer(rv_snn_builder *b, const rv_ann_layer *l, const double *factors, size_t target, double to)
{
    if (l->kind == RV_ANN_ADD)
        add_sum(b, l, factors, target, to);
    else
        add_weights(b, l, factors, target, to);
}

/* ---- the graph ---- */

static size_t add_pool(rv_snn_builder *b, const rv_ann_layer *l, double scale)
{
    const size_t source = b->population[l->sources[0]];
    if (l->kind == RV_ANN_MAX_POOL2D)
        return rv_snn_add_max_pool(b, l, source, scale);
    if (l->same)
        return rv_snn_add_padded_mean(b, l, source, scale);
    const size_t target = rv_snn_add_population(b, l->name, l->out, scale);
    rv_snn_add_connection(b, source, target, l, 0);
    return target;
}

static size_t add_neurons(rv_snn_builder *b, const rv_ann_layer *l, double scale)
{
    const size_t target = rv_snn_add_population(b, l->name, l->out, scale);
    double *ones = rv_alloc(b->snn->context, l->out[2], sizeof *ones, "weights of a sum");
    for (size_t c = 0; ones && c < l->out[2]; c++)
        ones[c] = 1;
    if (!ones)
        b->error = RV_ERR_MEMORY;
    if (!b->error)
        add_layer(b, l, ones, target, scale);
    rv_free(ones);
    return target;
}

static void build(rv_snn_builder *b)
{
    const rv_ann *ann = b->ann;
    b->scale[0] = scale_of(b, 0);
    b->population[0] = rv_snn_add_population(b, "input", ann->shape, b->scale[0]);
    for (size_t i = 1; i <= ann->num_layers && !b->error; i++) {
        const rv_ann_layer *l = &ann->layers[i - 1];
        const bool pools = l->kind == RV_ANN_MAX_POOL2D || l->kind == RV_ANN_AVG_POOL2D;
        b->population[i] = SIZE_MAX;
        if (!l->relu && i != ann->output)
            continue;
        b->scale[i] = scale_of(b, i);
        if (pools && l->sources[0] == 0 && b->snn->desc.signed_input)
            b->error = rv_fail(b->snn->context, RV_ERR_UNSUPPORTED,
                               "layer '%s': it pools the input, which may be negative", l->name);
        else
            b->population[i] = pools ? add_pool(b, l, b->scale[i]) : add_neurons(b, l, b->scale[i]);
    }
    if (b->error)
        return;
    b->snn->populations[0].is_input = true;
    b->snn->populations[b->population[ann->output]].is_output = true;
}

static int check(rv_context *context, rv_convert_desc *desc)
{
    desc->k = desc->k ? desc->k : DEFAULT_K;
    desc->alpha = desc->alpha != 0 ? desc->alpha : DEFAULT_ALPHA;
    if (desc->k > MAX_K || (desc->signed_input && desc->k % 2))
        return rv_fail(context, RV_ERR_VALUE, "k must be 1 to %d, and even with signed inputs, got %zu", MAX_K,
                       desc->k);
    if (!(desc->alpha > 0) || !isfinite(desc->alpha))
        return rv_fail(context, RV_ERR_VALUE, "alpha must be > 0, got %g", desc->alpha);
    if (desc->to == RV_CONVERT_IF && desc->signed_input && desc->input == RV_CONVERT_INPUT_INTEGRATE_FIRE)
        return rv_fail(context, RV_ERR_VALUE,
                       "signed inputs need Poisson or binary inputs: "
                       "integrate-and-fire ones have no negative spikes");
    return RV_OK;
}

int rv_snn_convert(rv_snn **out, const rv_ann *ann, const rv_convert_desc *desc, const double *norms)
{
    rv_context *context = ann->context;
    rv_snn_builder b = {.ann = ann, .norms = norms};
    *out = NULL;
    if (!(b.snn = rv_alloc(context, 1, sizeof *b.snn, "converted network")))
        return RV_ERR_MEMORY;
    *b.snn = (rv_snn){.context = context, .desc = *desc};
    b.error = check(context, &b.snn->desc);
    b.population = rv_alloc(context, ann->num_layers + 1, sizeof *b.population, "converted network");
    b.scale = rv_alloc(context, ann->num_layers + 1, sizeof *b.scale, "converted network");
    if (!b.error)
        b.error = b.population && b.scale ? RV_OK : RV_ERR_MEMORY;
    if (!b.error)
        build(&b);
    rv_free(b.population);
    rv_free(b.scale);
    if (b.error)
        rv_snn_free(b.snn);
    else
        *out = b.snn;
    return b.error;
}

void rv_snn_free(rv_snn *snn)
{
    if (!snn)
        return;
    for (size_t i = 0; i < snn->num_populations; i++) {
        rv_free(snn->populations[i].name);
        rv_free(snn->populations[i].bias);
    }
    for (size_t i = 0; i < snn->num_connections; i++) {
        rv_free(snn->connections[i].name);
        rv_free(snn->connections[i].weight);
        rv_free(snn->connections[i].pre_ind);
        rv_free(snn->connections[i].post_ind);
    }
    rv_free(snn->populations);
    rv_free(snn->connections);
    rv_free(snn);
}
