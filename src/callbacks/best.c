#include "callbacks/best.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

static bool is_accuracy(const char *name)
{
    static const char suffix[] = "accuracy";
    const size_t length = strlen(name), tail = sizeof suffix - 1;
    return length >= tail && !strcmp(name + length - tail, suffix);
}

int rv_best_watch(rv_best *best, rv_run *run, const char *monitor, rv_mode mode, double min_delta)
{
    const char *name = monitor ? monitor : "val_loss";
    if (mode > RV_MODE_MAX)
        return rv_fail(rv_run_context(run), RV_ERR_VALUE, "monitor '%s': mode must be one of rv_mode, got %d", name,
                       (int)mode);
    if (!(min_delta >= 0 && isfinite(min_delta)))
        return rv_fail(rv_run_context(run), RV_ERR_VALUE, "monitor '%s': min_delta must be >= 0, got %g", name,
                       min_delta);
    *best = (rv_best){
        .larger = mode == RV_MODE_AUTO ? is_accuracy(name) : mode == RV_MODE_MAX,
        .min_delta = min_delta,
        .value = (double)NAN,
    };
    return rv_monitor_add(&best->monitor, run, name);
}

bool rv_best_is_better(const rv_best *best, double x, double y)
{
    return best->larger ? x - best->min_delta > y : x + best->min_delta < y;
}

bool rv_best_update(rv_best *best, size_t epoch)
{
    const double value = rv_monitor_value(best->monitor);
    if (isnan(value) || (!isnan(best->value) && !rv_best_is_better(best, value, best->value)))
        return false;
    best->value = value;
    best->epoch = epoch;
    return true;
}

int rv_best_save(const rv_best *best, rv_state *state)
{
    const uint64_t epoch = best->epoch;
    const int rc = rv_state_put(state, "best", RV_FLOAT64, &best->value, 1);
    return rc < 0 ? rc : rv_state_put(state, "best_epoch", RV_UINT64, &epoch, 1);
}

int rv_best_load(rv_best *best, rv_state *state)
{
    uint64_t epoch = 0;
    int rc = rv_state_get(state, "best", RV_FLOAT64, &best->value, 1);
    if (rc == RV_OK)
        rc = rv_state_get(state, "best_epoch", RV_UINT64, &epoch, 1);
    best->epoch = epoch;
    return rc;
}
