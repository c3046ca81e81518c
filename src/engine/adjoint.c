/* The sweep back (EventProp, Wunderlich & Pehle 2021; losses on voltages: Nowotny, Turner, Knight 2025).
 *
 * t = T-1 .. 0. A spike of step t acted on its targets in step t + 1 and meets their adjoint as it stands after that
 * step: it adds a row of LambdaI to the gradient, and, unless it came from an input, takes a dot product of its weights
 * with LambdaV - LambdaI back. Then every population's adjoint takes its step. After step T-1 all adjoints are 0. */
#include <string.h>

#include "engine/engine.h"

/* LambdaI histories of one example: the row of step t (0 .. T) */
typedef struct history {
    float *base;
    size_t steps, size;
} history;

static float *history_row(const history *h, uint32_t t)
{
    return h->base + t % h->steps * h->size;
}

/* The drive of a plain average: g / (tau_mem B T dt), equation of section 6.3 in docs/learning.md. */
static void base_drives(const rv_engine *engine, const rv_worker *worker, const rv_example *example, size_t batch_num)
{
    const rv_compiled_network *model = engine->model;
    const double duration = (double)model->num_steps * model->dt * (double)batch_num;
    for (int o = 0; o < engine->num_targets; o++) {
        const rv_plan_population *p = &model->populations[engine->targets[o].population];
        const float *g = example->loss_gradient + (size_t)o * model->max_n_pad;
        float *base = worker->drive + (size_t)o * 2 * model->max_n_pad;
        for (size_t j = 0; j < p->n; j++)
            base[j] = (float)((double)g[j] / ((double)p->param[p->model->tau_mem][j] * duration));
        for (size_t j = p->n; j < p->n_pad; j++)
            base[j] = 0;
    }
}

static const float *drive_of(const rv_engine *engine, const rv_worker *worker, const rv_example *example,
                             uint32_t population, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    for (int o = 0; o < engine->num_targets; o++) {
        const rv_plan_population *p = &model->populations[population];
        float *base = worker->drive + (size_t)o * 2 * model->max_n_pad, *drive = base + model->max_n_pad;
        if (engine->targets[o].population != population)
            continue;
        if (p->readout->constant_drive)
            return base;
        p->readout->drive(drive, base, example->readout_state + p->readout_state, p->n_pad, t, model->num_steps);
        return drive;
    }
    return NULL;
}

/* Gradient and feedback of the spikes of step t. */
static void meet(const rv_engine *engine, rv_worker *worker, const rv_example *example, const history *h, size_t leaf,
                 uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const float *lambda_i = history_row(h, t + 1);
    for (uint32_t i = 0; i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        const rv_plan_population *target = &model->populations[c->target];
        const rv_plan_group *group = &target->groups[c->group];
        const rv_tape *tape = &example->tapes[c->source];
        const uint32_t *ids = tape->ids + tape->offset[t];
        const size_t num = tape->offset[t + 1] - tape->offset[t];
        if (!num)
            continue;
        if (c->slots)
            model->kernels->scatter_rows(c->slots + leaf * c->num_rows * c->stride, c->stride, ids, num,
                                         lambda_i + model->history_offset[group->history], target->n_pad,
                                         c->touched + leaf * c->num_rows);
        if (!model->populations[c->source].model->is_input)
            model->kernels->dot_rows(worker->back + c->source * model->max_n_pad, c->weight, c->stride, ids, num,
                                     worker->adjoint + group->difference, target->n_pad);
    }
}

static void step_population(const rv_engine *engine, rv_worker *worker, const rv_example *example, const history *h,
                            uint32_t population, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const rv_tape *tape = &example->tapes[population];
    const float *next[RV_MAX_GROUPS], *beta[RV_MAX_GROUPS], *flow[RV_MAX_GROUPS];
    float *lambda_i[RV_MAX_GROUPS], *difference[RV_MAX_GROUPS];
    for (size_t g = 0; g < p->num_groups; g++) {
        const rv_plan_group *group = &p->groups[g];
        const size_t offset = model->history_offset[group->history];
        next[g] = history_row(h, t + 1) + offset;
        lambda_i[g] = history_row(h, t) + offset;
        difference[g] = group->difference == RV_NONE ? NULL : worker->adjoint + group->difference;
        beta[g] = group->beta;
        flow[g] = group->flow;
    }
    p->adjoint(&(rv_adjoint_step){
        .n_pad = p->n_pad,
        .lambda_v = worker->adjoint + p->lambda_v,
        .num_groups = p->num_groups,
        .lambda_i_next = next,
        .lambda_i = lambda_i,
        .difference = difference,
        .alpha = p->coeff[p->model->alpha_coeff],
        .beta = beta,
        .flow = flow,
        .drive = p->readout ? drive_of(engine, worker, example, population, t) : NULL,
        .coeff = (const float *const *)p->coeff,
        .ids = tape->ids + tape->offset[t],
        .crossing = tape->crossing ? tape->crossing + tape->offset[t] : NULL,
        .back = worker->back + population * model->max_n_pad,
        .num = tape->offset[t + 1] - tape->offset[t],
        .penalty = engine->penalty[population],
    });
}

static void copy_taps(const rv_worker *worker, const rv_example *example, const history *h, uint32_t t)
{
    for (size_t i = 0; i < example->num_taps; i++) {
        const rv_tap *tap = example->taps[i].tap;
        float *out = example->taps[i].out + t * tap->num_neurons;
        const float *from = tap->kind == RV_TAP_LAMBDA_V   ? worker->adjoint + tap->offset
                            : tap->kind == RV_TAP_LAMBDA_I ? history_row(h, t) + tap->offset
                                                           : NULL;
        for (size_t k = 0; from && k < tap->num_neurons; k++)
            out[k] = from[tap->neurons[k]];
    }
}

void rv_adjoint_sweep(const rv_engine *engine, rv_worker *worker, rv_example *example, size_t leaf, size_t batch_num)
{
    const rv_compiled_network *model = engine->model;
    const uint32_t num_steps = model->num_steps;
    history h = {worker->history, rv_history_steps(model), model->history_size};
    if (model->rows)
        h.base = engine->histories + example->position * h.steps * h.size;
    memset(worker->adjoint, 0, model->adjoint_size * sizeof(float));
    memset(history_row(&h, num_steps), 0, model->history_size * sizeof(float));
    base_drives(engine, worker, example, batch_num);
    for (uint32_t t = num_steps; t-- > 0;) {
        for (uint32_t i = 0; i < model->num_populations; i++) {
            const uint32_t *offset = example->tapes[i].offset;
            if (!model->populations[i].model->is_input && offset[t + 1] > offset[t])
                memset(worker->back + i * model->max_n_pad, 0, rv_pad(offset[t + 1] - offset[t]) * sizeof(float));
        }
        if (t + 1 < num_steps)
            meet(engine, worker, example, &h, leaf, t);
        for (uint32_t i = 0; i < model->num_populations; i++)
            if (!model->populations[i].model->is_input)
                step_population(engine, worker, example, &h, i, t);
        if (example->num_taps)
            copy_taps(worker, example, &h, t);
    }
}
