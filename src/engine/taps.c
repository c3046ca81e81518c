/* Taps: what probes copy while an example is swept. Forward they see the state after each step, backward the adjoint;
 * what they write belongs to the example, and nothing that they do reaches the results. */
#include <math.h>
#include <string.h>

#include "engine/engine.h"

/* The row of timestep t, NULL where the tap is not about it. */
static float *row_of(const rv_tap_target *target, uint32_t t)
{
    const rv_tap *tap = target->tap;
    const uint32_t row = tap->rows ? tap->rows[t] : t;
    return row == RV_NO_ROW ? NULL : target->out + row * tap->row_size;
}

/* The selected neurons' numbers. */
static void pick(float *restrict out, const float *restrict from, const rv_tap *tap)
{
    if (tap->contiguous) {
        memcpy(out, from + tap->neurons[0], tap->num_neurons * sizeof *out);
        return;
    }
    for (size_t k = 0; k < tap->num_neurons; k++)
        out[k] = from[tap->neurons[k]];
}

/* ---- forward ---- */

static void pick_isyn(float *out, const rv_plan_population *p, const float *state, const rv_tap *tap)
{
    for (size_t k = 0; k < tap->num_neurons; k++) {
        const size_t j = tap->neurons[k];
        out[k] = 0;
        for (size_t g = 0; g < p->num_groups; g++)
            out[k] += state[p->groups[g].in_syn + j] * p->groups[g].scale[j];
    }
}

static void pick_in_syn(float *out, const float *in_syn, const rv_tap *tap)
{
    for (size_t k = 0; k < tap->num_neurons; k++)
        out[k] = in_syn[tap->neurons[k]] * tap->constant[tap->neurons[k]];
}

static void pick_readout(float *out, const rv_engine *engine, const rv_block *block, const rv_example *example,
                         const rv_tap *tap)
{
    const rv_plan_population *p = &engine->model->populations[tap->population];
    const float *state = example->readout_state + p->readout_state;
    const rv_output_shape shape = rv_output_shape_of(engine->model, p);
    void (*const value)(float *, const float *, const rv_output_shape *) =
        tap->readout->value ? tap->readout->value : p->readout->value;
    if (value)
        value(block->scratch, state, &shape);
    pick(out, value ? block->scratch : state, tap);
}

static void pick_softmax(float *out, const rv_engine *engine, const rv_block *block, const rv_example *example,
                         const rv_tap *tap)
{
    const rv_plan_population *p = &engine->model->populations[tap->population];
    const float *v = p->model->voltage < 0 ? NULL : block->state + p->state[p->model->voltage];
    float *softmax = block->scratch + engine->model->max_n_pad;
    rv_outputs_softmax(engine, example, tap->population, v, block->scratch, softmax);
    pick(out, softmax, tap);
}

/* values: laid out as the weights */
static void pick_synapses(float *out, const float *values, const rv_tap *tap)
{
    const rv_tap_synapses *s = tap->synapses;
    for (size_t k = 0; k < tap->row_size; k++)
        out[k] = s->index[k] == RV_NO_SYNAPSE ? NAN : values[s->index[k]];
    for (size_t k = 0; k < s->num_more; k++)
        out[s->more[k].pair] += values[s->more[k].place];
}

bool rv_taps_watch(const rv_example *example, uint32_t population)
{
    for (size_t i = 0; i < example->num_taps; i++)
        if (example->taps[i].tap->population == population && !rv_tap_is_of_sweep_back(example->taps[i].tap->kind))
            return true;
    return false;
}

bool rv_taps_watch_sweep_back(const rv_example *example)
{
    for (size_t i = 0; i < example->num_taps; i++)
        if (rv_tap_is_of_sweep_back(example->taps[i].tap->kind))
            return true;
    return false;
}

void rv_taps_forward(const rv_engine *engine, const rv_block *block, const rv_example *example, uint32_t population,
                     uint32_t t)
{
    for (size_t i = 0; i < example->num_taps; i++) {
        const rv_tap *tap = example->taps[i].tap;
        float *out = tap->population == population ? row_of(&example->taps[i], t) : NULL;
        if (!out)
            continue;
        switch (tap->kind) {
        case RV_TAP_STATE:
            pick(out, block->state + tap->offset, tap);
            break;
        case RV_TAP_IN_SYN:
            pick_in_syn(out, block->state + tap->offset, tap);
            break;
        case RV_TAP_ISYN:
            pick_isyn(out, &engine->model->populations[tap->population], block->state, tap);
            break;
        case RV_TAP_CONSTANT:
            pick(out, tap->constant, tap);
            break;
        case RV_TAP_READOUT:
            pick_readout(out, engine, block, example, tap);
            break;
        case RV_TAP_SOFTMAX:
            pick_softmax(out, engine, block, example, tap);
            break;
        case RV_TAP_SYNAPSE:
            pick_synapses(out, tap->synapses->values, tap);
            break;
        case RV_TAP_TRACE:
            pick_synapses(out, block->traces + tap->offset, tap);
            break;
        case RV_TAP_RECORD:
            pick(out, block->record + (t + 1) * engine->model->record_size + tap->offset, tap);
            break;
        case RV_TAP_ADJOINT:
        case RV_TAP_LAMBDA_I:
        case RV_TAP_SIGNAL:
        case RV_TAP_GRADIENT:
            break;
        }
    }
}

/* ---- backward ---- */

/* One spike that its targets meet in row `arrival` of the ring on: LambdaI of each, or LambdaV - LambdaI, as the real
 * sum has it, without its factor. */
static void add_spike(const rv_tap_target *target, size_t source, float sign, const rv_ring *met, size_t arrival,
                      size_t num_steps)
{
    const rv_tap *tap = target->tap;
    const rv_plan_connection *c = tap->synapses->connection;
    const size_t *index = tap->synapses->index + source * tap->num_neurons;
    float *sum = target->sum + source * tap->num_neurons;
    for (size_t k = 0; k < tap->num_neurons; k++) {
        if (index[k] == RV_NO_SYNAPSE)
            continue;
        const size_t row = arrival + (c->delays ? c->delays[index[k]] : c->delay);
        if (row < num_steps)
            sum[k] += sign * rv_ring_row(met, row)[tap->neurons[k]];
    }
}

static void write_gradient(float *out, const rv_tap_target *target, const rv_plan_group *group)
{
    const rv_tap *tap = target->tap;
    const rv_tap_synapses *s = tap->synapses;
    for (size_t i = 0; i < s->num_sources; i++)
        for (size_t k = 0; k < tap->num_neurons; k++) {
            const size_t at = i * tap->num_neurons + k, index = s->index[at];
            const float *factor = s->of_delay ? &s->connection->weight.value[index] : &group->factor[tap->neurons[k]];
            out[at] = index == RV_NO_SYNAPSE ? NAN : target->sum[at] * s->scale * *factor;
        }
    for (size_t k = 0; k < s->num_more; k++) {
        const size_t at = s->more[k].pair;
        out[at] += target->sum[at] * s->scale * group->factor[tap->neurons[at % tap->num_neurons]];
    }
}

static void take_gradient(const rv_engine *engine, const rv_example *example, const rv_tap_target *target,
                          rv_ring history, rv_ring difference, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_tap_synapses *s = target->tap->synapses;
    const rv_plan_connection *c = s->connection;
    const rv_plan_group *group = &model->populations[c->target].groups[c->group];
    const rv_tape *tape = &example->tapes[c->source];
    float *out = row_of(target, t);
    history.base += group->history;
    difference.base += s->of_delay ? group->difference : 0;
    if (t + 1 == model->num_steps)
        memset(target->sum, 0, target->tap->row_size * sizeof *target->sum);
    for (uint32_t k = tape->offset[t]; k < tape->offset[t + 1]; k++)
        if (s->source[tape->ids[k]] >= 0)
            add_spike(target, (size_t)s->source[tape->ids[k]], tape->negative && k >= tape->negative[t] ? -1 : 1,
                      s->of_delay ? &difference : &history, (size_t)t + model->rule->meets, model->num_steps);
    if (out)
        write_gradient(out, target, group);
}

void rv_taps_back(const rv_engine *engine, const rv_worker *worker, const rv_example *example, rv_ring history,
                  rv_ring difference, uint32_t t)
{
    for (size_t i = 0; i < example->num_taps; i++) {
        const rv_tap_target *target = &example->taps[i];
        const rv_tap *tap = target->tap;
        float *out = row_of(target, t);
        if (tap->kind == RV_TAP_ADJOINT && out)
            pick(out, worker->adjoint + tap->offset, tap);
        else if (tap->kind == RV_TAP_LAMBDA_I && out)
            pick(out, rv_ring_row(&history, t) + tap->offset, tap);
        else if (tap->kind == RV_TAP_SIGNAL && out)
            pick(out, worker->back + tap->population * engine->model->max_n_pad, tap);
        else if (tap->kind == RV_TAP_GRADIENT)
            take_gradient(engine, example, target, history, difference, t);
    }
}
