/* Variables of populations by name, and what the taps that read them are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "train/run.h"
#include "values/params.h"

static bool find_state(const rv_plan_population *p, const char *name, rv_tap *tap)
{
    *tap = (rv_tap){.kind = RV_TAP_STATE, .offset = rv_plan_find_state(p, name)};
    return tap->offset != RV_NONE;
}

/* "LambdaI" is that of the first synapse group, "LambdaI1" of the second, ... */
static bool is_of_group(const rv_plan_population *p, const char *name, const char *prefix, size_t *group)
{
    const size_t length = strlen(prefix);
    if (strncmp(name, prefix, length))
        return false;
    char *end;
    name += length;
    *group = *name ? strtoul(name, &end, 10) : 0;
    return *group < p->num_groups && (!*name || (!*end && *group > 0));
}

static bool find_input(const rv_plan_population *p, const char *name, rv_tap *tap)
{
    size_t group;
    if (p->num_groups && !strcmp(name, "Isyn"))
        *tap = (rv_tap){.kind = RV_TAP_ISYN};
    else if (is_of_group(p, name, "inSyn", &group))
        *tap = (rv_tap){.kind = RV_TAP_IN_SYN, .offset = p->groups[group].in_syn, .constant = p->groups[group].beta};
    else
        return false;
    return true;
}

static bool find_readout(const rv_plan_population *p, const char *name, rv_tap *tap)
{
    for (int i = 0; p->readout && i < p->readout->num_variables; i++)
        if (!strcmp(name, p->readout->variables[i].name)) {
            *tap = (rv_tap){.kind = RV_TAP_READOUT, .readout = &p->readout->variables[i]};
            return true;
        }
    if (!p->readout || strcmp(name, "Softmax"))
        return false;
    *tap = (rv_tap){.kind = RV_TAP_SOFTMAX};
    return true;
}

static bool find_adjoint(const rv_run *run, const rv_plan_population *p, const char *name, rv_tap *tap)
{
    size_t group;
    if (!run->engine->learn || !p->adjoint)
        return false;
    if (!strcmp(name, "LambdaV"))
        *tap = (rv_tap){.kind = RV_TAP_ADJOINT, .offset = p->lambda_v};
    else if (p->model->adapts && !strcmp(name, "LambdaA"))
        *tap = (rv_tap){.kind = RV_TAP_ADJOINT, .offset = p->lambda_a};
    else if (is_of_group(p, name, "LambdaI", &group))
        *tap = (rv_tap){.kind = RV_TAP_LAMBDA_I, .offset = p->groups[group].history};
    else
        return false;
    return true;
}

/* e-prop's: Psi and FAvg of hidden neurons, E of them and of outputs while learning, Softmax of outputs always. */
static bool find_eprop(const rv_run *run, const rv_plan_population *p, const char *name, rv_tap *tap)
{
    const bool hidden = !p->readout;
    if (run->model->compiler != RV_COMPILER_EPROP || p->model->is_input)
        return false;
    if (!hidden && !strcmp(name, "Softmax")) {
        *tap = (rv_tap){.kind = RV_TAP_STATE, .offset = p->eprop.softmax};
        return true;
    }
    if (!run->engine->learn)
        return false;
    if (hidden && (!strcmp(name, "Psi") || !strcmp(name, "FAvg"))) {
        *tap = (rv_tap){.kind = RV_TAP_RECORD, .offset = name[0] == 'P' ? p->eprop.psi : p->eprop.f_avg};
        return true;
    }
    if (strcmp(name, "E"))
        return false;
    *tap = !hidden                      ? (rv_tap){.kind = RV_TAP_RECORD, .offset = p->eprop.error}
           : p->eprop.signal != RV_NONE ? (rv_tap){.kind = RV_TAP_STATE, .offset = p->eprop.signal}
                                        : (rv_tap){.kind = RV_TAP_SIGNAL};
    return true;
}

/* ", name" at the end of text[size], without the comma where it is the first */
static void append(char *text, size_t size, const char *name)
{
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
}

static int fail_unknown(rv_run *run, const rv_plan_population *p, const char *name)
{
    char known[512] = "";
    if (p->num_groups)
        append(known, sizeof known, "Isyn, inSyn");
    if (p->input != RV_NONE)
        append(known, sizeof known, "Input");
    for (int i = 0; i < p->model->num_state; i++)
        if (p->model->state[i].internal[0])
            append(known, sizeof known, p->model->state[i].internal);
    for (int i = 0; i < p->model->num_params; i++)
        append(known, sizeof known, p->model->params[i].name);
    for (int i = 0; p->readout && i < p->readout->num_variables; i++)
        append(known, sizeof known, p->readout->variables[i].name);
    if (p->readout)
        append(known, sizeof known, "Softmax");
    if (run->engine->learn && p->adjoint)
        append(known, sizeof known, p->model->adapts ? "LambdaV, LambdaA, LambdaI" : "LambdaV, LambdaI");
    if (run->model->compiler == RV_COMPILER_EPROP && !p->model->is_input && !p->readout)
        append(known, sizeof known, "E, Psi, FAvg (when learning)");
    return rv_fail(run->context, RV_ERR_NAME, "population '%s' has no variable '%s', expected one of: %s",
                   p->population->name, name, known);
}

int rv_probe_find_variable(rv_run *run, const rv_plan_population *p, const char *name, rv_tap *tap)
{
    if (find_state(p, name, tap) || find_adjoint(run, p, name, tap) || find_eprop(run, p, name, tap) ||
        find_input(p, name, tap) || find_readout(p, name, tap))
        return RV_OK;
    const int row = rv_param_find(p->model->params, p->model->num_params, name);
    if (row < 0)
        return fail_unknown(run, p, name);
    *tap = (rv_tap){.kind = RV_TAP_CONSTANT, .constant = p->param[row]};
    return RV_OK;
}
