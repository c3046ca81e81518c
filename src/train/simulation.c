/* Step by step: examples on the engine's parts, without a loop around them. */
#include <ranvier/simulation.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/context.h"
#include "base/error.h"
#include "base/threads.h"
#include "engine/custom_update.h"
#include "train/run.h"

/* A group of custom updates that has been triggered. */
typedef struct triggered {
    char *name; /* in the engine's arena, as all of it */
    rv_bound_group *group;
    struct triggered *next;
} triggered;

/* What an input that takes values is being fed. */
typedef struct feeding {
    float *values;  /* (num_examples, num_frames, n) a copy; NULL = silence */
    uint32_t since; /* the step in which its first frame is shown */
} feeding;

struct rv_simulation {
    rv_compiled_network *model;
    rv_engine *engine;
    feeding *feedings;  /* [populations] */
    rv_binner *binners; /* [populations] of SpikeInputs; others are empty */
    uint32_t t;         /* the next step */
    rv_work work;       /* examples */
    triggered *groups;  /* list */
};

/* ---- making ---- */

static void begin(rv_simulation *s, size_t presentation)
{
    const rv_compiled_network *model = s->model;
    s->t = 0;
    for (size_t e = 0; e < s->engine->capacity; e++) {
        rv_example *example = &s->engine->examples[e];
        example->index = example->number = e;
        example->epoch = presentation;
        rv_forward_begin(s->engine, &s->engine->blocks[e], example);
        for (uint32_t i = 0; i < model->num_populations; i++)
            memset(example->tapes[i].offset, 0, ((size_t)model->num_steps + 1) * sizeof *example->tapes[i].offset);
    }
    for (uint32_t i = 0; i < model->num_populations; i++) {
        rv_free(s->feedings[i].values);
        s->feedings[i] = (feeding){0};
    }
}

static int make(rv_simulation *s, size_t num)
{
    rv_compiled_network *model = s->model;
    rv_context *context = model->context;
    int error = rv_engine_create(&s->engine, model, &(rv_engine_options){.capacity = num, .lockstep = true, .alone = true});
    s->feedings = rv_alloc(context, model->num_populations, sizeof *s->feedings, "simulation");
    s->binners = rv_alloc(context, model->num_populations, sizeof *s->binners, "simulation");
    if (!error && (!s->feedings || !s->binners))
        error = RV_ERR_MEMORY;
    for (uint32_t i = 0; !error && i < model->num_populations; i++)
        if (!model->populations[i].forward)
            error = rv_binner_create(&s->binners[i], context, model->populations[i].n, model->num_steps, model->dt);
    if (!error)
        begin(s, 0);
    return error;
}

int rv_simulation_create(rv_simulation **out, rv_compiled_network *model, size_t num)
{
    *out = NULL;
    rv_simulation *s = rv_alloc(model->context, 1, sizeof *s, "simulation");
    if (!s)
        return RV_ERR_MEMORY;
    s->model = model;
    const int error = make(s, num ? num : model->batch_size);
    if (error) {
        rv_simulation_free(s);
        return error;
    }
    *out = s;
    return RV_OK;
}

void rv_simulation_free(rv_simulation *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->model->num_populations; i++) {
        if (s->feedings)
            rv_free(s->feedings[i].values);
        if (s->binners)
            rv_binner_clear(&s->binners[i]);
    }
    rv_free(s->feedings);
    rv_free(s->binners);
    rv_engine_free(s->engine);
    rv_free(s);
}

size_t rv_simulation_num_examples(const rv_simulation *s)
{
    return s->engine->capacity;
}

size_t rv_simulation_timestep(const rv_simulation *s)
{
    return s->t;
}

/* ---- feeding ---- */

static int feed_values(rv_simulation *s, const rv_feed_input *input)
{
    feeding *f = &s->feedings[input->population->index];
    float *values = rv_realloc(s->model->context, f->values, input->num_values, sizeof *values, "values of an input");
    if (!values)
        return RV_ERR_MEMORY;
    memcpy(values, input->values, input->num_values * sizeof *values);
    *f = (feeding){values, s->t};
    return RV_OK;
}

static int feed_spikes(rv_simulation *s, const rv_feed_input *input)
{
    const uint32_t population = input->population->index;
    rv_binner *binner = &s->binners[population];
    int error = RV_OK;
    binner->num_steps = s->model->num_steps - s->t;
    for (size_t e = 0; !error && e < s->engine->capacity; e++) {
        const rv_binner_target to = {s->engine, &s->model->populations[population],
                                     &s->engine->examples[e].tapes[population], s->t};
        error = rv_binner_run(binner, input->spikes, e, &to);
    }
    return error;
}

int rv_simulation_set_input(rv_simulation *s, const rv_input *given)
{
    rv_context *context = s->model->context;
    rv_feed_input input;
    if (!given->population)
        return rv_fail(context, RV_ERR_ARGUMENT, "simulation: an input needs a population");
    int error = rv_feed_input_make(&input, s->model, given);
    if (!error)
        error = rv_feed_input_check(&input, context);
    if (!error && rv_feed_input_examples(&input) != s->engine->capacity)
        error = rv_fail(context, RV_ERR_SHAPE, "input '%s' has %zu examples, the simulation has %zu",
                        given->population->name, rv_feed_input_examples(&input), s->engine->capacity);
    if (error)
        return error;
    return input.example_size ? feed_values(s, &input) : feed_spikes(s, &input);
}

/* ---- time ---- */

/* Frames that begin in this step. */
static void show(const rv_simulation *s, size_t example)
{
    for (uint32_t i = 0; i < s->model->num_populations; i++) {
        const rv_plan_population *p = &s->model->populations[i];
        const feeding *f = &s->feedings[i];
        const uint32_t frame = f->values ? (s->t - f->since) / p->frame_steps : 0;
        if (f->values && (s->t - f->since) % p->frame_steps == 0 && frame < p->num_frames)
            rv_forward_show(s->engine, &s->engine->blocks[example], i,
                            f->values + (example * p->num_frames + frame) * p->n);
    }
}

static void step_worker(void *arg, int worker)
{
    rv_simulation *s = arg;
    size_t e;
    while (rv_work_take(&s->work, worker, &e)) {
        show(s, e);
        rv_forward_step(s->engine, &s->engine->blocks[e], &s->engine->examples[e], s->t);
    }
}

int rv_simulation_step_time(rv_simulation *s)
{
    if (s->t == s->model->num_steps)
        return rv_fail(s->model->context, RV_ERR_STATE,
                       "simulation: all %u timesteps have been taken, expected rv_simulation_reset_time", s->t);
    rv_work_init(&s->work, s->engine->capacity, s->engine->num_threads);
    rv_parallel(s->model->context, step_worker, s);
    for (size_t e = 0; e < s->engine->capacity; e++)
        if (s->engine->examples[e].error)
            return s->engine->examples[e].error;
    s->t++;
    return RV_OK;
}

int rv_simulation_reset_time(rv_simulation *s)
{
    begin(s, s->engine->examples[0].epoch + 1);
    return RV_OK;
}

/* ---- looking ---- */

static int find(const rv_simulation *s, const rv_population *population, size_t example,
                const rv_plan_population **out)
{
    rv_context *context = s->model->context;
    *out = rv_plan_find_population(s->model, population);
    if (!*out)
        return rv_fail(context, RV_ERR_ARGUMENT, "simulation: population '%s' is of another network",
                       population ? population->name : "(null)");
    if (example >= s->engine->capacity)
        return rv_fail(context, RV_ERR_ARGUMENT, "simulation: example must be < %zu, got %zu", s->engine->capacity,
                       example);
    return RV_OK;
}

static int check_size(const rv_simulation *s, const rv_population *population, size_t expected, size_t size)
{
    return size == expected ? RV_OK
                            : rv_fail(s->model->context, RV_ERR_SHAPE,
                                      "population '%s': expected room for %zu numbers, got %zu",
                                      population->name, expected, size);
}

int rv_simulation_get_readout(const rv_simulation *s, const rv_population *output, float *out, size_t size)
{
    const rv_plan_population *p;
    int error = find(s, output, 0, &p);
    if (!error && !p->readout)
        error = rv_fail(s->model->context, RV_ERR_ARGUMENT, "population '%s' has no readout", output->name);
    if (!error && !s->t)
        error = rv_fail(s->model->context, RV_ERR_STATE, "population '%s': no timestep has been taken", output->name);
    if (!error)
        error = check_size(s, output, s->engine->capacity * p->n, size);
    if (error)
        return error;
    for (size_t e = 0; e < s->engine->capacity; e++)
        rv_outputs_value(s->model, p, &s->engine->examples[e], s->t, out + e * p->n);
    return RV_OK;
}

int rv_simulation_get_spikes(const rv_simulation *s, const rv_population *population, size_t example,
                             const uint32_t **ids, size_t *num)
{
    const rv_plan_population *p;
    const int error = find(s, population, example, &p);
    if (error)
        return error;
    const rv_tape *tape = &s->engine->examples[example].tapes[population->index];
    *num = s->t ? tape->offset[s->t] - tape->offset[s->t - 1] : 0;
    *ids = *num ? tape->ids + tape->offset[s->t - 1] : NULL;
    return RV_OK;
}

static int find_state(const rv_simulation *s, const rv_population *population, const char *name, size_t example,
                      size_t size, float **state)
{
    const rv_plan_population *p;
    int error = find(s, population, example, &p);
    if (!error)
        error = check_size(s, population, p->n, size);
    if (error)
        return error;
    const size_t offset = rv_plan_find_state(p, name);
    if (offset == RV_NONE)
        return rv_fail(s->model->context, RV_ERR_NAME, "population '%s' (%s) has no state variable '%s'",
                       population->name, p->model->name, name);
    *state = s->engine->blocks[example].state + offset;
    return RV_OK;
}

int rv_simulation_get_state(const rv_simulation *s, const rv_population *population, const char *name, size_t example,
                            float *out, size_t size)
{
    float *state = NULL;
    const int error = find_state(s, population, name, example, size, &state);
    if (!error)
        memcpy(out, state, size * sizeof *out);
    return error;
}

int rv_simulation_set_state(rv_simulation *s, const rv_population *population, const char *name, size_t example,
                            const float *data, size_t size)
{
    float *state = NULL;
    const int error = find_state(s, population, name, example, size, &state);
    if (error)
        return error;
    for (size_t j = 0; j < size; j++)
        if (!isfinite(data[j]))
            return rv_fail(s->model->context, RV_ERR_VALUE, "population '%s': %s of neuron %zu must be finite, got %g",
                           population->name, name, j, (double)data[j]);
    memcpy(state, data, size * sizeof *state);
    return RV_OK;
}

/* ---- custom updates ---- */

static int bind_group(rv_simulation *s, const char *name, triggered **out)
{
    rv_bound_group *group;
    const int error = rv_bound_group_create(&group, s->engine, name);
    if (error)
        return error;
    triggered *t = *out = rv_arena_alloc(s->engine->arena, 1, sizeof *t);
    if (!t || !(t->name = rv_arena_strdup(s->engine->arena, name)))
        return RV_ERR_MEMORY;
    t->group = group;
    t->next = s->groups;
    s->groups = t;
    return RV_OK;
}

int rv_simulation_custom_update(rv_simulation *s, const char *name)
{
    triggered *t = s->groups;
    while (t && name && strcmp(t->name, name))
        t = t->next;
    const int error = t && name ? RV_OK : bind_group(s, name, &t);
    return error ? error : rv_bound_group_run(t->group, s->engine->capacity);
}
