#include "engine/profile.h"

static size_t num_blocks(const rv_engine *engine)
{
    return engine->own_blocks ? engine->capacity : (size_t)engine->num_threads;
}

static size_t num_workers(const rv_engine *engine)
{
    return engine->workers ? (size_t)engine->num_threads : 0;
}

int rv_profile_begin(rv_engine *engine)
{
    const size_t num = (size_t)engine->model->num_populations * RV_NUM_PARTS;
    for (size_t i = 0; i < num_blocks(engine); i++)
        if (!engine->blocks[i].seconds &&
            !(engine->blocks[i].seconds = rv_arena_alloc(engine->arena, num, sizeof(double))))
            return RV_ERR_MEMORY;
    for (size_t i = 0; i < num_workers(engine); i++)
        if (!engine->workers[i].seconds &&
            !(engine->workers[i].seconds = rv_arena_alloc(engine->arena, num, sizeof(double))))
            return RV_ERR_MEMORY;
    return RV_OK;
}

static void add(double sum[RV_NUM_PARTS], const double *seconds, uint32_t population)
{
    for (int part = 0; seconds && part < RV_NUM_PARTS; part++)
        sum[part] += seconds[population * RV_NUM_PARTS + (uint32_t)part];
}

void rv_profile_sum(const rv_engine *engine, uint32_t population, double seconds[RV_NUM_PARTS])
{
    for (int part = 0; part < RV_NUM_PARTS; part++)
        seconds[part] = 0;
    for (size_t i = 0; i < num_blocks(engine); i++)
        add(seconds, engine->blocks[i].seconds, population);
    for (size_t i = 0; i < num_workers(engine); i++)
        add(seconds, engine->workers[i].seconds, population);
}
