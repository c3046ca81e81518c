#include "store/ndarray.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

size_t rv_dtype_size(rv_dtype dtype)
{
    switch (dtype) {
    case RV_INT8:
    case RV_UINT8:
    case RV_BOOL:
        return 1;
    case RV_INT16:
    case RV_UINT16:
        return 2;
    case RV_FLOAT32:
    case RV_INT32:
    case RV_UINT32:
        return 4;
    case RV_FLOAT64:
    case RV_INT64:
    case RV_UINT64:
        return 8;
    }
    return 0;
}

bool rv_dtype_is_integer(rv_dtype dtype)
{
    return rv_dtype_size(dtype) > 0 && dtype != RV_FLOAT32 && dtype != RV_FLOAT64;
}

bool rv_shape_size(const size_t *shape, int num_dims, size_t *out)
{
    *out = 1;
    for (int i = 0; i < num_dims; i++)
        if (shape[i] == 0) {
            *out = 0; /* whatever the other dimensions are */
            return true;
        }
    for (int i = 0; i < num_dims; i++)
        if (!rv_multiply(*out, shape[i], out))
            return false;
    return true;
}

int rv_ndarray_create(rv_ndarray *out, rv_context *context, rv_dtype dtype, int num_dims, const size_t *shape,
                      const char *what)
{
    rv_ndarray array = {.dtype = dtype, .num_dims = num_dims};

    memset(out, 0, sizeof *out);
    if (rv_dtype_size(dtype) == 0)
        return rv_fail(context, RV_ERR_ARGUMENT, "%s: unknown element type %d", what, (int)dtype);
    if (num_dims < 0 || num_dims > RV_NDARRAY_MAX_DIMS || !rv_shape_size(shape, num_dims, &array.size))
        return rv_fail(context, RV_ERR_SHAPE, "%s: too many dimensions or elements", what);
    for (int i = 0; i < num_dims; i++)
        array.shape[i] = shape[i];
    array.data = rv_alloc(context, array.size, rv_dtype_size(dtype), what);
    if (!array.data)
        return RV_ERR_MEMORY;
    *out = array;
    return RV_OK;
}

void rv_ndarray_clear(rv_ndarray *array)
{
    if (!array)
        return;
    rv_free(array->data);
    memset(array, 0, sizeof *array);
}

double rv_ndarray_get(const rv_ndarray *array, size_t i)
{
    switch (array->dtype) {
    case RV_FLOAT32:
        return (double)((const float *)array->data)[i];
    case RV_FLOAT64:
        return ((const double *)array->data)[i];
    case RV_INT8:
        return ((const int8_t *)array->data)[i];
    case RV_UINT8:
    case RV_BOOL:
        return ((const uint8_t *)array->data)[i];
    case RV_INT16:
        return ((const int16_t *)array->data)[i];
    case RV_UINT16:
        return ((const uint16_t *)array->data)[i];
    case RV_INT32:
        return ((const int32_t *)array->data)[i];
    case RV_UINT32:
        return ((const uint32_t *)array->data)[i];
    case RV_INT64:
        return (double)((const int64_t *)array->data)[i];
    case RV_UINT64:
        return (double)((const uint64_t *)array->data)[i];
    }
    return 0;
}
