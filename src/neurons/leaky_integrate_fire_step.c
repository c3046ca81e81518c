/* Leaky integrate-and-fire, one step forward and one step back, for EventProp and for e-prop.
 *
 * Forward, alpha = exp(-dt / tau_mem):
 *   V <- alpha V + gain Isyn, gain = 1 - alpha (scale_i) or 1; while RefracTime > 0 only if integrate_during_refrac
 *   RefracTime <- RefracTime - dt while it is > 0
 *   spike if V >= v_thresh and RefracTime <= 0: V <- v_reset or V - (v_thresh - v_reset), RefracTime <- tau_refrac
 *
 * Adjoint (EventProp, Wunderlich & Pehle 2021): the flow of adjoint_flow.h; then for each neuron that spiked
 *   LambdaV <- LambdaV + ((v_thresh - v_reset) LambdaV + back) / (I - V) - penalty
 *
 * e-prop (Bellec et al. 2020): what it records forward and its sweep back are in eprop_flow.h. */
#include "kernels/isa.h"
#include "neurons/adjoint_flow.h"
#include "neurons/eprop_flow.h"
#include "neurons/leaky_integrate_fire.h"
#include "neurons/run.h"
#include "neurons/walk.h"

/* What a register of neurons is. */
typedef struct membrane {
    rv_vec v, refrac_time;
} membrane;

/* What it is stepped with. */
typedef struct constants {
    rv_vec alpha, gain, v_thresh, reset_keep, reset_to, tau_refrac;
    rv_vec scale; /* of the one group, where there is one */
    float dt;
} constants;

RV_INLINE constants constants_of(const rv_neuron_step *s, size_t j, bool one_group)
{
    const rv_vec none = {0};
    return (constants){.alpha = *rv_cat(s->coeff[LIF_ALPHA] + j),
                       .gain = *rv_cat(s->coeff[LIF_GAIN] + j),
                       .v_thresh = *rv_cat(s->coeff[LIF_V_THRESH] + j),
                       .reset_keep = *rv_cat(s->coeff[LIF_RESET_KEEP] + j),
                       .reset_to = *rv_cat(s->coeff[LIF_RESET_TO] + j),
                       .tau_refrac = *rv_cat(s->coeff[LIF_TAU_REFRAC] + j),
                       .scale = one_group ? *rv_cat(s->in_scale[0] + j) : none,
                       .dt = s->dt};
}

RV_INLINE membrane load(const rv_neuron_step *s, size_t j, int mode)
{
    const rv_vec zero = {0};
    return (membrane){*rv_cat(s->state[LIF_V] + j),
                      mode == LIF_FREE ? zero : *rv_cat(s->state[LIF_REFRAC_TIME] + j)};
}

RV_INLINE void store(const rv_neuron_step *s, size_t j, int mode, const membrane *m)
{
    *rv_at(s->state[LIF_V] + j) = m->v;
    if (mode != LIF_FREE)
        *rv_at(s->state[LIF_REFRAC_TIME] + j) = m->refrac_time;
}

/* One step up to the threshold; who is over it. */
RV_INLINE rv_who integrate(membrane *m, const constants *c, rv_vec isyn, int mode)
{
    const rv_vec after = c->alpha * m->v + c->gain * isyn;
    if (mode == LIF_FREE) {
        m->v = after;
        return rv_not_below(after, c->v_thresh);
    }
    const rv_vec zero = {0};
    const rv_veci blocked = m->refrac_time > zero;
    m->v = mode == LIF_REFRAC_HOLDS ? rv_select(blocked, m->v, after) : after;
    m->refrac_time = rv_select(blocked, m->refrac_time - c->dt, m->refrac_time);
    return rv_not_below(m->v, c->v_thresh) & rv_not_below(zero, m->refrac_time);
}

RV_INLINE void reset(membrane *m, const constants *c, rv_who fired, int mode)
{
    m->v = rv_choose(fired, c->reset_keep * m->v + c->reset_to, m->v);
    if (mode != LIF_FREE)
        m->refrac_time = rv_choose(fired, c->tau_refrac, m->refrac_time);
}

/* One step of a register; who fires. crossing: I - V of all; NULL where nobody wants it. */
RV_INLINE rv_who step_register(const rv_neuron_step *s, size_t j, const constants *c, float *crossing, int mode,
                               bool one_group, bool psi)
{
    membrane m = load(s, j, mode);
    const rv_vec isyn = one_group ? *rv_cat(s->in_syn[0] + j) * c->scale : rv_isyn(s, j, false), zero = {0};
    const rv_who fired = integrate(&m, c, isyn, mode);
    if (psi)
        rv_eprop_psi(s, j, m.v - c->v_thresh, m.refrac_time <= zero, s->coeff[LIF_PSI_PEAK], s->coeff[LIF_PSI_SLOPE]);
    if (crossing)
        *rv_at(crossing) = rv_currents(s, j, one_group) - m.v;
    reset(&m, c, fired, mode);
    store(s, j, mode, &m);
    return fired;
}

/* What is the same for all neurons of a step, a constant where it is inlined. */
typedef struct step_kind {
    int mode;
    bool one_group;
    bool psi;      /* e-prop wants to know how close to the threshold V came */
    bool crossing; /* EventProp wants I - V of who fires */
    bool like;     /* they have the same constants, which then stay in registers */
    bool unrolled; /* whole words have no loop: what most networks need, for the rest would take long to compile */
} step_kind;

/* One step of register j + k; its bits of a word that begins with neuron j. */
RV_INLINE uint64_t step_bits(const rv_neuron_step *s, const constants *all, size_t j, size_t k, float *crossing,
                             const step_kind kind)
{
    const constants c = kind.like ? *all : constants_of(s, j + k, kind.one_group);
    const rv_who fired =
        step_register(s, j + k, &c, kind.crossing ? crossing + k : NULL, kind.mode, kind.one_group, kind.psi);
    return (uint64_t)rv_who_bits(fired) << k;
}

/* One step of `count` <= 64 neurons from j on; who fires goes behind `num` others. No branch depends on who does, unless
 * many do. Returns how many. */
RV_INLINE size_t step_word(const rv_neuron_step *s, const constants *all, size_t j, size_t count, size_t num,
                           const step_kind kind)
{
    float crossing[64] __attribute__((aligned(64)));
    uint64_t bits = 0;
    if (kind.unrolled) {
#pragma GCC unroll 16
        for (size_t k = 0; k < 64; k += RV_WIDTH)
            bits |= step_bits(s, all, j, k, crossing, kind);
    } else {
        for (size_t k = 0; k < count; k += RV_WIDTH)
            bits |= step_bits(s, all, j, k, crossing, kind);
    }
    return rv_take_bits(s->ids + num, kind.crossing ? s->crossing + num : NULL, crossing, bits, j);
}

/* One step of all neurons. */
RV_INLINE size_t step_all(const rv_neuron_step *s, step_kind kind)
{
    const constants all = constants_of(s, 0, kind.one_group);
    size_t num = 0, j = s->begin;
    for (; kind.unrolled && j + 64 <= s->end; j += 64)
        num += step_word(s, &all, j, 64, num, kind);
    kind.unrolled = false;
    for (; j < s->end; j += 64)
        num += step_word(s, &all, j, j + 64 < s->end ? 64 : s->end - j, num, kind);
    return num;
}

RV_INLINE size_t forward(const rv_neuron_step *s, int mode, bool one_group, bool psi)
{
    const bool like = *s->mask < RV_LANES, unrolled = one_group && !psi;
    if (like && s->crossing)
        return step_all(s, (step_kind){mode, one_group, psi, true, true, unrolled});
    if (like)
        return step_all(s, (step_kind){mode, one_group, psi, false, true, unrolled});
    if (s->crossing)
        return step_all(s, (step_kind){mode, one_group, psi, true, false, false});
    return step_all(s, (step_kind){mode, one_group, psi, false, false, false});
}

#define FORWARD(name, mode, one_group)                                                                                 \
    static size_t forward_##name(const rv_neuron_step *s)                                                              \
    {                                                                                                                  \
        return forward(s, mode, one_group, false);                                                                     \
    }                                                                                                                  \
    static size_t eprop_forward_##name(const rv_neuron_step *s)                                                        \
    {                                                                                                                  \
        const size_t num = forward(s, mode, one_group, true);                                                          \
        rv_eprop_rates(s, num);                                                                                        \
        return num;                                                                                                    \
    }
FORWARD(free, LIF_FREE, true)
FORWARD(holds, LIF_REFRAC_HOLDS, true)
FORWARD(integrates, LIF_REFRAC_INTEGRATES, true)
FORWARD(free_groups, LIF_FREE, false)
FORWARD(holds_groups, LIF_REFRAC_HOLDS, false)
FORWARD(integrates_groups, LIF_REFRAC_INTEGRATES, false)

/* All steps of `count` registers from j on. */
RV_INLINE void run_registers(rv_neuron_run *r, size_t j, int count, int mode, bool like)
{
    const rv_neuron_step *s = r->step;
    membrane m[RV_RUN_REGISTERS];
    constants c[RV_RUN_REGISTERS];
    rv_vec in_syn[RV_RUN_REGISTERS], beta[RV_RUN_REGISTERS];
#pragma GCC unroll 4
    for (int i = 0; i < count; i++) {
        const size_t at = j + (size_t)i * RV_WIDTH;
        c[i] = like && i ? c[0] : constants_of(s, like ? 0 : at, true);
        beta[i] = like && i ? beta[0] : *rv_cat(r->beta + (like ? 0 : at));
        in_syn[i] = *rv_cat(r->state_in_syn + at);
        m[i] = load(s, at, mode);
    }
    for (size_t k = 0; k < r->num_steps; k++) {
        rv_who fired[RV_RUN_REGISTERS];
        uint64_t bits = 0;
        rv_run_arrive(r, k, j, in_syn, beta, count);
#pragma GCC unroll 4
        for (int i = 0; i < count; i++) {
            fired[i] = integrate(&m[i], &c[i], in_syn[i] * c[i].scale, mode);
            bits |= (uint64_t)rv_who_bits(fired[i]) << (i * RV_WIDTH);
        }
        if (bits) {
            rv_run_fire(r, k, j, bits);
#pragma GCC unroll 4
            for (int i = 0; i < count; i++) {
                if (r->crossing)
                    *rv_at(r->crossing + k * s->end + j + (size_t)i * RV_WIDTH) = rv_plus_zero(in_syn[i]) - m[i].v;
                reset(&m[i], &c[i], fired[i], mode);
            }
        }
        if (r->v)
            for (int i = 0; i < count; i++)
                *rv_at(r->v + k * s->end + j + (size_t)i * RV_WIDTH) = m[i].v;
    }
#pragma GCC unroll 4
    for (int i = 0; i < count; i++) {
        const size_t at = j + (size_t)i * RV_WIDTH;
        *rv_at(r->state_in_syn + at) = in_syn[i];
        store(s, at, mode, &m[i]);
    }
}

#define RUN(name, mode)                                                                                                \
    static void run_##name(rv_neuron_run *r)                                                                           \
    {                                                                                                                  \
        if (*r->step->mask < RV_LANES)                                                                                 \
            RV_RUN(r, run_registers, mode, true);                                                                      \
        else                                                                                                           \
            RV_RUN(r, run_registers, mode, false);                                                                     \
    }
RUN(free, LIF_FREE)
RUN(holds, LIF_REFRAC_HOLDS)
RUN(integrates, LIF_REFRAC_INTEGRATES)

#define VARIANTS(kind)                                                                                                 \
    {                                                                                                                  \
        [LIF_FREE] = kind##_free, [LIF_REFRAC_HOLDS] = kind##_holds, [LIF_REFRAC_INTEGRATES] = kind##_integrates,      \
        [LIF_NUM_MODES + LIF_FREE] = kind##_free_groups, [LIF_NUM_MODES + LIF_REFRAC_HOLDS] = kind##_holds_groups,     \
        [LIF_NUM_MODES + LIF_REFRAC_INTEGRATES] = kind##_integrates_groups                                             \
    }

RV_INLINE void jump(const rv_adjoint_step *s, bool alone)
{
    const rv_jumps jumps = rv_jumps_of(s, alone);
    const float *const factor = s->coeff[LIF_JUMP], *const back = s->back, *const crossing = s->crossing;
    const uint32_t *const ids = s->ids;
    const size_t num = s->num, mask = s->mask;
    for (size_t k = 0; k < num; k++) {
        const size_t j = ids[k];
        const float v = jumps.lambda_v[j];
        rv_jump(&jumps, j, v + (factor[j & mask] * v + back[k]) / crossing[k]);
    }
}

static void adjoint(const rv_adjoint_step *s)
{
    rv_adjoint_flow(s, false);
    if (rv_feeds_back_alone(s))
        jump(s, true);
    else
        jump(s, false);
}

static void eprop(const rv_eprop_step *s)
{
    rv_eprop_flow(s, (rv_adaptation){NULL, NULL});
}

static void trace(const rv_trace_step *s)
{
    rv_eprop_traces(s, s->coeff[LIF_ALPHA], (rv_adaptation){NULL, NULL});
}

extern const rv_neuron_ops RV_ISA_NAME(rv_leaky_integrate_fire_ops);
const rv_neuron_ops RV_ISA_NAME(rv_leaky_integrate_fire_ops) = {
    .forward = VARIANTS(forward),
    .run = {[LIF_FREE] = run_free, [LIF_REFRAC_HOLDS] = run_holds, [LIF_REFRAC_INTEGRATES] = run_integrates},
    .adjoint = adjoint,
    .eprop_forward = VARIANTS(eprop_forward),
    .eprop = eprop,
    .trace = trace,
};
