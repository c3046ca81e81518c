/* Metrics. */
#include "base/registry.h"
#include "outputs/model.h"

static double accuracy(const float *readout, size_t n, int32_t label)
{
    size_t best = 0;
    for (size_t k = 1; k < n; k++)
        if (readout[k] > readout[best])
            best = k;
    return best == (size_t)label ? 1 : 0;
}

static const rv_metric_model sparse_categorical_accuracy = {
    .name = "SparseCategoricalAccuracy",
    .report = "accuracy",
    .value = accuracy,
};

static const void *const models[] = {&sparse_categorical_accuracy};
static const rv_registry registry = {"metric", models, sizeof models / sizeof models[0]};

rv_metric rv_sparse_categorical_accuracy(void)
{
    return &sparse_categorical_accuracy;
}

rv_metric rv_metric_by_name(const char *name)
{
    return rv_registry_find(&registry, name);
}

const char *rv_metric_name(rv_metric metric)
{
    return metric ? metric->name : "none";
}
