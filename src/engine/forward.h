/* What the parts of the sweep forward share. */
#ifndef RV_ENGINE_FORWARD_H
#define RV_ENGINE_FORWARD_H

#include "engine/engine.h"

/* Before the first step of an example: fills block->afferents. */
void rv_afferents_open(const rv_engine *engine, const rv_block *block, const rv_example *example);

#define RV_LISTS_AT_ONCE 8 /* connections whose rows are added by one call */

/* The rows that its spikes add in step t, of a connection that adds rows. */
static inline rv_spike_rows rv_afferent_rows(const rv_afferent *in, uint32_t t)
{
    if (t < in->ago)
        return (rv_spike_rows){0};
    const uint32_t *offset = in->tape->offset + (t - in->ago);
    return (rv_spike_rows){in->weight, in->stride, in->tape->ids + offset[0], offset[1] - offset[0]};
}

/* Step t: the synaptic inputs of a population decay, and what the spikes of the steps before bring is added to them. */
int rv_arrive(const rv_engine *engine, const rv_block *block, rv_example *example, uint32_t population, uint32_t t);

/* The same for the run->num_steps steps from t on of a population with one synapse group, whose sources have taken all
 * steps before: fills run->arrived, and the rows of block->ahead (num_steps, n_pad) of these steps, which become
 * run->in_syn. */
int rv_arrive_ahead(const rv_engine *engine, const rv_block *block, rv_example *example, uint32_t population, uint32_t t,
                    rv_neuron_run *run);

/* One step of a population: arrivals, neurons, readout. *since: see rv_profile_lap. */
int rv_forward_population(const rv_engine *engine, rv_block *block, rv_example *example, uint32_t population,
                          uint32_t t, double *since);

/* Steps begin .. end - 1 of a part, at most block_steps of them. */
int rv_forward_part(const rv_engine *engine, rv_block *block, rv_example *example, const rv_plan_part *part,
                    uint32_t begin, uint32_t end, double *since);

/* All parts, from step t on, where nobody looks at steps and e-prop does not learn. */
int rv_forward_from(const rv_engine *engine, rv_block *block, rv_example *example, uint32_t t);

#endif
