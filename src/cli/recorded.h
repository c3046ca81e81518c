/* What recorders recorded, as NumPy arrays: of a recorder with key K
 *
 *   K-examples.npy  (n)       position in the data set of each entry
 *   K-epochs.npy    (n)       and its epoch
 *   K-offsets.npy   (n + 1)   the first spike of each entry
 *   K-times.npy     (spikes)  ms
 *   K-ids.npy       (spikes)  neurons
 *   K-values.npy    (n, ...)  of variables and counts, instead of the three above
 */
#ifndef RV_CLI_RECORDED_H
#define RV_CLI_RECORDED_H

#include "cli/callbacks_section.h"

/* Writes what the callbacks of a list, of training or of its validation, recorded in memory into folder/recorded, with the
 * list's prefix before every name. Nothing is made where nothing was recorded. Returns a negative RV_ERR_* on failure. */
int recorded_save(rv_context *context, const char *folder, const rv_result *result, const callback_list *list,
                  bool validation);

#endif
