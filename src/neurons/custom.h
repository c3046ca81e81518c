/* Models that users bring along, as the library's own look. */
#ifndef RV_NEURONS_CUSTOM_H
#define RV_NEURONS_CUSTOM_H

#include <ranvier/custom.h>

#include "neurons/model.h"

/* Checks a table and makes a model of it, freed with rv_custom_model_free. `what` names the population. */
int rv_custom_model_create(rv_neuron_model **out, rv_context *context, const rv_custom_neuron *custom,
                           const char *what);
void rv_custom_model_free(rv_neuron_model *model);

#endif
