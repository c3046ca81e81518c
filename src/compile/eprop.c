/* The e-prop compiler: which networks the rule covers, its constants, and the memory of learning (Bellec et al. 2020;
 * docs/eprop.md). */
#include <math.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/philox.h"
#include "compile/plan.h"
#include "values/params.h"

#define DEFAULT_TAU_REG 500.0 /* ms */
#define DEFAULT_C_REG 0.001
#define DEFAULT_F_TARGET 10.0 /* Hz */

static bool is_hidden(const rv_plan_population *p)
{
    return !p->model->is_input && !p->readout;
}

/* ---- checks ---- */

static int check_number(rv_context *context, const char *name, double x, bool open)
{
    if (isfinite(x) && (open ? x > 0 : x >= 0))
        return RV_OK;
    return rv_fail(context, RV_ERR_VALUE, "e-prop: %s must be %s 0, got %g", name, open ? ">" : ">=", x);
}

static int check_options(rv_compiled_network *model)
{
    rv_eprop_desc *d = &model->eprop;
    rv_context *context = model->context;
    if (d->tau_reg == 0)
        d->tau_reg = DEFAULT_TAU_REG;
    if (d->c_reg == 0 && !d->c_reg_given)
        d->c_reg = DEFAULT_C_REG;
    if (d->f_target == 0 && !d->f_target_given)
        d->f_target = DEFAULT_F_TARGET;
    int error = check_number(context, "tau_reg", d->tau_reg, true);
    if (!error)
        error = check_number(context, "c_reg", d->c_reg, false);
    if (!error)
        error = check_number(context, "f_target", d->f_target, false);
    if (!error && d->feedback > RV_FEEDBACK_RANDOM)
        error = rv_fail(context, RV_ERR_VALUE, "e-prop: feedback must be one of rv_feedback, got %d", (int)d->feedback);
    if (!error && d->online && d->schedule == RV_SCHEDULE_ROWS)
        error = rv_fail(context, RV_ERR_VALUE, "e-prop: the online form has no rows schedule");
    return error ? error : rv_plan_learning_options(model);
}

static bool leads_to_output(const rv_compiled_network *model, const rv_plan_population *p)
{
    for (uint32_t i = 0; i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        if (&model->populations[c->source] == p && model->populations[c->target].readout)
            return true;
    }
    return false;
}

static int check_population(const rv_compiled_network *model, const rv_plan_population *p)
{
    const char *name = p->population->name;
    const rv_neuron_model *neuron = p->model;
    if (neuron->is_input)
        return RV_OK;
    const rv_neuron_ops *ops = neuron->ops(model->context->isa);
    if (!ops->eprop)
        return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': e-prop cannot train %s neurons", name,
                       neuron->name);
    if (p->readout && (neuron->spikes || p->readout->needs_spikes))
        return rv_fail(model->context, RV_ERR_NETWORK,
                       "population '%s': e-prop needs an output that does not spike (LeakyIntegrate), got %s with "
                       "readout %s", name, neuron->name, p->readout->name);
    if (!p->readout && !neuron->spikes)
        return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': e-prop needs hidden neurons that spike, got %s "
                       "without a readout", name, neuron->name);
    for (uint32_t g = 0; g < p->num_groups; g++)
        if (p->groups[g].model != &rv_delta_model)
            return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': e-prop needs Delta synapses, got %s", name,
                           p->groups[g].model->name);
    const char *problem = neuron->eprop_error ? neuron->eprop_error((const float *const *)p->param, p->n) : NULL;
    if (problem)
        return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': %s", name, problem);
    if (!p->readout && model->eprop.feedback == RV_FEEDBACK_SYMMETRIC && !leads_to_output(model, p))
        return rv_fail(model->context, RV_ERR_NETWORK, "population '%s': e-prop with symmetric feedback needs a "
                       "connection from every hidden population to an output, and there is none", name);
    problem = neuron->eprop_warning ? neuron->eprop_warning((const float *const *)p->param, p->n) : NULL;
    if (problem)
        rv_log(model->context, RV_LOG_WARNING, "population '%s': %s", name, problem);
    return RV_OK;
}

static int check_connection(const rv_compiled_network *model, const rv_plan_connection *c)
{
    const char *name = c->connection->name, *connectivity = c->connection->connectivity.model->name;
    if (model->populations[c->source].readout)
        return rv_fail(model->context, RV_ERR_NETWORK, "connection '%s': e-prop needs outputs that lead nowhere", name);
    if (model->eprop.online && c->delays)
        return rv_fail(model->context, RV_ERR_UNSUPPORTED,
                       "connection '%s': the online form of e-prop has no delays per synapse", name);
    if (model->eprop.online && !c->ops->row_sum)
        return rv_fail(model->context, RV_ERR_UNSUPPORTED,
                       "connection '%s': the online form of e-prop has no traces for the shared weights of %s", name,
                       connectivity);
    return RV_OK;
}

static int check_network(const rv_compiled_network *model)
{
    bool has_output = false;
    int error = RV_OK;
    for (uint32_t i = 0; !error && i < model->num_populations; i++) {
        has_output |= model->populations[i].readout != NULL;
        error = check_population(model, &model->populations[i]);
    }
    for (uint32_t i = 0; !error && i < model->num_connections; i++)
        error = check_connection(model, &model->connections[i]);
    return error || has_output
               ? error
               : rv_fail(model->context, RV_ERR_NETWORK, "e-prop needs an output: no population has a readout");
}

/* ---- feedback ---- */

static void draw_feedback(const rv_compiled_network *model, const rv_plan_population *hidden, rv_plan_feedback *f)
{
    const uint64_t key = rv_random_key(rv_context_seed(model->context), RV_RANDOM_FEEDBACK,
                                       rv_population_object(hidden->population));
    const size_t num = model->populations[f->output].n;
    for (size_t k = 0; k < num; k++)
        for (size_t j = 0; j < hidden->n; j++) {
            uint32_t words[4];
            rv_random_at(key, f->output, k * hidden->n + j, words);
            f->weight[k * hidden->n_pad + j] =
                (float)(rv_normal_quantile(rv_uniform_open(words[1], words[0])) / sqrt((double)hidden->n));
        }
}

/* connection UINT32_MAX: random weights */
static int add_feedback(rv_compiled_network *model, rv_plan_population *hidden, uint32_t output, uint32_t connection)
{
    rv_plan_feedback *f = &hidden->eprop.feedback[hidden->eprop.num_feedback];
    size_t size;
    if (!rv_multiply(model->populations[output].n, hidden->n_pad, &size))
        return rv_fail(model->context, RV_ERR_MEMORY, "population '%s': too many weights of feedback",
                       hidden->population->name);
    *f = (rv_plan_feedback){output, connection, rv_arena_alloc(model->arena, size, sizeof *f->weight)};
    if (!f->weight)
        return RV_ERR_MEMORY;
    hidden->eprop.num_feedback++;
    if (connection == UINT32_MAX)
        draw_feedback(model, hidden, f);
    return RV_OK;
}

/* From all outputs, or, with symmetric feedback, one for each connection to an output. */
static int plan_feedback(rv_compiled_network *model, rv_plan_population *p)
{
    const bool random = model->eprop.feedback == RV_FEEDBACK_RANDOM;
    const uint32_t most = random ? model->num_populations : model->num_connections;
    int error = RV_OK;
    p->eprop.feedback = rv_arena_alloc(model->arena, most, sizeof *p->eprop.feedback);
    if (!p->eprop.feedback)
        return RV_ERR_MEMORY;
    for (uint32_t i = 0; !error && random && i < model->num_populations; i++)
        if (model->populations[i].readout)
            error = add_feedback(model, p, i, UINT32_MAX);
    for (uint32_t i = 0; !error && !random && i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        if (&model->populations[c->source] == p && model->populations[c->target].readout)
            error = add_feedback(model, p, c->target, i);
    }
    return error;
}

/* ---- memory ---- */

static size_t take(size_t *size, size_t n)
{
    const size_t offset = *size;
    *size += n;
    return offset;
}

static int plan_population(rv_compiled_network *model, rv_plan_population *p)
{
    rv_plan_eprop *e = &p->eprop;
    *e = (rv_plan_eprop){.forward = e->forward, .error = RV_NONE, .signal = RV_NONE};
    if (p->model->is_input)
        return RV_OK;
    e->sweep = p->model->ops(model->context->isa)->eprop;
    e->trace = p->model->ops(model->context->isa)->trace;
    e->state = take(&model->adjoint_size, (size_t)p->model->num_eprop_state * p->n_pad);
    for (uint32_t g = 0; g < p->num_groups; g++) {
        p->groups[g].history = take(&model->history_size, p->n_pad);
        if (!(p->groups[g].factor = rv_arena_alloc(model->arena, p->n_pad, sizeof(float))))
            return RV_ERR_MEMORY;
    }
    if (!is_hidden(p)) {
        const int bias = rv_param_find(p->model->params, p->model->num_params, "bias");
        e->error = take(&model->record_size, p->n_pad);
        e->softmax = take(&model->block_size, p->n_pad);
        if (model->eprop.train_output_bias == RV_OFF || bias < 0)
            return RV_OK;
        p->bias.value = p->param[bias];
        p->bias_factor = rv_arena_alloc(model->arena, p->n_pad, sizeof(float));
        return p->bias_factor ? RV_OK : RV_ERR_MEMORY;
    }
    e->psi = take(&model->record_size, p->n_pad);
    e->f_avg = take(&model->record_size, p->n_pad);
    if (model->eprop.online)
        e->signal = take(&model->block_size, p->n_pad);
    return plan_feedback(model, p);
}

static int plan_learning(rv_compiled_network *model)
{
    int error = RV_OK;
    for (uint32_t i = 0; !error && i < model->num_populations; i++)
        error = plan_population(model, &model->populations[i]);
    for (uint32_t i = 0; !error && model->eprop.online && i < model->num_connections; i++) {
        rv_plan_connection *c = &model->connections[i];
        c->traces = take(&model->trace_size, RV_NUM_TRACES * c->links.rows.size);
    }
    return error ? error : rv_plan_learning(model);
}

static const rv_rule rule = {.name = "e-prop", .gradient = "DeltaG", .meets = 0};

int rv_compile_eprop(rv_compiled_network **out, rv_network *network, const rv_eprop_desc *desc)
{
    int error = rv_plan_build(out, network, RV_COMPILER_EPROP, desc->example_timesteps, desc->dt == 0 ? 1 : desc->dt,
                              desc->batch_size ? desc->batch_size : 1);
    if (!error) {
        (*out)->rule = &rule;
        (*out)->eprop = *desc;
        (*out)->time_runs_on = desc->reset_time_between_batches == RV_OFF;
        (*out)->learning = (rv_learning){
            .optimiser = desc->optimiser,
            .bias_optimiser = desc->bias_optimiser,
            .connection_optimisers = desc->connection_optimisers,
            .num_connection_optimisers = desc->num_connection_optimisers,
            .clip_value = desc->clip_value,
            .clip_norm = desc->clip_norm,
            .accumulate = desc->accumulate,
            .max_spikes = SIZE_MAX,
            .softmax_temperature = 1,
            .schedule = desc->online ? RV_SCHEDULE_SLOTS : desc->schedule,
            .keep_gradients = desc->keep_gradients,
            .deep_r_conns = desc->deep_r_conns,
            .num_deep_r_conns = desc->num_deep_r_conns,
            .deep_r_l1_strength = desc->deep_r_l1_strength,
            .deep_r_record_rewirings = desc->deep_r_record_rewirings,
        };
        error = check_options(*out);
    }
    if (!error)
        error = check_network(*out);
    if (!error)
        error = plan_learning(*out);
    if (error) {
        rv_compiled_network_free(*out);
        *out = NULL;
    }
    return error;
}
