/* Options of connectivity in two dimensions, checked against the source. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "connectivity/segments.h"
#include "connectivity/wiring.h"

/* {a, 0} is {a, a}, {0, 0} the default (NULL = required). */
static int take_pair(size_t out[2], const size_t given[2], const size_t *standard, const char *name,
                     const rv_ends *ends)
{
    if (!given[0] && !given[1] && standard) {
        memcpy(out, standard, 2 * sizeof *out);
        return RV_OK;
    }
    if (!given[0])
        return rv_fail(ends->context, RV_ERR_VALUE, "%s: %s must be >= 1, got %zu, %zu", ends->what, name, given[0],
                       given[1]);
    out[0] = given[0];
    out[1] = given[1] ? given[1] : given[0];
    if (out[0] > INT32_MAX || out[1] > INT32_MAX)
        return rv_fail(ends->context, RV_ERR_VALUE, "%s: %s must be <= 2147483647, got %zu, %zu", ends->what, name,
                       out[0], out[1]);
    return RV_OK;
}

static int check_source(const rv_ends *ends)
{
    if (ends->source_dims == 3)
        return RV_OK;
    return rv_fail(ends->context, RV_ERR_SHAPE,
                   "%s: the source must have the shape {height, width, channels}, got %d dimension%s", ends->what,
                   ends->source_dims, ends->source_dims == 1 ? "" : "s");
}

/* Every position must fit on the source. */
static int check_fit(const rv_ends *ends, const rv_axis_desc *a, const char *axis)
{
    if (!rv_axis_pooled(a))
        return rv_fail(ends->context, RV_ERR_SHAPE, "%s: a pool of %s %zu does not fit on a source of %zu", ends->what,
                       axis, a->pool_size, a->size);
    if (!rv_axis_target(a))
        return rv_fail(ends->context, RV_ERR_SHAPE, "%s: a kernel of %s %zu does not fit on %zu", ends->what, axis,
                       a->conv_size, rv_axis_pooled(a));
    return RV_OK;
}

int rv_plane_make(rv_plane *out, const rv_connectivity *c, const rv_ends *ends, bool pools, bool convolves,
                  bool transpose)
{
    static const size_t one[2] = {1, 1};
    size_t pool[2] = {1, 1}, pool_strides[2] = {1, 1}, conv[2] = {1, 1}, conv_strides[2] = {1, 1};
    int error = check_source(ends);
    if (!error && pools)
        error = take_pair(pool, c->pool_size, NULL, "pool_size", ends);
    if (!error && pools)
        error = take_pair(pool_strides, c->pool_strides, pool, "pool_strides", ends);
    if (!error && convolves)
        error = take_pair(conv, c->conv_size, NULL, "conv_size", ends);
    if (!error && convolves)
        error = take_pair(conv_strides, c->conv_strides, one, "conv_strides", ends);
    if (!error && convolves && !c->filters)
        error = rv_fail(ends->context, RV_ERR_VALUE, "%s: filters must be >= 1, got 0", ends->what);
    if (!error && (c->conv_padding < RV_PADDING_VALID || c->conv_padding > RV_PADDING_SAME))
        error = rv_fail(ends->context, RV_ERR_VALUE, "%s: conv_padding must be valid or same, got %d", ends->what,
                        (int)c->conv_padding);
    rv_axis_desc *const axes[] = {&out->y, &out->x};
    for (int i = 0; !error && i < 2; i++) {
        *axes[i] = (rv_axis_desc){
            .size = ends->source_shape[i],
            .pool_size = pool[i],
            .pool_stride = pool_strides[i],
            .conv_size = conv[i],
            .conv_stride = conv_strides[i],
            .same = convolves && c->conv_padding == RV_PADDING_SAME,
            .transpose = transpose,
        };
        error = check_fit(ends, axes[i], i ? "width" : "height");
    }
    out->channels = ends->source_shape[2];
    return error;
}

int rv_plane_shape(const rv_plane *plane, size_t channels, bool flatten, size_t shape[RV_MAX_DIMS])
{
    const size_t height = rv_axis_target(&plane->y), width = rv_axis_target(&plane->x);
    size_t area;
    memset(shape, 0, RV_MAX_DIMS * sizeof *shape);
    if (!flatten) {
        shape[0] = height;
        shape[1] = width;
        shape[2] = channels;
        return 3;
    }
    if (!rv_multiply(height, width, &area) || !rv_multiply(area, channels, &shape[0]))
        shape[0] = SIZE_MAX; /* more than any population may have, which is said there */
    return 1;
}

int rv_plane_wire_kernel(rv_wiring *out, const rv_connectivity *c, const rv_ends *ends, bool pools, bool transpose)
{
    rv_plane plane;
    size_t num_rows;
    const int error = rv_plane_make(&plane, c, ends, pools, true, transpose);
    if (error)
        return error;
    if (!rv_multiply(plane.y.conv_size * plane.x.conv_size, plane.channels, &num_rows) || num_rows > UINT32_MAX)
        return rv_fail(ends->context, RV_ERR_SHAPE, "%s: a kernel of %zu x %zu x %zu x %zu is too large", ends->what,
                       plane.y.conv_size, plane.x.conv_size, plane.channels, c->filters);
    out->rows = rv_rows_uniform(num_rows, c->filters);
    out->scale = (float)(1.0 / (double)(plane.y.pool_size * plane.x.pool_size));
    return rv_segments_make((rv_segments **)&out->structure, ends->context, &plane,
                            &(rv_segments_desc){
                                .length = c->filters,
                                .channel_row = 1,
                                .target_y = rv_axis_target(&plane.x) * c->filters,
                                .target_x = c->filters,
                                .row_y = plane.x.conv_size * plane.channels,
                                .row_x = plane.channels,
                            });
}
