/* Where the time of a run goes. Workers sweep at the same time: the wall time of a batch is shared out among loading,
 * forward and backward in the proportion that they have in the workers' own times. */
#include "base/clock.h"
#include "base/error.h"
#include "engine/profile.h"
#include "train/run.h"

int rv_run_measure(rv_run *run)
{
    if (run->executed)
        return rv_fail(run->context, RV_ERR_STATE, "a run that is under way cannot be measured any more");
    run->measured = true;
    return rv_engine_measure(run->engine);
}

int rv_run_measure_populations(rv_run *run)
{
    if (run->executed)
        return rv_fail(run->context, RV_ERR_STATE, "a run that is under way cannot be measured any more");
    return rv_profile_begin(run->engine);
}

int rv_run_population_times(const rv_run *run, const rv_population *population, rv_population_times *times)
{
    const rv_plan_population *p = rv_plan_find_population(run->model, population);
    double seconds[RV_NUM_PARTS];
    if (!p)
        return rv_fail(run->context, RV_ERR_ARGUMENT, "population '%s' is of another network",
                       population ? rv_population_name(population) : "(null)");
    rv_profile_sum(run->engine, (uint32_t)(p - run->model->populations), seconds);
    *times = (rv_population_times){
        .arrivals = seconds[RV_PART_ARRIVALS],
        .neurons = seconds[RV_PART_NEURONS],
        .backward = seconds[RV_PART_BACKWARD],
    };
    return RV_OK;
}

void rv_times_begin_batch(rv_run *run)
{
    if (!run->measured)
        return;
    const rv_engine *engine = run->engine;
    run->batch_start = (rv_batch_start){
        .clock = rv_clock_seconds(), .callbacks = run->times.callbacks, .learn = engine->learn_seconds};
    for (int w = 0; w < engine->num_threads; w++)
        for (int phase = 0; phase < RV_NUM_PHASES; phase++)
            run->batch_start.phases[phase] += engine->times[w].seconds[phase];
}

void rv_times_end_batch(rv_run *run)
{
    if (!run->measured)
        return;
    const rv_engine *engine = run->engine;
    const rv_batch_start *start = &run->batch_start;
    double phases[RV_NUM_PHASES] = {0}, sum = 0;
    for (int phase = 0; phase < RV_NUM_PHASES; phase++) {
        for (int w = 0; w < engine->num_threads; w++)
            phases[phase] += engine->times[w].seconds[phase];
        phases[phase] -= start->phases[phase];
        sum += phases[phase];
    }
    const double learn = engine->learn_seconds - start->learn;
    const double wall =
        rv_clock_seconds() - start->clock - learn - (run->times.callbacks - start->callbacks);
    const double share = sum > 0 ? wall / sum : 0;
    run->times.data += phases[RV_PHASE_LOAD] * share;
    run->times.forward += phases[RV_PHASE_FORWARD] * share;
    run->times.backward += phases[RV_PHASE_BACKWARD] * share;
    run->times.optimise += learn;
}

void rv_run_times(const rv_run *run, rv_times *times)
{
    *times = run->times;
    if (!run->measured || !run->executed)
        return;
    times->total = rv_clock_seconds() - run->started;
    times->other = times->total - (times->data + times->forward + times->backward + times->optimise +
                                   times->callbacks + times->save + times->validation);
}
