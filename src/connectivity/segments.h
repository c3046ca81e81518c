/* Connectivity in two dimensions: what convolutions and pools share.
 *
 * Nothing of the matrix is stored. A source (y, x, channel) reaches a few segments, each a run of neighbouring targets
 * that takes one row of weights:
 *   target[t + f] gets weight[row][f],  f = 0 .. length - 1
 *   t = target_y + target_x + channel * channel_target,  row = row_y + row_x + channel * channel_row
 * with (target_y, row_y) from a short list that belongs to y, and (target_x, row_x) from one that belongs to x: every pair
 * of the two is a segment, in the order y, then x. */
#ifndef RV_CONNECTIVITY_SEGMENTS_H
#define RV_CONNECTIVITY_SEGMENTS_H

#include "connectivity/model.h"

typedef struct rv_axis_step {
    uint32_t target, row; /* this axis's part of both */
} rv_axis_step;

/* One axis of the source: the steps of coordinate i are step[begin[i]] .. step[begin[i + 1] - 1]. */
typedef struct rv_axis {
    const uint32_t *begin; /* (size of the axis + 1) */
    const rv_axis_step *step;
} rv_axis;

typedef struct rv_segments {
    rv_axis y, x;
    uint32_t width, channels; /* of the source */
    uint32_t channel_target, channel_row;
    uint32_t length; /* targets of a segment */
    bool mixes_targets; /* weight f of a row leads to different targets, not to f alone */
} rv_segments;

/* What one axis does: a pool, then a kernel; either may be missing (size 1, stride 1, no padding). */
typedef struct rv_axis_desc {
    size_t size;                  /* of the source */
    size_t pool_size, pool_stride;
    size_t conv_size, conv_stride;
    bool same;      /* padded */
    bool transpose; /* the kernel scatters */
} rv_axis_desc;

/* Positions of the pool, and of the kernel after it: the size of the target; 0 where none fits. */
size_t rv_axis_pooled(const rv_axis_desc *axis);
size_t rv_axis_target(const rv_axis_desc *axis);

/* A connection in two dimensions, checked. */
typedef struct rv_plane {
    rv_axis_desc y, x;
    size_t channels; /* of the source */
} rv_plane;

/* From the options of a model that has a pool, a kernel, or both, and the source's shape. */
int rv_plane_make(rv_plane *out, const rv_connectivity *connectivity, const rv_ends *ends, bool pools, bool convolves,
                  bool transpose);

/* The target's shape, with that many channels; returns the number of dimensions. */
int rv_plane_shape(const rv_plane *plane, size_t channels, bool flatten, size_t shape[RV_MAX_DIMS]);
/* The wiring of a kernel, with or without a pool before it: rows are (kernel height, kernel width, source channels). */
int rv_plane_wire_kernel(rv_wiring *out, const rv_connectivity *connectivity, const rv_ends *ends, bool pools,
                         bool transpose);

/* What the models differ in. */
typedef struct rv_segments_desc {
    size_t length, channel_target, channel_row;
    size_t target_y, target_x; /* what one position of the pool or kernel on each axis adds to target */
    size_t row_y, row_x;       /* and one index of the kernel, or of the pool's position (pool_rows), to row */
    bool pool_rows;            /* rows belong to positions of the pool instead of the kernel */
} rv_segments_desc;
int rv_segments_make(rv_segments **out, rv_context *context, const rv_plane *plane, const rv_segments_desc *desc);

size_t rv_segments_synapses(const rv_links *links, uint32_t source, uint32_t *targets, size_t *places);
const rv_connectivity_ops *rv_segments_ops_of(rv_isa isa);

#endif
