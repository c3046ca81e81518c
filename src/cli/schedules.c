#include "cli/schedules.h"

#include "cli/say.h"

typedef struct schedule_options {
    double from, to, factor;
    size_t every, epochs;
} schedule_options;

typedef struct schedule {
    variant base;
    schedule_fn func;
} schedule;

#define KEY_ROW_FROM                                                                                                  \
    {                                                                                                                 \
        "from", KEY_NUMBER, offsetof(schedule_options, from), .required = true, .help = "value in epoch 0"            \
    }

static const key step_keys[] = {
    KEY_ROW_FROM,
    {"factor", KEY_NUMBER, offsetof(schedule_options, factor), .required = true, .help = "what it is multiplied with"},
    {"every", KEY_COUNT, offsetof(schedule_options, every), .standard = "1", .min = 1, .help = "so many epochs"},
};

/* Products in a fixed order: pow differs between processors. */
static double step(void *user, size_t epoch, double current)
{
    (void)current;
    const schedule_options *o = user;
    double value = o->from;
    for (size_t i = 0; i < epoch / o->every; i++)
        value *= o->factor;
    return value;
}

static const key linear_keys[] = {
    KEY_ROW_FROM,
    {"to", KEY_NUMBER, offsetof(schedule_options, to), .required = true, .help = "value in the last of these epochs"},
    {"epochs", KEY_COUNT, offsetof(schedule_options, epochs), .required = true, .min = 2,
     .help = "number of epochs that it takes"},
};

static double linear(void *user, size_t epoch, double current)
{
    (void)current;
    const schedule_options *o = user;
    const size_t last = o->epochs - 1;
    return epoch >= last ? o->to : o->from + (o->to - o->from) * (double)epoch / (double)last;
}

static const schedule schedules[] = {
    {{"step", step_keys, COUNT_OF(step_keys), "multiplied with a factor every few epochs"}, step},
    {{"linear", linear_keys, COUNT_OF(linear_keys), "a straight line, then constant"}, linear},
};

const variant *schedule_at(size_t index)
{
    return index < COUNT_OF(schedules) ? &schedules[index].base : NULL;
}

int schedule_read(node *where, keep *store, schedule_fn *func, void **user)
{
    const int index = schema_choose(where, &schedules[0].base, sizeof schedules[0], COUNT_OF(schedules));
    if (index < 0)
        return STATUS_FAILED;
    *user = keep_make(store, 1, sizeof(schedule_options));
    *func = schedules[index].func;
    return schema_read_variant(where, &schedules[index].base, *user, NULL);
}
