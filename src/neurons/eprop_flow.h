/* What the e-prop steps of spiking models share (Bellec et al. 2020; docs/eprop.md).
 *
 * Forward, after V and the refractory time have taken their step and before the reset, with `level` the threshold:
 *   psi <- (0.3 / v_thresh) max(0, 1 - |V - level| / v_thresh), 0 while refractory
 *   FAvg <- exp(-dt / tau_reg) FAvg + (1 - exp(-dt / tau_reg)) spike
 *
 * Traces of a synapse (online form), alpha = exp(-dt / tau_mem), rho = exp(-dt / tau_adapt) of the target:
 *   z <- alpha z + spike of the source
 *   e = psi (z - beta eps);   eps <- psi z + (rho - beta psi) eps
 *   eFiltered <- alpha eFiltered + e;   DeltaG <- DeltaG + eFiltered E + (FAvg - f_target) c_reg e
 * with beta = 0 where the threshold does not adapt.
 *
 * The same transposed, t = T-2 .. 0: how much DeltaG changes with e, eps and z of step t, all of them the target's own:
 *   learn <- alpha learn + E;   k = learn + (FAvg - f_target) c_reg;
 *   row <- alpha row + psi (k + adapt);   adapt <- (rho - beta psi) adapt - beta psi k
 * A spike of the source in step t adds `row`: nothing is kept per synapse. */
#ifndef RV_NEURONS_EPROP_FLOW_H
#define RV_NEURONS_EPROP_FLOW_H

#include "kernels/isa.h"
#include "neurons/model.h"

/* The arrays of a model whose threshold adapts; constant NULL where it does not. */
typedef struct rv_adaptation {
    const float *beta, *rho;
} rv_adaptation;

/* psi of a register of neurons: peak = 0.3 / v_thresh, slope = peak / v_thresh */
RV_INLINE void rv_eprop_psi(const rv_neuron_step *s, size_t j, rv_vec over, rv_veci ready, const float *peak,
                            const float *slope)
{
    const rv_vec zero = {0};
    const rv_vec distance = rv_select(over < zero, -over, over);
    const rv_vec psi = *rv_cat(peak + j) - *rv_cat(slope + j) * distance;
    *rv_at(s->psi + j) = rv_select((psi > zero) & ready, psi, zero); /* no number in the padding: not > 0 */
}

/* FAvg of all neurons, num of which spiked. */
RV_INLINE void rv_eprop_rates(const rv_neuron_step *s, size_t num)
{
    for (size_t j = s->begin; j < s->end; j += RV_WIDTH)
        *rv_at(s->f_avg + j) = *rv_cat(s->f_avg_before + j) * s->f_avg_keep;
    for (size_t k = 0; k < num; k++)
        s->f_avg[s->ids[k]] += s->f_avg_add;
}

RV_INLINE void rv_eprop_flow(const rv_eprop_step *s, rv_adaptation a)
{
    for (size_t j = 0; j < s->n_pad; j += RV_WIDTH) {
        const rv_vec alpha = *rv_cat(s->alpha + j), psi = *rv_cat(s->psi + j);
        const rv_vec learn = *rv_cat(s->state[0] + j) * alpha + *rv_cat(s->error + j);
        const rv_vec k = learn + (*rv_cat(s->f_avg + j) - s->f_target) * s->c_reg;
        rv_vec sum = k;
        *rv_at(s->state[0] + j) = learn;
        if (a.beta) {
            rv_vec *adapt = rv_at(s->state[1] + j);
            const rv_vec beta_psi = *rv_cat(a.beta + j) * psi;
            sum += *adapt;
            *adapt = (*rv_cat(a.rho + j) - beta_psi) * *adapt - beta_psi * k;
        }
        *rv_at(s->row + j) = *rv_cat(s->row_next + j) * alpha + psi * sum;
    }
}

RV_INLINE void rv_eprop_traces(const rv_trace_step *s, const float *alpha, rv_adaptation a)
{
    for (size_t j = 0; j < s->n; j += RV_WIDTH) {
        const rv_vec psi = *rv_cat(s->psi + j);
        const rv_vec z = *rv_cat(s->z_filter + j) * *rv_cat(alpha + j) + s->arrived;
        rv_vec e = psi * z;
        if (a.beta) {
            rv_vec *eps = rv_at(s->epsilon_a + j);
            const rv_vec beta_psi = *rv_cat(a.beta + j) * psi, change = e;
            e -= beta_psi * *eps;
            *eps = change + (*rv_cat(a.rho + j) - beta_psi) * *eps;
        }
        const rv_vec filtered = *rv_cat(s->e_filtered + j) * *rv_cat(alpha + j) + e;
        *rv_at(s->z_filter + j) = z;
        *rv_at(s->e_filtered + j) = filtered;
        *rv_at(s->delta_g + j) += filtered * *rv_cat(s->error + j) +
                                  (*rv_cat(s->f_avg + j) - s->f_target) * s->c_reg * e;
    }
}

#endif
