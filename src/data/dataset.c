#include "data/dataset.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "data/spikes.h"

void rv_dataset_clear(rv_dataset *dataset)
{
    if (!dataset)
        return;
    rv_free(dataset->values);
    rv_spikes_free(dataset->spikes);
    rv_free(dataset->labels);
    rv_free(dataset->targets);
    memset(dataset, 0, sizeof *dataset);
}

int rv_dataset_truncate(rv_dataset *dataset, size_t num)
{
    if (!dataset)
        return RV_ERR_ARGUMENT;
    if (num >= dataset->num_examples)
        return RV_OK;
    dataset->num_examples = num;
    if (dataset->spikes)
        rv_spikes_truncate(dataset->spikes, num);
    return RV_OK;
}

int rv_dataset_start(rv_dataset *out, rv_context *context, size_t num_examples, int num_dims, const size_t *shape,
                     const char *what)
{
    memset(out, 0, sizeof *out);
    if (num_dims < 1 || num_dims > RV_MAX_DIMS)
        return rv_fail(context, RV_ERR_SHAPE, "%s: an example has %d dimensions, expected 1 to %d", what, num_dims,
                       RV_MAX_DIMS);
    out->num_examples = num_examples;
    out->num_inputs = 1;
    for (int i = 0; i < num_dims; i++) {
        if (shape[i] == 0)
            return rv_fail(context, RV_ERR_SHAPE, "%s: an example has no inputs", what);
        if (!rv_multiply(out->num_inputs, shape[i], &out->num_inputs) || out->num_inputs > INT32_MAX)
            return rv_fail(context, RV_ERR_SHAPE, "%s: an example has more than %d inputs", what, INT32_MAX);
        out->shape[i] = shape[i];
    }
    return RV_OK;
}

int rv_dataset_add_values(rv_dataset *dataset, rv_context *context, const char *what)
{
    dataset->values = rv_alloc(context, dataset->num_examples, dataset->num_inputs * sizeof *dataset->values, what);
    return dataset->values ? RV_OK : RV_ERR_MEMORY;
}

int rv_dataset_set_value(rv_dataset *dataset, rv_context *context, size_t i, double value, const char *what)
{
    dataset->values[i] = (float)value;
    if (!isfinite(dataset->values[i]))
        return rv_fail(context, RV_ERR_NAN, "%s: example %zu: input %zu must be a finite float32, got %g", what,
                       i / dataset->num_inputs, i % dataset->num_inputs, value);
    return RV_OK;
}

int rv_dataset_add_labels(rv_dataset *dataset, rv_context *context, const char *what)
{
    dataset->labels = rv_alloc(context, dataset->num_examples, sizeof *dataset->labels, what);
    return dataset->labels ? RV_OK : RV_ERR_MEMORY;
}

int rv_dataset_set_label(rv_dataset *dataset, rv_context *context, size_t example, double label, const char *what)
{
    if (!(label >= 0 && label < INT32_MAX) || label != (double)(int32_t)label)
        return rv_fail(context, RV_ERR_LABEL, "%s: example %zu: the label must be a whole number >= 0, got %g", what,
                       example, label);
    dataset->labels[example] = (int32_t)label;
    if (dataset->num_classes <= (int32_t)label)
        dataset->num_classes = (int32_t)label + 1;
    return RV_OK;
}

int rv_dataset_add_targets(rv_dataset *dataset, rv_context *context, size_t num_steps, size_t num_targets,
                           const char *what)
{
    size_t num;
    if (!rv_multiply(num_steps, num_targets, &num) || !rv_multiply(num, sizeof *dataset->targets, &num))
        return rv_fail(context, RV_ERR_MEMORY, "%s: %zu steps of %zu targets are too many", what, num_steps, num_targets);
    dataset->targets = rv_alloc(context, dataset->num_examples, num, what);
    dataset->num_target_steps = num_steps;
    dataset->num_targets = num_targets;
    return dataset->targets ? RV_OK : RV_ERR_MEMORY;
}
