/* Leaky integrator, one step forward and one step back, for EventProp and for e-prop.
 *
 * Forward: V <- alpha V + gain Isyn + bias, alpha = exp(-dt / tau_mem), gain = 1 - alpha (scale_i) or 1
 * Adjoint: the flow of adjoint_flow.h with the loss's drive
 * e-prop, with E the output's error: row <- alpha row + E; its trace: z <- alpha z + spike, DeltaG <- DeltaG + z E */
#include "kernels/isa.h"
#include "neurons/adjoint_flow.h"
#include "neurons/leaky_integrate.h"
#include "neurons/run.h"
#include "neurons/walk.h"

/* What a register of neurons is stepped with. */
typedef struct constants {
    rv_vec alpha, gain, bias;
} constants;

RV_INLINE constants constants_of(const rv_neuron_step *s, size_t j)
{
    return (constants){*rv_cat(s->coeff[LI_ALPHA] + j), *rv_cat(s->coeff[LI_GAIN] + j),
                       *rv_cat(s->coeff[LI_BIAS] + j)};
}

/* V after a step */
RV_INLINE rv_vec integrate(const constants *c, rv_vec v, rv_vec isyn)
{
    return c->alpha * v + c->gain * isyn + c->bias;
}

static size_t forward(const rv_neuron_step *s)
{
    for (size_t j = s->begin; j < s->end; j += RV_WIDTH) {
        rv_vec isyn = {0};
        for (size_t g = 0; g < s->num_groups; g++)
            isyn += *rv_cat(s->in_syn[g] + j) * *rv_cat(s->in_scale[g] + j);
        const constants c = constants_of(s, j);
        rv_vec *v = rv_at(s->state[LI_V] + j);
        *v = integrate(&c, *v, isyn);
    }
    return 0;
}

/* All steps of `count` registers from j on. */
RV_INLINE void run_registers(const rv_neuron_run *r, size_t j, int count)
{
    const rv_neuron_step *s = r->step;
    rv_vec v[RV_RUN_REGISTERS], in_syn[RV_RUN_REGISTERS], beta[RV_RUN_REGISTERS], scale[RV_RUN_REGISTERS];
    constants c[RV_RUN_REGISTERS];
#pragma GCC unroll 4
    for (int i = 0; i < count; i++) {
        const size_t at = j + (size_t)i * RV_WIDTH;
        c[i] = constants_of(s, at);
        scale[i] = *rv_cat(s->in_scale[0] + at);
        in_syn[i] = *rv_cat(r->state_in_syn + at);
        beta[i] = *rv_cat(r->beta + at);
        v[i] = *rv_cat(s->state[LI_V] + at);
    }
    for (size_t k = 0; k < r->num_steps; k++) {
        rv_run_arrive(r, k, j, in_syn, beta, count);
#pragma GCC unroll 4
        for (int i = 0; i < count; i++) {
            v[i] = integrate(&c[i], v[i], rv_plus_zero(in_syn[i] * scale[i]));
            if (r->v)
                *rv_at(r->v + k * s->end + j + (size_t)i * RV_WIDTH) = v[i];
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < count; i++) {
        *rv_at(r->state_in_syn + j + (size_t)i * RV_WIDTH) = in_syn[i];
        *rv_at(s->state[LI_V] + j + (size_t)i * RV_WIDTH) = v[i];
    }
}

static void run(rv_neuron_run *r)
{
    RV_RUN(r, run_registers);
}

static void adjoint(const rv_adjoint_step *s)
{
    rv_adjoint_flow(s, s->drive != NULL);
}

static void eprop(const rv_eprop_step *s)
{
    for (size_t j = 0; j < s->n_pad; j += RV_WIDTH)
        *rv_at(s->row + j) = *rv_cat(s->row_next + j) * *rv_cat(s->alpha + j) + *rv_cat(s->error + j);
}

static void trace(const rv_trace_step *s)
{
    for (size_t j = 0; j < s->n; j += RV_WIDTH) {
        const rv_vec z = *rv_cat(s->z_filter + j) * *rv_cat(s->coeff[LI_ALPHA] + j) + s->arrived;
        *rv_at(s->z_filter + j) = z;
        *rv_at(s->delta_g + j) += z * *rv_cat(s->error + j);
    }
}

extern const rv_neuron_ops RV_ISA_NAME(rv_leaky_integrate_ops);
const rv_neuron_ops RV_ISA_NAME(rv_leaky_integrate_ops) = {
    .forward = {forward},
    .run = {run},
    .adjoint = adjoint,
    .eprop = eprop,
    .trace = trace,
};
