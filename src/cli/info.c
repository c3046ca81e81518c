/* ranvier info FILE|RUN: what a run would be. ranvier info --models: what there is to build with. */
#include "cli/program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/experiment.h"
#include "cli/report.h"
#include "cli/say.h"

/* ---- models ---- */

static void print_default(const rv_param *param, rv_defaults defaults)
{
    if (param->kind == RV_PARAM_FLAG)
        fputs(param->value[defaults] != 0 ? "true" : "false", stdout);
    else
        printf("%g", param->value[defaults]);
}

static void print_param(const rv_param *param)
{
    const bool differs = param->value[RV_CLASS_DEFAULTS] != param->value[RV_EVENTPROP_DEFAULTS];
    printf("  %-24s %s [default ", param->name, param->help);
    print_default(param, RV_CLASS_DEFAULTS);
    if (differs) {
        fputs(", with eventprop ", stdout);
        print_default(param, RV_EVENTPROP_DEFAULTS);
    }
    if (param->kind != RV_PARAM_FLAG && isfinite(param->min))
        printf("; %s %g", param->min_open ? ">" : ">=", param->min);
    if (param->kind != RV_PARAM_FLAG && isfinite(param->max))
        printf("; <= %g", param->max);
    printf("%s%s]\n", param->unit && *param->unit ? " " : "", param->unit ? param->unit : "");
}

static void print_params(const char *kind, const char *name, const rv_param *params, int num)
{
    printf("%s %s\n", kind, name);
    for (int i = 0; i < num; i++)
        print_param(&params[i]);
}

/* weight and delay are every model's */
static void print_connectivities(void)
{
    const rv_connectivity_model *model;
    for (int i = 0; (model = rv_connectivity_model_at(i)); i++) {
        int num = 0;
        const rv_option *rows = rv_connectivity_model_options(model, &num);
        printf("connectivity %s: %s\n", rv_connectivity_model_name(model), rv_connectivity_model_help(model));
        for (int k = 0; k < num; k++)
            printf("  %-24s %s [%s%s]\n", rows[k].name, rows[k].help, rows[k].required ? "required" : "default ",
                   rows[k].required ? "" : rows[k].standard);
    }
}

static void print_initializers(void)
{
    const rv_initializer *initializer;
    for (int i = 0; (initializer = rv_initializer_at(i)); i++) {
        printf("initializer %s\n", initializer->name);
        for (int k = 0; k < initializer->num_params; k++)
            printf("  %-24s [default %g]\n", initializer->param_name[k], initializer->param_default[k]);
    }
}

static int print_models(void)
{
    int num = 0;
    const rv_neuron_model *neuron;
    for (int i = 0; (neuron = rv_neuron_model_at(i)); i++) {
        const rv_param *params = rv_neuron_model_params(neuron, &num);
        print_params("neuron", rv_neuron_model_name(neuron), params, num);
    }
    const rv_synapse_model *synapse;
    for (int i = 0; (synapse = rv_synapse_model_at(i)); i++) {
        const rv_param *params = rv_synapse_model_params(synapse, &num);
        print_params("synapse", rv_synapse_model_name(synapse), params, num);
    }
    rv_readout readout;
    for (int i = 0; (readout = rv_readout_at(i)); i++)
        print_params("readout", rv_readout_name(readout), NULL, 0);
    const rv_loss_model *loss;
    for (int i = 0; (loss = rv_loss_model_at(i)); i++)
        print_params("loss", loss->name, loss->params, loss->num_params);
    const rv_metric_model *metric;
    for (int i = 0; (metric = rv_metric_model_at(i)); i++)
        print_params("metric", metric->name, metric->params, metric->num_params);
    const rv_optimiser_model *optimiser;
    for (int i = 0; (optimiser = rv_optimiser_model_at(i)); i++)
        print_params("optimiser", optimiser->name, optimiser->params, optimiser->num_params);
    print_connectivities();
    print_initializers();
    puts("\nNames may be written as LeakyIntegrateFire or leaky_integrate_fire.");
    return STATUS_OK;
}

/* ---- experiments ---- */

/* The plan, and the memory of the run that `train` would make, or `evaluate` where the compiler does not learn. */
static int print_plan(const experiment *e)
{
    rv_run *run = NULL;
    char *plan = NULL, model[16], fixed[16], tape[16];
    const rv_train_desc train = experiment_train_desc(e);
    const rv_evaluate_desc test = {.data = experiment_data(e, SET_TEST), .no_callbacks = true};
    int rc = rv_compiled_network_describe(&plan, e->model);
    if (rc >= 0)
        printf("\n%s", plan);
    if (rc >= 0 && e->compiler.learns && train.data.inputs[0].population)
        rc = rv_train_prepare(&run, e->model, &train);
    else if (rc >= 0 && test.data.inputs[0].population)
        rc = rv_evaluate_prepare(&run, e->model, &test);
    if (rc >= 0 && run)
        printf("\nmemory: network %s, run %s, spikes on tape up to %s\n",
               report_bytes(model, rv_compiled_network_memory(e->model)),
               report_bytes(fixed, rv_run_memory_fixed(run)), report_bytes(tape, rv_run_memory_tape_bound(run)));
    rv_string_free(plan);
    rv_run_free(run);
    return rc < 0 ? experiment_fault(e, rc) : STATUS_OK;
}

static int info(const options *given)
{
    experiment e = {0};
    if (given->models)
        return print_models();
    if (!given->operand)
        return fault_usage("info", "which experiment? info needs FILE, RUN or --models");
    int status = experiment_open(&e, given->operand, given);
    if (!status)
        status = experiment_read_callbacks(&e, ".", "");
    if (!status)
        status = experiment_load(&e, 1U << SET_TRAIN | 1U << SET_VALIDATION | 1U << SET_TEST);
    if (!status)
        report_data(stdout, &e);
    if (!status)
        status = experiment_compile(&e, e.compiler.learns);
    if (!status)
        status = print_plan(&e);
    experiment_clear(&e);
    return status;
}

static const option info_options[] = {
    {.name = "models",
     .letter = 'm',
     .offset = offsetof(options, models),
     .help = "list neurons, synapses, connectivities, readouts, losses,\nmetrics, optimisers and initializers, with their parameters"},
    OPTION_ROW_SET,
    OPTION_ROW_SEED,
    OPTION_ROW_THREADS,
    OPTION_ROW_VERBOSE,
    OPTION_ROW_HELP,
};

const command info_command = {
    .name = "info",
    .operand = "[FILE|RUN]",
    .summary = "print data, network, plan and memory of an experiment",
    .description = "Reads and checks an experiment as 'train' does, and prints its data sets, the compiled\n"
                   "network and the memory that a run takes. Nothing is run or written.",
    .options = info_options,
    .num_options = sizeof info_options / sizeof info_options[0],
    .run = info,
};
