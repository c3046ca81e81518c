/* ranvier evaluate FILE|RUN: a trained network on the test set. */
#include "cli/evaluate.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/execute.h"
#include "cli/memory.h"
#include "cli/path.h"
#include "cli/program.h"
#include "cli/ranks.h"
#include "cli/recorded.h"
#include "cli/report.h"
#include "cli/run_folder.h"
#include "cli/say.h"

/* A folder of checkpoints that is asked for by name may be one of mlGeNN's, without manifests. */
static int load_checkpoint(experiment *e, const char *folder, const char *epoch, bool foreign)
{
    const rv_serialiser ours = rv_numpy_serialiser(folder), theirs = rv_foreign_numpy_serialiser(folder);
    char *manifest = format_text("%s/%s-manifest.json", folder, epoch);
    foreign = foreign && access(manifest, F_OK) != 0;
    free(manifest);
    const int rc = rv_compiled_network_load(e->model, foreign ? &theirs : &ours, (const char *[]){epoch}, 1);
    if (rc < 0)
        return fault_library(NULL, e->context, rc);
    note("weights of epoch %s in %s%s", epoch, folder, foreign ? ", which has no manifest of it" : "");
    return STATUS_OK;
}

/* Loads the weights of --load, or of the run folder; those of a plain file are what the file says. */
static int load_weights(experiment *e, const options *given)
{
    char *folder = given->load                      ? copy_text(given->load)
                   : path_is_folder(given->operand) ? path_join(given->operand, "checkpoint")
                                                    : NULL;
    char *epoch = given->epoch ? copy_text(given->epoch) : NULL;
    int status = STATUS_OK;
    if (!folder && epoch)
        status = fault_usage("evaluate", "--epoch needs a run folder or --load DIR");
    else if (!folder)
        note("without --load, weights are what the file says");
    else if (!epoch)
        status = run_folder_last_checkpoint(&epoch, e->context, folder);
    if (!status && folder)
        status = load_checkpoint(e, folder, epoch, given->load && given->epoch);
    free(epoch);
    free(folder);
    return status;
}

int evaluation_prepare(rv_run **out, const experiment *e, const callback_list *callbacks)
{
    const rv_evaluate_desc desc = {
        .data = experiment_data(e, SET_TEST),
        .callbacks = callbacks->items,
        .num_callbacks = callbacks->num,
        .no_callbacks = callbacks->num == 0,
    };
    *out = NULL;
    const int rc = desc.data.inputs[0].population ? rv_evaluate_prepare(out, e->model, &desc) : RV_OK;
    return rc < 0 ? experiment_fault(e, rc) : STATUS_OK;
}

int evaluation_execute(const experiment *e, rv_run *run, const callback_list *callbacks, const char *folder)
{
    rv_result *result = NULL;
    int status = execute_run(&result, run, e);
    if (!status && folder && ranks_is_first()) {
        const int rc = recorded_save(e->context, folder, result, callbacks, false);
        status = rc < 0 ? experiment_fault(e, rc) : STATUS_OK;
    }
    status = execute_agree(status);
    if (!status && ranks_is_first())
        report_metrics("test", rv_result_metrics(result));
    rv_result_free(result);
    return status;
}

static int evaluate(const options *given)
{
    experiment e = {0};
    rv_run *run = NULL;
    if (!given->operand)
        return fault_usage("evaluate", "which experiment? evaluate needs FILE or RUN");
    int status = experiment_open(&e, given->operand, given);
    if (!status && !e.data.sets[SET_TEST].where)
        status = fault_at(e.data.where, "data.test is missing: there is nothing to evaluate on");
    if (!status)
        status = experiment_read_callbacks(&e, given->out ? given->out : ".", "");
    if (!status && (e.validation_callbacks.num_recorded || e.validation_callbacks.streams) && !given->out)
        status = fault_at(e.validation_callbacks_where, "what recorders record needs a folder: --out DIR");
    if (!status)
        status = experiment_load(&e, 1U << SET_TEST);
    if (!status)
        status = experiment_compile(&e, false);
    if (!status)
        status = load_weights(&e, given);
    if (!status)
        status = evaluation_prepare(&run, &e, &e.validation_callbacks);
    status = ranks_agree(status);
    if (!status)
        status = evaluation_execute(&e, run, &e.validation_callbacks, given->out);
    rv_run_free(run);
    experiment_clear(&e);
    return status;
}

static const option evaluate_options[] = {
    {.name = "load",
     .letter = 'l',
     .argument = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, load),
     .help = "folder of checkpoints; default: RUN/checkpoint. With\n--epoch it may be one of mlGeNN's"},
    {.name = "epoch",
     .letter = 'e',
     .argument = "N",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, epoch),
     .help = "which of them; default: the last"},
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, out),
     .help = "where recorders of validation_callbacks write to"},
    OPTION_ROW_SET,
    OPTION_ROW_SEED,
    OPTION_ROW_THREADS,
    OPTION_ROW_QUIET,
    OPTION_ROW_VERBOSE,
    OPTION_ROW_HELP,
};

const command evaluate_command = {
    .name = "evaluate",
    .operand = "FILE|RUN",
    .summary = "evaluate a trained network on the test set",
    .description = "Evaluates on the test set: a run folder RUN with its last checkpoint, or an experiment\n"
                   "FILE with the weights of --load, or with those that the file itself gives.",
    .options = evaluate_options,
    .num_options = sizeof evaluate_options / sizeof evaluate_options[0],
    .has_ranks = true,
    .run = evaluate,
};
