/* Outputs of an example: readouts while it advances, then losses and metrics.
 *
 * A loss is of the readout, or over time: then it is the mean over the steps of the loss of V(t), with targets of each
 * step, or, where the compiler was told per_timestep_loss, with what is given for the whole example. Only losses and
 * metrics over time keep V(t). */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "engine/engine.h"
#include "outputs/model.h"

rv_output_shape rv_output_shape_of(const rv_compiled_network *model, const rv_plan_population *p)
{
    return (rv_output_shape){.n = p->n, .n_pad = p->n_pad, .num_steps = model->num_steps, .dt = model->dt};
}

void rv_outputs_begin(const rv_engine *engine, rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        if (!p->readout)
            continue;
        float *state = example->readout_state + p->readout_state;
        const rv_output_shape shape = rv_output_shape_of(model, p);
        if (p->readout->begin)
            p->readout->begin(state, &shape);
        else
            memset(state, 0, (size_t)p->readout->num_state * p->n_pad * sizeof *state);
    }
}

/* What losses over time look at later. */
static void keep_trace(const rv_engine *engine, rv_example *example, uint32_t population, const float *v, uint32_t t,
                       uint32_t num)
{
    const size_t n_pad = engine->model->populations[population].n_pad;
    for (int o = 0; v && o < engine->num_targets; o++)
        if (engine->targets[o].population == population && example->expected[o].trace)
            memcpy(example->expected[o].trace + t * n_pad, v, num * n_pad * sizeof *v);
}

void rv_outputs_steps(const rv_engine *engine, const rv_block *block, rv_example *example, uint32_t population,
                      const float *v, uint32_t t, uint32_t num)
{
    const rv_plan_population *p = &engine->model->populations[population];
    const rv_tape *tape = &example->tapes[population];
    const rv_output_shape shape = rv_output_shape_of(engine->model, p);
    float *state = example->readout_state + p->readout_state;
    const float *seen = v;
    for (int o = 0; o < engine->num_targets && engine->model->compiler == RV_COMPILER_EPROP; o++)
        if (engine->targets[o].population == population)
            seen = rv_eprop_output(engine, block, example, o, t);
    if (!p->readout->step)
        engine->model->kernels->weigh_rows(state, seen, p->n_pad, p->readout_weight + t, num, p->n_pad);
    for (uint32_t k = 0; p->readout->step && k < num; k++)
        p->readout->step(state, &shape,
                         &(rv_readout_step){
                             .t = t + k,
                             .v = seen ? seen + k * p->n_pad : NULL,
                             .ids = tape->ids + tape->offset[t + k],
                             .num = tape->offset[t + k + 1] - tape->offset[t + k],
                             .weight = p->readout_weight ? p->readout_weight[t + k] : 1.0F,
                         });
    keep_trace(engine, example, population, v, t, num);
}

bool rv_outputs_over_time(const rv_engine *engine, const rv_example *example, int output)
{
    const rv_loss_model *loss = engine->targets[output].loss.model;
    return example->expected[output].trace &&
           (engine->model->learning.per_timestep_loss || (loss->needs_targets && example->expected[output].over_time));
}

/* What y is held against; over time, in step t. */
static rv_output_sample sample_of(const rv_engine *engine, const rv_example *example, int output, bool over_time,
                                  uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *p = &model->populations[engine->targets[output].population];
    const rv_expected *expected = &example->expected[output];
    return (rv_output_sample){
        .n = p->n,
        .num_steps = model->num_steps,
        .dt = model->dt,
        .label = expected->label,
        .targets = expected->targets && expected->over_time ? expected->targets + t * p->n : expected->targets,
        .spike_times = p->readout->spike_times && !over_time,
        .softmax_temperature = model->rule ? model->learning.softmax_temperature : 1,
        .ttfs_alpha = model->learning.ttfs_alpha,
    };
}

void rv_outputs_softmax(const rv_engine *engine, const rv_example *example, uint32_t population, const float *v,
                        float *y, float *p)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_population *output = &model->populations[population];
    const float *state = example->readout_state + output->readout_state;
    const rv_output_shape shape = rv_output_shape_of(model, output);
    bool over_time = false;
    for (int o = 0; o < engine->num_targets; o++)
        if (engine->targets[o].population == population)
            over_time = rv_outputs_over_time(engine, example, o);
    if (!over_time && output->readout->value)
        output->readout->value(y, state, &shape);
    else
        memcpy(y, over_time ? v : state, output->n * sizeof *y);
    rv_loss_softmax(p,
                    &(rv_output_sample){
                        .n = output->n,
                        .softmax_temperature = model->rule ? model->learning.softmax_temperature : 1,
                        .spike_times = output->readout->spike_times && !over_time,
                    },
                    y);
}

static bool is_known(const rv_expected *expected, bool needs_targets)
{
    return needs_targets ? expected->targets != NULL : expected->label >= 0;
}

/* Regression targets for every step make a metric the mean over the steps. */
static void judge(const rv_engine *engine, const rv_example *example, int o, const rv_metric *metric, const float *y,
                  double *out)
{
    const rv_plan_population *p = &engine->model->populations[engine->targets[o].population];
    const rv_expected *expected = &example->expected[o];
    const uint32_t num_steps = engine->model->num_steps;
    const bool over_time = metric->model->needs_targets && expected->over_time && expected->trace;
    for (int i = 0; i < RV_MAX_METRIC_VALUES; i++)
        out[i] = 0;
    if (!is_known(expected, metric->model->needs_targets))
        return;
    for (uint32_t t = 0; t < (over_time ? num_steps : 1); t++) {
        double values[RV_MAX_METRIC_VALUES] = {0};
        const rv_output_sample sample = sample_of(engine, example, o, over_time, t);
        metric->model->value(values, &sample, over_time ? expected->trace + t * p->n_pad : y, metric->param);
        for (int i = 0; i < RV_MAX_METRIC_VALUES; i++)
            out[i] += over_time ? values[i] / num_steps : values[i];
    }
}

/* Steps in order; V makes room for minus the derivative of its loss. */
static double loss_over_time(const rv_engine *engine, const rv_example *example, int o, float *g)
{
    const rv_plan_population *p = &engine->model->populations[engine->targets[o].population];
    const rv_loss *loss = &engine->targets[o].loss;
    const uint32_t num_steps = engine->model->num_steps;
    double sum = 0;
    for (uint32_t t = 0; t < num_steps; t++) {
        float *v = example->expected[o].trace + t * p->n_pad;
        const rv_output_sample sample = sample_of(engine, example, o, true, t);
        sum += loss->model->loss(&sample, v, loss->param, g);
        if (g)
            memcpy(v, g, p->n * sizeof *g);
    }
    return sum / num_steps;
}

void rv_outputs_value(const rv_compiled_network *model, const rv_plan_population *p, const rv_example *example,
                      uint32_t num_steps, float *y)
{
    const float *state = example->readout_state + p->readout_state;
    rv_output_shape shape = rv_output_shape_of(model, p);
    shape.num_steps = num_steps;
    if (p->readout->value)
        p->readout->value(y, state, &shape);
    else
        memcpy(y, state, p->n * sizeof *y);
}

static int end_output(const rv_engine *engine, rv_example *example, int o)
{
    const rv_compiled_network *model = engine->model;
    const rv_target *target = &engine->targets[o];
    const rv_plan_population *p = &model->populations[target->population];
    float *y = example->readout + (size_t)o * model->max_n_pad;
    float *g = engine->learn ? example->loss_gradient + (size_t)o * model->max_n_pad : NULL;
    double *scores = example->scores + (size_t)o * RV_SCORES;
    rv_outputs_value(model, p, example, model->num_steps, y);
    for (size_t j = 0; j < p->n; j++)
        if (isnan(y[j]))
            return rv_fail(model->context, RV_ERR_NAN,
                           "population '%s': readout of neuron %zu is not a number in "
                           "example %zu: training has diverged",
                           p->population->name, j, example->index);
    for (int m = 0; m < target->num_metrics; m++)
        judge(engine, example, o, &target->metrics[m], y, scores + 1 + m * RV_MAX_METRIC_VALUES);
    scores[0] = 0;
    if (!is_known(&example->expected[o], target->loss.model->needs_targets))
        return RV_OK;
    if (rv_eprop_classifies(engine, o)) {
        scores[0] = example->expected[o].log_loss / model->num_steps;
        return RV_OK;
    }
    const rv_output_sample sample = sample_of(engine, example, o, false, 0);
    scores[0] = rv_outputs_over_time(engine, example, o) ? loss_over_time(engine, example, o, g)
                                                         : target->loss.model->loss(&sample, y, target->loss.param, g);
    return RV_OK;
}

int rv_outputs_end(const rv_engine *engine, rv_example *example)
{
    int error = RV_OK;
    for (int o = 0; !error && o < engine->num_targets; o++)
        error = end_output(engine, example, o);
    return error;
}
