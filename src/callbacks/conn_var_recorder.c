/* ConnVarRecorder: a variable of the synapses of a connection after every step, example by example. */
#include <ranvier/callbacks.h>

#include <string.h>

#include "base/error.h"
#include "callbacks/recorder.h"

typedef struct conn_var_recorder {
    rv_recorder recorder; /* first: the shared hooks know only this */
    rv_conn_var_recorder_desc desc;
} conn_var_recorder;

static int create(void **user, const rv_callback *self, rv_context *context)
{
    rv_conn_var_recorder_desc desc;
    memcpy(&desc, self->config.bytes, sizeof desc);
    const int rc = rv_recorder_create(user, sizeof(conn_var_recorder), context, desc.key, &desc.keep);
    if (rc == RV_OK)
        ((conn_var_recorder *)*user)->desc = desc;
    return rc;
}

static int set_params(void *user, rv_run *run)
{
    conn_var_recorder *state = user;
    const rv_conn_var_recorder_desc *desc = &state->desc;
    if (!desc->connection)
        return rv_fail(state->recorder.context, RV_ERR_ARGUMENT,
                       "ConnVarRecorder: connection is NULL, expected a connection of the network");
    if (!desc->genn_var)
        return rv_fail(state->recorder.context, RV_ERR_ARGUMENT,
                       "ConnVarRecorder of connection '%s': genn_var is NULL, expected the name of a variable",
                       rv_connection_name(desc->connection));
    const int rc = rv_connection_probe_add(&state->recorder.probe, run,
                                           &(rv_connection_probe_desc){
                                               .connection = desc->connection,
                                               .name = desc->genn_var,
                                               .examples = desc->examples,
                                               .sources = desc->src_neurons,
                                               .targets = desc->trg_neurons,
                                               .timesteps = desc->timesteps,
                                               .sink = rv_recorder_sink(&state->recorder, true),
                                           });
    return rc < 0 ? rc
                  : rv_recorder_set_up(&state->recorder, run, "ConnVarRecorder", "connection",
                                       rv_connection_name(desc->connection));
}

rv_callback rv_conn_var_recorder(rv_conn_var_recorder_desc desc)
{
    _Static_assert(sizeof desc <= RV_CALLBACK_CONFIG, "the description must fit into a callback");
    rv_callback callback = {
        .name = "ConnVarRecorder",
        .create = create,
        .set_params = set_params,
    };
    rv_recorder_set_hooks(&callback);
    memcpy(callback.config.bytes, &desc, sizeof desc);
    return callback;
}
