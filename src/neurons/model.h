/* What a neuron model is: a table of parameters, the arrays of its state, the coefficients its kernels read, and the
 * kernels. A new model is x.c (this struct), x_step.c (its forward and adjoint step, side by side) and one line in
 * registry.h. */
#ifndef RV_NEURONS_MODEL_H
#define RV_NEURONS_MODEL_H

#include <ranvier/neurons.h>

#include "base/isa.h"

#define RV_MAX_STATE 4    /* state variables of a model */
#define RV_MAX_COEFFS 8   /* coefficient arrays of a model */
#define RV_MAX_GROUPS 8   /* synapse groups (different synapses) into one population */
#define RV_MAX_VARIANTS 8 /* kernels of one model: refractory or not, ... */

/* A state variable: starts every example at a parameter's value, or at 0. */
typedef struct rv_state_variable {
    const char *name;     /* attribute, "v"; "" if none */
    const char *internal; /* "V" */
    int init_param;       /* row in the parameter table, -1 = starts at 0 */
} rv_state_variable;

/* One step of one population of one example. Arrays have n_pad floats; ranges are multiples of 64 targets (or end at
 * n_pad), so that no two threads share a word of `fired`. */
typedef struct rv_neuron_step {
    size_t begin, end;
    float *const *state;            /* [state variables] */
    const float *const *coeff;      /* [coefficients] */
    size_t num_groups;              /* 0 = nothing arrives */
    const float *const *in_syn;     /* [groups] synaptic input after this step's arrivals, before its decay */
    const float *const *in_scale;   /* [groups] Isyn = sum of in_syn * in_scale */
    float dt;                       /* ms */
    uint64_t *fired;                /* scratch: a bit per neuron */
    uint32_t *ids;                  /* out: who spiked, ascending; room for end - begin */
    float *crossing;                /* out: I - V at each spike (I: sum of in_syn); NULL = not wanted */
} rv_neuron_step;

/* One step of the adjoint sweep of one population: the free flow, then the jumps of those who spiked (sections 6.1,
 * 6.3 of the equations in docs/learning.md). Everything per synapse group g. */
typedef struct rv_adjoint_step {
    size_t n_pad;
    float *lambda_v;                    /* in: after step t + 1; out: after step t */
    size_t num_groups;
    const float *const *lambda_i_next;  /* [g] after step t + 1 */
    float *const *lambda_i;             /* [g] out: after step t */
    float *const *difference;           /* [g] out: LambdaV - LambdaI; NULL where no spikes but inputs arrive */
    const float *alpha;                 /* exp(-dt / tau_mem) */
    const float *const *beta;           /* [g] exp(-dt / tau_syn) */
    const float *const *flow;           /* [g] what of LambdaV flows into LambdaI in a step */
    const float *drive;                 /* the loss's drive, NULL = none */
    const float *const *coeff;          /* the model's coefficients */
    const uint32_t *ids;                /* (num) who spiked in step t */
    const float *crossing;              /* (num) I - V then */
    const float *back;                  /* (num) feedback from the targets */
    size_t num;
    const float *penalty;               /* regularisation at each spike, per neuron, NULL = none */
} rv_adjoint_step;

typedef struct rv_neuron_ops {
    /* Returns the number of spikes. [variant] */
    size_t (*forward[RV_MAX_VARIANTS])(const rv_neuron_step *step);
    void (*adjoint)(const rv_adjoint_step *step); /* NULL: no rule */
} rv_neuron_ops;

struct rv_neuron_model {
    const char *name; /* "LeakyIntegrateFire" */
    const char *help; /* one line */
    const rv_param *params;
    int num_params;
    const rv_state_variable *state;
    int num_state;
    int num_coeffs;
    bool is_input; /* driven by data instead of connections */
    bool spikes;
    int voltage;     /* the state variable that readouts look at, -1 = none */
    int tau_mem;     /* row of the membrane time constant, -1 = none */
    int alpha_coeff; /* coefficient exp(-dt / tau_mem), -1 = none */

    /* Fills coefficient arrays (n) from parameter arrays (n). REQUIRED unless is_input. */
    void (*coefficients)(float *const *coeff, const float *const *param, size_t n, double dt);
    /* Value of coefficient c of the padding, chosen so that it never spikes and stays 0; NULL = 0. */
    float (*padding)(int c);
    /* Which forward kernel. REQUIRED unless is_input. */
    int (*variant)(const float *const *param, size_t n, size_t num_groups);
    /* Kernels of an instruction set. NULL for inputs. */
    const rv_neuron_ops *(*ops)(rv_isa isa);
    /* What EventProp does approximately with these parameters, one line, or NULL. OPTIONAL. */
    const char *(*eventprop_warning)(const float *const *param, size_t n);
};

#endif
