#include "support/event_solver.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP 0.25 /* ms, of numerical integrals */
#define SCAN 0.05 /* ms, in which a threshold that moves is met twice at no slope that counts */

/* One neuron from a moment on, until something reaches it: V(t) = bias + a exp(-t / tau_mem) + k exp(-t / tau_syn), or,
 * with one time constant, V(t) = bias + (a + k t) exp(-t / tau). */
typedef struct curve {
    double bias, a, k, tau_mem, tau_syn;
} curve;

static curve curve_from(const event_neuron *neuron, double v, double i)
{
    const double mem = neuron->tau_mem, syn = neuron->tau_syn, above = v - neuron->bias;
    const double k = mem == syn ? i / mem : i * syn / (syn - mem);
    return (curve){.bias = neuron->bias, .a = mem == syn ? above : above - k, .k = k, .tau_mem = mem, .tau_syn = syn};
}

static double curve_at(const curve *c, double t)
{
    if (c->tau_mem == c->tau_syn)
        return c->bias + (c->a + c->k * t) * exp(-t / c->tau_mem);
    return c->bias + c->a * exp(-t / c->tau_mem) + c->k * exp(-t / c->tau_syn);
}

/* Where V' = 0, or -1: there is one such moment at most. */
static double curve_extremum(const curve *c)
{
    if (c->tau_mem == c->tau_syn)
        return c->k != 0 ? c->tau_mem - c->a / c->k : -1;
    const double ratio = -(c->k * c->tau_mem) / (c->a * c->tau_syn);
    return ratio > 0 ? log(ratio) / (1 / c->tau_syn - 1 / c->tau_mem) : -1;
}

/* A neuron's threshold from a moment on: base + lift exp(-t / tau). */
typedef struct threshold {
    double base, lift, tau;
} threshold;

static bool is_below(const curve *c, const threshold *level, double t)
{
    return curve_at(c, t) < level->base + (level->lift != 0 ? level->lift * exp(-t / level->tau) : 0);
}

/* A time in (0, end] at which the threshold has been crossed once, starting below it; INFINITY if there is none. */
static double crossed_by(const curve *c, const threshold *level, double end)
{
    const double turn = curve_extremum(c);
    if (level->lift == 0 && turn > 0 && turn < end && !is_below(c, level, turn))
        return turn;
    for (double t = SCAN; level->lift != 0 && t < end; t += SCAN)
        if (!is_below(c, level, t))
            return t;
    return is_below(c, level, end) ? (double)INFINITY : end;
}

/* The first t in (0, end] at which the threshold is reached; INFINITY if there is none. */
static double curve_crossing(const curve *c, const threshold *level, double end)
{
    double high = crossed_by(c, level, end), low = 0;
    for (int i = 0; !isinf(high) && i < 100; i++) {
        const double middle = 0.5 * (low + high);
        if (is_below(c, level, middle))
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
    const double second =
        c->tau_mem == c->tau_syn ? (1 - exp(-h * mem) * (1 + h * mem)) / (mem * mem) : -expm1(-h * syn) / syn;
    const double weight = isinf(scale) ? h : -expm1(-h / scale) * scale;
    return exp(-start / scale) * (c->bias * weight + c->a * -expm1(-h * mem) / mem + c->k * second);
}

static double curve_maximum(const curve *c, double h)
{
    const double turn = curve_extremum(c);
    const double ends = fmax(curve_at(c, 0), curve_at(c, h));
    return turn > 0 && turn < h ? fmax(ends, curve_at(c, turn)) : ends;
}

/* A spike on its way through a synapse. */
typedef struct arrival {
    double time;
    const event_synapse *synapse;
} arrival;

typedef struct solver {
    const event_network *network;
    event_solution *solution;
    event_readout readout;
    double now;
    double *v, *i, *a;        /* (num_neurons) */
    double *spiked, *reached; /* (num_neurons) when last */
    double *between;          /* (num_neurons) scratch */
    arrival *pending;         /* (num_pending of capacity), in no order */
    size_t num_pending, capacity;
} solver;

static int send(solver *s, size_t source)
{
    const event_network *const n = s->network;
    for (size_t k = 0; k < n->num_synapses; k++) {
        if (n->synapses[k].source != source)
            continue;
        if (s->num_pending == s->capacity) {
            const size_t capacity = 2 * s->capacity + 64;
            arrival *const more = realloc(s->pending, capacity * sizeof *more);
            if (!more)
                return -1;
            s->pending = more;
            s->capacity = capacity;
        }
        s->pending[s->num_pending++] = (arrival){s->now + n->synapses[k].delay, &n->synapses[k]};
    }
    return 0;
}

static double next_arrival(const solver *s)
{
    double time = (double)INFINITY;
    for (size_t k = 0; k < s->num_pending; k++)
        time = fmin(time, s->pending[k].time);
    return time;
}

/* All that is due now reaches its targets. */
static void receive(solver *s)
{
    size_t left = 0;
    for (size_t k = 0; k < s->num_pending; k++) {
        const arrival a = s->pending[k];
        if (a.time > s->now) {
            s->pending[left++] = a;
            continue;
        }
        const size_t j = a.synapse->target;
        s->i[j] += a.synapse->weight;
        s->reached[j] = s->now;
        if (a.synapse->source != s->network->num_inputs + j)
            s->solution->gap = fmin(s->solution->gap, s->now - s->spiked[j]);
    }
    s->num_pending = left;
}

static double density_at(const solver *s, double t)
{
    for (size_t j = 0; j < s->network->num_neurons; j++) {
        const curve c = curve_from(&s->network->neurons[j], s->v[j], s->i[j]);
        s->between[j] = curve_at(&c, t);
    }
    return s->network->density(s->between, s->network->user);
}

/* Simpson's rule over the next h, in steps of at most STEP. */
static double density_integral(const solver *s, double h)
{
    const size_t num = (size_t)ceil(h / STEP);
    const double width = h / (double)num;
    double sum = 0;
    for (size_t k = 0; k < num; k++)
        sum += density_at(s, (double)k * width) + 4 * density_at(s, ((double)k + 0.5) * width) +
               density_at(s, (double)(k + 1) * width);
    return sum * width / 6;
}

/* Moves all neurons on by h, in which nothing happens, and adds up the readout. */
static void advance(solver *s, double h)
{
    double *const y = s->solution->y;
    const double duration = s->network->duration;
    if (s->network->density)
        s->solution->mean += density_integral(s, h) / duration;
    for (size_t j = 0; j < s->network->num_neurons; j++) {
        const curve c = curve_from(&s->network->neurons[j], s->v[j], s->i[j]);
        if (s->readout == EVENT_LAST)
            y[j] = curve_at(&c, h);
        else if (s->readout == EVENT_MAX)
            y[j] = fmax(y[j], curve_maximum(&c, h));
        else
            y[j] += curve_integral(&c, h, s->now, s->readout == EVENT_MEAN ? (double)INFINITY : duration) / duration;
        s->v[j] = curve_at(&c, h);
        s->i[j] *= exp(-h / c.tau_syn);
        if (s->a[j] != 0)
            s->a[j] *= exp(-h / s->network->neurons[j].tau_adapt);
    }
    s->now += h;
}

/* The neuron that reaches its threshold first within h, which becomes the time until then; -1 if none does. */
static ptrdiff_t find_spike(const solver *s, double *h)
{
    ptrdiff_t neuron = -1;
    for (size_t j = 0; j < s->network->num_neurons; j++) {
        const event_neuron *const n = &s->network->neurons[j];
        const threshold level = {n->v_thresh, n->beta * s->a[j], n->tau_adapt};
        const curve c = curve_from(n, s->v[j], s->i[j]);
        const double t = isinf(n->v_thresh) ? n->v_thresh : curve_crossing(&c, &level, *h);
        if (t <= *h) {
            *h = t;
            neuron = (ptrdiff_t)j;
        }
    }
    return neuron;
}

static int spike(solver *s, size_t j)
{
    event_solution *const out = s->solution;
    const event_neuron *const n = &s->network->neurons[j];
    const double fall = n->beta != 0 ? n->beta * s->a[j] * n->tau_mem / n->tau_adapt : 0;
    out->gap = fmin(out->gap, s->now - s->reached[j]);
    out->slope = fmin(out->slope, (s->i[j] + n->bias - s->v[j] + fall) / n->v_thresh);
    out->first[j] = fmin(out->first[j], s->now);
    out->counts[j]++;
    s->v[j] = n->relative_reset ? s->v[j] - (n->v_thresh - n->v_reset) : n->v_reset;
    s->a[j] += n->beta != 0;
    s->spiked[j] = s->now;
    return send(s, s->network->num_inputs + j);
}

static void rest(solver *s)
{
    event_solution *const out = s->solution;
    out->gap = out->slope = (double)INFINITY;
    out->mean = 0;
    for (size_t j = 0; j < s->network->num_neurons; j++) {
        out->y[j] = s->readout == EVENT_MAX ? -(double)INFINITY : 0;
        out->first[j] = (double)INFINITY;
        out->counts[j] = 0;
        s->v[j] = s->i[j] = s->a[j] = 0;
        s->spiked[j] = s->reached[j] = -(double)INFINITY;
    }
}

int event_solve(event_solution *solution, const event_network *network, event_readout readout)
{
    const size_t n = network->num_neurons;
    double *const state = calloc(6 * n + 1, sizeof *state);
    solver s = {.network = network, .solution = solution, .readout = readout, .v = state};
    size_t next = 0;
    int error = state ? 0 : -1;
    s.i = state + n;
    s.spiked = state + 2 * n;
    s.reached = state + 3 * n;
    s.between = state + 4 * n;
    s.a = state + 5 * n;
    if (!error)
        rest(&s);
    while (!error && s.now < network->duration) {
        const double input = next < network->num_spikes ? network->times[next] : (double)INFINITY;
        const double until = fmin(fmin(input, next_arrival(&s)), network->duration);
        double h = until - s.now;
        const ptrdiff_t neuron = h > 0 ? find_spike(&s, &h) : -1;
        if (h > 0)
            advance(&s, h);
        if (neuron >= 0) {
            error = spike(&s, (size_t)neuron);
            receive(&s);
            continue;
        }
        s.now = until;
        if (input <= until)
            error = send(&s, (size_t)network->ids[next++]);
        receive(&s);
    }
    free(s.pending);
    free(state);
    return error;
}
