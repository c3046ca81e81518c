/* docs/neurons.md has the table of every neuron and synapse model of the registry, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include <ranvier.h>

static char page[200000];

static int read_page(void **state)
{
    (void)state;
    const char *root = getenv("RV_SOURCE_ROOT");
    char path[4096];
    snprintf(path, sizeof path, "%s/docs/neurons.md", root ? root : ".");
    FILE *file = fopen(path, "r");
    if (!file)
        return -1;
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    return fclose(file);
}

static void print_default(char *text, size_t size, const rv_param *param, rv_defaults defaults)
{
    if (param->kind == RV_PARAM_FLAG)
        snprintf(text, size, "%s", param->value[defaults] != 0 ? "on" : "off");
    else
        snprintf(text, size, "%g", param->value[defaults]);
}

static void print_range(char *text, size_t size, const rv_param *param)
{
    const char *whole = param->kind == RV_PARAM_COUNT ? "whole, " : "", *sign = param->min_open ? ">" : "≥";
    if (param->kind == RV_PARAM_FLAG)
        snprintf(text, size, "on, off");
    else if (isinf(param->min) && isinf(param->max))
        snprintf(text, size, "any");
    else if (isinf(param->max) || param->max >= 1e6)
        snprintf(text, size, "%s%s %g", whole, sign, param->min);
    else
        snprintf(text, size, "%s%s %g, ≤ %g", whole, sign, param->min, param->max);
}

static void print_row(char row[1000], const rv_param *param)
{
    char standard[200], other[100], range[200];
    print_default(standard, sizeof standard, param, RV_CLASS_DEFAULTS);
    print_default(other, sizeof other, param, RV_EVENTPROP_DEFAULTS);
    if (strcmp(standard, other) != 0) {
        strcat(standard, "; EventProp ");
        strcat(standard, other);
    }
    print_range(range, sizeof range, param);
    snprintf(row, 1000, "| `%s` | %s%s%s | %s | %s | %s |\n", param->name, standard, param->unit[0] ? " " : "",
             param->unit, range, param->kind == RV_PARAM_VALUE ? "neuron" : "population", param->help);
}

/* the section of a model, up to the next one */
static void expect_section(const char *name, const rv_param *params, int num)
{
    char heading[200], row[1000];
    snprintf(heading, sizeof heading, "\n### %s\n", name);
    const char *const section = strstr(page, heading);
    if (!section)
        fail_msg("docs/neurons.md has no section \"### %s\"", name);
    const char *const next = strstr(section + strlen(heading), "\n### ");
    for (int i = 0; i < num; i++) {
        print_row(row, &params[i]);
        const char *const found = strstr(section, row);
        if (!found || (next && found > next))
            fail_msg("docs/neurons.md, %s: expected the row\n%s", name, row);
    }
}

static void every_neuron_model_is_documented_as_its_table_says(void **state)
{
    (void)state;
    const rv_neuron_model *model;
    for (int m = 0; (model = rv_neuron_model_at(m)); m++) {
        int num;
        const rv_param *params = rv_neuron_model_params(model, &num);
        expect_section(rv_neuron_model_name(model), params, num);
    }
}

static void every_synapse_model_is_documented_as_its_table_says(void **state)
{
    (void)state;
    const rv_synapse_model *model;
    for (int m = 0; (model = rv_synapse_model_at(m)); m++) {
        int num;
        const rv_param *params = rv_synapse_model_params(model, &num);
        expect_section(rv_synapse_model_name(model), params, num);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_neuron_model_is_documented_as_its_table_says),
        cmocka_unit_test(every_synapse_model_is_documented_as_its_table_says),
    };
    return cmocka_run_group_tests(tests, read_page, NULL);
}
