/* Inference: the plan as it is, and what goes on from batch to batch. */
#include "base/error.h"
#include "compile/plan.h"

/* Spikes on their way are known for one example: the one before. */
static int check_delays(const rv_compiled_network *model)
{
    for (uint32_t i = 0; i < model->num_connections && model->keeps_in_syn; i++) {
        const rv_plan_connection *c = &model->connections[i];
        if (c->max_delay >= model->num_steps)
            return rv_fail(model->context, RV_ERR_NETWORK,
                           "connection '%s': its delays must be shorter than an example of %u timesteps where "
                           "reset_in_syn_between_batches is off",
                           c->connection->name, model->num_steps);
    }
    return RV_OK;
}

int rv_compile_inference(rv_compiled_network **out, rv_network *network, const rv_inference_desc *desc)
{
    int error = rv_plan_build(out, network, RV_COMPILER_INFERENCE, desc->example_timesteps,
                              desc->dt == 0 ? 1 : desc->dt, desc->batch_size ? desc->batch_size : 1);
    if (!error) {
        (*out)->time_runs_on = desc->reset_time_between_batches == RV_OFF;
        (*out)->keeps_vars = desc->reset_vars_between_batches == RV_OFF;
        (*out)->keeps_in_syn = desc->reset_in_syn_between_batches == RV_OFF;
        error = rv_plan_pending(*out);
    }
    if (!error)
        error = check_delays(*out);
    if (error) {
        rv_compiled_network_free(*out);
        *out = NULL;
    }
    return error;
}
