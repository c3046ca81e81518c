/* Leaky integrator, one step forward and one step back.
 *
 * Forward: V <- alpha V + gain Isyn + bias, alpha = exp(-dt / tau_mem), gain = 1 - alpha (scale_i) or 1
 * Adjoint: the flow of adjoint_flow.h with the loss's drive. */
#include "kernels/isa.h"
#include "neurons/adjoint_flow.h"
#include "neurons/leaky_integrate.h"

static size_t forward(const rv_neuron_step *s)
{
    for (size_t j = s->begin; j < s->end; j += RV_WIDTH) {
        rv_vec i = {0};
        for (size_t g = 0; g < s->num_groups; g++)
            i += *rv_cat(s->in_syn[g] + j) * *rv_cat(s->in_scale[g] + j);
        rv_vec *v = rv_at(s->state[LI_V] + j);
        *v = *rv_cat(s->coeff[LI_ALPHA] + j) * *v + *rv_cat(s->coeff[LI_GAIN] + j) * i +
             *rv_cat(s->coeff[LI_BIAS] + j);
    }
    return 0;
}

static void adjoint(const rv_adjoint_step *s)
{
    rv_adjoint_flow(s, s->drive != NULL);
}

extern const rv_neuron_ops RV_ISA_NAME(rv_leaky_integrate_ops);
const rv_neuron_ops RV_ISA_NAME(rv_leaky_integrate_ops) = {
    .forward = {forward},
    .adjoint = adjoint,
};
