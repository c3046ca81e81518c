/* From a network to a plan: parameters and weights become arrays, state variables offsets. */
#include "compile/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "compile/custom_update.h"
#include "connectivity/model.h"
#include "values/params.h"
#include "values/value.h"

/* a connection's values among its random numbers; parameters of its synapse come before */
enum { PARAM_WEIGHT = 256, PARAM_DELAY };

static float *new_floats(rv_compiled_network *model, size_t n)
{
    return rv_arena_alloc(model->arena, n, sizeof(float));
}

/* takes n floats of the block */
static size_t take(size_t *size, size_t n)
{
    const size_t offset = *size;
    *size += n;
    return offset;
}

static int fill_params(rv_compiled_network *model, float **param, const rv_param *table, int num,
                       const rv_value *values, uint32_t object, size_t n, const char *what)
{
    for (int i = 0; i < num; i++) {
        if (!(param[i] = new_floats(model, rv_pad(n))))
            return RV_ERR_MEMORY;
        const int error = rv_param_fill(model->context, &table[i], &values[i], model->network->defaults, object,
                                        (uint32_t)i, param[i], n, what);
        if (error)
            return error;
    }
    return RV_OK;
}

/* ---- populations ---- */

/* Where an input's values are shown, frame after frame. */
static int build_input(rv_compiled_network *model, rv_plan_population *p)
{
    p->input = RV_NONE;
    if (!p->model->takes_values)
        return RV_OK;
    p->num_frames = (uint32_t)p->param[p->model->frames][0];
    p->frame_steps = (uint32_t)p->param[p->model->frames + 1][0];
    p->input = take(&model->block_size, p->n_pad);
    if (!(p->input_scale = new_floats(model, p->n_pad)))
        return RV_ERR_MEMORY;
    for (size_t j = 0; j < p->n; j++)
        p->input_scale[j] = 1;
    return RV_OK;
}

/* What a readout that only sums V sums without weights with. */
static double every_step(uint32_t t, uint32_t num_steps)
{
    (void)t, (void)num_steps;
    return 1;
}

/* A table of what depends on the step alone. */
static int make_weights(float **out, rv_compiled_network *model, double (*weight)(uint32_t t, uint32_t num_steps))
{
    if (!weight)
        return RV_OK;
    if (!(*out = new_floats(model, model->num_steps)))
        return RV_ERR_MEMORY;
    for (uint32_t t = 0; t < model->num_steps; t++)
        (*out)[t] = (float)weight(t, model->num_steps);
    return RV_OK;
}

static int make_readout_weights(rv_plan_population *p, rv_compiled_network *model)
{
    const rv_readout readout = p->readout;
    const int error =
        make_weights(&p->readout_weight, model, readout->weight || readout->step ? readout->weight : every_step);
    return error ? error : make_weights(&p->drive_weight, model, readout->drive_weight);
}

static int build_population(rv_compiled_network *model, rv_plan_population *p, const rv_population *population)
{
    char what[RV_NAME_SIZE + 16];
    p->population = population;
    p->model = population->neuron.model;
    if (p->model->is_few_spike != (model->compiler == RV_COMPILER_FEW_SPIKE))
        return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': %s is %s the few-spike compiler",
                       population->name, p->model->name, p->model->is_few_spike ? "only for" : "not for");
    p->n = population->size;
    p->n_pad = rv_pad(p->n);
    p->bias_sum = RV_NONE;
    p->end = model->num_steps;
    p->readout = population->neuron.readout;
    p->readout_state = p->readout ? take(&model->readout_size, (size_t)p->readout->num_state * p->n_pad) : RV_NONE;
    if (p->n_pad > model->max_n_pad)
        model->max_n_pad = p->n_pad;
    for (int i = 0; i < p->model->num_state; i++)
        p->state[i] = take(&model->block_size, p->n_pad);
    for (int i = 0; i < p->model->num_coeffs; i++)
        if (!(p->coeff[i] = new_floats(model, p->n_pad)))
            return RV_ERR_MEMORY;
    if (p->readout && make_readout_weights(p, model))
        return RV_ERR_MEMORY;
    const int error =
        fill_params(model, p->param, p->model->params, p->model->num_params, population->neuron.value,
                    rv_population_object(population), p->n, rv_population_what(population, what, sizeof what));
    if (error)
        return error;
    p->is_signed = p->model->is_signed && p->model->is_signed((const float *const *)p->param);
    return build_input(model, p);
}

static bool same_synapse(const rv_plan_group *group, const rv_synapse_model *model, float *const *param, size_t n)
{
    if (group->model != model)
        return false;
    for (int i = 0; i < model->num_params; i++)
        if (memcmp(group->param[i], param[i], n * sizeof(float)))
            return false;
    return true;
}

/* A new group whose parameters are copies of param. */
static int add_group(rv_compiled_network *model, rv_plan_population *target, const rv_synapse_model *synapse,
                     float *const *param)
{
    rv_plan_group *group = &target->groups[target->num_groups];
    if (target->num_groups == RV_MAX_GROUPS)
        return rv_fail(model->context, RV_ERR_NETWORK,
                       "population '%s': at most %d different synapses may lead into a population",
                       target->population->name, RV_MAX_GROUPS);
    *group = (rv_plan_group){.model = synapse, .difference = RV_NONE};
    for (int i = 0; i < synapse->num_params; i++) {
        if (!(group->param[i] = new_floats(model, target->n)))
            return RV_ERR_MEMORY;
        memcpy(group->param[i], param[i], target->n * sizeof(float));
    }
    group->beta = new_floats(model, target->n_pad);
    group->scale = new_floats(model, target->n_pad);
    if (!group->beta || !group->scale)
        return RV_ERR_MEMORY;
    group->in_syn = take(&model->block_size, target->n_pad);
    target->num_groups++;
    return RV_OK;
}

/* The group of a connection's synapse, a new one if there is none like it. */
static int find_group(rv_compiled_network *model, rv_plan_population *target, const rv_connection *connection,
                      uint32_t *out)
{
    char what[RV_NAME_SIZE + 16];
    const rv_synapse given = model->compiler == RV_COMPILER_FEW_SPIKE
                                 ? rv_few_spike_synapse(&model->populations[connection->source->index])
                                 : connection->synapse;
    const rv_synapse *synapse = &given;
    float *param[RV_MAX_PARAMS] = {NULL}; /* not in the arena: most connections have a group already */
    int error = RV_OK;
    rv_connection_what(connection, what, sizeof what);
    for (int i = 0; !error && i < synapse->model->num_params; i++) {
        if (!(param[i] = rv_alloc(model->context, target->n, sizeof(float), "parameters of a synapse")))
            error = RV_ERR_MEMORY;
        else
            error = rv_param_fill(model->context, &synapse->model->params[i], &synapse->value[i],
                                  model->network->defaults, rv_connection_object(connection), (uint32_t)i, param[i],
                                  target->n, what);
    }
    for (*out = 0; !error && *out < target->num_groups; ++*out)
        if (same_synapse(&target->groups[*out], synapse->model, param, target->n))
            break;
    if (!error && *out == target->num_groups)
        error = add_group(model, target, synapse->model, param);
    for (int i = 0; i < synapse->model->num_params; i++)
        rv_free(param[i]);
    return error;
}

/* ---- connections ---- */

/* A value per weight into rows. */
static int fill_rows(rv_compiled_network *model, const rv_plan_connection *c, const rv_value *value, uint32_t index,
                     const char *name, float *rows)
{
    const rv_connection *connection = c->connection;
    const size_t num = c->wiring->num_weights;
    char what[RV_NAME_SIZE + 32];
    snprintf(what, sizeof what, "connection '%s': %s", connection->name, name);
    float *flat = rv_alloc(model->context, num, sizeof *flat, what);
    if (!flat)
        return RV_ERR_MEMORY;
    const int error =
        rv_value_fill(model->context, value, 0, rv_connection_object(connection), index, flat, num, what);
    if (!error)
        rv_links_pack(&c->links, connection->connectivity.model, rows, flat);
    rv_free(flat);
    return error;
}

/* Delays beyond the example's end never arrive: all of them are the same to us. */
static uint16_t round_delay(const rv_plan_connection *c, float delay)
{
    const float rounded = rintf(delay);
    return (uint16_t)(rounded < 0 ? 0 : rounded > (float)c->max_delay ? (float)c->max_delay : rounded);
}

void rv_plan_round_delays(rv_plan_connection *c, size_t first_row, size_t num_rows)
{
    for (size_t i = first_row; i < first_row + num_rows; i++)
        for (size_t j = 0; j < rv_row_length(&c->links.rows, i); j++) {
            const size_t k = rv_row_begin(&c->links.rows, i) + j;
            c->delays[k] = round_delay(c, c->delay_parameter.value[k]);
        }
}

/* One delay for all, or one for each synapse; learnt ones are set up by the compiler that learns them. */
static int fill_delays(rv_compiled_network *model, rv_plan_connection *c)
{
    const rv_connection *connection = c->connection;
    const rv_value *delay = &connection->connectivity.delay;
    const size_t size = c->links.rows.size;
    if (delay->kind == RV_VALUE_DEFAULT || delay->kind == RV_VALUE_CONSTANT) {
        c->delay = delay->kind == RV_VALUE_CONSTANT ? (uint32_t)lrint(delay->constant) : 0;
        if (c->delay > model->num_steps)
            c->delay = model->num_steps; /* never arrives, either way */
        c->max_delay = c->delay;
        return RV_OK;
    }
    if (!c->ops->forward_delayed)
        return rv_fail(model->context, RV_ERR_UNSUPPORTED, "connection '%s': %s has no delays per synapse",
                       connection->name, connection->connectivity.model->name);
    float *values = rv_alloc(model->context, size, sizeof *values, "delays");
    int error = values ? fill_rows(model, c, delay, PARAM_DELAY, "delay", values) : RV_ERR_MEMORY;
    for (size_t i = 0; !error && i < size; i++) {
        if (!(values[i] >= 0 && values[i] <= UINT16_MAX))
            error = rv_fail(model->context, RV_ERR_VALUE,
                            "connection '%s': delay must be >= 0 and <= %d timesteps, got %g", connection->name,
                            UINT16_MAX, (double)values[i]);
        else if ((uint32_t)lrintf(values[i]) > c->max_delay)
            c->max_delay = (uint32_t)lrintf(values[i]);
    }
    if (connection->max_delay_steps > c->max_delay)
        c->max_delay = (uint32_t)connection->max_delay_steps;
    if (c->max_delay > model->num_steps)
        c->max_delay = model->num_steps;
    if (!error && !(c->delays = rv_arena_alloc(model->arena, size, sizeof *c->delays)))
        error = RV_ERR_MEMORY;
    for (size_t i = 0; !error && i < size; i++)
        c->delays[i] = round_delay(c, values[i]);
    rv_free(values);
    return error;
}

static int build_connection(rv_compiled_network *model, rv_plan_connection *c, const rv_connection *connection,
                            uint32_t group)
{
    c->connection = connection;
    c->source = connection->source->index;
    c->target = connection->target->index;
    c->group = group;
    c->ops = connection->connectivity.model->ops(model->context->isa);
    c->wiring = rv_wiring_retain(connection->wiring);
    return rv_plan_wire(model, c);
}

int rv_plan_wire(rv_compiled_network *model, rv_plan_connection *c)
{
    const rv_connectivity *connectivity = &c->connection->connectivity;
    const rv_plan_population *target = &model->populations[c->target];
    c->links = rv_wiring_links(c->wiring, model->kernels, c->connection->source->size, target->n, target->n_pad);
    if (!(c->weight.value = new_floats(model, c->links.rows.size)))
        return RV_ERR_MEMORY;
    c->links.weight = c->weight.value;
    int error = fill_rows(model, c, &connectivity->weight, PARAM_WEIGHT, "weight", c->weight.value);
    if (!error)
        error = fill_delays(model, c);
    c->links.delay = c->delays;
    return error;
}

int rv_plan_rewire(rv_compiled_network *model, rv_plan_connection *c, rv_wiring *wiring, const float *weights)
{
    rv_plan_connection fresh = *c;
    if (!c->deep_r)
        fresh.wiring = rv_wiring_retain(wiring);
    else if (rv_plan_deep_r_wiring(&fresh.wiring, model, c->connection, wiring))
        return RV_ERR_MEMORY;
    fresh.links =
        rv_wiring_links(fresh.wiring, model->kernels, c->links.num_source, c->links.num_target, c->links.n_pad);
    fresh.weight = (rv_plan_parameter){.value = new_floats(model, fresh.links.rows.size)};
    fresh.links.weight = fresh.weight.value;
    if (!fresh.weight.value || (model->rule && rv_plan_connection_learning(model, &fresh))) {
        rv_wiring_free(fresh.wiring);
        return RV_ERR_MEMORY;
    }
    rv_links_pack(&fresh.links, c->connection->connectivity.model, fresh.weight.value, weights);
    if (fresh.deep_r)
        rv_plan_deep_r_signs(model, &fresh);
    rv_wiring_free(c->wiring);
    *c = fresh;
    return rv_plan_renew_variables(model, c);
}

static void set_initial_state(rv_compiled_network *model, const rv_plan_population *p)
{
    for (int i = 0; model->initial_block && i < p->model->num_state; i++) {
        const int param = p->model->state[i].init_param;
        if (param >= 0)
            memcpy(model->initial_block + p->state[i], p->param[param], p->n * sizeof(float));
    }
}

int rv_plan_pending(rv_compiled_network *model)
{
    const int error = rv_plan_find_far(model);
    if (error)
        return error;
    for (uint32_t i = 0; i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        rv_plan_group *group = &model->populations[c->target].groups[c->group];
        const size_t steps = c->far ? 1 : (size_t)c->max_delay + 1; /* what is far is summed in the step it arrives */
        if (c->delays && steps > group->num_pending)
            group->num_pending = steps;
        if (!c->far && c->max_delay > model->max_delay)
            model->max_delay = c->max_delay;
    }
    if (model->max_delay > model->num_steps)
        model->max_delay = model->num_steps;
    for (uint32_t i = 0; i < model->num_populations; i++)
        for (size_t g = 0; g < model->populations[i].num_groups; g++) {
            rv_plan_group *group = &model->populations[i].groups[g];
            group->pending = take(&model->block_size, group->num_pending * model->populations[i].n_pad);
        }
    if (!(model->initial_block = new_floats(model, model->block_size)))
        return RV_ERR_MEMORY;
    for (uint32_t i = 0; i < model->num_populations; i++)
        set_initial_state(model, &model->populations[i]);
    return RV_OK;
}

/* Connections by target, then group, then order of adding: the order in which arrivals are summed. */
static int build_connections(rv_compiled_network *model)
{
    const rv_network *network = model->network;
    uint32_t *group = rv_alloc(model->context, network->num_connections, sizeof *group, "groups of connections");
    int error = group ? RV_OK : RV_ERR_MEMORY;
    for (size_t i = 0; !error && i < network->num_connections; i++)
        error = find_group(model, &model->populations[network->connections[i]->target->index],
                           network->connections[i], &group[i]);
    uint32_t next = 0;
    for (uint32_t p = 0; !error && p < model->num_populations; p++) {
        rv_plan_population *target = &model->populations[p];
        target->first_connection = next;
        for (uint32_t g = 0; g < target->num_groups; g++) {
            target->groups[g].first_connection = next;
            for (size_t i = 0; !error && i < network->num_connections; i++)
                if (network->connections[i]->target->index == p && group[i] == g)
                    error = build_connection(model, &model->connections[next++], network->connections[i], g);
            target->groups[g].num_connections = next - target->groups[g].first_connection;
        }
        target->num_connections = next - target->first_connection;
    }
    rv_free(group);
    return error;
}

/* ---- the whole ---- */

static bool is_one_number(const float *x, size_t n)
{
    bool same = true;
    for (size_t j = 1; x && same && j < n; j++)
        same = memcmp(&x[j], &x[0], sizeof *x) == 0;
    return same;
}

/* Padding would then be like neurons that nothing ever arrives at: it must not spike of itself. */
static bool is_silent(const rv_plan_population *p, int c)
{
    return p->n == p->n_pad || !p->model->padding || p->model->padding(c) == 0 || p->coeff[c][0] > 0;
}

void rv_plan_update_mask(rv_plan_population *p)
{
    bool same = true;
    for (int c = 0; same && c < p->model->num_coeffs; c++)
        same = is_one_number(p->coeff[c], p->n) && is_silent(p, c);
    for (size_t g = 0; same && g < p->num_groups; g++)
        same = is_one_number(p->groups[g].beta, p->n) && is_one_number(p->groups[g].scale, p->n) &&
               is_one_number(p->groups[g].flow, p->n);
    p->mask = same ? RV_PAD - 1 : SIZE_MAX;
}

void rv_plan_update_coefficients(rv_compiled_network *model, rv_plan_population *p)
{
    const rv_neuron_model *neuron = p->model;
    if (!neuron->ops)
        return;
    for (int c = 0; c < neuron->num_coeffs; c++)
        for (size_t j = p->n; j < p->n_pad; j++)
            p->coeff[c][j] = neuron->padding ? neuron->padding(c) : 0.0F;
    if (neuron->coefficients)
        neuron->coefficients(p->coeff, (const float *const *)p->param, p->n, model->dt);
    for (uint32_t g = 0; g < p->num_groups; g++) {
        rv_plan_group *group = &p->groups[g];
        group->model->coefficients(group->beta, group->scale, (const float *const *)group->param, p->n, model->dt);
    }
    rv_plan_update_mask(p);
    const size_t num_groups = neuron->takes_values ? 1 : p->num_groups;
    const int variant = neuron->variant ? neuron->variant((const float *const *)p->param, p->n, num_groups) : 0;
    const rv_neuron_ops *ops = neuron->ops(model->context->isa);
    p->forward = ops->forward[variant];
    p->run = p->num_groups == 1 ? ops->run[variant] : NULL; /* inputs have no group: their frames change */
    p->begin_frame = ops->begin_frame;
    if (model->compiler == RV_COMPILER_EPROP && !neuron->is_input)
        p->eprop.forward = ops->eprop_forward[variant];
    set_initial_state(model, p);
}

static int build(rv_compiled_network *model)
{
    const rv_network *network = model->network;
    for (size_t i = 0; i < network->num_populations; i++)
        if (!network->populations[i]->num_dims)
            return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': shape is required: no connection implies one",
                           network->populations[i]->name);
    model->num_populations = (uint32_t)network->num_populations;
    model->num_connections = (uint32_t)network->num_connections;
    model->populations = rv_arena_alloc(model->arena, model->num_populations, sizeof *model->populations);
    model->connections = rv_arena_alloc(model->arena, model->num_connections, sizeof *model->connections);
    if (!model->populations || !model->connections)
        return RV_ERR_MEMORY;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        rv_plan_population *p = &model->populations[i];
        p->groups = rv_arena_alloc(model->arena, RV_MAX_GROUPS, sizeof *p->groups);
        const int error = p->groups ? build_population(model, p, network->populations[i]) : RV_ERR_MEMORY;
        if (error)
            return error;
    }
    const int error = build_connections(model);
    if (error)
        return error;
    for (uint32_t i = 0; i < model->num_populations; i++)
        rv_plan_update_coefficients(model, &model->populations[i]);
    return rv_plan_parts(model);
}

/* The leaves of a batch's sums, which threads and ranks share: a power of two that depends on the batch alone. */
static size_t count_leaves(size_t batch_size)
{
    size_t leaves = 1;
    while (leaves * 2 <= RV_MAX_LEAVES && leaves * 2 <= batch_size)
        leaves *= 2;
    return leaves;
}

static int check_options(rv_network *network, size_t example_timesteps, double dt, size_t batch_size)
{
    rv_context *context = network->context;
    if (!network->num_populations)
        return rv_fail(context, RV_ERR_NETWORK, "the network has no populations");
    if (example_timesteps < 1 || example_timesteps > INT32_MAX)
        return rv_fail(context, RV_ERR_VALUE, "compiler: example_timesteps must be >= 1 and <= 2147483647, got %zu",
                       example_timesteps);
    if (!(dt > 0) || isinf(dt))
        return rv_fail(context, RV_ERR_VALUE, "compiler: dt must be > 0 ms, got %g", dt);
    if (batch_size < 1 || batch_size > INT32_MAX)
        return rv_fail(context, RV_ERR_VALUE, "compiler: batch_size must be >= 1 and <= 2147483647, got %zu",
                       batch_size);
    return RV_OK;
}

int rv_plan_build(rv_compiled_network **out, rv_network *network, rv_compiler compiler, size_t example_timesteps,
                  double dt, size_t batch_size)
{
    *out = NULL;
    int error = check_options(network, example_timesteps, dt, batch_size);
    if (error)
        return error;
    rv_compiled_network *model = rv_alloc(network->context, 1, sizeof *model, "compiled network");
    if (!model)
        return RV_ERR_MEMORY;
    model->context = network->context;
    model->network = rv_network_retain(network);
    model->kernels = rv_kernels_for(network->context->isa);
    model->compiler = compiler;
    model->num_steps = (uint32_t)example_timesteps;
    model->dt = dt;
    model->batch_size = batch_size;
    model->num_leaves = count_leaves(batch_size);
    *out = model;
    error = rv_arena_create(&model->arena, network->context, 0, "compiled network");
    return error ? error : build(model);
}

void rv_compiled_network_free(rv_compiled_network *model)
{
    if (!model)
        return;
    for (uint32_t i = 0; model->connections && i < model->num_connections; i++) {
        rv_wiring_free(model->connections[i].wiring);
        rv_plan_deep_r_free(&model->connections[i]);
    }
    rv_arena_free(model->arena);
    rv_network_free(model->network);
    rv_free(model);
}

rv_plan_population *rv_plan_find_population(const rv_compiled_network *model, const rv_population *population)
{
    return population && population->network == model->network && population->index < model->num_populations
               ? &model->populations[population->index]
               : NULL;
}

rv_plan_connection *rv_plan_find_connection(const rv_compiled_network *model, const rv_connection *connection)
{
    for (uint32_t i = 0; i < model->num_connections; i++)
        if (model->connections[i].connection == connection)
            return &model->connections[i];
    return NULL;
}

rv_network *rv_compiled_network_network(const rv_compiled_network *model)
{
    return model->network;
}

rv_context *rv_compiled_network_context(const rv_compiled_network *model)
{
    return model->context;
}

size_t rv_compiled_network_example_timesteps(const rv_compiled_network *model)
{
    return model->num_steps;
}

size_t rv_compiled_network_batch_size(const rv_compiled_network *model)
{
    return model->batch_size;
}

double rv_compiled_network_dt(const rv_compiled_network *model)
{
    return model->dt;
}

size_t rv_compiled_network_memory(const rv_compiled_network *model)
{
    return rv_arena_bytes(model->arena);
}
