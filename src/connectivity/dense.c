/* Dense: every source to every target, one weight each, [source][target]. */
#include "base/alloc.h"
#include "base/error.h"
#include "connectivity/model.h"
#include "kernels/dispatch.h"

static int num_weights(rv_context *context, size_t num_source, size_t num_target, size_t *num)
{
    if (!rv_multiply(num_source, num_target, num) || *num > SIZE_MAX / sizeof(float))
        return rv_fail(context, RV_ERR_SHAPE, "%zu x %zu weights are too many", num_source, num_target);
    return RV_OK;
}

RV_ISA_TABLES(const rv_connectivity_ops, rv_dense_ops);

static const rv_connectivity_ops *ops(rv_isa isa)
{
    return RV_ISA_PICK(rv_dense_ops, isa);
}

const rv_connectivity_model rv_dense_model = {
    .name = "Dense",
    .help = "every source to every target",
    .num_weights = num_weights,
    .ops = ops,
};

rv_connectivity rv_dense(rv_value weight)
{
    return (rv_connectivity){.model = &rv_dense_model, .weight = weight};
}
