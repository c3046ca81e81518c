/* Dense: every source to every target, one weight each, [source][target]. */
#include "base/alloc.h"
#include "base/error.h"
#include "connectivity/model.h"

static int num_weights(rv_context *context, size_t num_source, size_t num_target, size_t *num)
{
    if (!rv_multiply(num_source, num_target, num) || *num > SIZE_MAX / sizeof(float))
        return rv_fail(context, RV_ERR_SHAPE, "%zu x %zu weights are too many", num_source, num_target);
    return RV_OK;
}

const rv_connectivity_model rv_dense_model = {
    .name = "Dense",
    .help = "every source to every target",
    .num_weights = num_weights,
};

rv_connectivity rv_dense(rv_value weight)
{
    return (rv_connectivity){.model = &rv_dense_model, .weight = weight};
}
