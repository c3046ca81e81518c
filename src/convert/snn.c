#include "convert/snn.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#define DEFAULT_ALPHA 25 /* mlGeNN's */

/* A conversion under way. */
typedef struct builder {
    rv_snn *snn;
    const rv_ann *ann;
    const double *norms;
    int error; /* sticky */
} builder;

/* One competitor of a tournament: the sum of a few neurons, at most one of each population. */
typedef struct term {
    size_t population;
    uint32_t neuron;
} term;

#define MAX_TERMS 34 /* a tournament of 2^32 */

typedef struct competitor {
    term terms[MAX_TERMS];
    int num;
} competitor;

static size_t population_size(const builder *b, size_t population)
{
    return rv_ann_size(b->snn->populations[population].shape);
}

static size_t add_population(builder *b, const char *name, const size_t shape[3], double alpha)
{
    rv_snn *snn = b->snn;
    rv_snn_population *all =
        b->error ? NULL : rv_realloc(snn->context, snn->populations, snn->num_populations + 1, sizeof *all, "populations");
    if (!all) {
        b->error = RV_ERR_MEMORY;
        return 0;
    }
    snn->populations = all;
    all[snn->num_populations] = (rv_snn_population){.alpha = alpha, .name = rv_format(snn->context, "%s", name)};
    memcpy(all[snn->num_populations].shape, shape, sizeof all->shape);
    return snn->num_populations++;
}

/* Weights, and for sparse connections ids, of num synapses; NULL after an error. */
static rv_snn_connection *add_connection(builder *b, size_t source, size_t target, const rv_ann_layer *layer, size_t num)
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
    rv_snn_connection *c = &all[snn->num_connections++];
    *c = (rv_snn_connection){.source = source, .target = target, .layer = layer, .num_weights = num};
    c->weight = num ? rv_alloc(snn->context, num, sizeof *c->weight, "weights") : NULL;
    if (!layer) {
        c->pre_ind = rv_alloc(snn->context, num, sizeof *c->pre_ind, "synapses");
        c->post_ind = rv_alloc(snn->context, num, sizeof *c->post_ind, "synapses");
    }
    if ((num && !c->weight) || (!layer && (!c->pre_ind || !c->post_ind))) {
        b->error = RV_ERR_MEMORY;
        return NULL;
    }
    return c;
}

/* ---- maximum pooling ---- */

/* Neuron `neuron` of `target` takes sign times the competitors that `of` says, one connection per population met. */
typedef struct link {
    const competitor *from;
    uint32_t neuron;
    float sign;
} link;

static void connect_links(builder *b, const link *links, size_t num, size_t target)
{
    for (size_t p = 0; p < b->snn->num_populations; p++) {
        size_t synapses = 0;
        for (size_t i = 0; i < num; i++)
            for (int t = 0; t < links[i].from->num; t++)
                synapses += links[i].from->terms[t].population == p;
        rv_snn_connection *c = synapses ? add_connection(b, p, target, NULL, synapses) : NULL;
        size_t n = 0;
        for (size_t i = 0; c && i < num; i++)
            for (int t = 0; t < links[i].from->num; t++)
                if (links[i].from->terms[t].population == p) {
                    c->pre_ind[n] = links[i].from->terms[t].neuron;
                    c->post_ind[n] = links[i].neuron;
                    c->weight[n++] = links[i].sign;
                }
    }
}

/* One round: competitors 2 i and 2 i + 1 of every window meet, the winner is the first plus a ReLU of the difference.
 * begin (windows + 1) shrinks. Losers are no longer needed: winners are written over them. */
static void play_round(builder *b, competitor *all, size_t *begin, size_t windows, const char *name, double alpha,
                       link *links)
{
    size_t matches = 0, num = 0, at = 0;
    for (size_t w = 0; w < windows; w++)
        matches += (begin[w + 1] - begin[w]) / 2;
    const size_t target = add_population(b, name, (size_t[3]){1, 1, matches}, alpha);
    matches = 0;
    for (size_t w = 0; w < windows && !b->error; w++)
        for (size_t i = begin[w]; i + 1 < begin[w + 1]; i += 2) {
            links[num++] = (link){&all[i + 1], (uint32_t)matches, 1};
            links[num++] = (link){&all[i], (uint32_t)matches++, -1};
        }
    connect_links(b, links, num, target);
    matches = 0;
    for (size_t w = 0, first = 0; w < windows && !b->error; w++) {
        const size_t end = begin[w + 1];
        size_t i = first;
        for (first = end, begin[w] = at; i < end; i += 2) {
            all[at] = all[i];
            if (i + 1 < end)
                all[at].terms[all[at].num++] = (term){target, (uint32_t)matches++};
            at++;
        }
    }
    begin[windows] = at;
}

/* Every window's sources, window after window, into all (may be NULL) and begin; returns how many. */
static size_t find_windows(const rv_ann_layer *l, size_t source, competitor *all, size_t *begin)
{
    const size_t pad_y = rv_ann_padding(l, 0), pad_x = rv_ann_padding(l, 1);
    size_t num = 0;
    for (size_t w = 0; w < rv_ann_size(l->out); w++) {
        const size_t c = w % l->out[2], x = w / l->out[2] % l->out[1], y = w / l->out[2] / l->out[1];
        if (begin)
            begin[w] = num;
        for (size_t i = 0; i < l->size[0] * l->size[1]; i++) {
            const size_t sy = y * l->strides[0] + i / l->size[1] - pad_y, sx = x * l->strides[1] + i % l->size[1] - pad_x;
            if (sy >= l->in[0] || sx >= l->in[1]) /* padding, which wraps round */
                continue;
            if (all) {
                all[num].num = 1;
                all[num].terms[0] = (term){source, (uint32_t)((sy * l->in[1] + sx) * l->in[2] + c)};
            }
            num++;
        }
    }
    if (begin)
        begin[rv_ann_size(l->out)] = num;
    return num;
}

static bool is_decided(const size_t *begin, size_t windows)
{
    for (size_t w = 0; w < windows; w++)
        if (begin[w + 1] - begin[w] > 1)
            return false;
    return true;
}

static size_t add_max_pool(builder *b, const rv_ann_layer *l, size_t source, double alpha)
{
    const size_t windows = rv_ann_size(l->out), num = find_windows(l, source, NULL, NULL);
    rv_context *context = b->snn->context;
    competitor *all = rv_alloc(context, num, sizeof *all, "windows of a pool");
    size_t *begin = rv_alloc(context, windows + 1, sizeof *begin, "windows of a pool"), target = 0;
    link *links = rv_alloc(context, num, sizeof *links, "windows of a pool");
    if (!all || !begin || !links)
        b->error = RV_ERR_MEMORY;
    else
        find_windows(l, source, all, begin);
    for (int round = 1; !b->error && !is_decided(begin, windows); round++) {
        char *name = rv_format(context, "%s_round%d", l->name, round);
        if (name)
            play_round(b, all, begin, windows, name, alpha, links);
        else
            b->error = RV_ERR_MEMORY;
        rv_free(name);
    }
    target = add_population(b, l->name, l->out, alpha);
    for (size_t w = 0; w < windows && !b->error; w++)
        links[w] = (link){&all[w], (uint32_t)w, 1};
    if (!b->error)
        connect_links(b, links, windows, target);
    rv_free(all);
    rv_free(begin);
    rv_free(links);
    return target;
}

/* ---- the chain ---- */

/* The smallest number of 8 binary digits that is not smaller: sums of digits of it are exact. */
static double round_up(double x)
{
    int exponent;
    const double mantissa = frexp(x > 0 ? x : 1, &exponent);
    return ldexp(ceil(mantissa * 256), exponent - 8);
}

static double norm_of(const builder *b, size_t layer)
{
    const double given = b->norms ? b->norms[layer] : 0;
    if (b->snn->kind == RV_SNN_IF)
        return given > 0 ? given : 1;
    return round_up(given > 0 ? given : layer == 0 ? 1 : DEFAULT_ALPHA);
}

/* A layer with weights, or an average pool. What spikes of the source stand for, and of the target: `from`, `to`. */
static size_t add_layer(builder *b, const rv_ann_layer *l, size_t source, double from, double to, double alpha)
{
    const bool pools = l->kind == RV_ANN_AVG_POOL2D;
    const size_t rows = l->kind == RV_ANN_DENSE ? rv_ann_size(l->in) : l->size[0] * l->size[1] * l->in[2];
    const size_t target = add_population(b, l->name, l->out, alpha);
    rv_snn_connection *c = add_connection(b, source, target, l, pools ? 0 : rows * l->out[2]);
    if (!c || pools)
        return target;
    for (size_t i = 0; i < c->num_weights; i++)
        c->weight[i] = (float)((double)l->weight[i] * from / to);
    const size_t n = population_size(b, target);
    float *bias = b->snn->populations[target].bias = rv_alloc(b->snn->context, n, sizeof *bias, "biases");
    if (!bias)
        b->error = RV_ERR_MEMORY;
    for (size_t j = 0; bias && j < n; j++)
        bias[j] = (float)((double)l->bias[j % l->out[2]] / to);
    return target;
}

static void build(builder *b)
{
    const bool few_spike = b->snn->kind == RV_SNN_FEW_SPIKE;
    double from = norm_of(b, 0);
    size_t at = add_population(b, "input", b->ann->shape, from);
    for (size_t i = 0; i < b->ann->num_layers && !b->error; i++) {
        const rv_ann_layer *l = &b->ann->layers[i];
        const bool pools = l->kind == RV_ANN_MAX_POOL2D || l->kind == RV_ANN_AVG_POOL2D;
        const bool last = i + 1 == b->ann->num_layers;
        const double to = pools || (last && !few_spike) ? from : norm_of(b, i + 1);
        if (l->kind == RV_ANN_MAX_POOL2D)
            at = add_max_pool(b, l, at, from);
        else
            at = add_layer(b, l, at, few_spike ? 1 : from, few_spike ? 1 : to, to);
        from = to;
    }
    if (b->error)
        return;
    b->snn->populations[0].is_input = true;
    b->snn->populations[at].is_output = true;
}

int rv_snn_convert(rv_snn **out, const rv_ann *ann, rv_snn_kind kind, const double *norms)
{
    builder b = {.ann = ann, .norms = norms};
    *out = NULL;
    if (!(b.snn = rv_alloc(ann->context, 1, sizeof *b.snn, "converted network")))
        return RV_ERR_MEMORY;
    *b.snn = (rv_snn){.context = ann->context, .kind = kind};
    build(&b);
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
        rv_free(snn->connections[i].weight);
        rv_free(snn->connections[i].pre_ind);
        rv_free(snn->connections[i].post_ind);
    }
    rv_free(snn->populations);
    rv_free(snn->connections);
    rv_free(snn);
}

int rv_ann_norms(double *norms, const rv_ann *ann, const float *values, size_t num)
{
    size_t largest = rv_ann_size(ann->shape);
    const size_t inputs = largest;
    for (size_t i = 0; i < ann->num_layers; i++)
        largest = rv_ann_size(ann->layers[i].out) > largest ? rv_ann_size(ann->layers[i].out) : largest;
    float *a = rv_alloc(ann->context, largest, sizeof *a, "activations");
    float *b = rv_alloc(ann->context, largest, sizeof *b, "activations");
    const int error = a && b ? RV_OK : RV_ERR_MEMORY;
    for (size_t i = 0; i <= ann->num_layers; i++)
        norms[i] = 0;
    for (size_t e = 0; e < num && !error; e++) {
        memcpy(a, values + e * inputs, inputs * sizeof *a);
        for (size_t i = 0; i <= ann->num_layers; i++) {
            const size_t size = i ? rv_ann_size(ann->layers[i - 1].out) : inputs;
            if (i) {
                rv_ann_layer_forward(&ann->layers[i - 1], a, b);
                float *swap = a;
                a = b;
                b = swap;
            }
            for (size_t j = 0; j < size; j++)
                norms[i] = fmax(norms[i], (double)a[j]);
        }
    }
    rv_free(a);
    rv_free(b);
    return error;
}
