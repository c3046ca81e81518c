/* Readouts, losses and metrics: what is made of an output population. */
#ifndef RANVIER_OUTPUTS_H
#define RANVIER_OUTPUTS_H

#include <ranvier/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- readouts: one number per output neuron and example -------------------------------------------------------- */

typedef struct rv_readout_model rv_readout_model;
typedef const rv_readout_model *rv_readout; /* NULL = none */

RV_API rv_readout rv_avg_var(void);            /* mean of V over the timesteps */
RV_API rv_readout rv_avg_var_exp_weight(void); /* sum of exp(-t / T) V / T, t and T in the same unit */
RV_API rv_readout rv_sum_var(void);            /* sum of V over the timesteps */
RV_API rv_readout rv_max_var(void);            /* the largest V (mlGeNN starts at 0; this is the true maximum) */
RV_API rv_readout rv_var(void);                /* V after the last timestep */
RV_API rv_readout rv_spike_count(void);        /* number of spikes */

/* "AvgVar" or "avg_var"; NULL if unknown. */
RV_API rv_readout rv_readout_by_name(const char *name);
RV_API const char *rv_readout_name(rv_readout readout);
RV_API rv_readout rv_readout_at(int index); /* the registered ones in order; NULL past the end */

/* ---- losses ---------------------------------------------------------------------------------------------------- */

typedef struct rv_loss_model rv_loss_model;
typedef const rv_loss_model *rv_loss; /* NULL = sparse categorical cross-entropy */

/* Mean over the examples of -ln softmax(readout)[label], in nats. */
RV_API rv_loss rv_sparse_categorical_crossentropy(void);

RV_API rv_loss rv_loss_by_name(const char *name); /* NULL if unknown */
RV_API const char *rv_loss_name(rv_loss loss);

/* ---- metrics --------------------------------------------------------------------------------------------------- */

typedef struct rv_metric_model rv_metric_model;
typedef const rv_metric_model *rv_metric; /* NULL = none */

/* Part of the examples whose largest readout (the first of equals) is at the label; reported as "accuracy". */
RV_API rv_metric rv_sparse_categorical_accuracy(void);

RV_API rv_metric rv_metric_by_name(const char *name); /* NULL if unknown */
RV_API const char *rv_metric_name(rv_metric metric);

#ifdef __cplusplus
}
#endif
#endif
