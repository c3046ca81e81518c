/* Running groups of custom updates: what a trigger holds. */
#ifndef RV_ENGINE_CUSTOM_UPDATE_H
#define RV_ENGINE_CUSTOM_UPDATE_H

#include "compile/custom_update.h"
#include "engine/engine.h"

typedef struct rv_bound_group rv_bound_group;

/* A group with the memory to run it, from the engine's arena. Errors: as rv_plan_find_group. */
int rv_bound_group_create(rv_bound_group **out, rv_engine *engine, const char *group);
bool rv_bound_group_is_of_state(const rv_bound_group *group);
/* Runs it over the examples at positions 0 .. num - 1, as they are in their blocks. */
int rv_bound_group_run(rv_bound_group *group, size_t num);

/* The library's own groups. */
int rv_library_update(rv_engine *engine, rv_library_group group, size_t num);

#endif
