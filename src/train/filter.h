/* Filters: which examples or neurons a callback is about. */
#ifndef RV_TRAIN_FILTER_H
#define RV_TRAIN_FILTER_H

#include <ranvier/train.h>

/* The selection of a filter from an array of shape (num_dims) as flat C-order ids, ascending, each once: *num of them
 * in *out, which is never NULL on success, and is freed with rv_free.
 *
 * Only RV_FILTER_AXES looks at the axes: any other filter of a multi-dimensional array speaks of flat ids. A filter
 * of the axes selects what NumPy selects: indices and masks of several axes are broadcast and walked together, slices
 * are combined with every one of them, and axes that are not mentioned are taken whole.
 *
 * Errors: RV_ERR_FILTER with `what` ("SpikeRecorder: neurons of population 'hidden'"), the value and what was
 * expected. */
int rv_filter_resolve(rv_context *context, const rv_filter *filter, const size_t *shape, int num_dims,
                      const char *what, uint32_t **out, size_t *num);

#endif
