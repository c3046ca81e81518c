/* e-prop's online form: eligibility traces of every synapse, updated in every step, as it was published (Bellec et al.
 * 2020; neurons/eprop_flow.h). The sums are those of eprop_sweep.c in another order. The last step's traces are not
 * used. Traces belong to the block, DeltaG of the example among them. */
#include <string.h>

#include "engine/eprop.h"

static float *trace_of(const rv_block *block, const rv_plan_connection *c, rv_trace which)
{
    return block->traces + c->traces + (size_t)which * c->links.rows.size;
}

void rv_eprop_traces_begin(const rv_engine *engine, const rv_block *block)
{
    memset(block->traces, 0, engine->model->trace_size * sizeof *block->traces);
}

/* Number of spikes, negative ones subtracted, of every neuron of a population in one step; counts are 0 before. */
static void count_spikes(const rv_tape *tape, uint32_t t, float *counts, float sign)
{
    const uint32_t end = tape->offset[t + 1], negative = tape->negative ? tape->negative[t] : end;
    for (uint32_t k = tape->offset[t]; k < end; k++)
        counts[tape->ids[k]] += k < negative ? sign : -sign;
}

/* What belongs to the targets, for each synapse of a row: the array itself where every target has its place. */
static const float *spread(const rv_plan_connection *c, size_t row, const float *targets, float *room)
{
    static const uint32_t first = 0;
    if (!c->links.structure)
        return targets;
    c->ops->row_sum(&c->links, room, false, row, 0, rv_row_padded(&c->links.rows, row), targets, 0, &first, 1);
    return room;
}

static void step_row(const rv_engine *engine, const rv_block *block, const rv_plan_connection *c, size_t row, const rv_trace_step *targets, float arrived)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[c->target];
    const size_t offset = rv_row_begin(&c->links.rows, row);
    const float *coeff[RV_MAX_COEFFS];
    float *room = block->spread;
    rv_trace_step step = *targets;
    for (int i = 0; i < p->model->num_coeffs; i++)
        coeff[i] = spread(c, row, p->coeff[i], room + (size_t)i * model->max_n_pad);
    room += RV_MAX_COEFFS * model->max_n_pad;
    step.coeff = coeff;
    step.arrived = arrived;
    step.psi = spread(c, row, targets->psi, room);
    step.f_avg = spread(c, row, targets->f_avg, room + model->max_n_pad);
    step.error = spread(c, row, targets->error, room + 2 * model->max_n_pad);
    step.n = rv_row_padded(&c->links.rows, row);
    step.z_filter = trace_of(block, c, RV_TRACE_Z_FILTER) + offset;
    step.e_filtered = trace_of(block, c, RV_TRACE_E_FILTERED) + offset;
    step.epsilon_a = trace_of(block, c, RV_TRACE_EPSILON_A) + offset;
    step.delta_g = trace_of(block, c, RV_TRACE_DELTA_G) + offset;
    p->eprop.trace(&step);
}

static void step_connection(const rv_engine *engine, const rv_block *block, const rv_example *example,
                            const rv_plan_connection *c, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[c->target];
    const rv_tape *tape = &example->tapes[c->source];
    const float *record = rv_eprop_record(engine, block, t);
    const rv_trace_step targets = {
        .psi = record + p->eprop.psi,
        .f_avg = record + p->eprop.f_avg,
        .error = p->readout ? record + p->eprop.error : block->state + p->eprop.signal,
        .c_reg = (float)model->eprop.c_reg,
        .f_target = (float)(model->eprop.f_target * model->dt / 1000),
    };
    if (t >= c->delay)
        count_spikes(tape, t - c->delay, block->arrived, 1);
    for (size_t row = 0; row < c->links.rows.num; row++)
        step_row(engine, block, c, row, &targets, block->arrived[row]);
    if (t >= c->delay)
        count_spikes(tape, t - c->delay, block->arrived, -1);
}

void rv_eprop_traces_step(const rv_engine *engine, const rv_block *block, const rv_example *example, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        if (p->eprop.signal != RV_NONE)
            rv_eprop_signal(engine, block, p, t, block->state + p->eprop.signal);
    }
    for (uint32_t i = 0; t + 1 < model->num_steps && i < model->num_connections; i++)
        step_connection(engine, block, example, &model->connections[i], t);
}

void rv_eprop_traces_end(const rv_engine *engine, const rv_block *block, size_t leaf)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        const rv_rows *rows = &c->links.rows;
        const float *delta_g = trace_of(block, c, RV_TRACE_DELTA_G);
        for (size_t row = 0; c->weight.slots && row < rows->num; row++) {
            const size_t begin = rv_row_begin(rows, row), n = rv_row_padded(rows, row);
            float *slot = c->weight.slots + leaf * rows->size + begin;
            uint8_t *touched = &c->weight.touched[leaf * rows->num + row];
            if (!*touched)
                memset(slot, 0, n * sizeof *slot);
            *touched = 1;
            model->kernels->add(slot, slot, delta_g + begin, n);
        }
    }
}
