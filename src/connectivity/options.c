/* Setting options of connectivity by name, through the models' tables. */
#include "connectivity/options.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/name.h"
#include "connectivity/model.h"

/* Where an option lies in rv_connectivity. */
typedef struct option_field {
    const char *name;
    size_t offset;
} option_field;

static const option_field fields[] = {
    {"filters", offsetof(rv_connectivity, filters)},
    {"conv_size", offsetof(rv_connectivity, conv_size)},
    {"conv_strides", offsetof(rv_connectivity, conv_strides)},
    {"conv_padding", offsetof(rv_connectivity, conv_padding)},
    {"pool_size", offsetof(rv_connectivity, pool_size)},
    {"pool_strides", offsetof(rv_connectivity, pool_strides)},
    {"flatten", offsetof(rv_connectivity, flatten)},
    {"p", offsetof(rv_connectivity, p)},
    {"allow_self_connections", offsetof(rv_connectivity, allow_self_connections)},
    {"pre_ind", offsetof(rv_connectivity, pre_ind)},
    {"post_ind", offsetof(rv_connectivity, post_ind)},
};

static int fail_unknown(rv_context *context, const rv_connectivity_model *model, const char *option)
{
    char known[256] = "none";
    size_t used = 0;
    for (int i = 0; i < model->num_options && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", model->options[i].name);
    return rv_fail(context, RV_ERR_NAME, "%s has no option '%s', expected one of: %s", model->name, option, known);
}

/* The row of an option of the model, and its place in the struct; NULL with an error. */
static const rv_option *find(rv_connectivity *c, rv_context *context, const char *option, void **field, int *error)
{
    *error = RV_OK;
    if (!c->model) {
        *error = rv_fail(context, RV_ERR_ARGUMENT, "cannot set '%s' of a connectivity without a model", option);
        return NULL;
    }
    for (int i = 0; i < c->model->num_options; i++)
        for (size_t f = 0; !strcmp(c->model->options[i].name, option) && f < sizeof fields / sizeof fields[0]; f++)
            if (!strcmp(fields[f].name, option)) {
                *field = (char *)c + fields[f].offset;
                return &c->model->options[i];
            }
    *error = fail_unknown(context, c->model, option);
    return NULL;
}

static const char *expected_of(rv_option_kind kind)
{
    switch (kind) {
    case RV_OPTION_COUNT:
        return "a whole number >= 1";
    case RV_OPTION_PAIR:
        return "one or two whole numbers >= 1";
    case RV_OPTION_FRACTION:
        return "a number >= 0 and <= 1";
    case RV_OPTION_FLAG:
        return "0 or 1";
    case RV_OPTION_PADDING:
        return "valid or same";
    case RV_OPTION_INDICES:
        return "a list of flat ids";
    }
    return "something else";
}

static int fail_kind(rv_context *context, const rv_connectivity *c, const rv_option *row, const char *got)
{
    return rv_fail(context, RV_ERR_VALUE, "%s: %s must be %s, got %s", c->model->name, row->name,
                   expected_of(row->kind), got);
}

static bool is_count(double x)
{
    return x >= 1 && x <= INT32_MAX && x == __builtin_floor(x);
}

/* Whether the numbers are such as the option takes; writes them then. */
static bool write_numbers(void *field, rv_option_kind kind, const double *x, size_t num)
{
    if (num < 1 || num > (kind == RV_OPTION_PAIR ? 2 : 1))
        return false;
    switch (kind) {
    case RV_OPTION_COUNT:
        if (is_count(x[0]))
            *(size_t *)field = (size_t)x[0];
        return is_count(x[0]);
    case RV_OPTION_PAIR:
        if (!is_count(x[0]) || !is_count(x[num - 1]))
            return false;
        ((size_t *)field)[0] = (size_t)x[0];
        ((size_t *)field)[1] = (size_t)x[num - 1];
        return true;
    case RV_OPTION_FRACTION:
        if (x[0] >= 0 && x[0] <= 1)
            *(double *)field = x[0];
        return x[0] >= 0 && x[0] <= 1;
    case RV_OPTION_FLAG:
        if (x[0] == 0 || x[0] == 1)
            *(bool *)field = x[0] != 0;
        return x[0] == 0 || x[0] == 1;
    case RV_OPTION_PADDING:
    case RV_OPTION_INDICES:
        break;
    }
    return false;
}

int rv_connectivity_set(rv_connectivity *c, rv_context *context, const char *option, const double *numbers, size_t num)
{
    void *field;
    int error;
    char got[64];
    const rv_option *row = find(c, context, option, &field, &error);
    if (!row || write_numbers(field, row->kind, numbers, num))
        return error;
    if (num == 1)
        snprintf(got, sizeof got, "%g", numbers[0]);
    else if (num == 2)
        snprintf(got, sizeof got, "%g, %g", numbers[0], numbers[1]);
    else
        snprintf(got, sizeof got, "%zu numbers", num);
    return fail_kind(context, c, row, got);
}

int rv_connectivity_set_text(rv_connectivity *c, rv_context *context, const char *option, const char *text)
{
    void *field;
    int error;
    const rv_option *row = find(c, context, option, &field, &error);
    if (!row)
        return error;
    const bool same = rv_name_equal("same", text);
    if (row->kind != RV_OPTION_PADDING || (!same && !rv_name_equal("valid", text)))
        return fail_kind(context, c, row, text);
    *(rv_padding *)field = same ? RV_PADDING_SAME : RV_PADDING_VALID;
    return RV_OK;
}

int rv_connectivity_set_indices(rv_connectivity *c, rv_context *context, const char *option, const uint32_t *ids,
                                size_t num)
{
    void *field;
    int error;
    const rv_option *row = find(c, context, option, &field, &error);
    if (!row)
        return error;
    if (row->kind != RV_OPTION_INDICES)
        return fail_kind(context, c, row, "a list of ids");
    if (c->num_synapses && c->num_synapses != num)
        return rv_fail(context, RV_ERR_SHAPE, "%s: pre_ind and post_ind must be of one size, got %zu and %zu",
                       c->model->name, c->num_synapses, num);
    *(const uint32_t **)field = ids;
    c->num_synapses = num;
    return RV_OK;
}

const rv_option *rv_connectivity_model_options(const rv_connectivity_model *model, int *num)
{
    *num = model->num_options;
    return model->options;
}
