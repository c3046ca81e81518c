/* Arrays in memory: see rv_ndarray. */
#ifndef RV_STORE_NDARRAY_H
#define RV_STORE_NDARRAY_H

#include <ranvier/store.h>

/* A zeroed array of this type and shape, owned by the caller; zeroed struct on failure. RV_ERR_SHAPE where the shape
 * has too many dimensions or elements. `what` names it in messages. */
int rv_ndarray_create(rv_ndarray *out, rv_context *context, rv_dtype dtype, int num_dims, const size_t *shape,
                      const char *what);

/* The product of a shape; false if it overflows. */
bool rv_shape_size(const size_t *shape, int num_dims, size_t *out);

/* Element i, in C order, as a double (integers beyond 2^53 are rounded). i < size. */
double rv_ndarray_get(const rv_ndarray *array, size_t i);

bool rv_dtype_is_integer(rv_dtype dtype); /* RV_BOOL too */

#endif
