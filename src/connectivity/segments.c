/* The geometry of pools and kernels, one axis at a time.
 *
 * A pool of size k and stride s has ceil((n - k + 1) / s) positions p; it covers sources p s .. p s + k - 1.
 * A kernel over n has positions o, and kernel index i meets source o s - pad + i:
 *   valid  ceil((n - k + 1) / s) positions, pad 0
 *   same   ceil(n / s) positions, pad = max(k - s, 0) / 2 if s divides n, else max(k - n mod s, 0) / 2 (rounded down)
 * Transposed, source y meets target y s - pad + i, of n s + max(k - s, 0) (valid) or n s (same). */
#include "connectivity/segments.h"

#include "base/alloc.h"
#include "base/error.h"
#include "kernels/dispatch.h"

static size_t divide_up(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static size_t positions(size_t n, size_t size, size_t stride)
{
    return n < size ? 0 : divide_up(n - size + 1, stride);
}

size_t rv_axis_pooled(const rv_axis_desc *a)
{
    return positions(a->size, a->pool_size, a->pool_stride);
}

static size_t padding(const rv_axis_desc *a, size_t n)
{
    const size_t last = n % a->conv_stride ? n % a->conv_stride : a->conv_stride;
    return a->same && a->conv_size > last ? (a->conv_size - last) / 2 : 0;
}

size_t rv_axis_target(const rv_axis_desc *a)
{
    const size_t n = rv_axis_pooled(a);
    if (a->transpose)
        return n * a->conv_stride + (!a->same && a->conv_size > a->conv_stride ? a->conv_size - a->conv_stride : 0);
    return a->same ? divide_up(n, a->conv_stride) : positions(n, a->conv_size, a->conv_stride);
}

/* ---- steps of one axis ---- */

/* The kernel's positions over pool position (or source) n into out (may be NULL), ascending; returns how many. `target`
 * and `row` are what a position and a kernel index weigh. */
static size_t kernel_steps(const rv_axis_desc *a, size_t n, size_t target, size_t row, rv_axis_step *out)
{
    const size_t pad = padding(a, rv_axis_pooled(a)), last = rv_axis_target(a) - 1;
    size_t num = 0;
    if (a->transpose) {
        const size_t at = n * a->conv_stride; /* position at + i - pad */
        for (size_t i = at < pad ? pad - at : 0; i < a->conv_size && at + i - pad <= last; i++, num++)
            if (out)
                out[num] = (rv_axis_step){(uint32_t)((at + i - pad) * target), (uint32_t)(i * row)};
        return num;
    }
    const size_t at = n + pad; /* position (at - i) / stride, where that is whole */
    const size_t first = at < a->conv_size ? 0 : divide_up(at - a->conv_size + 1, a->conv_stride);
    for (size_t position = first; position <= last && position * a->conv_stride <= at; position++, num++)
        if (out)
            out[num] = (rv_axis_step){(uint32_t)(position * target),
                                      (uint32_t)((at - position * a->conv_stride) * row)};
    return num;
}

/* All steps of source coordinate n. */
static size_t axis_steps(const rv_axis_desc *a, size_t n, size_t target, size_t row, bool pool_rows, rv_axis_step *out)
{
    const size_t num_pooled = rv_axis_pooled(a);
    const size_t first = n < a->pool_size ? 0 : divide_up(n - a->pool_size + 1, a->pool_stride);
    size_t num = 0;
    for (size_t p = first; p < num_pooled && p * a->pool_stride <= n; p++) {
        if (!pool_rows) {
            num += kernel_steps(a, p, target, row, out ? out + num : NULL);
            continue;
        }
        if (out)
            out[num] = (rv_axis_step){(uint32_t)(p * target), (uint32_t)(p * row)};
        num++;
    }
    return num;
}

/* ---- the whole ---- */

/* Fills an axis whose begin has room; step NULL only counts. Returns the number of steps. */
static size_t fill_axis(uint32_t *begin, rv_axis_step *step, const rv_axis_desc *a, size_t target, size_t row,
                        bool pool_rows)
{
    size_t num = 0;
    for (size_t n = 0; n < a->size; n++) {
        if (step)
            begin[n] = (uint32_t)num;
        num += axis_steps(a, n, target, row, pool_rows, step ? step + num : NULL);
    }
    if (step)
        begin[a->size] = (uint32_t)num;
    return num;
}

int rv_segments_make(rv_segments **out, rv_context *context, const rv_plane *plane, const rv_segments_desc *d)
{
    const size_t num_y = fill_axis(NULL, NULL, &plane->y, d->target_y, d->row_y, d->pool_rows);
    const size_t num_x = fill_axis(NULL, NULL, &plane->x, d->target_x, d->row_x, d->pool_rows);
    const size_t bytes = sizeof **out + (num_y + num_x) * sizeof(rv_axis_step) +
                         (plane->y.size + plane->x.size + 2) * sizeof(uint32_t);
    rv_segments *s = *out = rv_alloc(context, bytes, 1, "segments"); /* one block: the struct, steps, begins */
    if (!s)
        return RV_ERR_MEMORY;
    rv_axis_step *step_y = (rv_axis_step *)(s + 1), *step_x = step_y + num_y;
    uint32_t *begin_y = (uint32_t *)(step_x + num_x), *begin_x = begin_y + plane->y.size + 1;
    fill_axis(begin_y, step_y, &plane->y, d->target_y, d->row_y, d->pool_rows);
    fill_axis(begin_x, step_x, &plane->x, d->target_x, d->row_x, d->pool_rows);
    *s = (rv_segments){
        .y = {begin_y, step_y},
        .x = {begin_x, step_x},
        .width = (uint32_t)plane->x.size,
        .channels = (uint32_t)plane->channels,
        .channel_target = (uint32_t)d->channel_target,
        .channel_row = (uint32_t)d->channel_row,
        .length = (uint32_t)d->length,
        .mixes_targets = d->channel_target || d->target_y || d->target_x,
    };
    return RV_OK;
}

size_t rv_segments_synapses(const rv_links *links, uint32_t source, uint32_t *targets, size_t *places)
{
    const rv_segments *s = links->structure;
    const uint32_t channel = source % s->channels, x = source / s->channels % s->width;
    const uint32_t y = source / s->channels / s->width;
    size_t num = 0;
    for (uint32_t i = s->y.begin[y]; i < s->y.begin[y + 1]; i++)
        for (uint32_t j = s->x.begin[x]; j < s->x.begin[x + 1]; j++)
            for (uint32_t f = 0; f < s->length; f++, num++) {
                if (!targets)
                    continue;
                const size_t row = s->y.step[i].row + s->x.step[j].row + channel * s->channel_row;
                targets[num] = s->y.step[i].target + s->x.step[j].target + channel * s->channel_target + f;
                places[num] = row * links->rows.stride + f;
            }
    return num;
}

RV_ISA_TABLES(const rv_connectivity_ops, rv_segments_ops);

const rv_connectivity_ops *rv_segments_ops_of(rv_isa isa)
{
    return RV_ISA_PICK(rv_segments_ops, isa);
}
