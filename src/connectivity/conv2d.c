/* Conv2D and Conv2DTranspose. A row of weights belongs to a kernel index and a source channel, and holds the filters:
 * (kernel height, kernel width, source channels) x filters, whichever way round the user's kernel is. */
#include "base/alloc.h"
#include "base/error.h"
#include "connectivity/options.h"
#include "connectivity/segments.h"
#include "connectivity/wiring.h"

static int shape_of(const rv_connectivity *c, const rv_ends *ends, bool transpose, size_t shape[RV_MAX_DIMS], int *dims)
{
    rv_plane plane;
    const int error = rv_plane_make(&plane, c, ends, false, true, transpose);
    if (!error)
        *dims = rv_plane_shape(&plane, c->filters, c->flatten, shape);
    return error;
}

static int conv2d_shape(const rv_connectivity *c, const rv_ends *ends, size_t shape[RV_MAX_DIMS], int *dims)
{
    return shape_of(c, ends, false, shape, dims);
}

static int transpose_shape(const rv_connectivity *c, const rv_ends *ends, size_t shape[RV_MAX_DIMS], int *dims)
{
    return shape_of(c, ends, true, shape, dims);
}

static int conv2d_wire(rv_wiring *out, const rv_connectivity *c, const rv_ends *ends, uint32_t **order)
{
    (void)order;
    return rv_plane_wire_kernel(out, c, ends, false, false);
}

static int transpose_wire(rv_wiring *out, const rv_connectivity *c, const rv_ends *ends, uint32_t **order)
{
    (void)order;
    return rv_plane_wire_kernel(out, c, ends, false, true);
}

/* (..., filters, channels) to rows (..., channels) of filters */
static void transpose_pack(const rv_links *links, float *rows, const float *flat)
{
    const rv_segments *s = links->structure;
    for (size_t row = 0; row < links->rows.num; row++) {
        const size_t channel = row % s->channels, index = row / s->channels;
        for (size_t f = 0; f < s->length; f++)
            rows[row * links->rows.stride + f] = flat[(index * s->length + f) * s->channels + channel];
    }
}

static void transpose_unpack(const rv_links *links, float *flat, const float *rows)
{
    const rv_segments *s = links->structure;
    for (size_t row = 0; row < links->rows.num; row++) {
        const size_t channel = row % s->channels, index = row / s->channels;
        for (size_t f = 0; f < s->length; f++)
            flat[(index * s->length + f) * s->channels + channel] = rows[row * links->rows.stride + f];
    }
}

static const rv_option options[] = {RV_OPTION_FILTERS, RV_OPTION_CONV_SIZE, RV_OPTION_CONV_STRIDES,
                                    RV_OPTION_CONV_PADDING, RV_OPTION_FLATTEN};

const rv_connectivity_model rv_conv2d_model = {
    .name = "Conv2D",
    .help = "convolution; weights (kernel height, kernel width, source channels, filters)",
    .options = options,
    .num_options = sizeof options / sizeof options[0],
    .shared = true,
    .mixes_targets = true,
    .target_shape = conv2d_shape,
    .wire = conv2d_wire,
    .synapses = rv_segments_synapses,
    .ops = rv_segments_ops_of,
};

const rv_connectivity_model rv_conv2d_transpose_model = {
    .name = "Conv2DTranspose",
    .help = "transposed convolution; weights (kernel height, kernel width, filters, source channels)",
    .options = options,
    .num_options = sizeof options / sizeof options[0],
    .shared = true,
    .mixes_targets = true,
    .target_shape = transpose_shape,
    .wire = transpose_wire,
    .pack = transpose_pack,
    .unpack = transpose_unpack,
    .synapses = rv_segments_synapses,
    .ops = rv_segments_ops_of,
};

static rv_connectivity describe(const rv_connectivity_model *model, const rv_conv2d_desc *d)
{
    return (rv_connectivity){
        .model = model,
        .weight = d->weight,
        .delay = d->delay,
        .filters = d->filters,
        .conv_size = {d->conv_size[0], d->conv_size[1]},
        .conv_strides = {d->conv_strides[0], d->conv_strides[1]},
        .conv_padding = d->conv_padding,
        .flatten = d->flatten,
    };
}

rv_connectivity rv_conv2d(rv_conv2d_desc desc)
{
    return describe(&rv_conv2d_model, &desc);
}

rv_connectivity rv_conv2d_transpose(rv_conv2d_desc desc)
{
    return describe(&rv_conv2d_transpose_model, &desc);
}
