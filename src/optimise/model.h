/* Checks of optimisers before they are used, users' own tables too, and their step on a row of numbers. */
#ifndef RV_OPTIMISE_MODEL_H
#define RV_OPTIMISE_MODEL_H

#include <ranvier/optimise.h>

/* The model of an optimiser: Adam where none is given. */
const rv_optimiser_model *rv_optimiser_model_of(const rv_optimiser *optimiser);

/* Fills in the default and checks table and ranges; `what` names the owner. */
int rv_optimiser_resolve(rv_context *context, rv_optimiser *optimiser, const char *what);

void rv_optimiser_begin(const rv_optimiser *optimiser, rv_optimiser_state *state);
/* Goes on by one step and fills its constants. */
void rv_optimiser_next(const rv_optimiser *optimiser, rv_optimiser_state *state,
                       float constant[RV_MAX_OPTIMISER_CONSTANTS]);
/* One step of a row, of which num numbers are there. */
void rv_optimiser_learn(const rv_optimiser *optimiser, const rv_optimiser_row *row, size_t num);

extern const rv_optimiser_model rv_adam_model, rv_adamw_model, rv_sgd_model;

#endif
