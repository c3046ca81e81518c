/* Arrays from and to .npy files. */
#include <ranvier/store.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "store/atomic_file.h"
#include "store/ndarray.h"
#include "store/npy_header.h"
#include "store/source.h"

static void swap_bytes(unsigned char *data, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++, data += size)
        for (size_t j = 0; j < size / 2; j++) {
            const unsigned char byte = data[j];
            data[j] = data[size - 1 - j];
            data[size - 1 - j] = byte;
        }
}

/* IEEE half precision, exactly. */
static float float_of_half(uint16_t half)
{
    const int exponent = half >> 10 & 31;
    const float fraction = (float)(half & 1023);
    float x;

    if (exponent == 31)
        x = half & 1023 ? NAN : INFINITY;
    else if (exponent == 0)
        x = ldexpf(fraction, -24);
    else
        x = ldexpf(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -x : x;
}

/* From the 2-byte elements at the start of a float buffer to floats, in place from the end. */
static void widen_halves(void *data, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        uint16_t half;
        memcpy(&half, (unsigned char *)data + 2 * i, sizeof half);
        const float x = float_of_half(half);
        memcpy((unsigned char *)data + 4 * i, &x, sizeof x);
    }
}

/* Whatever is not zero is true; a byte other than 0 and 1 would not be a C bool. */
static void normalise_bools(unsigned char *data, size_t count)
{
    for (size_t i = 0; i < count; i++)
        data[i] = data[i] != 0;
}

/* From first index fastest to last index fastest, into a new buffer. */
static int to_c_order(rv_ndarray *array, rv_context *context, const char *name)
{
    const size_t bytes = rv_dtype_size(array->dtype);
    unsigned char *ordered = rv_alloc(context, array->size, bytes, name);
    if (!ordered)
        return RV_ERR_MEMORY;

    size_t index[RV_NDARRAY_MAX_DIMS] = {0}; /* of the element that is read */
    size_t stride[RV_NDARRAY_MAX_DIMS];      /* in C order, elements */
    size_t step = 1;
    for (int d = array->num_dims; d-- > 0; step *= array->shape[d])
        stride[d] = step;
    size_t to = 0;
    for (size_t from = 0; from < array->size; from++) {
        memcpy(ordered + to * bytes, (const unsigned char *)array->data + from * bytes, bytes);
        for (int d = 0; d < array->num_dims; d++) {
            to += stride[d];
            if (++index[d] < array->shape[d])
                break;
            to -= stride[d] * array->shape[d];
            index[d] = 0;
        }
    }
    rv_free(array->data);
    array->data = ordered;
    return RV_OK;
}

static int read_elements(rv_ndarray *out, rv_source *source, const rv_npy_header *header)
{
    rv_context *context = rv_source_context(source);
    const char *name = rv_source_name(source);
    size_t size, bytes;
    int rc;

    if (!rv_shape_size(header->shape, header->num_dims, &size) || !rv_multiply(size, header->file_size, &bytes) ||
        bytes > rv_source_left(source))
        return rv_fail(context, RV_ERR_FORMAT, "%s: ends too early: its shape needs more than the %llu bytes it has",
                       name, (unsigned long long)rv_source_left(source));
    if ((rc = rv_ndarray_create(out, context, header->dtype, header->num_dims, header->shape, name)) < 0)
        return rc;
    if ((rc = rv_source_read(source, out->data, bytes)) < 0)
        return rc;
    if (header->swapped)
        swap_bytes(out->data, size, header->file_size);
    if (header->is_half)
        widen_halves(out->data, size);
    if (header->dtype == RV_BOOL)
        normalise_bools(out->data, size);
    return header->fortran_order && header->num_dims > 1 && size > 0 ? to_c_order(out, context, name) : RV_OK;
}

int rv_npy_read(rv_ndarray *out, rv_context *context, const char *path)
{
    rv_source *source;
    rv_npy_header header;

    memset(out, 0, sizeof *out);
    int rc = rv_source_open(&source, context, path);
    if (rc < 0)
        return rc;
    if ((rc = rv_npy_header_read(&header, source)) == RV_OK)
        rc = read_elements(out, source, &header);
    if (rc < 0)
        rv_ndarray_clear(out);
    rv_source_close(source);
    return rc;
}

int rv_npy_write(rv_context *context, const char *path, const rv_ndarray *array)
{
    char header[RV_NPY_HEADER_SIZE];
    rv_atomic_file *file = NULL;
    const size_t bytes = rv_dtype_size(array->dtype);
    size_t size;
    int rc;

    if (bytes == 0)
        return rv_fail(context, RV_ERR_ARGUMENT, "%s: unknown element type %d", path, (int)array->dtype);
    if (array->num_dims < 0 || array->num_dims > RV_NDARRAY_MAX_DIMS ||
        !rv_shape_size(array->shape, array->num_dims, &size) || size != array->size || (size > 0 && !array->data))
        return rv_fail(context, RV_ERR_SHAPE, "%s: the array's shape, size and data do not agree", path);

    const size_t length = rv_npy_header_format(header, array->dtype, array->num_dims, array->shape);
    if ((rc = rv_atomic_file_open(&file, context, path)) < 0)
        return rc;
    if ((rc = rv_atomic_file_write(file, header, length)) < 0 ||
        (rc = rv_atomic_file_write(file, array->data, size * bytes)) < 0) {
        rv_atomic_file_abort(file);
        return rc;
    }
    return rv_atomic_file_commit(file);
}
