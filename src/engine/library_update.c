/* The groups of custom updates that are the library's own, under mlGeNN's names. What mlGeNN triggers in every batch
 * happens here in the sweeps; these do it once more, whenever they are asked to. */
#include <string.h>

#include "engine/custom_update.h"

/* ---- state of an example ---- */

static void zero_out_post(const rv_plan_population *p, float *state)
{
    for (size_t g = 0; g < p->num_groups; g++) {
        const rv_plan_group *group = &p->groups[g];
        memset(state + group->in_syn, 0, p->n_pad * sizeof *state);
        if (group->num_pending)
            memset(state + group->pending, 0, group->num_pending * p->n_pad * sizeof *state);
    }
}

/* Not of inputs whose state a frame has set. */
static void reset(const rv_compiled_network *model, const rv_plan_population *p, float *state)
{
    for (int k = 0; !p->begin_frame && k < p->model->num_state; k++)
        memcpy(state + p->state[k], model->initial_block + p->state[k], p->n_pad * sizeof *state);
    zero_out_post(p, state);
}

static void softmax(const rv_compiled_network *model, const rv_plan_population *p, float *state)
{
    if (p->readout && p->model->voltage >= 0)
        model->kernels->softmax(state + p->eprop.softmax, state + p->state[p->model->voltage], p->n);
}

static void update_example(rv_engine *engine, rv_library_group group, size_t position)
{
    const rv_compiled_network *model = engine->model;
    float *state = engine->blocks[position].state;
    for (uint32_t i = 0; i < model->num_populations; i++) {
        const rv_plan_population *p = &model->populations[i];
        if (group == RV_GROUP_RESET)
            reset(model, p, state);
        else if (group == RV_GROUP_ZERO_OUT_POST)
            zero_out_post(p, state);
        else
            softmax(model, p, state);
    }
    if (group == RV_GROUP_RESET)
        rv_outputs_begin(engine, &engine->examples[position]);
}

/* ---- gradients ---- */

static void zero_gradient(rv_plan_parameter *p)
{
    if (p->gradient)
        memset(p->gradient, 0, p->rows.size * sizeof *p->gradient);
    if (p->accumulated)
        memset(p->accumulated, 0, p->rows.size * sizeof *p->accumulated);
}

static void zero_gradients(rv_compiled_network *model)
{
    for (uint32_t i = 0; i < model->num_connections; i++) {
        zero_gradient(&model->connections[i].weight);
        zero_gradient(&model->connections[i].delay_parameter);
    }
    for (uint32_t i = 0; i < model->num_populations; i++)
        zero_gradient(&model->populations[i].bias);
    model->accumulated[0] = model->accumulated[1] = 0;
}

int rv_library_update(rv_engine *engine, rv_library_group group, size_t num)
{
    switch (group) {
    case RV_GROUP_GRADIENT_LEARN:
        return rv_gradient_learn_kept(engine);
    case RV_GROUP_ZERO_GRADIENT:
        zero_gradients(engine->model);
        return RV_OK;
    case RV_GROUP_RESET:
    case RV_GROUP_ZERO_OUT_POST:
    case RV_GROUP_SOFTMAX3:
        for (size_t i = 0; i < num; i++)
            if (rv_engine_owns(engine, i))
                update_example(engine, group, i);
        return RV_OK;
    case RV_GROUP_GRADIENT_BATCH_REDUCE: /* the batch did it */
    case RV_GROUP_SOFTMAX1:              /* the third stage does all of it */
    case RV_GROUP_SOFTMAX2:
    case RV_NUM_LIBRARY_GROUPS:
        break;
    }
    return RV_OK;
}
