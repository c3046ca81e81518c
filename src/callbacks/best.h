/* The best value so far of a monitored quantity: what EarlyStopping, ModelCheckpoint and ReduceLROnPlateau have in
 * common. */
#ifndef RV_CALLBACKS_BEST_H
#define RV_CALLBACKS_BEST_H

#include <ranvier/callbacks.h>

typedef struct rv_best {
    rv_monitor *monitor;
    bool larger;      /* larger is better */
    double min_delta; /* what counts as better must be better by more than this, >= 0 */
    double value;     /* the best so far; NaN = none */
    size_t epoch;     /* that it is of */
} rv_best;

/* In set_params. monitor NULL = "val_loss". Mode auto takes the larger of what is called ...accuracy, else the smaller. */
int rv_best_watch(rv_best *best, rv_run *run, const char *monitor, rv_mode mode, double min_delta);

/* Whether x is better than y by more than min_delta; NaN is better than nothing. */
bool rv_best_is_better(const rv_best *best, double x, double y);
/* The quantity as of now; true if it is the new best. */
bool rv_best_update(rv_best *best, size_t epoch);

int rv_best_save(const rv_best *best, rv_state *state);
int rv_best_load(rv_best *best, rv_state *state);

#endif
