/* The engine's memory. */
#include "engine/engine.h"

#include "base/alloc.h"
#include "base/error.h"
#include "comm/communicator.h"
#include "base/context.h"
#include "engine/split.h"

#define POINTERS (RV_MAX_STATE + 3 * RV_MAX_GROUPS) /* of a population's step */
#define EXCHANGED_AT_ONCE 65536U /* floats of a parameter: few messages, and sums that stay in the last cache */

static float *new_floats(rv_engine *engine, size_t n)
{
    return rv_arena_alloc(engine->arena, n, sizeof(float));
}

void rv_block_aim(rv_block *block, const rv_compiled_network *model)
{
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        float **state = block->pointers + i * POINTERS;
        float **in_syn = state + RV_MAX_STATE, **in_scale = in_syn + RV_MAX_GROUPS;
        float **worth = in_scale + RV_MAX_GROUPS;
        for (int k = 0; k < p->model->num_state; k++)
            state[k] = block->state + p->state[k];
        for (size_t g = 0; g < p->num_groups; g++) {
            in_syn[g] = block->state + p->groups[g].in_syn;
            in_scale[g] = p->groups[g].scale;
            worth[g] = p->groups[g].worth;
        }
        if (p->model->takes_values) {
            in_syn[0] = block->state + p->input;
            in_scale[0] = p->input_scale;
        }
        block->steps[i] = (rv_neuron_step){
            .model = p->model,
            .n = p->n,
            .end = p->n_pad,
            .state = state,
            .coeff = (const float *const *)p->coeff,
            .mask = &p->mask,
            .param = (const float *const *)p->param,
            .num_groups = p->model->takes_values ? 1 : p->num_groups,
            .in_syn = (const float *const *)in_syn,
            .in_scale = (const float *const *)in_scale,
            .dt = (float)model->dt,
            .first = p->begin,
            .start = p->start,
            .worth = (const float *const *)worth,
            .fired = block->fired,
        };
    }
}

int rv_block_make_steps(const rv_engine *engine, rv_block *block)
{
    const rv_compiled_network *model = engine->model;
    block->steps = rv_arena_alloc(engine->arena, model->num_populations, sizeof *block->steps);
    block->pointers = rv_arena_alloc(engine->arena, model->num_populations * POINTERS, sizeof *block->pointers);
    block->afferents = rv_arena_alloc(engine->arena, model->num_connections, sizeof *block->afferents);
    return block->steps && block->pointers && block->afferents ? RV_OK : RV_ERR_MEMORY;
}

static int make_block(rv_engine *engine, rv_block *block)
{
    const rv_compiled_network *model = engine->model;
    block->state = new_floats(engine, model->block_size);
    block->fired = rv_arena_alloc(engine->arena, model->block_steps * rv_fired_words(model->max_n_pad),
                                  sizeof *block->fired);
    block->ahead = new_floats(engine, 3 * model->block_floats);
    block->scratch = new_floats(engine, 2 * model->max_n_pad);
    if (!block->state || !block->fired || !block->ahead || !block->scratch || rv_block_make_steps(engine, block))
        return RV_ERR_MEMORY;
    rv_block_aim(block, model);
    return RV_OK;
}

static int make_tapes(rv_engine *engine, rv_tape **out)
{
    const rv_compiled_network *model = engine->model;
    if (!(*out = rv_arena_alloc(engine->arena, model->num_populations, sizeof **out)))
        return RV_ERR_MEMORY;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        rv_tape *tape = &(*out)[i];
        tape->offset = rv_arena_alloc(engine->arena, (size_t)model->num_steps + 1, sizeof *tape->offset);
        if (!tape->offset)
            return RV_ERR_MEMORY;
        if (model->populations[i].is_signed &&
            !(tape->negative = rv_arena_alloc(engine->arena, model->num_steps, sizeof *tape->negative)))
            return RV_ERR_MEMORY;
    }
    return RV_OK;
}

static int make_example(rv_engine *engine, rv_example *example, size_t position)
{
    const rv_compiled_network *model = engine->model;
    const size_t outputs = (size_t)engine->num_targets;
    example->position = position;
    example->values = rv_arena_alloc(engine->arena, model->num_populations, sizeof *example->values);
    example->readout_state = new_floats(engine, model->readout_size);
    example->readout = engine->readouts + position * outputs * model->max_n_pad;
    example->loss_gradient = new_floats(engine, outputs * model->max_n_pad);
    example->bias = new_floats(engine, engine->learn ? model->bias_size : 0);
    example->expected = rv_arena_alloc(engine->arena, outputs, sizeof *example->expected);
    example->scores = engine->scores + position * outputs * RV_SCORES;
    if (!example->values || !example->readout_state || !example->loss_gradient || !example->bias ||
        !example->expected)
        return RV_ERR_MEMORY;
    for (size_t o = 0; o < outputs; o++) {
        const size_t n_pad = model->populations[engine->targets[o].population].n_pad;
        if (engine->targets[o].keeps_trace &&
            !(example->expected[o].trace = new_floats(engine, model->num_steps * n_pad)))
            return RV_ERR_MEMORY;
    }
    int error = make_tapes(engine, &example->tapes);
    if (!error && model->keeps_in_syn)
        error = make_tapes(engine, &example->spare_tapes);
    return error ? error : rv_flights_make(engine, example);
}

static int make_worker(rv_engine *engine, rv_worker *worker)
{
    const rv_compiled_network *model = engine->model;
    worker->adjoint = new_floats(engine, model->adjoint_size);
    worker->history = model->rows ? NULL : new_floats(engine, rv_history_steps(model) * model->history_size);
    worker->difference = new_floats(engine, rv_ring_steps(model) * model->difference_size);
    worker->back = new_floats(engine, model->num_populations * model->max_n_pad);
    worker->steps = rv_arena_alloc(engine->arena, model->num_populations, sizeof *worker->steps);
    worker->pointers =
        rv_arena_alloc(engine->arena, model->num_populations * RV_ADJOINT_POINTERS, sizeof *worker->pointers);
    worker->efferents = rv_arena_alloc(engine->arena, model->num_connections, sizeof *worker->efferents);
    worker->begin = rv_arena_alloc(engine->arena, model->max_n_pad + 2, sizeof *worker->begin);
    worker->drive = new_floats(engine, (size_t)engine->num_targets * rv_drive_size(model));
    worker->sums = new_floats(engine, model->max_n_pad);
    worker->row = new_floats(engine, model->max_n_pad);
    worker->scaled = new_floats(engine, model->max_n_pad);
    return worker->adjoint && (model->rows || worker->history) && worker->difference && worker->back &&
                   worker->steps && worker->pointers && worker->efferents && worker->begin && worker->drive &&
                   worker->sums && worker->row && worker->scaled
               ? RV_OK
               : RV_ERR_MEMORY;
}

/* Several ranks: room for the sums of nodes of some rows, one at least. */
static int make_exchange(rv_engine *engine)
{
    if (rv_comm_size(engine->model->context) == 1)
        return RV_OK;
    const size_t longest = engine->model->max_n_pad;
    engine->exchange_size = longest > EXCHANGED_AT_ONCE ? longest : EXCHANGED_AT_ONCE;
    engine->exchange = new_floats(engine, (RV_MAX_LEAVES + 1) * engine->exchange_size);
    return engine->exchange ? RV_OK : RV_ERR_MEMORY;
}

static int make_learning(rv_engine *engine)
{
    const rv_compiled_network *model = engine->model;
    size_t size;
    engine->workers = rv_arena_alloc(engine->arena, (size_t)engine->num_threads, sizeof *engine->workers);
    engine->penalty = rv_arena_alloc(engine->arena, model->num_populations, sizeof *engine->penalty);
    engine->counts = rv_arena_alloc(engine->arena, model->max_n_pad, sizeof *engine->counts);
    engine->zeros = new_floats(engine, model->max_n_pad);
    if (!engine->workers || !engine->penalty || !engine->counts || !engine->zeros || make_exchange(engine))
        return RV_ERR_MEMORY;
    for (int i = 0; i < engine->num_threads; i++)
        if (make_worker(engine, &engine->workers[i]))
            return RV_ERR_MEMORY;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        if (rv_plan_is_regularised(p) && !(engine->penalty[i] = new_floats(engine, p->n_pad)))
            return RV_ERR_MEMORY;
    }
    if (model->learning.clip_norm > 0 &&
        !(engine->squares = rv_arena_alloc(engine->arena, 2 * rv_gradient_num_rows(model) + model->num_populations,
                                           sizeof *engine->squares)))
        return RV_ERR_MEMORY;
    if (!model->rows)
        return RV_OK;
    if (!rv_multiply(engine->capacity, rv_history_steps(model), &size) || size > UINT32_MAX ||
        !rv_multiply(size, model->history_size, &size))
        return rv_fail(model->context, RV_ERR_MEMORY, "the rows schedule cannot hold %zu examples of %u timesteps",
                       engine->capacity, model->num_steps);
    engine->histories = new_floats(engine, size);
    engine->sorted = rv_arena_alloc(engine->arena, model->num_populations, sizeof *engine->sorted);
    if (!engine->histories || !engine->sorted)
        return RV_ERR_MEMORY;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const size_t num_keys = model->populations[i].n * model->num_leaves;
        if (model->populations[i].has_rows &&
            !(engine->sorted[i].begin = rv_arena_alloc(engine->arena, num_keys + 2, sizeof(uint32_t))))
            return RV_ERR_MEMORY;
    }
    return RV_OK;
}

static int make_blocks(rv_engine *engine)
{
    const size_t num = engine->own_blocks ? engine->capacity : (size_t)engine->num_threads;
    rv_block *blocks = rv_arena_alloc(engine->arena, num, sizeof *blocks);
    int error = blocks ? RV_OK : RV_ERR_MEMORY;
    for (size_t i = 0; !error && i < num; i++) {
        error = make_block(engine, &blocks[i]);
        if (!error && rv_engine_learns_eprop(engine))
            error = rv_eprop_make_block(engine, &blocks[i]);
    }
    engine->blocks = blocks;
    return error;
}

int rv_engine_keep_blocks(rv_engine *engine)
{
    if (engine->lockstep)
        return RV_OK;
    engine->lockstep = true;
    if (engine->own_blocks)
        return RV_OK;
    engine->own_blocks = true;
    return make_blocks(engine);
}

static int make_memory(rv_engine *engine)
{
    const size_t outputs = (size_t)engine->num_targets;
    engine->examples = rv_arena_alloc(engine->arena, engine->capacity, sizeof *engine->examples);
    engine->scores = rv_arena_alloc(engine->arena, engine->capacity * outputs * RV_SCORES, sizeof *engine->scores);
    engine->readouts = new_floats(engine, engine->capacity * outputs * engine->model->max_n_pad);
    if (!engine->examples || !engine->scores || !engine->readouts)
        return RV_ERR_MEMORY;
    for (size_t i = 0; i < engine->capacity; i++)
        if (make_example(engine, &engine->examples[i], i))
            return RV_ERR_MEMORY;
    int error = engine->learn ? make_learning(engine) : RV_OK;
    if (!error && rv_engine_learns_eprop(engine))
        error = rv_eprop_make(engine);
    error = error ? error : make_blocks(engine);
    return error ? error : rv_split_create(engine);
}

int rv_engine_create(rv_engine **out, rv_compiled_network *model, const rv_engine_options *options)
{
    *out = NULL;
    rv_engine *engine = rv_alloc(model->context, 1, sizeof *engine, "engine");
    if (!engine)
        return RV_ERR_MEMORY;
    engine->model = model;
    model->num_engines++;
    engine->num_threads = model->context->num_threads;
    engine->capacity = options->capacity;
    engine->learn = options->learn;
    engine->lockstep = options->lockstep;
    engine->alone = options->alone;
    engine->own_blocks = options->lockstep || rv_engine_carries(model);
    engine->num_targets = options->num_targets;
    for (int i = 0; i < options->num_targets; i++)
        engine->targets[i] = options->targets[i];
    int error = rv_arena_create(&engine->arena, model->context, 0, "engine");
    if (!error)
        error = make_memory(engine);
    if (error) {
        rv_engine_free(engine);
        return error;
    }
    *out = engine;
    return RV_OK;
}

static void free_tapes(const rv_engine *engine, rv_tape *tapes)
{
    for (uint32_t i = 0; tapes && i < engine->model->num_populations; i++) {
        rv_free(tapes[i].ids);
        rv_free(tapes[i].crossing);
    }
}

void rv_engine_free(rv_engine *engine)
{
    if (!engine)
        return;
    for (size_t e = 0; engine->examples && e < engine->capacity; e++) {
        rv_flights_free(engine, &engine->examples[e]);
        free_tapes(engine, engine->examples[e].tapes);
        free_tapes(engine, engine->examples[e].spare_tapes);
    }
    rv_split_free(engine->split);
    for (int i = 0; engine->workers && i < engine->num_threads; i++)
        rv_free(engine->workers[i].entries);
    for (uint32_t i = 0; engine->sorted && i < engine->model->num_populations; i++)
        rv_free(engine->sorted[i].entries);
    rv_arena_free(engine->arena);
    engine->model->num_engines--;
    rv_free(engine);
}

int rv_engine_measure(rv_engine *engine)
{
    if (!engine->times)
        engine->times = rv_arena_alloc(engine->arena, (size_t)engine->num_threads, sizeof *engine->times);
    return engine->times ? RV_OK : RV_ERR_MEMORY;
}

size_t rv_engine_memory(const rv_engine *engine)
{
    return rv_arena_bytes(engine->arena);
}

size_t rv_engine_tape_bound(const rv_engine *engine)
{
    const rv_compiled_network *model = engine->model;
    const size_t max = engine->learn ? model->learning.max_spikes : model->num_steps;
    size_t bytes = 0;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        if (p->model->takes_values)
            bytes += p->n * model->num_steps * sizeof(uint32_t) * engine->capacity;
        else if (p->model->spikes && !p->model->is_input)
            bytes += p->n * (max < model->num_steps ? max : model->num_steps) *
                     (sizeof(uint32_t) + (engine->learn ? (size_t)p->model->num_crossing : 0) * sizeof(float)) *
                     engine->capacity;
    }
    for (uint32_t i = 0; i < model->num_connections; i++) {
        const rv_plan_connection *c = &model->connections[i];
        const rv_plan_population *source = &model->populations[c->source];
        if (c->far && !source->model->is_input)
            bytes += source->n * (max < c->far->steps ? max : c->far->steps) * sizeof(rv_flight) * engine->capacity;
    }
    bytes = model->keeps_in_syn ? 2 * bytes : bytes;
    return bytes + rv_split_tape_bound(engine, max < model->num_steps ? max : model->num_steps);
}
