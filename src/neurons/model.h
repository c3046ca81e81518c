/* What a neuron model is: a table of parameters, the arrays of its state, the coefficients its kernels read, and the
 * kernels. A new model is x.c (this struct), x_step.c (its forward and adjoint step, side by side) and one line in
 * registry.h. */
#ifndef RV_NEURONS_MODEL_H
#define RV_NEURONS_MODEL_H

#include <ranvier/neurons.h>

#include "base/isa.h"

#define RV_MAX_STATE 8    /* state variables of a model */
#define RV_MAX_COEFFS 12  /* coefficient arrays of a model */
#define RV_MAX_GROUPS 8   /* synapse groups (different synapses) into one population */
#define RV_MAX_VARIANTS 8 /* kernels of one model: refractory or not, ... */
#define RV_MAX_EPROP_STATE 2 /* arrays of state of e-prop's sweep back */
#define RV_EPROP_PEAK 0.3    /* of e-prop's pseudo-derivative, times 1 / v_thresh */

/* A state variable: starts every example at a parameter's value, or at 0. */
typedef struct rv_state_variable {
    const char *name;     /* attribute, "v"; "" if none */
    const char *internal; /* "V"; "" = nobody reads it */
    int init_param;       /* row in the parameter table, -1 = starts at 0 */
} rv_state_variable;

/* One step of one population of one example. Arrays have n_pad floats; ranges are multiples of 64 targets (or end at
 * n_pad), so that no two threads share a word of `fired`. */
typedef struct rv_neuron_step {
    const rv_neuron_model *model;
    size_t n; /* neurons; what follows, up to n_pad, is padding */
    size_t begin, end;
    float *const *state;            /* [state variables] */
    const float *const *coeff;      /* [coefficients] */
    const size_t *mask; /* those of neuron j, and in_scale, stand at j, and at j & *mask too: where all neurons are
                                       alike, this is a few numbers that stay in the first cache */
    const float *const *param;      /* [parameters] (n) */
    size_t num_groups;              /* 0 = nothing arrives */
    const float *const *in_syn;     /* [groups] synaptic input after this step's arrivals, before its decay */
    const float *const *in_scale;   /* [groups] Isyn = sum of in_syn * in_scale; the values of an input that takes
                                       values come as the one group, scaled with 1 */
    float dt;                       /* ms */
    uint32_t t;                     /* this timestep */
    uint64_t random;                /* models with is_random: the key of this population's and example's numbers */
    uint32_t first, start;          /* few-spike models: the step in which its sources' first spikes arrive, and the first
                                       of the k steps of its own */
    const float *const *worth;      /* few-spike models: [groups] (k) what a spike of each of its sources' steps is worth */
    uint64_t *fired;                /* scratch: a bit per neuron */
    uint32_t *ids;                  /* out: who spiked, ascending; room for end - begin */
    size_t *num_negative;           /* out: how many of them did so negatively; these come last, ascending too. NULL where
                                       spikes have no sign */
    float *crossing;                /* out: num_crossing numbers of each spike for the sweep back; NULL = not wanted */

    /* e-prop's steps (eprop_flow.h) */
    float *psi;                  /* out: pseudo-derivative */
    const float *f_avg_before;   /* running mean of the spikes, after the step before */
    float *f_avg;                /* out: after this step */
    float f_avg_keep, f_avg_add; /* exp(-dt / tau_reg), and 1 minus that */
} rv_neuron_step;

/* Many steps (1 to 64) of one population that nobody looks at in between, its state in registers meanwhile; what
 * arrives is known ahead, through one synapse group. Bit k of `arrived` and `fired_steps` is step k. */
typedef struct rv_neuron_run {
    const rv_neuron_step *step; /* state, coefficients and scale of the one group; all neurons */
    size_t num_steps;
    float *state_in_syn;  /* (n_pad) in: after the step before; out: after the last one */
    uint64_t arrived;     /* steps whose in_syn is given; in others it decays with beta */
    const float *in_syn;  /* (num_steps, n_pad) after a step's arrivals, where it is given */
    const float *beta;    /* (n_pad) */
    uint64_t *fired;      /* out: (num_steps, rv_fired_words(n_pad)) a bit per neuron; NULL where none spike */
    uint64_t fired_steps; /* out: steps in which anybody fired */
    float *crossing;      /* out: (num_steps, n_pad) I - V of those who fired; NULL = not wanted */
    float *v;             /* out: (num_steps, n_pad) V after each step; NULL = not wanted */
} rv_neuron_run;

static inline size_t rv_fired_words(size_t n_pad)
{
    return (n_pad + 63) / 64;
}

/* The adjoint sweep of one population over num_steps steps, from step t down to step last: the free flow, then, in the
 * last one, the jumps of those who spiked; nobody spiked in the others (sections 2 and 3 of docs/learning.md).
 * Everything per synapse group g. */
typedef struct rv_adjoint_step {
    size_t n_pad;
    size_t num_steps;                   /* >= 1 */
    float *lambda_v;                    /* in: after step t + 1; out: after step last */
    float *lambda_a;                    /* likewise; models whose threshold adapts */
    size_t num_groups;
    const float *const *lambda_i_next;  /* [g] after step t + 1 */
    float *const *lambda_i;             /* [g] out: after step t; that of step t - 1 lies lambda_i_stride before it */
    float *const *difference;           /* [g] out: LambdaV - LambdaI, likewise; NULL where only inputs lead to it */
    size_t lambda_i_stride, difference_stride, drive_stride;
    size_t mask;                        /* alpha, beta and flow of j stand at j & mask too, see rv_neuron_step */
    const float *alpha;                 /* exp(-dt / tau_mem) */
    const float *const *beta;           /* [g] exp(-dt / tau_syn) */
    const float *const *flow;           /* [g] what of LambdaV flows into LambdaI in a step */
    const float *drive;                 /* of the loss in step t; that of step t - 1 lies drive_stride on; NULL = none */
    const float *const *coeff;          /* the model's coefficients */
    const uint32_t *ids;                /* (num) who spiked in the last step */
    const float *crossing;              /* (num, num_crossing) what the step forward left of them */
    const float *back;                  /* (num) feedback from the targets */
    size_t num;
    const float *penalty;               /* regularisation at each spike, per neuron, NULL = none */
} rv_adjoint_step;

/* One step of e-prop's sweep back over one population: what the spikes of step t add to the gradient of their weights
 * to each neuron (eprop_flow.h). Arrays have n_pad floats. */
typedef struct rv_eprop_step {
    size_t n_pad;
    const float *const *coeff; /* the model's coefficients */
    const float *alpha;        /* exp(-dt / tau_mem) */
    const float *psi, *f_avg;  /* of step t; NULL for outputs */
    const float *error;        /* E of step t: the learning signal, or an output's own error */
    float c_reg, f_target;     /* f_target: spikes per step */
    float *state[RV_MAX_EPROP_STATE]; /* in: after step t + 1; out: after step t */
    const float *row_next;     /* after step t + 1 */
    float *row;                /* out: after step t */
} rv_eprop_step;

/* One step of e-prop's traces of the synapses from one neuron, for the online form. Arrays have n floats, one for each
 * synapse; what belongs to the target is given for each synapse. */
typedef struct rv_trace_step {
    size_t n;
    const float *const *coeff; /* as above, as the next three */
    const float *psi, *f_avg, *error;
    float c_reg, f_target;
    float arrived; /* spikes of the neuron in this step */
    float *z_filter, *e_filtered, *epsilon_a, *delta_g; /* in and out; e_filtered of hidden targets, epsilon_a of those
                                                           whose threshold adapts */
} rv_trace_step;

typedef struct rv_neuron_ops {
    /* Returns the number of spikes. [variant] */
    size_t (*forward[RV_MAX_VARIANTS])(const rv_neuron_step *step);
    /* The same, many steps at once, of populations with one synapse group. OPTIONAL. */
    void (*run[RV_MAX_VARIANTS])(rv_neuron_run *run);
    /* Inputs that take values: before the first step of each frame. OPTIONAL. */
    void (*begin_frame)(const rv_neuron_step *step);
    void (*adjoint)(const rv_adjoint_step *step); /* NULL: EventProp has no rule */

    /* forward, and psi and FAvg. NULL for models that do not spike. [variant] */
    size_t (*eprop_forward[RV_MAX_VARIANTS])(const rv_neuron_step *step);
    void (*eprop)(const rv_eprop_step *step); /* NULL: e-prop has no rule */
    void (*trace)(const rv_trace_step *step);
} rv_neuron_ops;

struct rv_neuron_model {
    const char *name; /* "LeakyIntegrateFire" */
    const char *help; /* one line */
    const rv_param *params;
    int num_params;
    const rv_state_variable *state;
    int num_state;
    int num_coeffs;
    int num_crossing;  /* numbers of a spike that EventProp's sweep back needs; the first is I - V (I: sum of in_syn) */
    bool is_input;     /* driven by data instead of connections */
    bool takes_values; /* is_input: by numbers, which its kernels turn into spikes; else its spikes are the data, on the
                          tape before the example starts, and it has neither state nor kernels */
    bool is_random;    /* its kernels draw random numbers */
    bool is_few_spike; /* for the few-spike compiler, and for it alone */
    bool spikes;
    int frames;      /* takes_values: row of input_frames; input_frame_timesteps is the next */
    int voltage;     /* the state variable that readouts look at, -1 = none */
    int tau_mem;     /* row of the membrane time constant, -1 = none */
    int alpha_coeff; /* coefficient exp(-dt / tau_mem), -1 = none */

    /* Whether spikes may be negative, which send minus the weight. OPTIONAL: NULL = they never are. */
    bool (*is_signed)(const float *const *param);
    /* Fills coefficient arrays (n) from parameter arrays (n). REQUIRED where there are coefficients. */
    void (*coefficients)(float *const *coeff, const float *const *param, size_t n, double dt);
    /* Value of coefficient c of the padding, chosen so that it never spikes and stays 0; NULL = 0. */
    float (*padding)(int c);
    /* Which forward kernel. OPTIONAL: NULL = the first. */
    int (*variant)(const float *const *param, size_t n, size_t num_groups);
    /* Kernels of an instruction set. NULL where the data are spikes. */
    const rv_neuron_ops *(*ops)(rv_isa isa);
    /* A user's model; NULL for the library's. */
    const rv_custom_neuron *custom;
    /* What EventProp does approximately with these parameters, one line, or NULL. OPTIONAL. */
    const char *(*eventprop_warning)(const float *const *param, size_t n);

    /* Its threshold adapts: EventProp has a LambdaA, e-prop's traces an epsilon_a. */
    bool adapts;
    /* e-prop: arrays of state of its sweep back; what of these parameters the rule does not cover, and what it does not
     * take into account, a line each, or NULL. */
    int num_eprop_state;
    const char *(*eprop_error)(const float *const *param, size_t n);
    const char *(*eprop_warning)(const float *const *param, size_t n);
};

#endif
