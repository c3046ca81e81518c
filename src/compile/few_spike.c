/* The few-spike compiler: networks of FewSpikeRelu neurons (Stoeckl & Maass 2021), which is what artificial networks of
 * ReLUs are converted to.
 *
 * A population of depth D, the longest way from an input, spikes in its own k timesteps D k .. D k + k - 1; what its
 * sources sent is summed up in the k steps before, each spike arriving one step after it was sent. A connection that skips
 * depths is delayed by k steps for each of them, so branches of different length meet. Outputs nothing follows stand at
 * the greatest depth and are read in the last step before their own: without their sources' last spikes, as in mlGeNN.
 *
 * mlGeNN presents a new example every k steps while the earlier ones are still on their way. Here an example goes its way
 * alone, and populations take no part outside their steps: it costs the same, and examples need not wait for each other. */
#include <math.h>

#include "base/alloc.h"
#include "base/error.h"
#include "compile/plan.h"
#include "neurons/few_spike_relu.h"
#include "outputs/model.h"
#include "synapses/model.h"
#include "values/params.h"

#define DEFAULT_K 10

/* ---- what arrives: synapses of one kind of source are a group ---- */

enum {
    ALPHA,
    IS_SIGNED,
    NUM_PARAMS
};

static const rv_param params[NUM_PARAMS] = {
    [ALPHA] = {"alpha", "", "", RV_PARAM_SCALAR, RV_SAME(1), 0, HUGE_VAL, true, "of the source"},
    [IS_SIGNED] = {"is_signed", "", "", RV_PARAM_FLAG, RV_SAME(0), 0, 1, false, "the source's spikes have a sign"},
};

/* as Delta; what a spike is worth depends on the step it was sent in */
static void coefficients(float *beta, float *scale, const float *const *param, size_t n, double dt)
{
    rv_delta_model.coefficients(beta, scale, param, n, dt);
}

static const rv_synapse_model synapse_model = {
    .name = "FewSpike",
    .help = "spikes of a few-spike source",
    .params = params,
    .num_params = NUM_PARAMS,
    .tau = -1,
    .coefficients = coefficients,
};

rv_synapse rv_few_spike_synapse(const rv_plan_population *source)
{
    return (rv_synapse){
        .model = &synapse_model,
        .value = {[ALPHA] = rv_const((double)source->param[FS_ALPHA][0]), [IS_SIGNED] = rv_const(source->is_signed)},
    };
}

/* ---- depths ---- */

static bool has_outgoing(const rv_network *network, const rv_population *population)
{
    for (size_t i = 0; i < network->num_connections; i++)
        if (network->connections[i]->source == population)
            return true;
    return false;
}

/* Whether a way leads from the end of `connection` back to its start. mark [populations]: scratch */
static bool is_recurrent(const rv_network *network, const rv_connection *connection, uint32_t *mark)
{
    bool changed = true;
    for (size_t i = 0; i < network->num_populations; i++)
        mark[i] = network->populations[i] == connection->target;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < network->num_connections; i++) {
            const rv_connection *c = network->connections[i];
            if (mark[c->source->index] && !mark[c->target->index])
                mark[c->target->index] = changed = true;
        }
    }
    return mark[connection->source->index];
}

static int fail_recurrent(const rv_network *network, uint32_t *mark)
{
    size_t i = 0;
    while (i + 1 < network->num_connections && !is_recurrent(network, network->connections[i], mark))
        i++;
    return rv_fail(network->context, RV_ERR_NETWORK, "connection '%s': a few-spike network cannot be recurrent",
                   network->connections[i]->name);
}

/* The longest way from an input to each population into depth [populations]; returns the greatest, or a code. */
static int find_depths(const rv_network *network, uint32_t *depth)
{
    uint32_t greatest = 0;
    bool changed = true;
    for (size_t i = 0; i < network->num_populations; i++)
        depth[i] = network->populations[i]->neuron.model->is_input ? 0 : 1;
    for (size_t round = 0; changed; round++) {
        if (round > network->num_populations)
            return fail_recurrent(network, depth);
        changed = false;
        for (size_t i = 0; i < network->num_connections; i++) {
            const rv_connection *c = network->connections[i];
            if (depth[c->target->index] > depth[c->source->index])
                continue;
            depth[c->target->index] = depth[c->source->index] + 1;
            changed = true;
        }
    }
    for (size_t i = 0; i < network->num_populations; i++)
        greatest = depth[i] > greatest ? depth[i] : greatest;
    for (size_t i = 0; i < network->num_populations; i++)
        if (network->populations[i]->neuron.readout && !has_outgoing(network, network->populations[i]))
            depth[i] = greatest;
    return (int)greatest;
}

/* ---- checks, once parameters are numbers ---- */

static int check_population(const rv_compiled_network *model, const rv_plan_population *p, size_t k)
{
    rv_context *context = model->context;
    const char *name = p->population->name;
    if (p->param[FS_K][0] != (float)k)
        return rv_fail(context, RV_ERR_NETWORK, "population '%s': k must be %zu, as the compiler's, got %g", name, k,
                       (double)p->param[FS_K][0]);
    if (p->is_signed && k % 2)
        return rv_fail(context, RV_ERR_NETWORK, "population '%s': signed_input needs an even k, got %zu", name, k);
    if (p->model->takes_values && p->num_frames > 1)
        return rv_fail(context, RV_ERR_NETWORK,
                       "population '%s': input_frames must be 1 in a few-spike network, got %u", name, p->num_frames);
    if (p->readout && p->readout != rv_var())
        return rv_fail(context, RV_ERR_NETWORK, "population '%s': a few-spike network is read with Var, got %s", name,
                       p->readout->name);
    return RV_OK;
}

static int check_connection(const rv_compiled_network *model, const rv_plan_connection *c)
{
    const rv_connection *connection = c->connection;
    if (connection->synapse.model != &rv_delta_model)
        return rv_fail(model->context, RV_ERR_NETWORK,
                       "connection '%s': a few-spike network needs Delta synapses, got %s", connection->name,
                       connection->synapse.model->name);
    if (c->delay || c->delays)
        return rv_fail(model->context, RV_ERR_NETWORK, "connection '%s': a few-spike network has no delays of yours",
                       connection->name);
    return RV_OK;
}

/* ---- the plan ---- */

static int plan_group(rv_compiled_network *model, rv_plan_group *group, uint32_t k)
{
    if (!(group->worth = rv_arena_alloc(model->arena, k, sizeof *group->worth)))
        return RV_ERR_MEMORY;
    for (uint32_t t = 0; t < k; t++)
        group->worth[t] = rv_few_spike_worth(group->param[ALPHA][0], t, group->param[IS_SIGNED][0] != 0);
    return RV_OK;
}

static int plan_population(rv_compiled_network *model, rv_plan_population *p, uint32_t depth, uint32_t k)
{
    int error = check_population(model, p, k);
    p->begin = depth ? (depth - 1) * k + 1 : 0;
    p->start = depth * k;
    p->end = p->start + k;
    for (size_t g = 0; !error && g < p->num_groups; g++)
        error = plan_group(model, &p->groups[g], k);
    return error;
}

static int plan(rv_compiled_network *model, const uint32_t *depth, uint32_t k)
{
    int error = RV_OK;
    for (uint32_t i = 0; !error && i < model->num_populations; i++)
        error = plan_population(model, &model->populations[i], depth[i], k);
    for (uint32_t i = 0; !error && i < model->num_connections; i++) {
        rv_plan_connection *c = &model->connections[i];
        error = check_connection(model, c);
        c->delay = c->max_delay = (depth[c->target] - depth[c->source] - 1) * k;
    }
    return error ? error : rv_plan_pending(model);
}

int rv_compile_few_spike(rv_compiled_network **out, rv_network *network, const rv_few_spike_desc *desc)
{
    rv_context *context = network->context;
    const size_t k = desc->k ? desc->k : DEFAULT_K;
    *out = NULL;
    uint32_t *depth = rv_alloc(context, network->num_populations, sizeof *depth, "depths of populations");
    if (!depth)
        return RV_ERR_MEMORY;
    int error = find_depths(network, depth);
    if (error >= 0)
        error = rv_plan_build(out, network, RV_COMPILER_FEW_SPIKE, (size_t)error * k, desc->dt == 0 ? 1 : desc->dt,
                              desc->batch_size ? desc->batch_size : 1);
    if (!error)
        error = plan(*out, depth, (uint32_t)k);
    rv_free(depth);
    if (error) {
        rv_compiled_network_free(*out);
        *out = NULL;
    }
    return error;
}
