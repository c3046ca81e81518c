/* VarRecorder: a variable of a population after every step, example by example. */
#include <ranvier/callbacks.h>

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "callbacks/recorder.h"

typedef struct var_recorder {
    rv_recorder recorder; /* first: the shared hooks know only this */
    rv_var_recorder_desc desc;
} var_recorder;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    var_recorder *state = *user = rv_alloc(context, 1, sizeof *state, "a VarRecorder");
    if (!state)
        return RV_ERR_MEMORY;
    memcpy(&state->desc, self->config.bytes, sizeof state->desc);
    state->recorder.context = context;
    state->recorder.key = state->desc.key;
    return RV_OK;
}

static int set_params(void *user, rv_run *run)
{
    var_recorder *state = user;
    const rv_var_recorder_desc *desc = &state->desc;
    state->recorder.run = run;
    if (!desc->population)
        return rv_fail(state->recorder.context, RV_ERR_ARGUMENT,
                       "VarRecorder: population is NULL, expected a population of the network");
    if (!desc->var && !desc->genn_var)
        return rv_fail(state->recorder.context, RV_ERR_ARGUMENT,
                       "VarRecorder of population '%s': neither var nor genn_var is given, expected one of them",
                       rv_population_name(desc->population));
    return rv_variable_probe_add(&state->recorder.probe, run,
                                 &(rv_variable_probe_desc){
                                     .population = desc->population,
                                     .name = desc->var ? desc->var : desc->genn_var,
                                     .examples = desc->examples,
                                     .neurons = desc->neurons,
                                 });
}

rv_callback rv_var_recorder(rv_var_recorder_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "VarRecorder",
        .create = create,
        .destroy = rv_recorder_destroy,
        .set_params = set_params,
        .on_batch_end = rv_recorder_on_batch_end,
        .get_data = rv_recorder_get_data,
        .save = rv_recorder_save,
        .load = rv_recorder_load,
    };
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
