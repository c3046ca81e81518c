#include "support/event_solver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One neuron from a moment on, until something reaches it: V(t) = a exp(-t / tau_mem) + k exp(-t / tau_syn). */
typedef struct curve {
    double a, k, tau_mem, tau_syn;
} curve;

static curve curve_from(const event_layer *layer, double v, double i)
{
    const double k = i * layer->tau_syn / (layer->tau_syn - layer->tau_mem);
    return (curve){.a = v - k, .k = k, .tau_mem = layer->tau_mem, .tau_syn = layer->tau_syn};
}

static double curve_at(const curve *c, double t)
{
    return c->a * exp(-t / c->tau_mem) + c->k * exp(-t / c->tau_syn);
}

/* Where V' = 0, or -1: there is one such moment at most. */
static double curve_extremum(const curve *c)
{
    const double ratio = -(c->k * c->tau_mem) / (c->a * c->tau_syn);
    return ratio > 0 ? log(ratio) / (1 / c->tau_syn - 1 / c->tau_mem) : -1;
}

/* The first t in (0, end] with V(t) = level, starting below it; INFINITY if there is none. */
static double curve_crossing(const curve *c, double level, double end)
{
    const double turn = curve_extremum(c);
    double high = turn > 0 && turn < end && curve_at(c, turn) >= level ? turn : end, low = 0;
    if (curve_at(c, high) < level)
        return (double)INFINITY;
    for (int i = 0; i < 100; i++) {
        const double middle = 0.5 * (low + high);
        if (curve_at(c, middle) < level)
            low = middle;
        else
            high = middle;
    }
    return high;
}

/* Integral over [0, h] of exp(-(start + t) / scale) V(t); scale INFINITY: of V(t). */
static double curve_integral(const curve *c, double h, double start, double scale)
{
    const double mem = 1 / c->tau_mem + 1 / scale, syn = 1 / c->tau_syn + 1 / scale;
    return exp(-start / scale) * (c->a * -expm1(-h * mem) / mem + c->k * -expm1(-h * syn) / syn);
}

static double curve_maximum(const curve *c, double h)
{
    const double turn = curve_extremum(c);
    const double ends = fmax(curve_at(c, 0), curve_at(c, h));
    return turn > 0 && turn < h ? fmax(ends, curve_at(c, turn)) : ends;
}

typedef struct solver {
    const event_network *network;
    event_solution *solution;
    double now, last_event;
    double *v, *i;         /* (hidden) */
    double *v_out, *i_out; /* (output) */
} solver;

/* Moves all neurons on by h, in which nothing happens, and adds up the readout. */
static void advance(solver *s, double h, event_readout readout)
{
    double *const y = s->solution->y;
    const event_layer *const hidden = &s->network->hidden, *const output = &s->network->output;
    const double duration = s->network->duration;
    for (size_t j = 0; j < hidden->size; j++) {
        const curve c = curve_from(hidden, s->v[j], s->i[j]);
        s->v[j] = curve_at(&c, h);
        s->i[j] *= exp(-h / hidden->tau_syn);
    }
    for (size_t j = 0; j < output->size; j++) {
        const curve c = curve_from(output, s->v_out[j], s->i_out[j]);
        if (readout == EVENT_LAST)
            y[j] = curve_at(&c, h);
        else if (readout == EVENT_MAX)
            y[j] = fmax(y[j], curve_maximum(&c, h));
        else
            y[j] += curve_integral(&c, h, s->now, readout == EVENT_MEAN ? (double)INFINITY : duration) / duration;
        s->v_out[j] = curve_at(&c, h);
        s->i_out[j] *= exp(-h / output->tau_syn);
    }
    s->now += h;
}

static void add_row(double *i, const double *weights, size_t row, size_t n)
{
    for (size_t j = 0; weights && j < n; j++)
        i[j] += weights[row * n + j];
}

/* The neuron that reaches its threshold first within h, which becomes the time until then; -1 if none does. */
static ptrdiff_t find_spike(const solver *s, double *h)
{
    const event_layer *const hidden = &s->network->hidden;
    ptrdiff_t neuron = -1;
    for (size_t j = 0; j < hidden->size; j++) {
        const curve c = curve_from(hidden, s->v[j], s->i[j]);
        const double t = curve_crossing(&c, hidden->v_thresh, *h);
        if (t <= *h) {
            *h = t;
            neuron = (ptrdiff_t)j;
        }
    }
    return neuron;
}

static void note_event(solver *s)
{
    s->solution->gap = fmin(s->solution->gap, s->now - s->last_event);
    s->last_event = s->now;
}

static void spike(solver *s, size_t j)
{
    note_event(s);
    s->v[j] = s->network->hidden.v_reset;
    s->solution->counts[j]++;
    add_row(s->i, s->network->hid_hid, j, s->network->hidden.size);
    add_row(s->i_out, s->network->hid_out, j, s->network->output.size);
}

int event_solve(event_solution *solution, const event_network *network, event_readout readout)
{
    const size_t hidden = network->hidden.size, output = network->output.size;
    double *const state = calloc(2 * (hidden + output) + 1, sizeof *state);
    if (!state)
        return -1;
    solver s = {
        .network = network, .solution = solution, .last_event = -(double)INFINITY, .v = state, .i = state + hidden};
    s.v_out = s.i + hidden;
    s.i_out = s.v_out + output;
    solution->gap = (double)INFINITY;
    memset(solution->counts, 0, hidden * sizeof *solution->counts);
    for (size_t j = 0; j < output; j++)
        solution->y[j] = readout == EVENT_MAX ? -(double)INFINITY : 0;
    for (size_t next = 0; next <= network->num_spikes; next++) {
        const double until = next < network->num_spikes ? network->times[next] : network->duration;
        while (s.now < until) {
            double h = until - s.now;
            const ptrdiff_t neuron = find_spike(&s, &h);
            advance(&s, h, readout);
            if (neuron >= 0)
                spike(&s, (size_t)neuron);
            else
                s.now = until;
        }
        if (next < network->num_spikes) {
            note_event(&s);
            add_row(s.i, network->in_hid, (size_t)network->ids[next], hidden);
        }
    }
    free(state);
    return 0;
}
