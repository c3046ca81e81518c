/* Readouts, losses and metrics: what is made of an output population.
 *
 * Each is a table of functions; the library's own and users' look the same. A readout is used by pointing to its table.
 * Losses and metrics have parameters and are described by value, a table and one number per row of its parameters: the
 * functions below make one, rv_loss_by_name from a name, and {.model = &mine} one from a table of your own. Functions
 * in tables are called in worker threads, at once for several examples, and depend on their arguments alone. */
#ifndef RANVIER_OUTPUTS_H
#define RANVIER_OUTPUTS_H

#include <ranvier/base.h>
#include <ranvier/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An output population's arrays and examples. */
typedef struct rv_output_shape {
    size_t n;           /* neurons */
    size_t n_pad;       /* floats of an array over the neurons: n rounded up to 16; those past n mean nothing */
    uint32_t num_steps; /* T */
    double dt;          /* ms */
} rv_output_shape;

/* ---- readouts: one number per output neuron and example -------------------------------------------------------- */

/* What one step of one example shows of an output population. */
typedef struct rv_readout_step {
    uint32_t t;
    const float *v;      /* (n_pad) voltage after the step; NULL where the model has none */
    const uint32_t *ids; /* (num) who spiked */
    size_t num;
    float weight; /* weight(t) */
} rv_readout_step;

/* What can be recorded of a readout while an example runs. */
typedef struct rv_readout_variable {
    const char *name; /* "VMaxTime" */
    /* (n) as of now, from the state; NULL = y, as if the example ended now */
    void (*value)(float *out, const float *state, const rv_output_shape *shape);
} rv_readout_variable;

/* The table of a readout y. Its state is num_state arrays of n_pad floats, one after the other, for each example. */
typedef struct rv_readout_model {
    const char *name;  /* REQUIRED: "AvgVar" */
    const char *help;  /* one line, or NULL */
    bool needs_spikes; /* reads the spikes of a population that spikes; else the voltage */
    bool spike_times;  /* y is minus the time of a spike in ms, -FLT_MAX where there is none */
    int num_state;     /* >= 1 */
    /* OPTIONAL: weight of step t, computed once; default 1. */
    double (*weight)(uint32_t t, uint32_t num_steps);
    /* OPTIONAL: state before the first step; default 0. */
    void (*begin)(float *state, const rv_output_shape *shape);
    /* State after a step. REQUIRED if it needs spikes; else the default is that the first array of the state is the sum of
     * weight(t) V(t) so far. */
    void (*step)(float *state, const rv_output_shape *shape, const rv_readout_step *step);
    /* OPTIONAL: y (n) after the last step; default the first array of the state. */
    void (*value)(float *y, const float *state, const rv_output_shape *shape);
    const rv_readout_variable *variables; /* OPTIONAL: (num_variables) what can be recorded by name */
    int num_variables;

    /* What follows is for learning with EventProp, which refuses readouts that have none of it.
     * base (n_pad) is g / (tau_mem B T dt) of outputs that do not spike, g / B of those that do, with g = minus the
     * loss's derivative by y and B = the number of examples in the batch. */

    /* Outputs that do not spike: what drives their LambdaV in step t. With drive = base x T x dy/dV(t), tau_mem times
     * Gradient is the gradient of the loss. constant_drive: it is base in every step; drive_weight: it is base times this weight of
     * the step, computed once; drive is not called then. */
    bool constant_drive;
    double (*drive_weight)(uint32_t t, uint32_t num_steps);
    void (*drive)(float *drive, const float *base, const float *state, const rv_output_shape *shape, uint32_t t);
    /* Outputs that spike: adds base x minus dy/dt_spike to kick (num), for those spikes of a step that y looks at. */
    void (*kick)(float *kick, const float *base, const float *state, const rv_output_shape *shape,
                 const rv_readout_step *step);
    /* OPTIONAL, with kick: adds what LambdaV (n_pad) of neurons starts from that y saw no spike of. */
    void (*silent)(float *lambda_v, const float *base, const float *state, const rv_output_shape *shape);
} rv_readout_model;

typedef const rv_readout_model *rv_readout; /* NULL = none */

RV_API rv_readout rv_avg_var(void);            /* mean of V over the timesteps */
RV_API rv_readout rv_avg_var_exp_weight(void); /* sum of exp(-t / T) V / T, t and T in the same unit */
RV_API rv_readout rv_sum_var(void);            /* sum of V over the timesteps */
RV_API rv_readout rv_max_var(void);            /* the largest V (mlGeNN starts at 0; this is the true maximum) */
RV_API rv_readout rv_var(void);                /* V after the last timestep */
RV_API rv_readout rv_spike_count(void);        /* number of spikes */
RV_API rv_readout rv_first_spike_time(void);   /* minus the time of the first spike in ms; -FLT_MAX if there is none */

/* "AvgVar" or "avg_var"; NULL if unknown. */
RV_API rv_readout rv_readout_by_name(const char *name);
RV_API const char *rv_readout_name(rv_readout readout);
RV_API rv_readout rv_readout_at(int index); /* the registered ones in order; NULL past the end */

/* ---- losses ---------------------------------------------------------------------------------------------------- */

/* What the outputs y of one example are held against. */
typedef struct rv_output_sample {
    size_t n;                   /* output neurons */
    uint32_t num_steps;         /* T */
    double dt;                  /* ms */
    int32_t label;              /* class, -1 = none */
    const float *targets;       /* (n) what y should be, or NULL */
    bool spike_times;           /* y are minus the times of first spikes in ms, -FLT_MAX = no spike */
    double softmax_temperature; /* the compiler's, > 0; 1 = none */
    double ttfs_alpha;          /* the compiler's, >= 0 */
} rv_output_sample;

#define RV_MAX_LOSS_PARAMS 4

/* The table of a loss. */
typedef struct rv_loss_model {
    const char *name;       /* REQUIRED: "SparseCategoricalCrossentropy" */
    const char *help;       /* one line, or NULL */
    const rv_param *params; /* (num_params) RV_PARAM_SCALAR or RV_PARAM_FLAG; may be NULL */
    int num_params;         /* <= RV_MAX_LOSS_PARAMS */
    bool needs_targets;     /* of a regression; else labels */
    bool needs_spike_times; /* y must be minus the times of spikes */
    /* REQUIRED. The loss of outputs y (n) of one example; y is the readout or, where the loss is over time, V after
     * one of the steps, and the loss the mean over them. g (n) gets minus its derivative by y; a factor that is the
     * same for all outputs and examples may be left out. g is NULL where nothing learns. */
    double (*loss)(const rv_output_sample *sample, const float *y, const double *param, float *g);
} rv_loss_model;

/* A loss and its parameters, in the order of its table. A zeroed struct is the default. */
typedef struct rv_loss {
    const rv_loss_model *model;
    double param[RV_MAX_LOSS_PARAMS];
} rv_loss;

/* Mean over the examples of -ln softmax(y / softmax_temperature)[label], in nats. A neuron that never spikes counts as
 * one that spikes when the example ends. With per_timestep_loss the mean over the steps too, of V(t). */
RV_API rv_loss rv_sparse_categorical_crossentropy(void);
/* Mean over the examples and outputs of (target - y)^2; over time with targets for every step. */
RV_API rv_loss rv_mean_square_error(void);
/* Of first spikes: the label's should come delta ms before the others'. Mean over the examples and the other outputs k
 * of (t_k - t_label - delta)^2, in ms^2, a neuron that never spikes counting as one that spikes when the example ends.
 * Parameter: delta (ms, mlGeNN's default 5). */
RV_API rv_loss rv_relative_mean_square_error(double delta);

/* "MeanSquareError" or "mean_square_error", with its default parameters. Errors: RV_ERR_NAME. */
RV_API int rv_loss_by_name(rv_loss *out, rv_context *context, const char *name);
/* Errors: RV_ERR_NAME (lists the known ones), RV_ERR_VALUE. */
RV_API int rv_loss_set(rv_loss *loss, rv_context *context, const char *param, double value);
RV_API const char *rv_loss_name(const rv_loss *loss);
RV_API const rv_loss_model *rv_loss_model_at(int index); /* the registered ones in order; NULL past the end */

/* ---- metrics --------------------------------------------------------------------------------------------------- */

#define RV_MAX_METRIC_PARAMS 4
#define RV_MAX_METRIC_VALUES 2 /* numbers of one example */

/* The table of a metric. Each example yields numbers, which are added to sums; what is reported is made of the sums. */
typedef struct rv_metric_model {
    const char *name;       /* REQUIRED: "SparseCategoricalAccuracy" */
    const char *help;       /* one line, or NULL */
    const char *report;     /* REQUIRED: how it is called in results: "accuracy"; "%g" in it is its first parameter */
    const rv_param *params; /* (num_params) RV_PARAM_SCALAR or RV_PARAM_FLAG; may be NULL */
    int num_params;         /* <= RV_MAX_METRIC_PARAMS */
    bool needs_targets;     /* of a regression; else labels */
    /* REQUIRED: the numbers of one example's outputs y (n), as for losses. */
    void (*value)(double out[RV_MAX_METRIC_VALUES], const rv_output_sample *sample, const float *y,
                  const double *param);
    /* OPTIONAL, all three or none: how many sums there are, which are then reported as an array too; adding an example
     * to them; and the one number that stands for them. Default: the mean of out[0]. */
    size_t (*num_sums)(size_t n, const double *param);
    void (*add)(double *sums, const double value[RV_MAX_METRIC_VALUES], size_t n, const double *param);
    double (*result)(const double *sums, size_t n, const double *param);
} rv_metric_model;

/* A metric and its parameters, in the order of its table. A zeroed struct is none. */
typedef struct rv_metric {
    const rv_metric_model *model;
    double param[RV_MAX_METRIC_PARAMS];
} rv_metric;

/* Part of the examples whose largest y (the first of equals) is at the label; reported as "accuracy". */
RV_API rv_metric rv_sparse_categorical_accuracy(void);
/* Part of the examples whose label is among the k largest y (of equals, the first ones); reported as "top_3_accuracy".
 * Parameter: k (>= 1; default 5). */
RV_API rv_metric rv_top_k_accuracy(size_t k);
/* Mean over the examples and outputs of (target - y)^2; reported as "mean_square_error". */
RV_API rv_metric rv_mean_square_error_metric(void);
/* How often label i was taken for class j (the largest y): an array (n, n) of label and class; reported as
 * "confusion_matrix", its one number being the part of the examples on the diagonal. */
RV_API rv_metric rv_confusion_matrix(void);

/* "SparseCategoricalAccuracy" or "sparse_categorical_accuracy", with its default parameters. Errors: RV_ERR_NAME. */
RV_API int rv_metric_by_name(rv_metric *out, rv_context *context, const char *name);
/* Errors: RV_ERR_NAME (lists the known ones), RV_ERR_VALUE. */
RV_API int rv_metric_set(rv_metric *metric, rv_context *context, const char *param, double value);
RV_API const char *rv_metric_name(const rv_metric *metric);
RV_API const rv_metric_model *rv_metric_model_at(int index); /* the registered ones in order; NULL past the end */

#ifdef __cplusplus
}
#endif
#endif
