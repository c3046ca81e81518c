/* What the loss does to the adjoint of the outputs in the sweep back (equations: docs/learning.md, sections 3 and 4).
 *
 * An output that does not spike is driven: D(t) from g / (tau_mem B T dt), g = minus the loss's derivative by the
 * readout, spread over the steps by the readout, or by V(t) where the loss is over time. tau_mem is the mean over the
 * output's neurons: a common factor, or the sum over them were no gradient. One that spikes is kicked: g / B joins the
 * feedback at the spikes that the readout looks at. */
#include "engine/engine.h"

static float *base_of(const rv_worker *worker, const rv_compiled_network *model, int output)
{
    return worker->drive + (size_t)output * rv_drive_size(model);
}

/* The output that belongs to a population, -1 = nobody holds it against anything. */
static int output_of(const rv_engine *engine, uint32_t population)
{
    for (int o = 0; o < engine->num_targets; o++)
        if (engine->targets[o].population == population)
            return o;
    return -1;
}

static double mean_tau_mem(const rv_plan_population *p)
{
    double sum = 0;
    for (size_t j = 0; j < p->n; j++)
        sum += (double)p->param[p->model->tau_mem][j];
    return sum / (double)p->n;
}

void rv_drive_begin(const rv_engine *engine, const rv_worker *worker, const rv_example *example, size_t batch_num)
{
    const rv_compiled_network *model = engine->model;
    const double duration = (double)model->num_steps * model->dt * (double)batch_num;
    for (int o = 0; o < engine->num_targets; o++) {
        const rv_plan_population *p = &model->populations[engine->targets[o].population];
        const bool over_time = rv_outputs_over_time(engine, example, o);
        const float *g = example->loss_gradient + (size_t)o * model->max_n_pad;
        float *base = base_of(worker, model, o);
        const double scale = p->model->spikes ? (double)batch_num : mean_tau_mem(p) * duration;
        for (size_t j = 0; j < p->n; j++)
            base[j] = (float)((over_time ? 1 : (double)g[j]) / scale);
        for (size_t j = p->n; j < p->n_pad; j++)
            base[j] = 0;
    }
}

static void drive_step(float *drive, const rv_engine *engine, const rv_example *example, const float *base, int o,
                       uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[engine->targets[o].population];
    if (rv_outputs_over_time(engine, example, o)) {
        model->kernels->multiply(drive, base, example->expected[o].trace + t * p->n_pad, p->n_pad);
    } else if (p->drive_weight) {
        model->kernels->scale(drive, base, p->drive_weight[t], p->n_pad);
    } else {
        const rv_output_shape shape = rv_output_shape_of(model, p);
        p->readout->drive(drive, base, example->readout_state + p->readout_state, &shape, t);
    }
}

const float *rv_drive_of(const rv_engine *engine, const rv_worker *worker, const rv_example *example,
                         uint32_t population, uint32_t t, uint32_t num, size_t *stride)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const int o = p->readout && !p->model->spikes ? output_of(engine, population) : -1;
    *stride = 0;
    if (o < 0)
        return NULL;
    float *base = base_of(worker, model, o), *drive = base + model->max_n_pad;
    if (p->readout->constant_drive && !rv_outputs_over_time(engine, example, o))
        return base;
    *stride = p->n_pad;
    for (uint32_t k = 0; k < num; k++)
        drive_step(drive + k * p->n_pad, engine, example, base, o, t - k);
    return drive;
}

void rv_drive_kick(const rv_engine *engine, const rv_worker *worker, const rv_example *example, uint32_t population,
                   uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const rv_tape *tape = &example->tapes[population];
    const int o = p->readout && p->model->spikes ? output_of(engine, population) : -1;
    if (o < 0)
        return;
    const rv_output_shape shape = rv_output_shape_of(model, p);
    p->readout->kick(
        worker->back + population * model->max_n_pad, base_of(worker, model, o),
        example->readout_state + p->readout_state, &shape,
        &(rv_readout_step){.t = t, .ids = tape->ids + tape->offset[t], .num = tape->offset[t + 1] - tape->offset[t]});
}

bool rv_drive_silent(const rv_engine *engine, const rv_worker *worker, const rv_example *example, uint32_t population,
                     float *lambda_v)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[population];
    const int o = p->readout && p->readout->silent && p->model->spikes ? output_of(engine, population) : -1;
    if (o < 0)
        return false;
    const rv_output_shape shape = rv_output_shape_of(model, p);
    p->readout->silent(lambda_v, base_of(worker, model, o), example->readout_state + p->readout_state, &shape);
    return true;
}
