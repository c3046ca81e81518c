/* Data sets from NumPy arrays. */
#include <ranvier/data.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/dataset.h"
#include "store/ndarray.h"

/* (examples, ...) or, of a list, one input an example. */
static int take_values(rv_dataset *out, rv_context *context, const rv_ndarray *array, const char *path)
{
    static const size_t one[] = {1};
    int rc;

    if (array->num_dims < 1)
        return rv_fail(context, RV_ERR_SHAPE, "%s: is a single number, expected (examples, ...)", path);
    const bool is_list = array->num_dims == 1;
    if ((rc = rv_dataset_start(out, context, array->shape[0], is_list ? 1 : array->num_dims - 1,
                               is_list ? one : array->shape + 1, path)) < 0 ||
        (rc = rv_dataset_add_values(out, context, path)) < 0)
        return rc;
    for (size_t i = 0; i < array->size; i++)
        if ((rc = rv_dataset_set_value(out, context, i, rv_ndarray_get(array, i), path)) < 0)
            return rc;
    return RV_OK;
}

static int take_labels(rv_dataset *out, rv_context *context, const rv_ndarray *array, const char *path)
{
    int rc;
    if (!rv_dtype_is_integer(array->dtype))
        return rv_fail(context, RV_ERR_FORMAT, "%s: labels must be integers", path);
    if (array->num_dims != 1 || array->size != out->num_examples)
        return rv_fail(context, RV_ERR_SHAPE, "%s: has %zu labels in %d dimension(s), expected %zu in 1", path,
                       array->size, array->num_dims, out->num_examples);
    if ((rc = rv_dataset_add_labels(out, context, path)) < 0)
        return rc;
    for (size_t i = 0; i < array->size; i++)
        if ((rc = rv_dataset_set_label(out, context, i, rv_ndarray_get(array, i), path)) < 0)
            return rc;
    return RV_OK;
}

static int take_targets(rv_dataset *dataset, rv_context *context, const rv_ndarray *array, const char *path)
{
    if ((array->num_dims != 2 && array->num_dims != 3) || array->shape[0] != dataset->num_examples)
        return rv_fail(context, RV_ERR_SHAPE,
                       "%s: targets must be (examples, n) or (examples, steps, n) of %zu examples, got %d dimension(s) "
                       "and %zu", path, dataset->num_examples, array->num_dims, array->num_dims ? array->shape[0] : 0);
    const bool over_time = array->num_dims == 3;
    const int rc = rv_dataset_add_targets(dataset, context, over_time ? array->shape[1] : 1,
                                          array->shape[over_time ? 2 : 1], path);
    for (size_t i = 0; rc == RV_OK && i < array->size; i++) {
        dataset->targets[i] = (float)rv_ndarray_get(array, i);
        if (!isfinite(dataset->targets[i]))
            return rv_fail(context, RV_ERR_NAN, "%s: element %zu must be finite, got %g", path, i,
                           rv_ndarray_get(array, i));
    }
    return rc;
}

int rv_read_npy_targets(rv_dataset *dataset, rv_context *context, const char *targets)
{
    rv_ndarray array = {0};
    if (dataset->targets)
        return rv_fail(context, RV_ERR_STATE, "%s: the data set has targets already", targets);
    int rc = rv_npy_read(&array, context, targets);
    if (rc == RV_OK)
        rc = take_targets(dataset, context, &array, targets);
    rv_ndarray_clear(&array);
    if (rc < 0) {
        rv_free(dataset->targets);
        dataset->targets = NULL;
        dataset->num_target_steps = dataset->num_targets = 0;
    }
    return rc;
}

int rv_read_npy(rv_dataset *out, rv_context *context, const char *values, const char *labels)
{
    rv_ndarray array;
    memset(out, 0, sizeof *out);
    int rc = rv_npy_read(&array, context, values);
    if (rc == RV_OK)
        rc = take_values(out, context, &array, values);
    rv_ndarray_clear(&array);
    if (rc == RV_OK && labels) {
        if ((rc = rv_npy_read(&array, context, labels)) == RV_OK)
            rc = take_labels(out, context, &array, labels);
        rv_ndarray_clear(&array);
    }
    if (rc < 0)
        rv_dataset_clear(out);
    return rc;
}
