/* e-prop in the engine (docs/eprop.md): what the sweep forward records and judges, and the sweep back or the traces that
 * make gradients of it. */
#ifndef RV_ENGINE_EPROP_H
#define RV_ENGINE_EPROP_H

#include "engine/engine.h"

/* What a step of an example left: psi and FAvg of hidden neurons, errors of outputs. t = -1: before the first step. */
static inline float *rv_eprop_record(const rv_engine *engine, const rv_block *block, int64_t t)
{
    return block->record + (size_t)(t + 1) * engine->model->record_size;
}

/* Learning signal of step t of hidden population p: signal (n_pad) = sum over outputs of feedback weight * error of the
 * step before. */
void rv_eprop_signal(const rv_engine *engine, const rv_block *block, const rv_plan_population *p, uint32_t t,
                     float *signal);

/* The online form: before the first step; after step t of all populations; and, when the example is over, DeltaG into
 * leaf `leaf`. */
void rv_eprop_traces_begin(const rv_engine *engine, const rv_block *block);
void rv_eprop_traces_step(const rv_engine *engine, const rv_block *block, const rv_example *example, uint32_t t);
void rv_eprop_traces_end(const rv_engine *engine, const rv_block *block, size_t leaf);

#endif
