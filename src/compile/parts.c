/* Where spikes go, and the order in which populations are swept after that: strongly connected components of the
 * network (Tarjan 1972), sources before targets. What no cycle leads back to can take many timesteps at once, once its
 * sources have. */
#include "base/alloc.h"
#include "compile/plan.h"

#define BLOCK_BYTES (16U << 10) /* of what arrives at a population in the steps of a block: half of a first cache */
#define LEAST_STEPS 4U
#define MOST_STEPS 64U /* a bit each */

/* Of Tarjan's algorithm; numbers count from 1. */
typedef struct search {
    rv_compiled_network *model;
    uint32_t *number; /* [populations] when it was come upon; 0 = not yet */
    uint32_t *low;    /* [populations] number of the first one it is known to lead back to */
    uint32_t *stack;  /* (num_waiting) those whose part is not complete */
    bool *waits;      /* [populations] on the stack */
    uint32_t num_found, num_waiting;
} search;

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Where each population's spikes go. */
static int list_outgoing(rv_compiled_network *model)
{
    uint32_t *list = rv_arena_alloc(model->arena, model->num_connections, sizeof *list);
    for (uint32_t i = 0; list && i < model->num_populations; i++) {
        model->populations[i].outgoing = list;
        for (uint32_t c = 0; c < model->num_connections; c++)
            if (model->connections[c].source == i)
                *list++ = c;
        model->populations[i].num_outgoing = (uint32_t)(list - model->populations[i].outgoing);
    }
    return list ? RV_OK : RV_ERR_MEMORY;
}

static bool leads_to_itself(const rv_compiled_network *model, uint32_t population)
{
    const rv_plan_population *p = &model->populations[population];
    for (uint32_t i = 0; i < p->num_outgoing; i++)
        if (model->connections[p->outgoing[i]].target == population)
            return true;
    return false;
}

/* What waits from `population` on is a part. Parts are found targets first: they are filled in from the end. */
static void close_part(search *s, uint32_t population)
{
    rv_compiled_network *model = s->model;
    const uint32_t begin = model->parts[0].begin;
    uint32_t at = begin, next;
    do {
        next = s->stack[--s->num_waiting];
        s->waits[next] = false;
        model->order[--at] = next;
    } while (next != population);
    model->parts--;
    model->num_parts++;
    model->parts[0] = (rv_plan_part){at, begin, begin - at > 1 || leads_to_itself(model, population)};
}

static void visit(search *s, uint32_t population)
{
    const rv_plan_population *p = &s->model->populations[population];
    s->number[population] = s->low[population] = ++s->num_found;
    s->stack[s->num_waiting++] = population;
    s->waits[population] = true;
    for (uint32_t i = 0; i < p->num_outgoing; i++) {
        const uint32_t target = s->model->connections[p->outgoing[i]].target;
        if (!s->number[target]) {
            visit(s, target);
            s->low[population] = smaller(s->low[population], s->low[target]);
        } else if (s->waits[target]) {
            s->low[population] = smaller(s->low[population], s->number[target]);
        }
    }
    if (s->low[population] == s->number[population])
        close_part(s, population);
}

static void choose_block(rv_compiled_network *model)
{
    size_t widest = RV_PAD;
    for (uint32_t i = 0; i < model->num_parts; i++) {
        const rv_plan_population *p = &model->populations[model->order[model->parts[i].begin]];
        if (!model->parts[i].recurrent && !p->model->is_input && p->n_pad > widest)
            widest = p->n_pad;
    }
    const size_t steps = BLOCK_BYTES / sizeof(float) / widest;
    const uint32_t wanted = steps < LEAST_STEPS ? LEAST_STEPS : steps > MOST_STEPS ? MOST_STEPS : (uint32_t)steps;
    model->block_steps = smaller(wanted, model->num_steps);
    model->block_floats = (size_t)model->block_steps * widest;
}

int rv_plan_parts(rv_compiled_network *model)
{
    const uint32_t num = model->num_populations;
    rv_plan_part *parts = rv_arena_alloc(model->arena, num + 1, sizeof *parts);
    model->order = rv_arena_alloc(model->arena, num, sizeof *model->order);
    search s = {.model = model,
                .number = rv_alloc(model->context, 3 * num, sizeof *s.number, "order of populations"),
                .waits = rv_alloc(model->context, num, sizeof *s.waits, "order of populations")};
    const bool enough = parts && model->order && s.number && s.waits && !list_outgoing(model);
    if (enough) {
        s.low = s.number + num;
        s.stack = s.low + num;
        parts[num].begin = num;
        model->parts = &parts[num];
        /* from the last on, so that what is independent stays in the order of adding */
        for (uint32_t i = num; i-- > 0;)
            if (!s.number[i])
                visit(&s, i);
        choose_block(model);
    }
    rv_free(s.number);
    rv_free(s.waits);
    return enough ? RV_OK : RV_ERR_MEMORY;
}
