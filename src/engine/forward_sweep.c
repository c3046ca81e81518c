/* The sweep forward of an example: parts of the network one after the other, sources first, each through a block of
 * timesteps. A part that is recurrent, or that somebody looks at, takes step by step; another one's arrivals are known
 * ahead, and its neurons take all steps of the block with their state in registers. The bits are those of
 * rv_forward_step. */
#include "engine/forward.h"
#include "engine/profile.h"

/* Whether a population takes the steps of a block at once, when it is a part of its own. Readouts of e-prop see more than
 * V. */
static bool runs(const rv_compiled_network *model, const rv_plan_population *p)
{
    return p->run && p->begin == 0 && p->end == model->num_steps && !p->is_signed &&
           !(p->readout && model->compiler == RV_COMPILER_EPROP);
}

/* The spikes of step k of a run, which is timestep t, go on the tape. */
static int record_step(const rv_engine *engine, const rv_plan_population *p, rv_tape *tape, const rv_neuron_run *run,
                       size_t k, uint32_t t)
{
    const uint32_t used = tape->offset[t];
    const int error = used + p->n_pad > tape->capacity ? rv_tape_reserve(engine, p, tape, used, p->n_pad) : RV_OK;
    if (error)
        return error;
    uint32_t *ids = tape->ids + used;
    const size_t num = engine->model->kernels->bits_to_ids(ids, run->fired + k * rv_fired_words(p->n_pad), p->n_pad);
    for (size_t s = 0; run->crossing && s < num; s++)
        tape->crossing[used + s] = run->crossing[k * p->n_pad + ids[s]];
    tape->offset[t + 1] = used + (uint32_t)num;
    return RV_OK;
}

/* Those of all its steps, of which the first is timestep t. */
static int record_run(const rv_engine *engine, const rv_plan_population *p, rv_tape *tape, const rv_neuron_run *run,
                      uint32_t t)
{
    int error = RV_OK;
    for (uint32_t k = 0; !error && k < run->num_steps; k++)
        if (run->fired_steps >> k & 1)
            error = record_step(engine, p, tape, run, k, t + k);
        else
            tape->offset[t + k + 1] = tape->offset[t + k];
    return error;
}

/* Timesteps t .. t + num - 1 of a population. */
static int run_population(const rv_engine *engine, rv_block *block, rv_example *example, uint32_t population,
                          uint32_t t, uint32_t num, double *since)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const size_t rows = num * p->n_pad;
    rv_neuron_run run = {
        .step = &block->steps[population],
        .num_steps = num,
        .state_in_syn = block->state + p->groups[0].in_syn,
        .beta = p->groups[0].beta,
        .fired = p->model->spikes ? block->fired : NULL,
        .crossing = engine->learn && p->adjoint && p->model->num_crossing ? block->ahead + rows : NULL,
        .v = p->readout && p->model->voltage >= 0 ? block->ahead + 2 * rows : NULL,
    };
    int error = rv_arrive_ahead(engine, block, example, population, t, &run);
    rv_profile_lap(block->seconds, population, RV_PART_ARRIVALS, since);
    if (!error) {
        p->run(&run);
        error = record_run(engine, p, &example->tapes[population], &run, t);
    }
    if (!error && p->readout)
        rv_outputs_steps(engine, block, example, population, run.v, t, num);
    rv_profile_lap(block->seconds, population, RV_PART_NEURONS, since);
    return error;
}

/* Whether a part is one population on which rows are added, and that is all. */
static bool cycles_alone(const rv_engine *engine, const rv_block *block, const rv_plan_part *part)
{
    const uint32_t population = engine->model->order[part->begin];
    const rv_plan_population *p = &engine->model->populations[population];
    bool alone = part->end - part->begin == 1 && p->begin == 0 && p->end == engine->model->num_steps &&
                 !p->model->takes_values && !p->is_signed && !p->readout;
    for (size_t g = 0; g < p->num_groups; g++)
        alone = alone && !p->groups[g].num_pending && p->groups[g].num_connections <= RV_LISTS_AT_ONCE;
    for (uint32_t i = p->first_connection; i < p->first_connection + p->num_connections; i++)
        alone = alone && block->afferents[i].adds_rows;
    return alone;
}

/* What arrives at one of its synapse groups. */
typedef struct group_arrivals {
    float *in_syn;
    const float *beta;
    const rv_afferent *in; /* (num) */
    uint32_t num;
} group_arrivals;

typedef void (*add_lists_fn)(float *acc, const float *from, const float *decay, const rv_spike_rows *lists,
                             size_t num_lists, size_t n);

static inline void arrive(add_lists_fn add_lists, const group_arrivals *group, size_t n_pad, uint32_t t)
{
    rv_spike_rows lists[RV_LISTS_AT_ONCE];
    for (uint32_t i = 0; i < group->num; i++)
        lists[i] = rv_afferent_rows(&group->in[i], t);
    add_lists(group->in_syn, group->in_syn, group->beta, lists, group->num, n_pad);
}

/* It takes timesteps begin .. end - 1: as rv_forward_population does one, but all that does not change from step to step
 * is close at hand. Rows of weights push all else out of the first cache. */
static int cycle_alone(const rv_engine *engine, rv_block *block, rv_example *example, uint32_t population,
                       uint32_t begin, uint32_t end, double *since)
{
    const rv_plan_population *p = &engine->model->populations[population];
    const add_lists_fn add_lists = engine->model->kernels->add_lists;
    const size_t n_pad = p->n_pad, num_groups = p->num_groups, num_crossing = (size_t)p->model->num_crossing;
    size_t (*const forward)(const rv_neuron_step *) = p->forward;
    const bool watched = rv_taps_watch(example, population);
    double *const seconds = block->seconds;
    rv_neuron_step *const step = &block->steps[population];
    rv_tape *const tape = &example->tapes[population];
    uint32_t *const offset = tape->offset;
    group_arrivals groups[RV_MAX_GROUPS];
    for (size_t g = 0; g < num_groups; g++)
        groups[g] = (group_arrivals){block->state + p->groups[g].in_syn, p->groups[g].beta,
                                     block->afferents + p->groups[g].first_connection, p->groups[g].num_connections};
    step->num_negative = NULL;
    for (uint32_t t = begin; t < end; t++) {
        const uint32_t used = offset[t];
        const int error = used + n_pad > tape->capacity ? rv_tape_reserve(engine, p, tape, used, n_pad) : RV_OK;
        if (error)
            return error;
        for (size_t g = 0; g < num_groups; g++)
            arrive(add_lists, &groups[g], n_pad, t);
        rv_profile_lap(seconds, population, RV_PART_ARRIVALS, since);
        step->t = t;
        step->ids = tape->ids + used;
        step->crossing = tape->crossing ? tape->crossing + used * num_crossing : NULL;
        offset[t + 1] = used + (uint32_t)forward(step);
        rv_profile_lap(seconds, population, RV_PART_NEURONS, since);
        if (watched)
            rv_taps_forward(engine, block, example, population, t);
    }
    return RV_OK;
}

static int step_through(const rv_engine *engine, rv_block *block, rv_example *example, const rv_plan_part *part,
                        uint32_t begin, uint32_t end, double *since)
{
    const uint32_t *order = engine->model->order;
    int error = RV_OK;
    for (uint32_t t = begin; !error && t < end; t++) {
        for (uint32_t i = part->begin; !error && i < part->end; i++)
            error = rv_forward_population(engine, block, example, order[i], t, since);
        for (uint32_t i = part->begin; !error && example->num_taps && i < part->end; i++)
            rv_taps_forward(engine, block, example, order[i], t);
    }
    return error;
}

int rv_forward_part(const rv_engine *engine, rv_block *block, rv_example *example, const rv_plan_part *part,
                    uint32_t begin, uint32_t end, double *since)
{
    const uint32_t first = engine->model->order[part->begin];
    const rv_plan_population *p = &engine->model->populations[first];
    if (!part->recurrent && !rv_taps_watch(example, first)) {
        if (!p->forward)
            return RV_OK; /* an input whose spikes are the data */
        if (runs(engine->model, p))
            return run_population(engine, block, example, first, begin, end - begin, since);
    }
    if (p->forward && cycles_alone(engine, block, part))
        return cycle_alone(engine, block, example, first, begin, end, since);
    return step_through(engine, block, example, part, begin, end, since);
}

int rv_forward_from(const rv_engine *engine, rv_block *block, rv_example *example, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const uint32_t num_steps = model->num_steps, most = model->block_steps;
    double since = rv_profile_start(block->seconds);
    for (uint32_t begin = t; !example->error && begin < num_steps; begin += most) {
        const uint32_t end = num_steps - begin < most ? num_steps : begin + most;
        for (uint32_t i = 0; !example->error && i < model->num_parts; i++)
            example->error = rv_forward_part(engine, block, example, &model->parts[i], begin, end, &since);
    }
    return example->error;
}

int rv_forward_sweep(const rv_engine *engine, rv_block *block, rv_example *example)
{
    if (!rv_engine_learns_eprop(engine))
        return rv_forward_from(engine, block, example, 0);
    for (uint32_t t = 0; !example->error && t < engine->model->num_steps; t++)
        rv_forward_step(engine, block, example, t);
    return example->error;
}
