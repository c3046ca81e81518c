/* The sweep back (EventProp, Wunderlich & Pehle 2021; losses on voltages: Nowotny, Turner, Knight 2025).
 *
 * t = T-1 .. 0. A spike of step t acted on its targets in step t + 1 and meets their adjoint as it stands after that
 * step: it adds a row of LambdaI to the gradient, and, unless it came from an input, takes a dot product of its weights
 * with LambdaV - LambdaI back. Then every population's adjoint takes its step. After step T-1 all adjoints are 0. */
#include <string.h>

#include "engine/profile.h"

/* What the sweep keeps of the steps after the current one, by step; 0 from step T on. */
typedef struct later {
    rv_ring lambda_i, difference;
} later;

/* Gradient and feedback of the spikes of step t through connection c, whose targets they met in step t + 1 + delay. */
static void meet_connection(const rv_engine *engine, rv_worker *worker, const rv_example *example, const later *after,
                            uint32_t connection, size_t leaf, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_connection *c = &model->connections[connection];
    const rv_plan_group *group = &model->populations[c->target].groups[c->group];
    const rv_tape *tape = &example->tapes[c->source];
    const uint32_t *ids = tape->ids + tape->offset[t];
    const size_t num = tape->offset[t + 1] - tape->offset[t], met = t + model->rule->meets + c->delay;
    float *back = worker->back + c->source * model->max_n_pad;
    rv_ring lambda_i = after->lambda_i, difference = after->difference;
    lambda_i.base += group->history;
    difference.base += group->difference == RV_NONE ? 0 : group->difference;
    if (c->far)
        rv_flights_meet(engine, worker, example, connection, leaf, &lambda_i,
                        group->difference == RV_NONE ? NULL : &difference, t);
    if (c->far || !num)
        return;
    rv_gradient_meet(engine, worker, example, c, &c->weight, leaf, t, &lambda_i, c->weighed ? group->factor : NULL);
    rv_gradient_meet(engine, worker, example, c, &c->delay_parameter, leaf, t, &difference, NULL);
    if (model->populations[c->source].model->is_input)
        return;
    if (c->delays)
        c->ops->back_delayed(&c->links, back, ids, num, &difference, t + model->rule->meets);
    else if (met < model->num_steps)
        c->ops->back(&c->links, back, ids, num, rv_ring_row(&difference, met));
}

static void step_population(const rv_engine *engine, rv_worker *worker, const rv_example *example, const later *after,
                            uint32_t population, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const rv_tape *tape = &example->tapes[population];
    const float *next[RV_MAX_GROUPS], *beta[RV_MAX_GROUPS], *flow[RV_MAX_GROUPS];
    float *lambda_i[RV_MAX_GROUPS], *difference[RV_MAX_GROUPS];
    for (size_t g = 0; g < p->num_groups; g++) {
        const rv_plan_group *group = &p->groups[g];
        next[g] = rv_ring_row(&after->lambda_i, t + 1) + group->history;
        lambda_i[g] = rv_ring_row(&after->lambda_i, t) + group->history;
        difference[g] =
            group->difference == RV_NONE ? NULL : rv_ring_row(&after->difference, t) + group->difference;
        beta[g] = group->beta;
        flow[g] = group->flow;
    }
    p->adjoint(&(rv_adjoint_step){
        .n_pad = p->n_pad,
        .lambda_v = worker->adjoint + p->lambda_v,
        .lambda_a = p->model->adapts ? worker->adjoint + p->lambda_a : NULL,
        .num_groups = p->num_groups,
        .lambda_i_next = next,
        .lambda_i = lambda_i,
        .difference = difference,
        .mask = p->mask,
        .alpha = p->coeff[p->model->alpha_coeff],
        .beta = beta,
        .flow = flow,
        .drive = rv_drive_of(engine, worker, example, population, t),
        .coeff = (const float *const *)p->coeff,
        .ids = tape->ids + tape->offset[t],
        .crossing = tape->crossing ? tape->crossing + tape->offset[t] * (size_t)p->model->num_crossing : NULL,
        .back = worker->back + population * model->max_n_pad,
        .num = tape->offset[t + 1] - tape->offset[t],
        .penalty = engine->penalty[population],
    });
    if (p->bias_sum != RV_NONE) {
        float *sum = example->bias + p->bias_sum;
        model->kernels->add(sum, sum, worker->adjoint + p->lambda_v, p->n_pad);
    }
    if (t + 1 < model->num_steps ||
        !rv_drive_silent(engine, worker, example, population, worker->adjoint + p->lambda_v))
        return;
    for (size_t g = 0; g < p->num_groups; g++)
        for (size_t j = 0; difference[g] && j < p->n_pad; j++)
            difference[g][j] = worker->adjoint[p->lambda_v + j] - lambda_i[g][j];
}

/* Everything is 0 after the last step. */
static later begin(const rv_engine *engine, const rv_worker *worker, rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    const size_t steps = rv_history_steps(model);
    later after = {
        .lambda_i = {worker->history, steps, model->history_size},
        .difference = {worker->difference, model->max_delay + 2, model->difference_size},
    };
    size_t zero = 0; /* all of a ring; the rows after the last step of what is kept whole */
    if (model->rows)
        after.lambda_i.base = engine->histories + example->position * steps * model->history_size;
    if (model->rows || model->after_sweep)
        zero = model->num_steps;
    memset(after.lambda_i.base + zero * model->history_size, 0, (steps - zero) * model->history_size * sizeof(float));
    memset(after.difference.base, 0, after.difference.num_rows * model->difference_size * sizeof(float));
    memset(worker->adjoint, 0, model->adjoint_size * sizeof(float));
    memset(example->bias, 0, model->bias_size * sizeof(float));
    rv_flights_begin(engine, example);
    return after;
}

void rv_adjoint_sweep(const rv_engine *engine, rv_worker *worker, rv_example *example, size_t leaf, size_t batch_num)
{
    const rv_compiled_network *model = engine->model;
    const uint32_t num_steps = model->num_steps;
    const later after = begin(engine, worker, example);
    rv_drive_begin(engine, worker, example, batch_num);
    double since = rv_profile_start(worker->seconds);
    for (uint32_t t = num_steps; t-- > 0;) {
        for (uint32_t i = 0; i < model->num_populations; i++) {
            const uint32_t *offset = example->tapes[i].offset;
            if (!model->populations[i].model->is_input && offset[t + 1] > offset[t])
                memset(worker->back + i * model->max_n_pad, 0, rv_pad(offset[t + 1] - offset[t]) * sizeof(float));
        }
        if (t + 1 < num_steps)
            for (uint32_t i = 0; i < model->num_connections; i++) {
                meet_connection(engine, worker, example, &after, i, leaf, t);
                rv_profile_lap(worker->seconds, model->connections[i].target, RV_PART_BACKWARD, &since);
            }
        for (uint32_t i = 0; i < model->num_populations; i++)
            if (!model->populations[i].model->is_input) {
                rv_drive_kick(engine, worker, example, i, t);
                step_population(engine, worker, example, &after, i, t);
                rv_profile_lap(worker->seconds, i, RV_PART_BACKWARD, &since);
            }
        if (example->num_taps)
            rv_taps_back(engine, worker, example, after.lambda_i, after.difference, t);
    }
    if (model->after_sweep)
        rv_gradient_sum_example(engine, worker, example, leaf, after.lambda_i.base);
}
