/* How readers and generators fill a data set. */
#ifndef RV_DATA_DATASET_H
#define RV_DATA_DATASET_H

#include <ranvier/data.h>

/* `what` names the file or generator in messages. After a failure the caller clears the data set. */

/* Zeroes *out and gives it examples of a shape of 1 to RV_MAX_DIMS dimensions, none of them 0; values are not
 * allocated. RV_ERR_SHAPE. */
int rv_dataset_start(rv_dataset *out, rv_context *context, size_t num_examples, int num_dims, const size_t *shape,
                     const char *what);

/* Allocates values (num_examples, num_inputs), zeroed. */
int rv_dataset_add_values(rv_dataset *dataset, rv_context *context, const char *what);

/* Sets value i of them all. RV_ERR_NAN if it is not finite as float32. */
int rv_dataset_set_value(rv_dataset *dataset, rv_context *context, size_t i, double value, const char *what);

/* Allocates labels (num_examples), zeroed. */
int rv_dataset_add_labels(rv_dataset *dataset, rv_context *context, const char *what);

/* Sets one label and keeps num_classes. RV_ERR_LABEL if it is negative, too large or not whole. */
int rv_dataset_set_label(rv_dataset *dataset, rv_context *context, size_t example, double label, const char *what);

/* Allocates targets (num_examples, num_steps, num_targets), zeroed. */
int rv_dataset_add_targets(rv_dataset *dataset, rv_context *context, size_t num_steps, size_t num_targets,
                           const char *what);

#endif
