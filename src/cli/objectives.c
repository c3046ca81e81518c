#include "cli/objectives.h"

#include "cli/say.h"
#include "cli/values.h"

#define MAX_PARAMS 8 /* of a loss or metric */

_Static_assert(RV_MAX_LOSS_PARAMS <= MAX_PARAMS && RV_MAX_METRIC_PARAMS <= MAX_PARAMS, "room for all parameters");

typedef struct objective_entry {
    const char *type;
    node *param[MAX_PARAMS]; /* in the order of the model's table; NULL = not given */
} objective_entry;

/* One number of a parameter; where it is not given, its default is filled into the tree. */
static int read_number(node *where, const rv_param *param, const node *given, double *out)
{
    size_t count = 0;
    bool on = false;
    int status;
    *out = param->value[RV_CLASS_DEFAULTS];
    if (!given && param->kind == RV_PARAM_FLAG)
        value_fill_flag(where, param->name, *out != 0);
    else if (!given)
        value_fill_number(where, param->name, *out);
    if (!given)
        return STATUS_OK;
    switch (param->kind) {
    case RV_PARAM_FLAG:
        status = schema_flag(given, &on);
        *out = on;
        return status;
    case RV_PARAM_COUNT:
        status = schema_count(given, 0, &count);
        *out = (double)count;
        return status;
    default:
        return schema_number(given, out);
    }
}

/* The numbers of all parameters. */
static int read_numbers(node *where, const rv_param *params, int num, double numbers[MAX_PARAMS])
{
    objective_entry entry = {0};
    key keys[MAX_PARAMS + 1] = {
        {"type", KEY_TEXT, offsetof(objective_entry, type), .required = true, .help = "which one"}};
    for (int i = 0; i < num; i++)
        keys[i + 1] = (key){.name = params[i].name,
                            .kind = KEY_NODE,
                            .offset = offsetof(objective_entry, param) + (size_t)i * sizeof entry.param[0],
                            .help = params[i].help};
    int status = schema_read(where, &(key_part){.keys = keys, .num = (size_t)num + 1, .out = &entry}, 1);
    for (int i = 0; i < num && !status; i++)
        status = read_number(where, &params[i], entry.param[i], &numbers[i]);
    return status;
}

int objective_read_loss(rv_context *context, node *where, rv_loss *out)
{
    double numbers[MAX_PARAMS];
    const node *type = schema_type(where);
    int rc = type ? rv_loss_by_name(out, context, type->text) : 0;
    if (!type || rc < 0)
        return type ? fault_library(type, context, rc) : STATUS_FAILED;
    const rv_loss_model *model = out->model;
    const int status = read_numbers(where, model->params, model->num_params, numbers);
    for (int i = 0; i < model->num_params && !status && rc >= 0; i++)
        rc = rv_loss_set(out, context, model->params[i].name, numbers[i]);
    return rc < 0 ? fault_library(where, context, rc) : status;
}

int objective_read_metric(rv_context *context, node *where, rv_metric *out)
{
    double numbers[MAX_PARAMS];
    const node *type = schema_type(where);
    int rc = type ? rv_metric_by_name(out, context, type->text) : 0;
    if (!type || rc < 0)
        return type ? fault_library(type, context, rc) : STATUS_FAILED;
    const rv_metric_model *model = out->model;
    const int status = read_numbers(where, model->params, model->num_params, numbers);
    for (int i = 0; i < model->num_params && !status && rc >= 0; i++)
        rc = rv_metric_set(out, context, model->params[i].name, numbers[i]);
    return rc < 0 ? fault_library(where, context, rc) : status;
}
