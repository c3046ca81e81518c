/* ranvier evaluate FILE|RUN: a trained network on the test set. */
#include "cli/evaluate.h"

#include <stdlib.h>

#include "cli/interrupt.h"
#include "cli/memory.h"
#include "cli/path.h"
#include "cli/program.h"
#include "cli/recorded.h"
#include "cli/report.h"
#include "cli/run_folder.h"
#include "cli/say.h"

/* Loads the weights of --load, or of the run folder; those of a plain file are what the file says. */
static int load_weights(experiment *e, const options *given)
{
    char *folder = given->load                      ? copy_text(given->load)
                   : path_is_folder(given->operand) ? path_join(given->operand, "checkpoint")
                                                    : NULL;
    char *epoch = given->epoch ? copy_text(given->epoch) : NULL;
    int status = STATUS_OK;
    if (!folder) {
        note("without --load, weights are what the file says");
        return given->epoch ? fault_usage("evaluate", "--epoch needs a run folder or --load DIR") : STATUS_OK;
    }
    if (!epoch)
        status = run_folder_last_epoch(&epoch, folder);
    if (!status) {
        const rv_serialiser serialiser = rv_numpy_serialiser(folder);
        const int rc = rv_compiled_network_load(e->model, &serialiser, (const char *[]){epoch}, 1);
        if (rc < 0)
            status = fault_library(NULL, e->context, rc);
        else
            note("weights of epoch %s in %s", epoch, folder);
    }
    free(epoch);
    free(folder);
    return status;
}

int evaluate_test(const experiment *e, const callback_list *callbacks, const char *out)
{
    const rv_evaluate_desc desc = {
        .data = experiment_data(e, SET_TEST),
        .callbacks = callbacks->items,
        .num_callbacks = callbacks->num,
        .no_callbacks = callbacks->num == 0,
    };
    rv_run *run = NULL;
    rv_result *result = NULL;
    int rc = rv_evaluate_prepare(&run, e->model, &desc);
    if (rc >= 0) {
        interrupt_watch(run);
        rc = rv_run_execute(&result, run);
        interrupt_watch(NULL);
    }
    if (rc >= 0 && out)
        rc = recorded_save(e->context, out, result, callbacks, false);
    int status = rc < 0 ? experiment_fault(e, rc) : STATUS_OK;
    if (!status && interrupt_signal())
        status = STATUS_SIGNAL + interrupt_signal();
    if (!status)
        report_metrics("test", rv_result_metrics(result));
    rv_result_free(result);
    rv_run_free(run);
    return status;
}

static int evaluate(const options *given)
{
    experiment e = {0};
    if (!given->operand)
        return fault_usage("evaluate", "which experiment? evaluate needs FILE or RUN");
    int status = experiment_open(&e, given->operand, given);
    if (!status && !e.data.sets[SET_TEST].where)
        status = fault_at(e.data.where, "data.test is missing: there is nothing to evaluate on");
    if (!status)
        status = experiment_read_callbacks(&e, given->out ? given->out : ".");
    if (!status && e.validation_callbacks.num_recorded && !given->out)
        status = fault_at(e.validation_callbacks_where, "what recorders record needs a folder: --out DIR");
    if (!status)
        status = experiment_load(&e, 1U << SET_TEST);
    if (!status)
        status = experiment_compile(&e, false);
    if (!status)
        status = load_weights(&e, given);
    if (!status)
        status = evaluate_test(&e, &e.validation_callbacks, given->out);
    experiment_clear(&e);
    return status;
}

static const option evaluate_options[] = {
    {.name = "load",
     .letter = 'l',
     .argument = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, load),
     .help = "folder of weights, EPOCH-CONNECTION-g.npy; default:\nRUN/checkpoint"},
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
    .run = evaluate,
};
