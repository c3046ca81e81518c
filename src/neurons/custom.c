/* Models that users bring along: their tables are checked and dressed as models of the library, and one kernel calls
 * their functions. */
#include "neurons/custom.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/philox.h"
#include "neurons/input_frames.h"
#include "values/params.h"

/* arrays of state after the user's variables: Isyn, and a bool for each neuron that tells who spiked */
enum { ISYN, SPIKED, NUM_SCRATCH };

typedef struct custom_model {
    rv_neuron_model base;
    rv_param params[RV_MAX_PARAMS];
    rv_state_variable state[RV_MAX_STATE];
} custom_model;

/* ---- the kernel ---- */

static const float *input_of(const rv_neuron_step *s, float *isyn)
{
    if (s->model->takes_values)
        return s->in_syn[0];
    for (size_t j = 0; j < s->n; j++) {
        isyn[j] = 0;
        for (size_t g = 0; g < s->num_groups; g++)
            isyn[j] += s->in_syn[g][j] * s->in_scale[g][j];
    }
    return isyn;
}

static size_t forward(const rv_neuron_step *s)
{
    const rv_custom_neuron *custom = s->model->custom;
    float *const *scratch = s->state + custom->num_variables;
    bool *spiked = (bool *)scratch[SPIKED];
    const rv_custom_step step = {
        .model = custom,
        .n = s->n,
        .timestep = s->t,
        .dt = s->dt,
        .variable = s->state,
        .param = s->param,
        .coefficient = s->coeff,
        .input = input_of(s, scratch[ISYN]),
        .spiked = spiked,
        .random = s->random,
    };
    size_t num = 0;
    memset(spiked, 0, s->n * sizeof *spiked);
    custom->step(&step);
    for (size_t j = 0; j < s->n && !custom->never_spikes; j++)
        if (spiked[j])
            s->ids[num++] = (uint32_t)j;
    if (num && custom->reset)
        custom->reset(&step, s->ids, num);
    return num;
}

static const rv_neuron_ops *ops(rv_isa isa)
{
    static const rv_neuron_ops only = {.forward = {forward}};
    (void)isa;
    return &only;
}

void rv_custom_random(const rv_custom_step *step, size_t neuron, uint32_t random[4])
{
    rv_random_at(step->random, step->timestep, neuron, random);
}

/* ---- from a table to a model ---- */

static int fail(rv_context *context, const char *what, const rv_custom_neuron *custom, const char *fault,
                const char *name)
{
    return rv_fail(context, RV_ERR_ARGUMENT, "%s: neuron model '%s': %s%s%s%s", what,
                   custom->name ? custom->name : "(null)", fault, name ? " '" : "", name ? name : "", name ? "'" : "");
}

static int find_variable(const rv_custom_neuron *custom, const char *name)
{
    for (size_t i = 0; i < custom->num_variables; i++)
        if (!strcmp(custom->variables[i].name, name))
            return (int)i;
    return -1;
}

static int copy_params(custom_model *m, rv_context *context, const rv_custom_neuron *custom, const char *what)
{
    for (size_t i = 0; i < custom->num_params; i++) {
        rv_param *row = &m->params[i];
        *row = custom->params[i];
        if (!row->name || !row->name[0])
            return fail(context, what, custom, "a parameter has no name", NULL);
        row->internal = row->internal ? row->internal : "";
        row->unit = row->unit ? row->unit : "";
        row->help = row->help ? row->help : "";
        if (rv_param_find(m->params, (int)i, row->name) >= 0)
            return fail(context, what, custom, "there are two parameters", row->name);
        for (int d = 0; d < RV_NUM_DEFAULTS; d++)
            if (!rv_param_in_range(row, row->value[d]))
                return fail(context, what, custom, "the default is out of the range of parameter", row->name);
    }
    m->base.num_params = (int)custom->num_params;
    if (!custom->is_input)
        return RV_OK;
    const rv_param rows[] = {RV_INPUT_FRAMES_PARAM, RV_INPUT_FRAME_TIMESTEPS_PARAM};
    const size_t counts[] = {custom->frames.input_frames, custom->frames.input_frame_timesteps};
    m->base.frames = m->base.num_params;
    for (int i = 0; i < 2; i++) {
        rv_param *row = &m->params[m->base.num_params++];
        *row = rows[i];
        for (int d = 0; d < RV_NUM_DEFAULTS && counts[i]; d++)
            row->value[d] = (double)counts[i];
        if (!rv_param_in_range(row, row->value[0]))
            return fail(context, what, custom, "out of range is", row->name);
    }
    return RV_OK;
}

static int copy_variables(custom_model *m, rv_context *context, const rv_custom_neuron *custom, const char *what)
{
    for (size_t i = 0; i < custom->num_variables; i++) {
        const rv_custom_variable *v = &custom->variables[i];
        if (!v->name || !v->name[0])
            return fail(context, what, custom, "a variable has no name", NULL);
        if (find_variable(custom, v->name) != (int)i)
            return fail(context, what, custom, "there are two variables", v->name);
        const int param = v->param ? rv_param_find(m->params, (int)custom->num_params, v->param) : -1;
        if (v->param && param < 0)
            return fail(context, what, custom, "a variable starts at a parameter that there is not,", v->param);
        m->state[i] = (rv_state_variable){v->name, v->name, param};
    }
    for (int i = 0; i < NUM_SCRATCH; i++)
        m->state[custom->num_variables + (size_t)i] = (rv_state_variable){"", "", -1};
    m->base.num_state = (int)custom->num_variables + NUM_SCRATCH;
    m->base.voltage = custom->voltage ? find_variable(custom, custom->voltage) : -1;
    if (custom->voltage && m->base.voltage < 0)
        return fail(context, what, custom, "voltage must be a variable, got", custom->voltage);
    return RV_OK;
}

static int check_number(rv_context *context, const char *what, const rv_custom_neuron *custom, size_t num, size_t most,
                        const char *name, bool given)
{
    if (num > most)
        return rv_fail(context, RV_ERR_ARGUMENT, "%s: neuron model '%s': num_%s must be <= %zu, got %zu", what,
                       custom->name, name, most, num);
    if (num && !given)
        return rv_fail(context, RV_ERR_ARGUMENT, "%s: neuron model '%s': num_%s is %zu, but %s is NULL", what,
                       custom->name, name, num, name);
    return RV_OK;
}

static int check(rv_context *context, const rv_custom_neuron *custom, const char *what)
{
    if (!custom->name || !custom->name[0])
        return fail(context, what, custom, "a name is required", NULL);
    if (!custom->step)
        return fail(context, what, custom, "a step function is required", NULL);
    int error = check_number(context, what, custom, custom->num_params, RV_MAX_CUSTOM_PARAMS, "params",
                             custom->params != NULL);
    if (!error)
        error = check_number(context, what, custom, custom->num_variables, RV_MAX_CUSTOM_VARIABLES, "variables",
                             custom->variables != NULL);
    if (!error)
        error = check_number(context, what, custom, custom->num_coefficients, RV_MAX_CUSTOM_COEFFICIENTS,
                             "coefficients", custom->coefficients != NULL);
    return error;
}

int rv_custom_model_create(rv_neuron_model **out, rv_context *context, const rv_custom_neuron *custom,
                           const char *what)
{
    *out = NULL;
    int error = check(context, custom, what);
    if (error)
        return error;
    custom_model *m = rv_alloc(context, 1, sizeof *m, "neuron model");
    if (!m)
        return RV_ERR_MEMORY;
    m->base = (rv_neuron_model){
        .name = custom->name,
        .help = "",
        .params = m->params,
        .state = m->state,
        .num_coeffs = (int)custom->num_coefficients,
        .is_input = custom->is_input,
        .takes_values = custom->is_input,
        .is_random = true,
        .spikes = !custom->never_spikes,
        .tau_mem = -1,
        .alpha_coeff = -1,
        .coefficients = custom->coefficients,
        .ops = ops,
        .custom = custom,
    };
    error = copy_params(m, context, custom, what);
    if (!error)
        error = copy_variables(m, context, custom, what);
    if (error) {
        rv_free(m);
        return error;
    }
    *out = &m->base;
    return RV_OK;
}

void rv_custom_model_free(rv_neuron_model *model)
{
    rv_free(model);
}

rv_neuron rv_custom(const rv_custom_neuron *model, rv_readout readout)
{
    return (rv_neuron){.custom = model, .readout = readout};
}
