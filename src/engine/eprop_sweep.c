/* The sweep back of e-prop: what its eligibility traces sum up, transposed (neurons/eprop_flow.h; docs/eprop.md).
 *
 * t = T-2 .. 0: every population takes a step over what the sweep forward recorded of it, two or three numbers for each
 * neuron, and each spike of step t adds the row of its targets to the gradient of its weights. The last step's traces
 * are not used: rows of T-1 and beyond are 0. */
#include <string.h>

#include "engine/eprop.h"

/* Rows over the steps, as far as spikes may still meet them; those from T-1 on are 0. */
static rv_ring begin(const rv_engine *engine, const rv_worker *worker, const rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    const size_t steps = rv_history_steps(model);
    rv_ring rows = {worker->history, steps, model->history_size};
    size_t zero = 0;
    if (model->rows)
        rows.base = engine->histories + example->position * steps * model->history_size;
    if (model->rows || model->after_sweep)
        zero = model->num_steps - 1;
    memset(rows.base + zero * model->history_size, 0, (steps - zero) * model->history_size * sizeof(float));
    memset(worker->adjoint, 0, model->adjoint_size * sizeof(float));
    return rows;
}

/* E of step t: an output's own error, or what hidden neurons learn from, which goes to the worker's memory. */
static const float *error_of(const rv_engine *engine, const rv_worker *worker, const rv_block *block,
                             uint32_t population, uint32_t t)
{
    const rv_plan_population *p = &engine->model->populations[population];
    float *signal = worker->back + population * engine->model->max_n_pad;
    if (p->readout)
        return rv_eprop_record(engine, block, t) + p->eprop.error;
    rv_eprop_signal(engine, block, p, t, signal);
    return signal;
}

static void step_population(const rv_engine *engine, const rv_worker *worker, const rv_block *block,
                            const rv_ring *rows, uint32_t population, const float *error, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const float *record = rv_eprop_record(engine, block, t);
    rv_eprop_step step = {
        .n_pad = p->n_pad,
        .coeff = (const float *const *)p->coeff,
        .alpha = p->coeff[p->model->alpha_coeff],
        .psi = record + p->eprop.psi,
        .f_avg = record + p->eprop.f_avg,
        .error = error,
        .c_reg = (float)model->eprop.c_reg,
        .f_target = (float)(model->eprop.f_target * model->dt / 1000),
        .row_next = rv_ring_row(rows, (size_t)t + 1) + p->groups[0].history,
        .row = rv_ring_row(rows, t) + p->groups[0].history,
    };
    for (int k = 0; k < p->model->num_eprop_state; k++)
        step.state[k] = worker->adjoint + p->eprop.state + (size_t)k * p->n_pad;
    p->eprop.sweep(&step);
}

/* The gradient of a bias is the sum of the errors. */
static void sum_errors(const rv_engine *engine, const rv_block *block, const rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        float *sum = example->errors + p->eprop.error;
        if (!p->bias.value)
            continue;
        memset(sum, 0, p->n_pad * sizeof *sum);
        for (uint32_t t = model->num_steps; t-- > 0;)
            model->kernels->add(sum, sum, rv_eprop_record(engine, block, t) + p->eprop.error, p->n_pad);
    }
}

static void sweep(const rv_engine *engine, rv_worker *worker, const rv_block *block, const rv_example *example,
                  size_t leaf)
{
    const rv_compiled_network *model = engine->model;
    const rv_ring rows = begin(engine, worker, example);
    for (uint32_t t = model->num_steps; t-- > 0;) {
        const bool last = t + 1 == model->num_steps;
        for (uint32_t i = 0; i < model->num_populations; i++) {
            const rv_plan_population *p = &model->populations[i];
            if (!p->eprop.sweep || !p->num_groups)
                continue;
            const float *error = error_of(engine, worker, block, i, t);
            if (!last)
                step_population(engine, worker, block, &rows, i, error, t);
        }
        for (uint32_t i = 0; !last && i < model->num_connections; i++) {
            const rv_plan_connection *c = &model->connections[i];
            rv_ring met = rows;
            met.base += model->populations[c->target].groups[c->group].history;
            rv_gradient_meet(engine, worker, example, c, &c->weight, leaf, t, &met, NULL);
        }
        if (example->num_taps)
            rv_taps_back(engine, worker, example, rows, (rv_ring){0}, t);
    }
    if (model->after_sweep)
        rv_gradient_sum_example(engine, worker, example, leaf, rows.base);
}

void rv_eprop_sweep(const rv_engine *engine, rv_worker *worker, const rv_block *block, rv_example *example, size_t leaf)
{
    sum_errors(engine, block, example);
    if (engine->model->eprop.online)
        rv_eprop_traces_end(engine, block, leaf);
    else
        sweep(engine, worker, block, example, leaf);
}
