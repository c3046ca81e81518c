/* ranvier train FILE. Everything is read, built and checked before the run folder is made and the first batch is
 * learnt. */
#include "cli/program.h"

#include <stdint.h>
#include <stdlib.h>

#include "cli/evaluate.h"
#include "cli/history.h"
#include "cli/interrupt.h"
#include "cli/path.h"
#include "cli/recorded.h"
#include "cli/report.h"
#include "cli/run_folder.h"
#include "cli/say.h"

/* A run on its way. */
typedef struct job {
    experiment e;
    char *folder;      /* of the run */
    char *checkpoints; /* folder/checkpoint */
    history history;
    rv_run *run;
    rv_result *result;
    rv_run *test_run; /* NULL without a test set */
    callback_list test_callbacks;
} job;

/* The experiment's callbacks, and those that keep what a run folder promises. */
static int read_callbacks(job *j)
{
    j->checkpoints = path_join(j->folder, "checkpoint");
    const int status = experiment_read_callbacks(&j->e, j->checkpoints);
    if (status)
        return status;
    callback_list *callbacks = &j->e.callbacks;
    if (!callbacks->has_checkpoint) /* what was learnt is kept in any case */
        callback_list_add(callbacks,
                          rv_checkpoint((rv_checkpoint_desc){.folder = j->checkpoints, .epoch_interval = SIZE_MAX}));
    history_start(&j->history, j->folder);
    callback_list_add(callbacks, history_callback(&j->history));
    return STATUS_OK;
}

/* Prepares training, and the test with it: what is wrong with the test set is found now, not after training. */
static int prepare(job *j)
{
    const rv_train_desc desc = experiment_train_desc(&j->e);
    const int rc = rv_train_prepare(&j->run, j->e.model, &desc);
    if (rc < 0)
        return experiment_fault(&j->e, rc);
    if (!is_quiet())
        callback_list_add(&j->test_callbacks, rv_batch_progress_bar());
    return evaluation_prepare(&j->test_run, &j->e, &j->test_callbacks);
}

static int set_up(job *j, const options *given)
{
    experiment *e = &j->e;
    int status = experiment_open(e, given->operand, given);
    if (!status && !e->compiler.learns)
        status = fault_at(node_find(e->compiler.where, "type"), "this compiler does not learn: train needs eventprop");
    if (!status && !e->data.sets[SET_TRAIN].where)
        status = fault_at(e->data.where, "data.train is missing: there is nothing to learn from");
    if (!status)
        status = run_folder_choose(&j->folder, e, given->out);
    if (!status)
        status = read_callbacks(j);
    if (!status)
        status = experiment_load(e, 1U << SET_TRAIN | 1U << SET_VALIDATION | 1U << SET_TEST);
    if (!status)
        status = experiment_compile(e, true);
    return status ? status : prepare(j);
}

static void print_summary(const job *j)
{
    const experiment *e = &j->e;
    char *sizes = report_sizes(e->network.network);
    note("network %s, %zu steps of %g ms, batches of %zu, seed %llu, %d thread%s, %s", sizes,
         e->compiler.desc.example_timesteps, e->compiler.desc.dt, e->compiler.desc.batch_size,
         (unsigned long long)rv_context_seed(e->context), rv_context_num_threads(e->context),
         rv_context_num_threads(e->context) == 1 ? "" : "s", rv_context_isa(e->context));
    free(sizes);
    if (!is_quiet())
        report_data(stderr, e);
}

/* Trains, to the end or until a signal. */
static int execute(job *j)
{
    interrupt_watch(j->run);
    const int rc = rv_run_execute(&j->result, j->run);
    interrupt_watch(NULL);
    int status = rc < 0 ? experiment_fault(&j->e, rc) : STATUS_OK;
    if (j->result && recorded_save(j->e.context, j->folder, j->result, &j->e.callbacks, false) < 0 && !status)
        status = fault_library(NULL, j->e.context, RV_ERR_FILE);
    if (j->result && recorded_save(j->e.context, j->folder, j->result, &j->e.validation_callbacks, true) < 0 &&
        !status)
        status = fault_library(NULL, j->e.context, RV_ERR_FILE);
    if (!status && interrupt_signal()) {
        note("stopped by a signal; weights and history are in %s", j->folder);
        status = STATUS_SIGNAL + interrupt_signal();
    }
    return status;
}

static int train(const options *given)
{
    job j = {0};
    int status = given->operand ? set_up(&j, given) : fault_usage("train", "which experiment? train needs FILE");
    if (!status)
        print_summary(&j);
    if (!status)
        status = run_folder_make(&j.e, j.folder);
    if (!status)
        status = execute(&j);
    if (!status) {
        printf("run folder: %s\n", j.folder);
        report_metrics("train", rv_result_metrics(j.result));
    }
    if (!status && j.test_run)
        status = evaluation_execute(&j.e, j.test_run, &j.test_callbacks, NULL);
    rv_run_free(j.test_run);
    rv_run_free(j.run);
    rv_result_free(j.result);
    history_clear(&j.history);
    experiment_clear(&j.e);
    free(j.checkpoints);
    free(j.folder);
    return status;
}

static const option train_options[] = {
    OPTION_ROW_SET,
    {.name = "out",
     .letter = 'o',
     .argument = "DIR",
     .kind = OPTION_TEXT,
     .offset = offsetof(options, out),
     .help = "run folder, which must not hold anything yet; default:\n"
             "the experiment's run.folder, or the next free of\n"
             "NAME-2, NAME-3, ... where that is taken"},
    {.name = "epochs",
     .letter = 'e',
     .argument = "N",
     .kind = OPTION_SET,
     .path = "training.num_epochs",
     .help = "number of epochs (--set training.num_epochs=N)"},
    OPTION_ROW_SEED,
    OPTION_ROW_THREADS,
    OPTION_ROW_QUIET,
    OPTION_ROW_VERBOSE,
    OPTION_ROW_HELP,
};

const command train_command = {
    .name = "train",
    .operand = "FILE",
    .summary = "train the network of an experiment file",
    .description = "Trains the network that the experiment FILE describes, then evaluates it on the test\n"
                   "set if there is one. Mistakes in the file, missing data and shapes that do not fit are\n"
                   "told before anything is written.\n"
                   "\n"
                   "The run folder gets experiment.yaml (the resolved experiment: training it again gives\n"
                   "the same bits), plan.txt, history.csv (a row per epoch), checkpoint/ and recorded/.\n"
                   "Progress goes to standard error, results go to standard output. Ctrl-C ends the run\n"
                   "after the batch at hand, with checkpoint and history written; a second one at once.",
    .options = train_options,
    .num_options = sizeof train_options / sizeof train_options[0],
    .run = train,
};
