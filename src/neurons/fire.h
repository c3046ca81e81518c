/* What leaky integrate-and-fire neurons, adaptive or not, have in common when their parameters are looked at. */
#ifndef RV_NEURONS_FIRE_H
#define RV_NEURONS_FIRE_H

#include <stdbool.h>
#include <stddef.h>

/* Any of n neurons is refractory after a spike; tau_refrac in ms. */
bool rv_fire_is_refractory(const float *tau_refrac, size_t n);

/* Why EventProp's gradients are approximate, why e-prop cannot learn, what it takes no account of: NULL = nothing. */
const char *rv_fire_eventprop_warning(bool refractory, bool scale_i);
const char *rv_fire_eprop_error(const float *v_thresh, size_t n, bool scale_i);
const char *rv_fire_eprop_warning(bool relative_reset, bool refractory, bool integrate_during_refrac);

#endif
