/* Triggers: groups of custom updates that callbacks fire. */
#include "base/alloc.h"
#include "base/error.h"
#include "engine/custom_update.h"
#include "train/run.h"

struct rv_trigger {
    rv_run *run;
    rv_bound_group *group;
    const char *name; /* in the engine's arena */
    rv_trigger *next;
};

int rv_trigger_add(rv_trigger **out, rv_run *run, const char *group)
{
    *out = NULL;
    if (!run->setting_up)
        return rv_fail(run->context, RV_ERR_STATE, "a trigger can be added in set_params only");
    rv_bound_group *bound;
    int error = rv_bound_group_create(&bound, run->engine, group);
    if (!error && rv_bound_group_is_of_state(bound))
        error = rv_engine_keep_blocks(run->engine);
    if (error)
        return error;
    rv_trigger *trigger = rv_alloc(run->context, 1, sizeof *trigger, "trigger");
    if (!trigger)
        return RV_ERR_MEMORY;
    *trigger = (rv_trigger){run, bound, rv_arena_strdup(run->engine->arena, group), run->triggers};
    run->triggers = *out = trigger;
    return trigger->name ? RV_OK : RV_ERR_MEMORY;
}

bool rv_trigger_is_of_state(const rv_trigger *trigger)
{
    return rv_bound_group_is_of_state(trigger->group);
}

int rv_trigger_fire(rv_trigger *trigger)
{
    rv_run *run = trigger->run;
    if (!rv_trigger_is_of_state(trigger))
        return rv_bound_group_run(trigger->group, 0);
    if (!run->in_batch)
        return rv_fail(run->context, RV_ERR_STATE,
                       "custom update group '%s' is about the state of examples, which there is only within a batch",
                       trigger->name);
    if (run->at_batch_begin && !run->engine->begun)
        rv_engine_begin(run->engine, run->batch_count);
    return rv_bound_group_run(trigger->group, run->batch_count);
}

void rv_triggers_free(rv_run *run)
{
    while (run->triggers) {
        rv_trigger *next = run->triggers->next;
        rv_free(run->triggers);
        run->triggers = next;
    }
}
