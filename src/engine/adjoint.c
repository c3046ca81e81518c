/* The sweep back (EventProp, Wunderlich & Pehle 2021; losses on voltages: Nowotny, Turner, Knight 2025).
 *
 * t = T-1 .. 0, in blocks of timesteps, through which the parts of the network go one after the other, targets first.
 * A spike of step t acted on its targets in step t + 1 and meets their adjoint as it stands after that step: it adds a
 * row of LambdaI to the gradient, and, unless it came from an input, takes a dot product of its weights with
 * LambdaV - LambdaI back. Then every population's adjoint takes its step. After step T-1 all adjoints are 0. */
#include <string.h>

#include "engine/profile.h"

/* What the sweep keeps of the steps after the current one, by step; 0 from step T on. */
typedef struct later {
    rv_ring lambda_i, difference;
} later;

/* LambdaV - LambdaI of a group after step t; NULL where only inputs lead to it. */
static inline float *difference_row(const later *after, const rv_plan_group *group, uint32_t t)
{
    return group->difference == RV_NONE ? NULL : rv_ring_row(&after->difference, t) + group->difference;
}

static void add_gradient(const rv_engine *engine, const rv_worker *worker, const rv_example *example,
                         const rv_efferent *out, size_t leaf, uint32_t t)
{
    const rv_plan_connection *c = out->connection;
    const float *factor = c->weighed ? engine->model->populations[c->target].groups[c->group].factor : NULL;
    rv_gradient_meet(engine, worker, example, c, &c->weight, leaf, t, &out->lambda_i, factor);
    rv_gradient_meet(engine, worker, example, c, &c->delay_parameter, leaf, t, &out->difference, NULL);
}

/* Feedback of spikes from the targets of a connection. */
static void take_back(const rv_compiled_network *model, const rv_efferent *out, float *back, const uint32_t *ids,
                      size_t num, uint32_t t)
{
    const rv_plan_connection *c = out->connection;
    if (c->delays)
        c->ops->back_delayed(&c->links, back, ids, num, &out->difference, t + model->rule->meets);
    else if (t + out->reach < model->num_steps)
        c->ops->back(&c->links, back, ids, num, rv_ring_row(&out->difference, t + out->reach));
}

/* Everything that the spikes of step t of a population meet. */
static void meet_targets(const rv_engine *engine, rv_worker *worker, const rv_example *example, uint32_t population,
                         size_t leaf, uint32_t t, double *since)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const rv_tape *tape = &example->tapes[population];
    const uint32_t *ids = tape->ids + tape->offset[t];
    const size_t num = tape->offset[t + 1] - tape->offset[t];
    float *back = worker->back + population * model->max_n_pad;
    if (!p->model->is_input)
        for (size_t k = 0; k < num; k++)
            back[k] = 0;
    for (uint32_t i = 0; i < p->num_outgoing && t + 1 < model->num_steps; i++) {
        const rv_efferent *out = &worker->efferents[p->outgoing[i]];
        if (out->far)
            rv_flights_meet(engine, worker, example, p->outgoing[i], leaf, &out->lambda_i,
                            out->difference.base ? &out->difference : NULL, t);
        else if (num && out->adds)
            add_gradient(engine, worker, example, out, leaf, t);
        if (num && out->backs)
            take_back(model, out, back, ids, num, t);
        rv_profile_lap(worker->seconds, out->connection->target, RV_PART_BACKWARD, since);
    }
}

/* Outputs that have been silent may get a LambdaV in the last step. */
static void start_silent(const rv_engine *engine, const rv_worker *worker, const rv_example *example,
                         const later *after, uint32_t population)
{
    const rv_plan_population *p = &engine->model->populations[population];
    const uint32_t last = engine->model->num_steps - 1;
    float *lambda_v = worker->adjoint + p->lambda_v;
    if (!rv_drive_silent(engine, worker, example, population, lambda_v))
        return;
    for (size_t g = 0; g < p->num_groups; g++) {
        const rv_plan_group *group = &p->groups[g];
        if (group->difference == RV_NONE)
            continue;
        const float *lambda_i = rv_ring_row(&after->lambda_i, last) + group->history;
        float *difference = rv_ring_row(&after->difference, last) + group->difference;
        for (size_t j = 0; j < p->n_pad; j++)
            difference[j] = lambda_v[j] - lambda_i[j];
    }
}

/* The adjoint of a population takes the num steps from t down, of which only the last has spikes. */
static void step_population(const rv_engine *engine, rv_worker *worker, const rv_example *example, const later *after,
                            uint32_t population, uint32_t t, uint32_t num, double *since)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const rv_tape *tape = &example->tapes[population];
    const uint32_t spikes = tape->offset[t + 1 - num];
    rv_adjoint_step *step = &worker->steps[population];
    float **next = worker->pointers + population * RV_ADJOINT_POINTERS;
    float **lambda_i = next + RV_MAX_GROUPS, **difference = lambda_i + RV_MAX_GROUPS;
    float *row = rv_ring_row(&after->lambda_i, t), *row_next = rv_ring_row(&after->lambda_i, t + 1);
    for (size_t g = 0; g < p->num_groups; g++) {
        const rv_plan_group *group = &p->groups[g];
        next[g] = row_next + group->history;
        lambda_i[g] = row + group->history;
        difference[g] = difference_row(after, group, t);
    }
    if (p->readout) {
        rv_drive_kick(engine, worker, example, population, t + 1 - num);
        step->drive = rv_drive_of(engine, worker, example, population, t, num, &step->drive_stride);
    }
    step->num_steps = num;
    step->ids = tape->ids + spikes;
    step->crossing = tape->crossing ? tape->crossing + spikes * (size_t)p->model->num_crossing : NULL;
    step->num = tape->offset[t + 2 - num] - spikes;
    p->adjoint(step);
    if (p->bias_sum != RV_NONE) {
        float *sum = example->bias + p->bias_sum;
        model->kernels->add(sum, sum, worker->adjoint + p->lambda_v, p->n_pad);
    }
    if (t + 1 == model->num_steps)
        start_silent(engine, worker, example, after, population);
    rv_profile_lap(worker->seconds, population, RV_PART_BACKWARD, since);
}

/* Whether spikes of a population are met in other steps than their own. */
static bool is_met_later(const rv_compiled_network *model, const rv_plan_population *p)
{
    bool far = false;
    for (uint32_t i = 0; i < p->num_outgoing; i++)
        far |= model->connections[p->outgoing[i]].far != NULL;
    return far;
}

/* How many steps from t down, but not below `begin`, a population takes at once: to its next spikes, and as far as its
 * rows lie one before the other. */
static uint32_t count_steps(const rv_tape *tape, const later *after, uint32_t t, uint32_t begin)
{
    uint32_t num = 1, most = t - begin + 1;
    if (most > t % after->lambda_i.num_rows + 1)
        most = (uint32_t)(t % after->lambda_i.num_rows) + 1;
    if (most > t % after->difference.num_rows + 1)
        most = (uint32_t)(t % after->difference.num_rows) + 1;
    while (num < most && tape->offset[t + 2 - num] == tape->offset[t + 1 - num])
        num++;
    return num;
}

/* Whether a recurrent part is one population, whose spikes want feedback from the step after them, and that is all: its
 * history is kept whole, and rows of it are summed later. */
static bool cycles_alone(const rv_compiled_network *model, const rv_worker *worker, const rv_plan_part *part)
{
    const rv_plan_population *p = &model->populations[model->order[part->begin]];
    bool alone = part->end - part->begin == 1 && !p->readout && p->bias_sum == RV_NONE;
    alone = alone && (model->rows || model->after_sweep);
    for (uint32_t i = 0; i < p->num_outgoing; i++) {
        const rv_efferent *out = &worker->efferents[p->outgoing[i]];
        alone = alone && out->backs && !out->adds && !out->connection->delays;
    }
    return alone;
}

/* As meet_targets and step_population do it, but all that does not change from step to step is close at hand: rows of
 * weights push all else out of the first cache. */
static void cycle_alone(const rv_engine *engine, rv_worker *worker, const rv_example *example, const later *after,
                        uint32_t population, uint32_t begin, uint32_t end, double *since)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const rv_tape *tape = &example->tapes[population];
    const uint32_t *const offset = tape->offset, num_steps = model->num_steps;
    const size_t num_crossing = (size_t)p->model->num_crossing, num_groups = p->num_groups;
    void (*const adjoint)(const rv_adjoint_step *) = p->adjoint;
    float *const back = worker->back + population * model->max_n_pad;
    rv_adjoint_step *const step = &worker->steps[population];
    float **const next = worker->pointers + population * RV_ADJOINT_POINTERS;
    float **const lambda_i = next + RV_MAX_GROUPS, **const difference = lambda_i + RV_MAX_GROUPS;
    for (size_t g = 0; g < num_groups; g++)
        lambda_i[g] = rv_ring_row(&after->lambda_i, end) + p->groups[g].history;
    step->num_steps = 1;
    for (uint32_t t = end; t-- > begin;) {
        const uint32_t first = offset[t], num = offset[t + 1] - first;
        const uint32_t *ids = tape->ids + first;
        for (size_t k = 0; k < num; k++)
            back[k] = 0;
        for (uint32_t i = 0; num && i < p->num_outgoing; i++) {
            const rv_efferent *out = &worker->efferents[p->outgoing[i]];
            if (t + out->reach < num_steps)
                out->connection->ops->back(&out->connection->links, back, ids, num,
                                           rv_ring_row(&out->difference, t + out->reach));
            rv_profile_lap(worker->seconds, out->connection->target, RV_PART_BACKWARD, since);
        }
        for (size_t g = 0; g < num_groups; g++) {
            next[g] = lambda_i[g];
            lambda_i[g] -= after->lambda_i.stride;
            difference[g] = difference_row(after, &p->groups[g], t);
        }
        step->ids = ids;
        step->num = num;
        step->crossing = tape->crossing ? tape->crossing + first * num_crossing : NULL;
        adjoint(step);
        rv_profile_lap(worker->seconds, population, RV_PART_BACKWARD, since);
    }
}

/* A block of steps, begin .. end - 1, of a part that is recurrent: step by step. */
static void sweep_cycle(const rv_engine *engine, rv_worker *worker, const rv_example *example, const later *after,
                        const rv_plan_part *part, size_t leaf, uint32_t begin, uint32_t end, double *since)
{
    const uint32_t *order = engine->model->order;
    if (cycles_alone(engine->model, worker, part)) {
        cycle_alone(engine, worker, example, after, order[part->begin], begin, end, since);
        return;
    }
    for (uint32_t t = end; t-- > begin;) {
        for (uint32_t i = part->begin; i < part->end; i++)
            meet_targets(engine, worker, example, order[i], leaf, t, since);
        for (uint32_t i = part->begin; i < part->end; i++)
            step_population(engine, worker, example, after, order[i], t, 1, since);
    }
}

/* Whether the sweep passes an input by: no gradient is summed while it goes, and nothing is on its way. */
static bool is_passed_by(const rv_worker *worker, const rv_plan_population *p)
{
    bool passed = p->model->is_input;
    for (uint32_t i = 0; i < p->num_outgoing; i++) {
        const rv_efferent *out = &worker->efferents[p->outgoing[i]];
        passed = passed && !out->far && !out->adds;
    }
    return passed;
}

/* The same of a population whose targets have taken them all: from spikes to spikes, but for biases, which sum LambdaV
 * over the steps, and for step T-1, after which silent outputs get their LambdaV. */
static void sweep_population(const rv_engine *engine, rv_worker *worker, const rv_example *example, const later *after,
                             uint32_t population, size_t leaf, uint32_t begin, uint32_t end, double *since)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const rv_tape *tape = &example->tapes[population];
    const bool far = is_met_later(model, p), every = far || p->bias_sum != RV_NONE;
    if (is_passed_by(worker, p))
        return;
    for (uint32_t t = end, num; t > begin; t -= num) {
        num = every || t == model->num_steps ? 1 : count_steps(tape, after, t - 1, begin);
        if (far || tape->offset[t - num] < tape->offset[t - num + 1])
            meet_targets(engine, worker, example, population, leaf, t - num, since);
        if (!p->model->is_input)
            step_population(engine, worker, example, after, population, t - 1, num, since);
    }
}

/* What of the arguments of a population's kernel does not change from step to step. */
static void aim_population(const rv_engine *engine, rv_worker *worker, const later *after, uint32_t population)
{
    const rv_plan_population *p = &engine->model->populations[population];
    float **pointers = worker->pointers + population * RV_ADJOINT_POINTERS;
    float **beta = pointers + 3 * RV_MAX_GROUPS, **flow = beta + RV_MAX_GROUPS;
    for (size_t g = 0; g < p->num_groups; g++) {
        beta[g] = p->groups[g].beta;
        flow[g] = p->groups[g].flow;
    }
    worker->steps[population] = (rv_adjoint_step){
        .n_pad = p->n_pad,
        .lambda_v = worker->adjoint + p->lambda_v,
        .lambda_a = p->model->adapts ? worker->adjoint + p->lambda_a : NULL,
        .num_groups = p->num_groups,
        .lambda_i_next = (const float *const *)pointers,
        .lambda_i = pointers + RV_MAX_GROUPS,
        .difference = pointers + 2 * RV_MAX_GROUPS,
        .lambda_i_stride = after->lambda_i.stride,
        .difference_stride = after->difference.stride,
        .mask = p->mask,
        .alpha = p->model->alpha_coeff < 0 ? NULL : p->coeff[p->model->alpha_coeff],
        .beta = (const float *const *)beta,
        .flow = (const float *const *)flow,
        .coeff = (const float *const *)p->coeff,
        .back = worker->back + population * engine->model->max_n_pad,
        .penalty = engine->penalty[population],
    };
}

/* And of where the spikes of a connection go. */
static rv_efferent aim_connection(const rv_compiled_network *model, const rv_plan_connection *c, const later *after)
{
    const rv_plan_group *group = &model->populations[c->target].groups[c->group];
    rv_efferent out = {
        .connection = c,
        .lambda_i = after->lambda_i,
        .difference = after->difference,
        .reach = model->rule->meets + c->delay,
        .far = c->far != NULL,
        .adds = rv_gradient_meets(&c->weight) || rv_gradient_meets(&c->delay_parameter),
        .backs = !c->far && !model->populations[c->source].model->is_input,
    };
    out.lambda_i.base += group->history;
    out.difference.base = group->difference == RV_NONE ? NULL : out.difference.base + group->difference;
    return out;
}

static void aim(const rv_engine *engine, rv_worker *worker, const later *after)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_populations; i++)
        aim_population(engine, worker, after, i);
    for (uint32_t i = 0; i < model->num_connections; i++)
        worker->efferents[i] = aim_connection(model, &model->connections[i], after);
}

/* The rows after the last step that somebody may look at: every other one is written before it is read. */
static void clear_end(const rv_compiled_network *model, const rv_ring *ring)
{
    for (size_t t = model->num_steps; t <= (size_t)model->num_steps + model->max_delay; t++)
        memset(rv_ring_row(ring, t), 0, ring->stride * sizeof(float));
}

/* Everything is 0 after the last step. */
static later start(const rv_engine *engine, rv_worker *worker, rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    const size_t steps = rv_history_steps(model);
    later after = {
        .lambda_i = {worker->history, steps, model->history_size},
        .difference = {worker->difference, rv_ring_steps(model), model->difference_size},
    };
    if (model->rows)
        after.lambda_i.base = engine->histories + example->position * steps * model->history_size;
    clear_end(model, &after.lambda_i);
    clear_end(model, &after.difference);
    memset(worker->adjoint, 0, model->adjoint_size * sizeof(float));
    memset(example->bias, 0, model->bias_size * sizeof(float));
    rv_flights_begin(engine, example);
    aim(engine, worker, &after);
    return after;
}

void rv_adjoint_sweep(const rv_engine *engine, rv_worker *worker, rv_example *example, size_t leaf, size_t batch_num)
{
    const rv_compiled_network *model = engine->model;
    const later after = start(engine, worker, example);
    const bool watched = rv_taps_watch_sweep_back(example);
    const uint32_t most = watched ? 1 : model->block_steps;
    rv_drive_begin(engine, worker, example, batch_num);
    double since = rv_profile_start(worker->seconds);
    for (uint32_t end = model->num_steps; end > 0;) {
        const uint32_t begin = end > most ? end - most : 0;
        for (uint32_t i = model->num_parts; i-- > 0;) {
            const rv_plan_part *part = &model->parts[i];
            if (part->recurrent)
                sweep_cycle(engine, worker, example, &after, part, leaf, begin, end, &since);
            else
                sweep_population(engine, worker, example, &after, model->order[part->begin], leaf, begin, end, &since);
        }
        if (watched)
            rv_taps_back(engine, worker, example, after.lambda_i, after.difference, begin);
        end = begin;
    }
    if (model->after_sweep)
        rv_gradient_sum_example(engine, worker, example, leaf, after.lambda_i.base);
}
