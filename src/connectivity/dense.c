/* Dense: every source to every target, one weight each, [source][target]. */
#include "connectivity/wiring.h"
#include "kernels/dispatch.h"

static int wire(rv_wiring *out, const rv_connectivity *connectivity, const rv_ends *ends, uint32_t **order)
{
    (void)connectivity, (void)order;
    out->rows = rv_rows_uniform(ends->num_source, ends->num_target);
    return RV_OK;
}

static size_t synapses(const rv_links *links, uint32_t source, uint32_t *targets, size_t *places)
{
    for (size_t j = 0; targets && j < links->rows.length; j++) {
        targets[j] = (uint32_t)j;
        places[j] = source * links->rows.stride + j;
    }
    return links->rows.length;
}

RV_ISA_TABLES(const rv_connectivity_ops, rv_dense_ops);

static const rv_connectivity_ops *ops(rv_isa isa)
{
    return RV_ISA_PICK(rv_dense_ops, isa);
}

const rv_connectivity_model rv_dense_model = {
    .name = "Dense",
    .help = "every source to every target",
    .wire = wire,
    .synapses = synapses,
    .ops = ops,
};

rv_connectivity rv_dense(rv_value weight)
{
    return (rv_connectivity){.model = &rv_dense_model, .weight = weight};
}
