/* The inner loops of the engine: one table of functions per instruction set, all with the same bits.
 *
 * Rows: a matrix has `stride` floats per row, a multiple of 16; padding is zero and stays zero. Ranges [begin, end)
 * of targets are multiples of 16, so that threads may share one example's targets. */
#ifndef RV_KERNELS_KERNELS_H
#define RV_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/isa.h"

/* constants of one step of Adam, in float32 after computation in double */
typedef struct rv_adam_step {
    float alpha, beta1, one_minus_beta1, beta2, one_minus_beta2, epsilon;
    float scale_m, scale_v; /* 1 / (1 - beta1^n), 1 / (1 - beta2^n) */
} rv_adam_step;

/* Rows of a matrix that spikes add: rows[ids[0]], rows[ids[1]], ... */
typedef struct rv_spike_rows {
    const float *rows;
    size_t stride; /* floats from row to row */
    const uint32_t *ids;
    size_t num;
} rv_spike_rows;

/* The same in many steps: those of step k are ids[offset[k - late]] .. ids[offset[k - late + 1] - 1], of the first `late`
 * steps there are none. */
typedef struct rv_spike_steps {
    const float *rows;
    size_t stride;
    const uint32_t *ids, *offset;
    size_t late;
} rv_spike_steps;

/* The spikes of an example on their way to a tape: timestep by timestep, sorted within each. */
typedef struct rv_step_sort {
    const uint32_t *ids; /* (end[num_steps - 1], and room for 16 more) neurons < 2^31, by step, then as they come */
    const uint32_t *end; /* (num_steps) those of step t are ids[end[t - 1]] .. ids[end[t] - 1] */
    size_t num_steps;
    uint32_t *out;    /* (offset[0] + as many, and room for 16 more) by step, then neuron, behind the first offset[0] */
    uint32_t *offset; /* (num_steps + 1) those of step t are out[offset[t]] .. out[offset[t + 1] - 1] */
    uint32_t *moved;  /* (2 * as many, at least 32) those that a step leaves to the next one, and room to sort them */
    size_t num_moved;
} rv_step_sort;

#define RV_MAX_LEAVES 8 /* of the gradient's sum: threads x ranks that share a batch without waiting */

typedef struct rv_kernels {
    const char *name;

    /* out[j] = what it holds (add) or 0, + rows[ids[0]][j] + rows[ids[1]][j] + ..., one after the other, for j in
     * [begin, end) */
    void (*sum_rows)(float *out, bool add, const float *rows, size_t stride, const uint32_t *ids, size_t num,
                     size_t begin, size_t end);

    /* acc[j] = from[j] * decay[j] + the rows of lists[0], then of lists[1], ..., one after the other, for n targets; decay
     * NULL = 1. acc may be from. */
    void (*add_lists)(float *acc, const float *from, const float *decay, const rv_spike_rows *lists, size_t num_lists,
                      size_t n);

    /* Step k of num_steps <= 64, from k = 0 on, the step before which left `before`: row k of out (num_steps, n) is the row
     * before it times decay, and the rows of all lists, as add_lists adds them. Rows in which no list adds anything are not
     * written; returns a bit for each other one. */
    uint64_t (*add_steps)(float *out, const float *before, const float *decay, const rv_spike_steps *lists,
                          size_t num_lists, size_t num_steps, size_t n);

    /* out (n) = the sums of num_leaves (1, 2, 4, ... RV_MAX_LEAVES) lists of rows, joined in a binary tree: list l is
     * ids[first[l]] .. ids[first[l + 1] - 1] */
    void (*add_leaves)(float *out, const float *rows, size_t stride, const uint32_t *first, const uint32_t *ids,
                       size_t num_leaves, size_t n);

    /* out (n) = the num rows (1, 2, 4, ... RV_MAX_LEAVES), joined in the same tree */
    void (*join_rows)(float *out, const float *const *rows, size_t num, size_t n);

    /* out[k] += sum over j of rows[ids[k]][j] * x[j], in blocks of 256 targets of 16 lanes, blocks in order; out has
     * room for num rounded up to 4 */
    void (*dot_rows)(float *out, const float *rows, size_t stride, const uint32_t *ids, size_t num, const float *x,
                     size_t n);

    /* out[j] += x[0] * rows[0][j] + x[1] * rows[1][j] + ..., in this order, all num rows */
    void (*weigh_rows)(float *out, const float *rows, size_t stride, const float *x, size_t num, size_t n);

    /* rows[ids[k]][j] += x[j]; a row whose touched flag is 0 counts as zero, whatever it holds, and is flagged */
    void (*scatter_rows)(float *rows, size_t stride, const uint32_t *ids, size_t num, const float *x, size_t n,
                         uint8_t *touched);

    /* out[j] = (a[j] + b[j]), and out[j] = a[j] * b[j] */
    void (*add)(float *out, const float *a, const float *b, size_t n);
    void (*multiply)(float *out, const float *a, const float *b, size_t n);
    /* out[j] = x[j] * factor[j], num times over, each rounded */
    void (*decay)(float *out, const float *x, const float *factor, size_t n, size_t num);
    /* out[j] = x[j] * factor; out[j] = x[j] cut off at -limit and limit */
    void (*scale)(float *out, const float *x, float factor, size_t n);
    void (*clip)(float *out, const float *x, float limit, size_t n);
    /* the sum of x[j]^2 over n numbers in double: 16 lanes, then a tree of them */
    double (*sum_squares)(const float *x, size_t n);

    /* p[k] = exp(v[k]) / (sum over the n of them); both have room for n rounded up to 16, where p gets 0 */
    void (*softmax)(float *p, const float *v, size_t n);

    /* steps[i] = the timestep in which a spike at times[i] (ms) fires; num_steps where that is too late */
    void (*steps_of)(uint32_t *steps, const float *times, size_t n, double dt, uint32_t num_steps);
    /* end[t] (num_steps + 1) = how many of n steps <= num_steps are t or less, which are those before it; false if they do
     * not ascend */
    bool (*ends_of)(uint32_t *end, size_t num_steps, const uint32_t *steps, size_t n);
    /* out[i] = ids[i] */
    void (*widen)(uint32_t *out, const uint16_t *ids, size_t n);

    /* the numbers of the bits that are set in words, whose bits from n (a multiple of 16) on are 0, ascending; returns
     * how many. ids has room for n, or for 4 more than there are. */
    size_t (*bits_to_ids)(uint32_t *ids, const uint64_t *words, size_t n);

    /* Sorts the spikes of timesteps t .. num_steps - 1, and those moved there, within each step. The second and later
     * spikes of a neuron in one step move to the next one. Stops at the first step that has more than 16, unless they ascend
     * already and none twice, and returns it, or else num_steps. */
    size_t (*sort_steps)(rv_step_sort *sort, size_t t);

    /* one step of Adam on n weights w with gradient g and moments m, v */
    void (*adam)(float *w, const float *g, float *m, float *v, size_t n, const rv_adam_step *step);
    /* and of gradient descent with momentum m */
    void (*sgd)(float *w, const float *g, float *m, size_t n, float alpha, float momentum);
} rv_kernels;

/* The table of an instruction set this processor has. */
const rv_kernels *rv_kernels_for(rv_isa isa);

#endif
