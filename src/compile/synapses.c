/* Who is connected to whom, in the order of the weights. */
#include "base/alloc.h"
#include "base/error.h"
#include "compile/plan.h"

int rv_connection_synapses(const rv_compiled_network *model, const rv_connection *connection, uint32_t *pre_ind,
                           uint32_t *post_ind, size_t size)
{
    const rv_plan_connection *c = rv_plan_find_connection(model, connection);
    if (!c)
        return rv_fail(model->context, RV_ERR_ARGUMENT, "synapses: connection '%s' is of another network",
                       rv_connection_name(connection));
    const rv_connectivity_model *connectivity = connection->connectivity.model;
    if (connectivity->shared)
        return rv_fail(model->context, RV_ERR_UNSUPPORTED, "connection '%s': the weights of %s belong to many synapses",
                       connection->name, connectivity->name);
    if (size != c->wiring->num_weights)
        return rv_fail(model->context, RV_ERR_SHAPE, "connection '%s' has %zu synapses, got room for %zu",
                       connection->name, c->wiring->num_weights, size);
    size_t *places = rv_alloc(model->context, c->links.num_target, sizeof *places, "synapses of a source");
    if (!places)
        return RV_ERR_MEMORY;
    for (uint32_t i = 0; i < c->links.num_source; i++) {
        const size_t num = connectivity->synapses(&c->links, i, post_ind, places);
        for (size_t k = 0; k < num; k++)
            pre_ind[k] = i;
        pre_ind += num;
        post_ind += num;
    }
    rv_free(places);
    return RV_OK;
}
