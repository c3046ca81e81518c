/* Pools as spiking networks: see snn.h. */
#include "base/alloc.h"
#include "convert/snn_builder.h"

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

/* Neuron `neuron` of `target` takes sign times the competitors that `of` says, one connection per population met. */
typedef struct link {
    const competitor *from;
    uint32_t neuron;
    float sign;
} link;

static void connect_links(rv_snn_builder *b, const link *links, size_t num, size_t target)
{
    for (size_t p = 0; p < b->snn->num_populations; p++) {
        size_t synapses = 0;
        for (size_t i = 0; i < num; i++)
            for (int t = 0; t < links[i].from->num; t++)
                synapses += links[i].from->terms[t].population == p;
        rv_snn_connection *c = synapses ? rv_snn_add_connection(b, p, target, NULL, synapses) : NULL;
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
static void play_round(rv_snn_builder *b, competitor *all, size_t *begin, size_t windows, const char *name,
                       double alpha, link *links)
{
    size_t matches = 0, num = 0, at = 0;
    for (size_t w = 0; w < windows; w++)
        matches += (begin[w + 1] - begin[w]) / 2;
    const size_t target = rv_snn_add_population(b, name, (size_t[3]){1, 1, matches}, alpha);
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
            const size_t sy = y * l->strides[0] + i / l->size[1] - pad_y,
                         sx = x * l->strides[1] + i % l->size[1] - pad_x;
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

size_t rv_snn_add_max_pool(rv_snn_builder *b, const rv_ann_layer *l, size_t source, double alpha)
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
    target = rv_snn_add_population(b, l->name, l->out, alpha);
    for (size_t w = 0; w < windows && !b->error; w++)
        links[w] = (link){&all[w], (uint32_t)w, 1};
    if (!b->error)
        connect_links(b, links, windows, target);
    rv_free(all);
    rv_free(begin);
    rv_free(links);
    return target;
}

/* One synapse from every source of every window. */
size_t rv_snn_add_padded_mean(rv_snn_builder *b, const rv_ann_layer *l, size_t source, double alpha)
{
    const size_t windows = rv_ann_size(l->out), num = find_windows(l, source, NULL, NULL);
    rv_context *context = b->snn->context;
    const size_t target = rv_snn_add_population(b, l->name, l->out, alpha);
    competitor *all = rv_alloc(context, num, sizeof *all, "windows of a pool");
    size_t *begin = rv_alloc(context, windows + 1, sizeof *begin, "windows of a pool");
    rv_snn_connection *c = rv_snn_add_connection(b, source, target, NULL, num);
    if (!all || !begin)
        b->error = RV_ERR_MEMORY;
    else
        find_windows(l, source, all, begin);
    for (size_t w = 0; w < windows && !b->error; w++)
        for (size_t i = begin[w]; i < begin[w + 1]; i++) {
            c->pre_ind[i] = all[i].terms[0].neuron;
            c->post_ind[i] = (uint32_t)w;
            c->weight[i] = 1.0F / (float)(begin[w + 1] - begin[w]);
        }
    rv_free(all);
    rv_free(begin);
    return target;
}
