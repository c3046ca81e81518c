/* Spikes on their way through connections whose delays are far (compile/far_delays.c): memory is kept for each of them
 * instead of for each timestep of the longest delay and each target.
 *
 * A spike k, by its number on the source's tape, waits in the list of the step in which its next synapse is due; lists
 * are found by step modulo the number of steps that a spike may be on its way. In the sweep forward it goes through
 * its synapses by ascending delay, and what arrives is summed for the step. The sweep back goes the other way: a spike
 * joins where its longest delay ends, meets the adjoint of its targets as it stands then, and has gathered its
 * feedback when the sweep reaches the step in which it was sent. Where all synapses have one delay, all spikes of a
 * step meet at once, and only the feedback waits. */
#include <string.h>

#include "base/alloc.h"
#include "engine/engine.h"

#define NOBODY UINT32_MAX

static rv_flight *flight(const rv_flights *f, uint32_t k)
{
    return &f->spikes[k & (f->capacity - 1)];
}

/* The first step whose spikes may still be on their way when those of step t join. */
static uint32_t oldest_step(const rv_plan_connection *c, uint32_t t)
{
    return t + 1 >= c->far->steps ? t + 1 - c->far->steps : 0;
}

/* Puts a spike in the list of the step in which it is due. */
static void wait_for(const rv_plan_connection *c, rv_flights *f, uint32_t k, uint32_t step)
{
    uint32_t *first = &f->due[step % c->far->steps];
    flight(f, k)->next = *first;
    *first = k;
}

/* Whoever waits for step t: a list, which is taken. */
static uint32_t take_due(const rv_plan_connection *c, rv_flights *f, uint32_t t)
{
    uint32_t *first = &f->due[t % c->far->steps];
    const uint32_t k = *first;
    *first = NOBODY;
    return k;
}

int rv_flights_make(rv_engine *engine, rv_example *example)
{
    const rv_compiled_network *model = engine->model;
    example->flights = rv_arena_alloc(engine->arena, model->num_connections, sizeof *example->flights);
    for (uint32_t i = 0; example->flights && i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        rv_flights *f = &example->flights[i];
        if (c->far && c->delays && !(f->due = rv_arena_alloc(engine->arena, c->far->steps, sizeof *f->due)))
            return RV_ERR_MEMORY;
    }
    return example->flights ? RV_OK : RV_ERR_MEMORY;
}

void rv_flights_free(const rv_engine *engine, rv_example *example)
{
    for (uint32_t i = 0; example->flights && i < engine->model->num_connections; i++)
        rv_free(example->flights[i].spikes);
}

void rv_flights_begin(const rv_engine *engine, rv_example *example)
{
    for (uint32_t i = 0; i < engine->model->num_connections; i++)
        if (example->flights[i].due)
            memset(example->flights[i].due, 0xff, engine->model->connections[i].far->steps * sizeof(uint32_t));
}

/* Room for the spikes first .. end - 1; those that are there stay. */
static int reserve(rv_context *context, rv_flights *f, uint32_t first, uint32_t end)
{
    size_t capacity = f->capacity ? f->capacity : 64;
    while (capacity < end - first)
        capacity *= 2;
    if (capacity == f->capacity)
        return RV_OK;
    rv_flight *spikes = rv_alloc(context, capacity, sizeof *spikes, "spikes on their way");
    if (!spikes)
        return RV_ERR_MEMORY;
    for (uint32_t k = first; f->capacity && k < end; k++)
        spikes[k & (capacity - 1)] = *flight(f, k);
    rv_free(f->spikes);
    f->spikes = spikes;
    f->capacity = capacity;
    return RV_OK;
}

int rv_flights_reserve(const rv_engine *engine, rv_example *example, uint32_t connection, uint32_t t)
{
    const rv_plan_connection *c = &engine->model->connections[connection];
    const rv_tape *tape = &example->tapes[c->source];
    const bool comes_back = engine->learn && !engine->model->populations[c->source].model->is_input;
    if (!c->far || t == 0 || (!c->delays && !comes_back))
        return RV_OK;
    return reserve(engine->model->context, &example->flights[connection], tape->offset[oldest_step(c, t - 1)],
                   tape->offset[t]);
}

void rv_flights_arrive(const rv_engine *engine, rv_example *example, uint32_t connection, float *sum, uint32_t t)
{
    const rv_plan_connection *c = &engine->model->connections[connection];
    const rv_plan_far *far = c->far;
    const rv_tape *tape = &example->tapes[c->source];
    rv_flights *f = &example->flights[connection];
    for (uint32_t k = t ? tape->offset[t - 1] : 0; t && k < tape->offset[t]; k++) {
        const size_t begin = far->begin[tape->ids[k]];
        flight(f, k)->at = 0;
        if (far->begin[tape->ids[k] + 1] > begin)
            wait_for(c, f, k, t + far->synapses[begin].delay);
    }
    for (uint32_t k = take_due(c, f, t), next; k != NOBODY; k = next) {
        const rv_far_synapse *s = far->synapses + far->begin[tape->ids[k]];
        const uint32_t num = (uint32_t)(far->begin[tape->ids[k] + 1] - far->begin[tape->ids[k]]);
        uint32_t at = flight(f, k)->at;
        const uint32_t delay = s[at].delay, sent = t - 1 - delay;
        const float sign = tape->negative && k >= tape->negative[sent] && k < tape->offset[sent + 1] ? -1 : 1;
        next = flight(f, k)->next;
        for (; at < num && s[at].delay == delay; at++)
            sum[s[at].target] += sign * c->weight.value[s[at].place];
        flight(f, k)->at = at;
        if (at < num)
            wait_for(c, f, k, sent + 1 + s[at].delay);
    }
}

/* ---- back ---- */

/* The sums of a source's synapses in a leaf, NULL where the parameter has none; zeroed where they hold nothing yet. */
static float *sums_of(const rv_plan_connection *c, const rv_plan_parameter *p, size_t leaf, uint32_t source)
{
    if (!p->slots)
        return NULL;
    const size_t row = rv_links_row(&c->links, source);
    uint8_t *touched = &p->touched[leaf * p->rows.num + row];
    float *sums = p->slots + leaf * p->rows.size;
    if (!*touched)
        memset(sums + rv_row_begin(&p->rows, row), 0, rv_row_padded(&p->rows, row) * sizeof *sums);
    *touched = 1;
    return sums;
}

/* The last of a spike's synapses whose delays are not done: it waits for that; `latest` is where the sweep stands. */
static void join(const rv_plan_connection *c, rv_flights *f, uint32_t k, const rv_far_synapse *s, uint32_t num,
                 uint32_t sent, uint32_t latest)
{
    rv_flight *spike = flight(f, k);
    spike->at = num;
    while (spike->at > 0 && sent + s[spike->at - 1].delay > latest)
        spike->at--;
    if (spike->at > 0)
        wait_for(c, f, k, sent + s[spike->at - 1].delay);
}

/* Spikes whose longest delay may end in step t + 1; at the end of the example, all whose delay may have ended. */
static void join_spikes(const rv_engine *engine, const rv_example *example, const rv_plan_connection *c, rv_flights *f,
                        uint32_t t)
{
    const rv_tape *tape = &example->tapes[c->source];
    const bool last = t + 2 == engine->model->num_steps;
    const uint32_t first = oldest_step(c, t), end = last ? t + 1 : t + 1 >= c->far->steps ? first + 1 : first;
    for (uint32_t sent = first; sent < end; sent++)
        for (uint32_t k = tape->offset[sent]; k < tape->offset[sent + 1]; k++) {
            const size_t begin = c->far->begin[tape->ids[k]];
            flight(f, k)->back = 0;
            join(c, f, k, c->far->synapses + begin, (uint32_t)(c->far->begin[tape->ids[k] + 1] - begin), sent, t);
        }
}

/* Gradient and feedback of one spike's synapses that are due in step t + 1. */
static void meet_spike(const rv_plan_connection *c, rv_flights *f, const rv_tape *tape, size_t leaf, uint32_t k,
                       const float *lambda_i, const float *difference, uint32_t t)
{
    const uint32_t id = tape->ids[k];
    const rv_far_synapse *s = c->far->synapses + c->far->begin[id];
    rv_flight *spike = flight(f, k);
    uint32_t at = spike->at;
    const uint32_t delay = s[at - 1].delay, sent = t - delay;
    const float sign = tape->negative && k >= tape->negative[sent] ? -1 : 1;
    float *gradient = sums_of(c, &c->weight, leaf, id), *of_delay = sums_of(c, &c->delay_parameter, leaf, id);
    for (; at > 0 && s[at - 1].delay == delay; at--) {
        const rv_far_synapse synapse = s[at - 1];
        if (gradient)
            gradient[synapse.place] += sign * lambda_i[synapse.target];
        if (of_delay)
            of_delay[synapse.place] += sign * difference[synapse.target];
        if (difference)
            spike->back += c->weight.value[synapse.place] * difference[synapse.target];
    }
    spike->at = at;
    if (at > 0)
        wait_for(c, f, k, sent + s[at - 1].delay);
}

/* One delay for all: the spikes of one step meet at once. */
static void meet_step(const rv_engine *engine, rv_worker *worker, const rv_example *example,
                      const rv_plan_connection *c, rv_flights *f, size_t leaf, const rv_ring *lambda_i,
                      const float *difference, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_tape *tape = &example->tapes[c->source];
    if (t < c->delay)
        return;
    const uint32_t sent = t - c->delay, first = tape->offset[sent], num = tape->offset[sent + 1] - first;
    const float *factor = c->weighed ? model->populations[c->target].groups[c->group].factor : NULL;
    rv_gradient_meet(engine, worker, example, c, &c->weight, leaf, sent, lambda_i, factor);
    if (!num || model->populations[c->source].model->is_input)
        return;
    memset(worker->row, 0, rv_pad(num) * sizeof(float));
    c->ops->back(&c->links, worker->row, tape->ids + first, num, difference);
    for (uint32_t k = 0; k < num; k++)
        flight(f, first + k)->back = worker->row[k];
}

void rv_flights_meet(const rv_engine *engine, rv_worker *worker, const rv_example *example, uint32_t connection,
                     size_t leaf, const rv_ring *lambda_i, const rv_ring *differences, uint32_t t)
{
    const rv_compiled_network *model = engine->model;
    const rv_plan_connection *c = &model->connections[connection];
    const rv_tape *tape = &example->tapes[c->source];
    rv_flights *f = &example->flights[connection];
    const float *difference = differences ? rv_ring_row(differences, t + 1) : NULL;
    if (!c->delays)
        meet_step(engine, worker, example, c, f, leaf, lambda_i, difference, t);
    else {
        join_spikes(engine, example, c, f, t);
        for (uint32_t k = take_due(c, f, t), next; k != NOBODY; k = next) {
            next = flight(f, k)->next;
            meet_spike(c, f, tape, leaf, k, rv_ring_row(lambda_i, t + 1), difference, t);
        }
    }
    const bool met = c->delays || t + c->delay + 1 < model->num_steps;
    if (model->populations[c->source].model->is_input || !met)
        return;
    float *back = worker->back + c->source * model->max_n_pad;
    for (uint32_t k = tape->offset[t]; k < tape->offset[t + 1]; k++)
        back[k - tape->offset[t]] += flight(f, k)->back;
}
