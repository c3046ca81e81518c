/* Losses. */
#include "base/math.h"
#include "base/registry.h"
#include "outputs/model.h"

/* Softmax cross-entropy: loss = ln(sum_k exp(z_k)) - z_label, z = readout / temperature, with the largest z taken out;
 * g = (onehot - softmax(z)) / temperature. */
static double crossentropy(const float *readout, size_t n, int32_t label, double temperature, float *g)
{
    double largest = (double)readout[0], sum = 0;
    for (size_t k = 1; k < n; k++)
        if ((double)readout[k] > largest)
            largest = (double)readout[k];
    for (size_t k = 0; k < n; k++)
        sum += rv_exp(((double)readout[k] - largest) / temperature);
    for (size_t k = 0; g && k < n; k++) {
        const double p = rv_exp(((double)readout[k] - largest) / temperature) / sum;
        g[k] = (float)(((k == (size_t)label ? 1.0 : 0.0) - p) / temperature);
    }
    return rv_log_e(sum) - ((double)readout[label] - largest) / temperature;
}

static const rv_loss_model sparse_categorical_crossentropy = {
    .name = "SparseCategoricalCrossentropy",
    .loss = crossentropy,
};

static const void *const models[] = {&sparse_categorical_crossentropy};
static const rv_registry registry = {"loss", models, sizeof models / sizeof models[0]};

rv_loss rv_sparse_categorical_crossentropy(void)
{
    return &sparse_categorical_crossentropy;
}

rv_loss rv_loss_by_name(const char *name)
{
    return rv_registry_find(&registry, name);
}

const char *rv_loss_name(rv_loss loss)
{
    return loss ? loss->name : sparse_categorical_crossentropy.name;
}
