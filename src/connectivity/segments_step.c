/* Convolutions and pools: a spike is a few segments, runs of neighbouring targets that take a row of weights each (see
 * segments.h). Forward a segment adds its row to the targets, back it is a dot product, and its gradient is the targets'
 * adjoint added to the row. Segments of a source go in the order y, then x; the lanes of a dot product run on over all
 * of them. */
#include <string.h>

#include "connectivity/segments.h"
#include "kernels/isa.h"

/* What kernels are compiled for: a segment is one target, whole registers of aligned ones, or anything. */
typedef enum fit { ONE, WHOLE, ANY } fit;

/* The segments of one source, walked by y and x. */
typedef struct walk {
    const rv_axis_step *y, *y_end, *x_begin, *x, *x_end;
    uint32_t target, row; /* the channel's part */
} walk;

RV_INLINE walk begin(const rv_segments *s, uint32_t id)
{
    const uint32_t place = id / s->channels, channel = id - place * s->channels;
    const uint32_t y = place / s->width, x = place - y * s->width;
    walk w = {
        .y = s->y.step + s->y.begin[y],
        .y_end = s->y.step + s->y.begin[y + 1],
        .x_begin = s->x.step + s->x.begin[x],
        .x_end = s->x.step + s->x.begin[x + 1],
        .target = channel * s->channel_target,
        .row = channel * s->channel_row,
    };
    w.x = w.x_begin;
    if (w.x == w.x_end)
        w.y = w.y_end;
    return w;
}

/* The next segment's first target and row; false when there is none. */
RV_INLINE bool next(walk *w, size_t *target, size_t *row)
{
    if (w->y == w->y_end)
        return false;
    *target = w->target + w->y->target + w->x->target;
    *row = w->row + w->y->row + w->x->row;
    if (++w->x == w->x_end) {
        w->x = w->x_begin;
        w->y++;
    }
    return true;
}

RV_INLINE rv_vec scale_by(rv_vec v, float scale, bool scaled)
{
    if (scaled)
        v *= scale;
    return v;
}

/* acc[f] += scale * w[f] */
RV_INLINE void add(float *acc, const float *w, size_t length, float scale, bool scaled, fit as)
{
    if (as == ONE) {
        *acc += scaled ? scale * *w : *w;
        return;
    }
    size_t f = 0;
    for (; f + RV_WIDTH <= length; f += RV_WIDTH) {
        const rv_vec part = scale_by(*rv_cat(w + f), scale, scaled);
        if (as == WHOLE)
            *rv_at(acc + f) += part;
        else
            rv_store(acc + f, rv_load(acc + f) + part);
    }
    if (as == ANY && f < length) {
        const rv_vec part = scale_by(*rv_cat(w + f), scale, scaled);
        rv_store_part(acc + f, rv_load_part(acc + f, length - f) + part, length - f);
    }
}

RV_INLINE void forward_as(const rv_links *l, float *acc, const uint32_t *ids, size_t num, bool scaled, fit as)
{
    const rv_segments *s = l->structure;
    size_t target, row;
    for (size_t k = 0; k < num; k++)
        for (walk w = begin(s, ids[k]); next(&w, &target, &row);)
            add(acc + target, l->weight + row * l->rows.stride, s->length, l->scale, scaled, as);
}

/* sum += w[f] * x[f], 16 lanes */
RV_INLINE void dot(rv_lanes *sum, const float *w, const float *x, size_t length, fit as)
{
    for (size_t f = 0; f < length; f += RV_LANES) {
#pragma GCC unroll 4
        for (size_t i = 0; i < RV_LANES / RV_WIDTH; i++) {
            const size_t at = f + i * RV_WIDTH;
            if (as == WHOLE)
                sum->part[i] += *rv_cat(w + at) * *rv_cat(x + at);
            else if (at + RV_WIDTH <= length)
                sum->part[i] += *rv_cat(w + at) * rv_load(x + at);
            else if (at < length)
                sum->part[i] += *rv_cat(w + at) * rv_load_part(x + at, length - at);
        }
    }
}

RV_INLINE void back_as(const rv_links *l, float *out, const uint32_t *ids, size_t num, const float *x, fit as)
{
    const rv_segments *s = l->structure;
    size_t target, row;
    for (size_t k = 0; k < num; k++) {
        rv_lanes sum = {0};
        float one = 0;
        for (walk w = begin(s, ids[k]); next(&w, &target, &row);) {
            if (as == ONE)
                one += l->weight[row * l->rows.stride] * x[target];
            else
                dot(&sum, l->weight + row * l->rows.stride, x + target, s->length, as);
        }
        out[k] += l->scale * (as == ONE ? one : rv_sum_lanes(&sum));
    }
}

RV_INLINE void gradient_as(const rv_links *l, float *rows, uint8_t *touched, const uint32_t *ids, size_t num,
                           const float *x, bool scaled, fit as)
{
    const rv_segments *s = l->structure;
    size_t target, row;
    for (size_t k = 0; k < num; k++)
        for (walk w = begin(s, ids[k]); next(&w, &target, &row);) {
            float *sum = rows + row * l->rows.stride;
            if (!touched[row]) {
                memset(sum, 0, l->rows.stride * sizeof *sum);
                touched[row] = 1;
            }
            if (as == ONE) {
                *sum += scaled ? l->scale * x[target] : x[target];
                continue;
            }
            for (size_t f = 0; f < s->length; f += RV_WIDTH) {
                const size_t left = s->length - f;
                rv_vec value;
                if (as == WHOLE)
                    value = *rv_cat(x + target + f);
                else
                    value = left >= RV_WIDTH ? rv_load(x + target + f) : rv_load_part(x + target + f, left);
                *rv_at(sum + f) += scale_by(value, l->scale, scaled);
            }
        }
}

/* ---- the choice of kernel ---- */

/* Targets and lengths that are multiples of 16 keep segments on cache lines. */
static fit fit_of(const rv_segments *s)
{
    return s->length == 1 ? ONE : s->length % RV_LANES == 0 ? WHOLE : ANY;
}

#define CHOOSE(call, ...)                                                                                              \
    do {                                                                                                               \
        const rv_segments *const s_ = l->structure;                                                                    \
        const fit fit_ = fit_of(s_);                                                                             \
        if (fit_ == ONE)                                                                                             \
            call(__VA_ARGS__, ONE);                                                                                    \
        else if (fit_ == WHOLE)                                                                                      \
            call(__VA_ARGS__, WHOLE);                                                                                  \
        else                                                                                                           \
            call(__VA_ARGS__, ANY);                                                                                    \
    } while (0)

static void forward(const rv_links *l, float *acc, const float *from, const float *decay, const uint32_t *ids,
                    size_t num)
{
    if (decay)
        l->kernels->multiply(acc, from, decay, l->n_pad);
    if (l->scale == 1.0F)
        CHOOSE(forward_as, l, acc, ids, num, false);
    else
        CHOOSE(forward_as, l, acc, ids, num, true);
}

static void back(const rv_links *l, float *out, const uint32_t *ids, size_t num, const float *x)
{
    CHOOSE(back_as, l, out, ids, num, x);
}

static void gradient(const rv_links *l, float *rows, uint8_t *touched, const uint32_t *ids, size_t num, const float *x)
{
    if (l->scale == 1.0F)
        CHOOSE(gradient_as, l, rows, touched, ids, num, x, false);
    else
        CHOOSE(gradient_as, l, rows, touched, ids, num, x, true);
}

static void weigh(const rv_links *l, float *out, size_t row, const float *sum, const float *factor)
{
    (void)row;
    if (((const rv_segments *)l->structure)->mixes_targets)
        l->kernels->scale(out, sum, factor[0], l->rows.stride);
    else
        l->kernels->multiply(out, sum, factor, l->rows.stride);
}

extern const rv_connectivity_ops RV_ISA_NAME(rv_segments_ops);
const rv_connectivity_ops RV_ISA_NAME(rv_segments_ops) = {
    .forward = forward,
    .back = back,
    .gradient = gradient,
    .weigh = weigh,
};
