/* AvgPool2D, and a pool in front of a convolution (AvgPoolConv2D) or a dense connection (AvgPoolDense2D). */
#include "base/error.h"
#include "connectivity/options.h"
#include "connectivity/segments.h"
#include "connectivity/wiring.h"

static double one_over_area(const rv_connectivity *c)
{
    const size_t width = c->pool_size[1] ? c->pool_size[1] : c->pool_size[0];
    return 1.0 / ((double)c->pool_size[0] * (double)width);
}

/* ---- AvgPool2D: one weight for all, a segment is one target ---- */

static int pool_shape(const rv_connectivity *c, const rv_ends *ends, size_t shape[RV_MAX_DIMS], int *dims)
{
    rv_plane plane;
    const int error = rv_plane_make(&plane, c, ends, true, false, false);
    if (!error)
        *dims = rv_plane_shape(&plane, plane.channels, c->flatten, shape);
    return error;
}

static int pool_wire(rv_wiring *out, const rv_connectivity *c, const rv_ends *ends, uint32_t **order)
{
    rv_plane plane;
    (void)order;
    out->rows = rv_rows_uniform(1, 1);
    const int error = rv_plane_make(&plane, c, ends, true, false, false);
    return error ? error
                 : rv_segments_make((rv_segments **)&out->structure, ends->context, &plane,
                                    &(rv_segments_desc){
                                        .length = 1,
                                        .channel_target = 1,
                                        .target_y = rv_axis_target(&plane.x) * plane.channels,
                                        .target_x = plane.channels,
                                    });
}

/* ---- AvgPoolConv2D ---- */

static int pool_conv_shape(const rv_connectivity *c, const rv_ends *ends, size_t shape[RV_MAX_DIMS], int *dims)
{
    rv_plane plane;
    const int error = rv_plane_make(&plane, c, ends, true, true, false);
    if (!error)
        *dims = rv_plane_shape(&plane, c->filters, c->flatten, shape);
    return error;
}

static int pool_conv_wire(rv_wiring *out, const rv_connectivity *c, const rv_ends *ends, uint32_t **order)
{
    (void)order;
    return rv_plane_wire_kernel(out, c, ends, true, false);
}

/* ---- AvgPoolDense2D: a row of weights belongs to a position of the pool and a channel, a segment is all targets ---- */

static int pool_dense_shape(const rv_connectivity *c, const rv_ends *ends, size_t shape[RV_MAX_DIMS], int *dims)
{
    rv_plane plane;
    (void)shape;
    *dims = 0;
    return rv_plane_make(&plane, c, ends, true, false, false);
}

static int pool_dense_wire(rv_wiring *out, const rv_connectivity *c, const rv_ends *ends, uint32_t **order)
{
    rv_plane plane;
    (void)order;
    const int error = rv_plane_make(&plane, c, ends, true, false, false);
    if (error)
        return error;
    const size_t height = rv_axis_pooled(&plane.y), width = rv_axis_pooled(&plane.x);
    out->rows = rv_rows_uniform(height * width * plane.channels, ends->num_target);
    out->scale = (float)one_over_area(c);
    return rv_segments_make((rv_segments **)&out->structure, ends->context, &plane,
                            &(rv_segments_desc){
                                .length = ends->num_target,
                                .channel_row = 1,
                                .row_y = width * plane.channels,
                                .row_x = plane.channels,
                                .pool_rows = true,
                            });
}

/* ---- the models ---- */

static const rv_option pool_options[] = {RV_OPTION_POOL_SIZE, RV_OPTION_POOL_STRIDES, RV_OPTION_FLATTEN};
static const rv_option pool_conv_options[] = {RV_OPTION_POOL_SIZE,    RV_OPTION_POOL_STRIDES, RV_OPTION_FILTERS,
                                              RV_OPTION_CONV_SIZE,    RV_OPTION_CONV_STRIDES, RV_OPTION_CONV_PADDING,
                                              RV_OPTION_FLATTEN};

const rv_connectivity_model rv_avg_pool2d_model = {
    .name = "AvgPool2D",
    .help = "mean over windows of each channel",
    .options = pool_options,
    .num_options = sizeof pool_options / sizeof pool_options[0],
    .shared = true,
    .mixes_targets = true,
    .fixed = true,
    .target_shape = pool_shape,
    .wire = pool_wire,
    .weight = one_over_area,
    .synapses = rv_segments_synapses,
    .ops = rv_segments_ops_of,
};

const rv_connectivity_model rv_avg_pool_conv2d_model = {
    .name = "AvgPoolConv2D",
    .help = "mean over windows, then a convolution; weights as of Conv2D",
    .options = pool_conv_options,
    .num_options = sizeof pool_conv_options / sizeof pool_conv_options[0],
    .shared = true,
    .mixes_targets = true,
    .target_shape = pool_conv_shape,
    .wire = pool_conv_wire,
    .synapses = rv_segments_synapses,
    .ops = rv_segments_ops_of,
};

const rv_connectivity_model rv_avg_pool_dense2d_model = {
    .name = "AvgPoolDense2D",
    .help = "mean over windows, then a dense connection; weights (pool height * pool width * channels, target)",
    .options = pool_options, /* all but flatten */
    .num_options = sizeof pool_options / sizeof pool_options[0] - 1,
    .shared = true,
    .target_shape = pool_dense_shape,
    .wire = pool_dense_wire,
    .synapses = rv_segments_synapses,
    .ops = rv_segments_ops_of,
};

rv_connectivity rv_avg_pool2d(rv_avg_pool2d_desc d)
{
    return (rv_connectivity){
        .model = &rv_avg_pool2d_model,
        .delay = d.delay,
        .pool_size = {d.pool_size[0], d.pool_size[1]},
        .pool_strides = {d.pool_strides[0], d.pool_strides[1]},
        .flatten = d.flatten,
    };
}

rv_connectivity rv_avg_pool_conv2d(rv_avg_pool_conv2d_desc d)
{
    return (rv_connectivity){
        .model = &rv_avg_pool_conv2d_model,
        .weight = d.weight,
        .delay = d.delay,
        .filters = d.filters,
        .conv_size = {d.conv_size[0], d.conv_size[1]},
        .conv_strides = {d.conv_strides[0], d.conv_strides[1]},
        .conv_padding = d.conv_padding,
        .pool_size = {d.pool_size[0], d.pool_size[1]},
        .pool_strides = {d.pool_strides[0], d.pool_strides[1]},
        .flatten = d.flatten,
    };
}

rv_connectivity rv_avg_pool_dense2d(rv_avg_pool_dense2d_desc d)
{
    return (rv_connectivity){
        .model = &rv_avg_pool_dense2d_model,
        .weight = d.weight,
        .delay = d.delay,
        .pool_size = {d.pool_size[0], d.pool_size[1]},
        .pool_strides = {d.pool_strides[0], d.pool_strides[1]},
    };
}
