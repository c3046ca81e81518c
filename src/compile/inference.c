/* The inference compiler: a plan, and nothing to learn. */
#include "compile/plan.h"

int rv_compile_inference(rv_compiled_network **out, rv_network *network, const rv_inference_desc *desc)
{
    int error = rv_plan_build(out, network, RV_COMPILER_INFERENCE, desc->example_timesteps,
                              desc->dt == 0 ? 1 : desc->dt, desc->batch_size ? desc->batch_size : 1);
    if (!error)
        error = rv_plan_pending(*out);
    if (error) {
        rv_compiled_network_free(*out);
        *out = NULL;
    }
    return error;
}
