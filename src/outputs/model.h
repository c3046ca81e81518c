/* Checks of readouts, losses and metrics before they are used, users' own tables too. `what` names the output. */
#ifndef RV_OUTPUTS_MODEL_H
#define RV_OUTPUTS_MODEL_H

#include <ranvier/outputs.h>

#define RV_REPORT_SIZE 64 /* bytes of a metric's name in results, with its 0 */

int rv_readout_check(rv_context *context, rv_readout readout, const char *what);

/* Fills in the default, which is the mean square error where there are only targets. */
int rv_loss_resolve(rv_context *context, rv_loss *loss, bool only_targets, const char *what);
int rv_metric_check(rv_context *context, const rv_metric *metric, const char *what);

/* The softmax that the cross-entropy of y sees, (n) into p; neurons that are yet to spike for the first time have 0. */
void rv_loss_softmax(float *p, const rv_output_sample *sample, const float *y);

/* "accuracy", "top_3_accuracy" */
void rv_metric_report(const rv_metric *metric, char text[RV_REPORT_SIZE]);
/* How many sums it has, and whether they are reported. */
size_t rv_metric_num_sums(const rv_metric *metric, size_t n);

/* Readouts of spikes, for the registry. */
extern const rv_readout_model rv_spike_count_model, rv_first_spike_time_model;

#endif
