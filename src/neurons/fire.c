#include "neurons/fire.h"

bool rv_fire_is_refractory(const float *tau_refrac, size_t n)
{
    for (size_t j = 0; j < n; j++)
        if (tau_refrac[j] > 0)
            return true;
    return false;
}

const char *rv_fire_eventprop_warning(bool refractory, bool scale_i)
{
    if (refractory)
        return "gradients through a refractory period are approximate (exact: tau_refrac 0)";
    return scale_i ? NULL : "gradients of unscaled currents are approximate (exact: scale_i on)";
}

const char *rv_fire_eprop_error(const float *v_thresh, size_t n, bool scale_i)
{
    for (size_t j = 0; j < n; j++)
        if (!(v_thresh[j] > 0))
            return "e-prop needs v_thresh > 0";
    return scale_i ? "e-prop needs unscaled currents (scale_i off)" : NULL;
}

const char *rv_fire_eprop_warning(bool relative_reset, bool refractory, bool integrate_during_refrac)
{
    if (!relative_reset)
        return "e-prop takes no account of an absolute reset (relative_reset on learns better)";
    if (refractory && !integrate_during_refrac)
        return "e-prop takes no account of a membrane that rests while refractory (integrate_during_refrac on learns "
               "better)";
    return NULL;
}
