/* VarRecorder: a variable of a population after every step, example by example. */
#include <ranvier/callbacks.h>

#include <string.h>

#include "base/error.h"
#include "callbacks/recorder.h"

typedef struct var_recorder {
    rv_recorder recorder; /* first: the shared hooks know only this */
    rv_var_recorder_desc desc;
} var_recorder;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    rv_var_recorder_desc desc;
    memcpy(&desc, self->config.bytes, sizeof desc);
    const int rc = rv_recorder_create(user, sizeof(var_recorder), context, desc.key, &desc.keep);
    if (rc == RV_OK)
        ((var_recorder *)*user)->desc = desc;
    return rc;
}

static int set_params(void *user, rv_run *run)
{
    var_recorder *state = user;
    const rv_var_recorder_desc *desc = &state->desc;
    if (!desc->population)
        return rv_fail(state->recorder.context, RV_ERR_ARGUMENT,
                       "VarRecorder: population is NULL, expected a population of the network");
    if (!desc->var && !desc->genn_var)
        return rv_fail(state->recorder.context, RV_ERR_ARGUMENT,
                       "VarRecorder of population '%s': neither var nor genn_var is given, expected one of them",
                       rv_population_name(desc->population));
    const int rc = rv_variable_probe_add(&state->recorder.probe, run,
                                         &(rv_variable_probe_desc){
                                             .population = desc->population,
                                             .name = desc->var ? desc->var : desc->genn_var,
                                             .examples = desc->examples,
                                             .neurons = desc->neurons,
                                             .timesteps = desc->timesteps,
                                             .sink = rv_recorder_sink(&state->recorder, true),
                                         });
    return rc < 0 ? rc
                  : rv_recorder_set_up(&state->recorder, run, "VarRecorder", "population",
                                       rv_population_name(desc->population));
}

rv_callback rv_var_recorder(rv_var_recorder_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "VarRecorder",
        .create = create,
        .set_params = set_params,
    };
    rv_recorder_set_hooks(&callback);
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
