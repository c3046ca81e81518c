/* The forward half of e-prop, and what surrounds a batch (Bellec et al. 2020; docs/eprop.md).
 *
 * In step t an output's error is softmax(V(t-1)) - onehot, with softmax 0 before the first step, or V(t) - target(t)
 * where the loss is the mean square error. Hidden neurons record psi and FAvg (neurons/eprop_flow.h). Where the loss is
 * cross-entropy, readouts look at softmax(V), and the loss is the mean over the steps of -ln softmax(V)[label]. */
#include "engine/eprop.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"

#define PRODUCT_STEPS 8 /* of probabilities, each at least exp(-87) / n: no double underflows */

bool rv_eprop_classifies(const rv_engine *engine, int output)
{
    const rv_loss classes = rv_sparse_categorical_crossentropy();
    return engine->model->compiler == RV_COMPILER_EPROP && engine->targets[output].loss.model == classes.model;
}

/* ---- memory ---- */

static int check_losses(const rv_engine *engine)
{
    const rv_loss squares = rv_mean_square_error();
    for (int o = 0; engine->learn && o < engine->num_targets; o++) {
        const rv_target *target = &engine->targets[o];
        if (!rv_eprop_classifies(engine, o) && target->loss.model != squares.model)
            return rv_fail(engine->model->context, RV_ERR_UNSUPPORTED,
                           "output '%s': e-prop learns with SparseCategoricalCrossentropy and MeanSquareError, got %s",
                           engine->model->populations[target->population].population->name,
                           target->loss.model->name);
    }
    return RV_OK;
}

int rv_eprop_make(rv_engine *engine)
{
    const rv_compiled_network *model = engine->model;
    const int error = check_losses(engine);
    if (error)
        return error;
    if (!(engine->every_id = rv_arena_alloc(engine->arena, model->max_n_pad, sizeof *engine->every_id)))
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < model->max_n_pad; i++)
        engine->every_id[i] = (uint32_t)i;
    for (size_t e = 0; e < engine->capacity; e++)
        if (!(engine->examples[e].errors = rv_arena_alloc(engine->arena, model->record_size, sizeof(float))))
            return RV_ERR_MEMORY;
    return RV_OK;
}

int rv_eprop_make_block(rv_engine *engine, rv_block *block)
{
    const rv_compiled_network *model = engine->model;
    size_t size;
    if (!rv_multiply((size_t)model->num_steps + 1, model->record_size, &size))
        return rv_fail(model->context, RV_ERR_MEMORY, "e-prop: %u timesteps are too many", model->num_steps);
    block->record = rv_arena_alloc(engine->arena, size, sizeof(float)); /* row 0 stays 0 */
    block->traces = rv_arena_alloc(engine->arena, model->trace_size, sizeof(float));
    if (!block->record || !block->traces)
        return RV_ERR_MEMORY;
    if (model->eprop.online) {
        block->arrived = rv_arena_alloc(engine->arena, model->max_n_pad, sizeof(float));
        block->spread = rv_arena_alloc(engine->arena, (RV_MAX_COEFFS + 3) * model->max_n_pad, sizeof(float));
        if (!block->arrived || !block->spread)
            return RV_ERR_MEMORY;
    }
    const double keep = rv_exp(-model->dt / model->eprop.tau_reg);
    for (uint32_t i = 0; i < model->num_populations; i++) {
        block->steps[i].f_avg_keep = (float)keep;
        block->steps[i].f_avg_add = (float)(1 - keep);
    }
    return RV_OK;
}

/* ---- before a batch, and after it ---- */

/* What leads from output k to every hidden neuron, of a connection that leads from every hidden neuron to the outputs. */
static void transpose(const rv_engine *engine, const rv_plan_connection *c, rv_plan_feedback *f)
{
    const size_t n = c->links.num_target, n_pad = engine->model->populations[c->source].n_pad;
    if (c->connection->connectivity.model == &rv_dense_model) {
        for (size_t j = 0; j < c->links.num_source; j++)
            for (size_t k = 0; k < n; k++)
                f->weight[k * n_pad + j] = c->weight.value[j * c->links.rows.stride + k];
        return;
    }
    /* whatever the connectivity: a dot product with 1 at k and 0 elsewhere is the weight itself */
    float *one = engine->workers[0].row;
    memset(one, 0, engine->model->max_n_pad * sizeof *one);
    memset(f->weight, 0, n * n_pad * sizeof *f->weight);
    for (size_t k = 0; k < n; k++) {
        one[k] = 1;
        c->ops->back(&c->links, f->weight + k * n_pad, engine->every_id, c->links.num_source, one);
        one[k] = 0;
    }
}

static void average(float *factor, size_t n_pad, size_t batch_num)
{
    for (size_t j = 0; factor && j < n_pad; j++)
        factor[j] = (float)(1.0 / (double)batch_num);
}

/* Sums are averaged over the true number of examples. */
static void set_factors(const rv_plan_population *p, size_t batch_num)
{
    for (size_t g = 0; g < p->num_groups; g++)
        average(p->groups[g].factor, p->n_pad, batch_num);
    if (p->bias.value)
        average(p->bias_factor, p->n_pad, batch_num);
}

void rv_eprop_begin_batch(rv_engine *engine, size_t batch_num)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_populations; i++)
        set_factors(&model->populations[i], batch_num);
    for (uint32_t i = 0; i < model->num_populations; i++)
        for (size_t k = 0; k < model->populations[i].eprop.num_feedback; k++) {
            rv_plan_feedback *f = &model->populations[i].eprop.feedback[k];
            if (f->connection != UINT32_MAX)
                transpose(engine, &model->connections[f->connection], f);
        }
}

/* Gradients of biases, which examples keep, go into their leaves. */
static void add_errors(const rv_engine *engine, const rv_plan_population *p, size_t batch_num)
{
    for (size_t e = 0; e < batch_num; e++) {
        const size_t leaf = e % engine->model->num_leaves;
        const float *sum = engine->examples[e].errors + p->eprop.error;
        float *slot = p->bias.slots + leaf * p->n_pad;
        if (!rv_engine_owns(engine, e))
            continue;
        for (size_t k = 0; k < p->n_pad; k++)
            slot[k] = (p->bias.touched[leaf] ? slot[k] : 0.0F) + sum[k];
        p->bias.touched[leaf] = 1;
    }
}

void rv_eprop_end_batch(rv_engine *engine, size_t batch_num)
{
    for (uint32_t i = 0; i < engine->model->num_populations; i++)
        if (engine->model->populations[i].bias.value)
            add_errors(engine, &engine->model->populations[i], batch_num);
}

/* ---- while an example advances ---- */

void rv_eprop_begin(const rv_engine *engine, const rv_block *block, rv_example *example)
{
    for (int o = 0; o < engine->num_targets; o++) {
        example->expected[o].likelihood = 1;
        example->expected[o].log_loss = 0;
    }
    if (engine->learn && engine->model->eprop.online)
        rv_eprop_traces_begin(engine, block);
}

void rv_eprop_before_step(const rv_engine *engine, rv_block *block, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    float *record = rv_eprop_record(engine, block, t);
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_eprop *e = &model->populations[i].eprop;
        rv_neuron_step *step = &block->steps[i];
        step->psi = record + e->psi;
        step->f_avg = record + e->f_avg;
        step->f_avg_before = step->f_avg - model->record_size;
    }
}

void rv_eprop_after_step(const rv_engine *engine, const rv_block *block, const rv_example *example, uint32_t t)
{
    if (engine->model->eprop.online)
        rv_eprop_traces_step(engine, block, example, t);
}

static void set_error(const rv_expected *expected, bool classifies, float *error, const float *v, const float *softmax,
                      size_t n, uint32_t t)
{
    const float *target = expected->targets && expected->over_time ? expected->targets + t * n : expected->targets;
    for (size_t k = 0; k < n; k++)
        error[k] = classifies ? softmax[k] : target ? v[k] - target[k] : 0.0F;
    if (classifies && expected->label >= 0)
        error[expected->label] -= 1;
}

/* The loss of a step, with one logarithm for several of them. */
static void add_loss(rv_expected *expected, const float *softmax, bool last, uint32_t t)
{
    if (expected->label < 0)
        return;
    expected->likelihood *= (double)softmax[expected->label];
    if (!last && t % PRODUCT_STEPS != PRODUCT_STEPS - 1)
        return;
    expected->log_loss -= rv_log_e(expected->likelihood);
    expected->likelihood = 1;
}

const float *rv_eprop_output(const rv_engine *engine, const rv_block *block, rv_example *example, int output,
                             uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[engine->targets[output].population];
    const float *v = block->state + p->state[p->model->voltage];
    float *softmax = block->state + p->eprop.softmax;
    rv_expected *expected = &example->expected[output];
    const bool classifies = rv_eprop_classifies(engine, output);
    if (engine->learn)
        set_error(expected, classifies, rv_eprop_record(engine, block, t) + p->eprop.error, v, softmax, p->n, t);
    if (!classifies)
        return v;
    model->kernels->softmax(softmax, v, p->n);
    add_loss(expected, softmax, t + 1 == model->num_steps, t);
    return softmax;
}

void rv_eprop_signal(const rv_engine *engine, const rv_block *block, const rv_plan_population *p, uint32_t t,
                     float *signal)
{
    const rv_compiled_network *model = engine->model;
    const float *record = rv_eprop_record(engine, block, (int64_t)t - 1);
    memset(signal, 0, p->n_pad * sizeof *signal);
    for (size_t k = 0; k < p->eprop.num_feedback; k++) {
        const rv_plan_feedback *f = &p->eprop.feedback[k];
        const rv_plan_population *output = &model->populations[f->output];
        model->kernels->weigh_rows(signal, f->weight, p->n_pad, record + output->eprop.error, output->n, p->n_pad);
    }
}
